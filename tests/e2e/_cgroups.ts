/**
 * Real cgroups with test-specific names, in each hierarchy of the host.
 *
 * @module
 */
import { findHierarchies } from "../../lib/kernfs/cgroup/hierarchy.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { delay } from "./_agent.ts";

const fs = new HostFs();

/** The host's hierarchies, keyed by controller; `unified` is v2. */
export const HIERARCHIES: ReadonlyMap<string, string> = hierarchies();

/** Whether cgroups can be created: requires root and a writable cgroupfs. */
export const CAN_MAKE_CGROUPS: boolean = canMake();

/** Whether the kernel log is readable. */
export const CAN_READ_KMSG: boolean = canReadKmsg();

/** Whether a memory limit can be set and the kernel log is readable. */
export const CAN_OOM: boolean = CAN_MAKE_CGROUPS &&
  (HIERARCHIES.has("memory") || HIERARCHIES.has("unified")) && CAN_READ_KMSG;

function hierarchies(): Map<string, string> {
  const found = new Map<string, string>();
  try {
    for (const { version, controllers, path } of findHierarchies(fs).all) {
      if (version === 2) found.set("unified", path);
      else for (const name of controllers) found.set(name, path);
    }
  } catch {
    // The host has no cgroups.
  }
  return found;
}

function canMake(): boolean {
  const [path] = HIERARCHIES.values();
  if (path === undefined) return false;
  const probe = `${path}/cgwatch-probe-${Deno.pid}`;
  try {
    Deno.mkdirSync(probe);
    Deno.removeSync(probe);
    return true;
  } catch {
    return false;
  }
}

function canReadKmsg(): boolean {
  try {
    Deno.openSync("/dev/kmsg").close();
    return true;
  } catch {
    return false;
  }
}

let named: Promise<void> | undefined;

/**
 * Waits until the kernel prints the cgroups of OOM kills again: the limit is
 * ten in five seconds (`DEFAULT_RATELIMIT_BURST`), and another test may have
 * reached it.
 */
export function untilOomsAreNamed(): Promise<void> {
  named ??= untilNoKills();
  return named;
}

async function untilNoKills(): Promise<void> {
  for (let last = -1; last !== nodeKills();) {
    last = nodeKills();
    await delay(5_200);
  }
}

function nodeKills(): number {
  const text = Deno.readTextFileSync("/proc/vmstat");
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1]);
}

/** A test's tree of cgroups. On disposal it is removed and its processes are killed. */
export class TestCgroups implements AsyncDisposable {
  /** `/cgwatch-test-…`. */
  readonly name: string;
  readonly #children: Deno.ChildProcess[] = [];

  constructor(label: string) {
    this.name = `/cgwatch-test-${label}-${Deno.pid}`;
  }

  /** Returns the hierarchies of the given controllers, or all. */
  paths(controllers: readonly string[] = [...HIERARCHIES.keys()]): string[] {
    const paths = controllers.map((name) => HIERARCHIES.get(name));
    return [...new Set(paths)].filter((path) => path !== undefined);
  }

  /** Creates a cgroup and its ancestors in the given hierarchies. */
  make(below: string, controllers?: readonly string[]): string {
    for (const path of this.paths(controllers)) {
      Deno.mkdirSync(path + this.name + below, { recursive: true });
    }
    return this.name + below;
  }

  /** Removes a cgroup from all hierarchies. */
  remove(below: string): void {
    for (const path of this.paths()) {
      try {
        Deno.removeSync(path + this.name + below);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /** Writes a control file. */
  write(below: string, controller: string, file: string, text: string): void {
    const path = `${HIERARCHIES.get(controller)}${this.name}${below}/${file}`;
    Deno.writeTextFileSync(path, text);
  }

  /** Reads a control file. */
  read(below: string, controller: string, file: string): string {
    const path = `${HIERARCHIES.get(controller)}${this.name}${below}/${file}`;
    return Deno.readTextFileSync(path);
  }

  /**
   * Runs a shell script in a cgroup of the given hierarchies. A cpuset must be
   * configured first.
   */
  spawn(
    below: string,
    script: string,
    controllers: readonly string[] = [...HIERARCHIES.keys()]
      .filter((name) => name !== "cpuset"),
  ): Deno.ChildProcess {
    const enter = this.paths(controllers).map((path) =>
      `echo $$ >"${path}${this.name}${below}/cgroup.procs"`
    ).join(" && ");
    const child = new Deno.Command("sh", {
      args: ["-c", `${enter} || exit 97\n${script}`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#children.push(child);
    return child;
  }

  /** Creates a cgroup with a memory limit, in which the kernel kills a process; returns its PID. */
  async oom(below: string, limitBytes = 16 * 2 ** 20): Promise<number> {
    const controller = HIERARCHIES.has("memory") ? "memory" : "unified";
    this.make(below, [controller]);
    const file = controller === "memory"
      ? "memory.limit_in_bytes"
      : "memory.max";
    this.write(below, controller, file, String(limitBytes));
    const child = this.spawn(below, "exec tail /dev/zero", [controller]);
    await child.status;
    return child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // The process has already ended.
      }
      await child.status;
    }
    for (const path of this.paths()) {
      for (let attempt = 0; attempt < 20; attempt++) {
        killAll(path + this.name);
        if (removeTree(path + this.name)) break;
        await delay(50);
      }
    }
  }
}

/** Kills the test's remaining processes in a tree of cgroups. */
function killAll(path: string): void {
  try {
    for (
      const pid of Deno.readTextFileSync(`${path}/cgroup.procs`).split("\n")
    ) {
      if (pid !== "") Deno.kill(Number(pid), "SIGKILL");
    }
    for (const entry of Deno.readDirSync(path)) {
      if (entry.isDirectory) killAll(`${path}/${entry.name}`);
    }
  } catch {
    // Removed in the meantime.
  }
}

/** Removes a tree of cgroups, descendants first; returns whether it is removed. */
export function removeTree(path: string): boolean {
  try {
    for (const entry of Deno.readDirSync(path)) {
      if (entry.isDirectory) removeTree(`${path}/${entry.name}`);
    }
    Deno.removeSync(path);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
