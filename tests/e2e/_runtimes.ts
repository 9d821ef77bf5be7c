/**
 * Real container runtimes, started by a test with all state below a temporary
 * directory. Installed runtimes are used. With `CGWATCH_INSTALL=1`, or if `CI`
 * is set, missing ones are installed from Debian's packages.
 *
 * @module
 */
import { endProcess } from "../_support/end_process.ts";
import { delay } from "./_agent.ts";

/** Result of a command. */
export interface Ran {
  readonly ok: boolean;
  readonly out: string;
  readonly err: string;
}

/** Runs a command, for up to `timeoutMs`. */
export async function run(
  command: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; timeoutMs?: number } =
    {},
): Promise<Ran> {
  const [program = "", ...args] = command;
  const { timeoutMs = 20_000, ...rest } = options;
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(timeoutMs),
      ...rest,
    }).output();
    const decoder = new TextDecoder();
    return {
      ok: success,
      out: decoder.decode(stdout).trim(),
      err: decoder.decode(stderr).trim(),
    };
  } catch (error) {
    return { ok: false, out: "", err: String(error) };
  }
}

/** Whether a program is in PATH. */
export function has(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").concat("/usr/sbin", "/sbin")
    .some((directory) => exists(`${directory}/${program}`));
}

/** Whether a file exists. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Debian packages of each runtime. */
const PACKAGES: Readonly<Record<string, string>> = {
  busybox: "busybox-static",
  dockerd: "docker.io",
  containerd: "containerd",
  podman: "podman",
  runc: "runc",
  crun: "crun",
  newuidmap: "uidmap",
};

const POLICY = "/usr/sbin/policy-rc.d";

/** Installs missing packages if enabled, within 60 s of download and 60 s of installation. */
async function install(): Promise<void> {
  const isWanted = Deno.env.get("CGWATCH_INSTALL") === "1" ||
    Deno.env.get("CI") !== undefined;
  const missing = Object.entries(PACKAGES)
    .filter(([program]) => !has(program)).map(([, name]) => name);
  if (missing.length === 0 || !isWanted || !has("apt-get")) return;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const get = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=20"];
  const options = ["install", "-y", "--no-install-recommends"];
  const fetched =
    (await run([...get, "update"], { env, timeoutMs: 30_000 })).ok &&
    (await run([...get, ...options, "--download-only", ...missing], {
      env,
      timeoutMs: 60_000,
    })).ok;
  if (!fetched) return;
  // Without it, the packages would start their services.
  const hasPolicy = exists(POLICY);
  if (!hasPolicy) {
    await Deno.writeTextFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  }
  await run([...get, ...options, "--no-download", ...missing], {
    env,
    timeoutMs: 60_000,
  });
  if (!hasPolicy) await Deno.remove(POLICY);
}

await install();

/** Whether this is root and the programs for an image are installed. */
export const CAN_RUN_CONTAINERS: boolean = Deno.uid() === 0 && has("busybox") &&
  has("tar") && has("unshare");

/** State of a runtime: a directory, daemons and their mounts. */
export class RuntimeState implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ dir: "/tmp", prefix: "cgwatch-rt-" });
  readonly #daemons: Deno.ChildProcess[] = [];
  readonly #endings: (() => Promise<unknown>)[] = [];

  /** Registers a cleanup step; the last one runs first. */
  atEnd(ending: () => Promise<unknown>): void {
    this.#endings.unshift(ending);
  }

  /** Creates the root file system of a container: a static busybox and its links. */
  async rootfs(): Promise<string> {
    const rootfs = `${this.path}/rootfs`;
    for (const name of ["bin", "proc", "sys", "dev", "tmp", "etc"]) {
      Deno.mkdirSync(`${rootfs}/${name}`, { recursive: true });
    }
    const { out } = await run(["which", "busybox"]);
    Deno.copyFileSync(out, `${rootfs}/bin/busybox`);
    for (const name of ["sh", "sleep", "tail", "true", "dd"]) {
      Deno.symlinkSync("busybox", `${rootfs}/bin/${name}`);
    }
    return rootfs;
  }

  /** Creates an archive of the root file system. */
  async archive(): Promise<string> {
    const path = `${this.path}/rootfs.tar`;
    await run(["tar", "-C", await this.rootfs(), "-cf", path, "."]);
    return path;
  }

  /** Creates an image of the root file system in the format of `docker save`. */
  async image(name: string): Promise<string> {
    const layer = await Deno.readFile(await this.archive());
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", layer));
    const config = {
      architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", "diff_ids": [`sha256:${digest.toHex()}`] },
    };
    const manifest = [{
      Config: "config.json",
      RepoTags: [name],
      Layers: ["rootfs.tar"],
    }];
    const { path } = this;
    Deno.writeTextFileSync(`${path}/config.json`, JSON.stringify(config));
    Deno.writeTextFileSync(`${path}/manifest.json`, JSON.stringify(manifest));
    const files = ["manifest.json", "config.json", "rootfs.tar"];
    await run(["tar", "-C", path, "-cf", `${path}/image.tar`, ...files]);
    return `${path}/image.tar`;
  }

  /** Starts a daemon, which ends when the state is disposed. */
  daemon(command: readonly string[], env: Record<string, string> = {}): void {
    const [program = "", ...args] = command;
    const log = `${this.path}/daemon.log`;
    this.#daemons.push(
      new Deno.Command("sh", {
        // A log file, because a pipe would have to be read.
        args: ["-c", `exec "$0" "$@" >>"${log}" 2>&1`, program, ...args],
        env,
        cwd: this.path,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn(),
    );
  }

  /** Last lines of the daemons' output. */
  get log(): string {
    try {
      return Deno.readTextFileSync(`${this.path}/daemon.log`).slice(-500);
    } catch {
      return "";
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const ending of this.#endings) await ending();
    for (const daemon of this.#daemons) {
      await endProcess(daemon, "SIGTERM", 20_000);
    }
    this.#unmount();
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        Deno.removeSync(this.path, { recursive: true });
        return;
      } catch {
        await delay(100);
        this.#unmount();
      }
    }
  }

  #unmount(): void {
    const mounts = Deno.readTextFileSync("/proc/self/mounts").split("\n")
      .map((line) => line.split(" ")[1] ?? "")
      .filter((path) => path.startsWith(`${this.path}/`));
    for (const path of mounts.reverse()) {
      new Deno.Command("umount", { args: [path], stderr: "null" })
        .outputSync();
    }
  }
}

/**
 * Returns a function that removes cgroups created by a runtime, unless they
 * existed before or are in use.
 */
export function cgroupsToRemove(names: readonly string[]): () => Promise<void> {
  const mounts = Deno.readTextFileSync("/proc/self/mounts").split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .map(([, path]) => path ?? "");
  const paths = mounts.flatMap((path) => names.map((name) => path + name))
    .filter((path) => !exists(path));
  return async () => {
    for (const path of paths) {
      for (let attempt = 0; attempt < 20 && !removed(path); attempt++) {
        await delay(50);
      }
    }
  };
}

function removed(path: string): boolean {
  try {
    for (const { name, isDirectory } of Deno.readDirSync(path)) {
      if (isDirectory) removed(`${path}/${name}`);
    }
    Deno.removeSync(path);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

/**
 * Returns a function that removes files created by a runtime outside its
 * directory, unless they existed before.
 */
export function filesToRemove(paths: readonly string[]): () => Promise<void> {
  const mine = paths.filter((path) => !exists(path));
  return () => {
    for (const path of mine) {
      if (exists(path)) Deno.removeSync(path, { recursive: true });
    }
    return Promise.resolve();
  };
}
