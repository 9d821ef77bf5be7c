import { dirname, join } from "@std/path";
import { asString, parseObject } from "./json_values.ts";
import type { RuntimeFiles } from "./runtime_files.ts";

/** State directories as the runtimes name them, the likeliest first. */
export interface RuntimeRoots {
  /** `containers/<id>/config.v2.json` */
  readonly docker: readonly string[];
  /** `io.containerd.runtime.v2.task/<namespace>/<id>` */
  readonly containerd: readonly string[];
  /** Shared by podman and CRI-O: `<driver>-containers/containers.json` */
  readonly storage: readonly string[];
  /** The volatile part: `<driver>-containers/<id>/userdata/pidfile` */
  readonly storageRun: readonly string[];
  /** `<id>` files with exit codes. */
  readonly podmanExits: readonly string[];
  /** `<id>/state.json` */
  readonly runc: readonly string[];
  /** `<id>/status` */
  readonly crun: readonly string[];
}

/** Set by flags. */
export interface RootOverrides {
  readonly dockerRoot?: string;
  /** Socket in the state directory. */
  readonly containerd?: string;
  readonly storageRoot?: string;
}

/** Selects the runtimes of a user or a container. */
export interface RootsOptions extends RootOverrides {
  /** Root of the enclosing container. @default the host's */
  readonly root?: string;
  /** @default root */
  readonly uid?: number;
}

/** Includes those of k3s, RKE2, k0s, microk8s, and a Docker with its own containerd. */
const CONTAINERD_STATES = [
  "/run/containerd",
  "/run/k3s/containerd",
  "/run/k0s/containerd",
  "/var/snap/microk8s/common/run/containerd",
  "/run/docker/containerd/daemon",
];
const CONTAINERD_SOCKETS = CONTAINERD_STATES.map((state) =>
  join(state.replace(/\/daemon$/, ""), "containerd.sock")
);

/** The defaults and one from a configuration file. */
export const MAX_CONTAINERDS: number = CONTAINERD_SOCKETS.length + 1;

/**
 * Returns the socket of the flag, or those of the configuration file and the
 * defaults: a host may run several containerds.
 */
export async function readContainerdSockets(
  files: RuntimeFiles,
  { containerd }: RootOverrides,
): Promise<string[]> {
  if (containerd !== undefined) return [containerd];
  const config = await readQuietly(
    files,
    files.path("/etc/containerd/config.toml"),
  );
  return unique([
    tomlText(tomlTable(config, "grpc"), "address"),
    ...CONTAINERD_SOCKETS,
  ]);
}

/** Reads state directories from configuration files, followed by the defaults. */
export async function readRuntimeRoots(
  files: RuntimeFiles,
  options: RootsOptions = {},
): Promise<RuntimeRoots> {
  const { root, uid } = options;
  const at = (path: string) => files.path(path, root);
  if (uid !== undefined) return await rootlessRoots(files, at, uid);
  const [daemon, containerd, storage, crio] = await Promise.all([
    readQuietly(files, at("/etc/docker/daemon.json")),
    readQuietly(files, at("/etc/containerd/config.toml")),
    readQuietly(files, at("/etc/containers/storage.conf")),
    readQuietly(files, at("/etc/crio/crio.conf")),
  ]);
  const { dockerRoot, containerd: socket, storageRoot } = options;
  return {
    docker: unique([dockerRoot ?? dataRootOf(daemon), "/var/lib/docker"]),
    containerd: unique([
      socket === undefined ? tomlText(containerd, "state") : dirname(socket),
      ...CONTAINERD_STATES,
    ]),
    storage: unique([
      storageRoot ?? tomlText(storage, "graphroot"),
      tomlText(crio, "root"),
      "/var/lib/containers/storage",
    ]),
    storageRun: unique([
      tomlText(storage, "runroot"),
      tomlText(crio, "runroot"),
      "/run/containers/storage",
      "/var/run/containers/storage",
    ]),
    podmanExits: ["/run/libpod/exits"],
    runc: ["/run/runc"],
    crun: ["/run/crun"],
  };
}

async function rootlessRoots(
  files: RuntimeFiles,
  at: (path: string) => string,
  uid: number,
): Promise<RuntimeRoots> {
  const passwd = await readQuietly(files, at("/etc/passwd")) ?? "";
  const home = homeOf(passwd, uid) ?? `/home/${uid}`;
  const storage = await readQuietly(
    files,
    at(join(home, ".config/containers/storage.conf")),
  );
  const run = `/run/user/${uid}`;
  return {
    docker: [join(home, ".local/share/docker")],
    containerd: [`${run}/containerd`, `${run}/docker/containerd/daemon`],
    storage: unique([
      tomlText(storage, "graphroot"),
      join(home, ".local/share/containers/storage"),
    ]),
    storageRun: unique([
      tomlText(storage, "runroot"),
      `${run}/containers`,
      `/tmp/storage-run-${uid}/containers`,
    ]),
    podmanExits: [
      `${run}/libpod/tmp/exits`,
      `/tmp/storage-run-${uid}/libpod/tmp/exits`,
    ],
    runc: [`${run}/runc`],
    crun: [`${run}/crun`],
  };
}

/** Returns `undefined` if the file cannot be read: the defaults then apply. */
async function readQuietly(
  files: RuntimeFiles,
  path: string,
): Promise<string | undefined> {
  try {
    return await files.read(path);
  } catch {
    return undefined;
  }
}

/** Returns `data-root`, or `graph` before Docker 17.05. */
function dataRootOf(daemon: string | undefined): string | undefined {
  const fields = parseObject(daemon);
  return asString(fields["data-root"]) ?? asString(fields["graph"]);
}

function tomlTable(toml: string | undefined, name: string): string {
  const [, ...tables] = (toml ?? "").split(
    new RegExp(`^[ \\t]*\\[[ \\t]*${name}[ \\t]*\\]`, "m"),
  );
  return tables.join("").split(/^[ \t]*\[/m)[0] ?? "";
}

/** Returns a quoted path from any table: each key used here occurs in one table only. */
function tomlText(toml: string | undefined, key: string): string | undefined {
  const line = new RegExp(`^\\s*${key}\\s*=\\s*["'](/[^"']+)["']`, "m");
  return line.exec(toml ?? "")?.[1];
}

function homeOf(passwd: string, uid: number): string | undefined {
  for (const line of passwd.split("\n")) {
    const [, , id, , , home] = line.split(":");
    if (id === String(uid) && home?.startsWith("/")) return home;
  }
  return undefined;
}

function unique(paths: readonly (string | undefined)[]): string[] {
  return [...new Set(paths.filter((path) => path !== undefined))];
}
