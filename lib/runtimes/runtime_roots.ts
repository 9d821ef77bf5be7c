import { dirname, join } from "@std/path";
import { asString, parseObject } from "./json_values.ts";
import type { RuntimeFiles } from "./runtime_files.ts";

/**
 * Directories of runtimes' data, likeliest first. Paths are those of the host,
 * or of the enclosing container.
 */
export interface RuntimeRoots {
  /** Contain `containers/<id>/config.v2.json`. */
  readonly docker: readonly string[];
  /** Contain `io.containerd.runtime.v2.task/<namespace>/<id>`. */
  readonly containerd: readonly string[];
  /** Podman's and CRI-O's storage, with `<driver>-containers/containers.json`. */
  readonly storage: readonly string[];
  /** Volatile storage, with `<driver>-containers/<id>/userdata/pidfile`. */
  readonly storageRun: readonly string[];
  /** Contain a file `<id>` with the exit code. */
  readonly podmanExits: readonly string[];
  /** Contain `<id>/state.json`. */
  readonly runc: readonly string[];
  /** Contain `<id>/status`. */
  readonly crun: readonly string[];
}

/** Paths set by flags; each replaces that of a configuration file. */
export interface RootOverrides {
  readonly dockerRoot?: string;
  /** Socket; its directory is the state directory. */
  readonly containerd?: string;
  /** `graphroot` of `containers/storage`. */
  readonly storageRoot?: string;
}

/** Selects a user's runtimes, or those in a container. */
export interface RootsOptions extends RootOverrides {
  /** Root of the enclosing container. @default the host's */
  readonly root?: string;
  /** User of rootless runtimes. @default root's runtimes */
  readonly uid?: number;
}

/**
 * State directories of containerd: its own, k3s and RKE2, k0s, microk8s, and
 * Docker's.
 */
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

/** The defaults, and one from a configuration file. */
export const MAX_CONTAINERD_SOCKETS: number = CONTAINERD_SOCKETS.length + 1;

/**
 * Returns the flag's socket, otherwise that of the configuration file and the
 * defaults: a host may run several instances.
 */
export async function readContainerdSockets(
  files: RuntimeFiles,
  { containerd }: RootOverrides,
): Promise<string[]> {
  if (containerd !== undefined) return [containerd];
  const config = await tryRead(
    files,
    files.path("/etc/containerd/config.toml"),
  );
  return unique([
    tomlPath(tomlTable(config, "grpc"), "address"),
    ...CONTAINERD_SOCKETS,
  ]);
}

/** Returns directories of flags or configuration files, then the defaults. */
export async function readRuntimeRoots(
  files: RuntimeFiles,
  options: RootsOptions = {},
): Promise<RuntimeRoots> {
  const { root, uid } = options;
  const at = (path: string) => files.path(path, root);
  if (uid !== undefined) return await rootlessRoots(files, at, uid);
  const [daemonJson, containerd, storage, crio] = await Promise.all([
    tryRead(files, at("/etc/docker/daemon.json")),
    tryRead(files, at("/etc/containerd/config.toml")),
    tryRead(files, at("/etc/containers/storage.conf")),
    tryRead(files, at("/etc/crio/crio.conf")),
  ]);
  const { dockerRoot, containerd: socket, storageRoot } = options;
  return {
    docker: unique([dockerRoot ?? dataRootOf(daemonJson), "/var/lib/docker"]),
    containerd: unique([
      socket === undefined ? tomlPath(containerd, "state") : dirname(socket),
      ...CONTAINERD_STATES,
    ]),
    storage: unique([
      storageRoot ?? tomlPath(storage, "graphroot"),
      tomlPath(crio, "root"),
      "/var/lib/containers/storage",
    ]),
    storageRun: unique([
      tomlPath(storage, "runroot"),
      tomlPath(crio, "runroot"),
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
  const passwd = await tryRead(files, at("/etc/passwd")) ?? "";
  const home = homeOf(passwd, uid) ?? `/home/${uid}`;
  const storage = await tryRead(
    files,
    at(join(home, ".config/containers/storage.conf")),
  );
  const run = `/run/user/${uid}`;
  return {
    docker: [join(home, ".local/share/docker")],
    containerd: [`${run}/containerd`, `${run}/docker/containerd/daemon`],
    storage: unique([
      tomlPath(storage, "graphroot"),
      join(home, ".local/share/containers/storage"),
    ]),
    storageRun: unique([
      tomlPath(storage, "runroot"),
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

/** Returns `undefined` for an unreadable file: the defaults apply. */
async function tryRead(
  files: RuntimeFiles,
  path: string,
): Promise<string | undefined> {
  try {
    return await files.read(path);
  } catch {
    return undefined;
  }
}

/** Returns `data-root` of `daemon.json`, or `graph` before Docker 17.05. */
function dataRootOf(daemonJson: string | undefined): string | undefined {
  const fields = parseObject(daemonJson);
  return asString(fields["data-root"]) ?? asString(fields["graph"]);
}

/** Returns a table's lines without nested tables; empty if missing. */
function tomlTable(toml: string | undefined, name: string): string {
  const [, ...tables] = (toml ?? "").split(
    new RegExp(`^[ \\t]*\\[[ \\t]*${name}[ \\t]*\\]`, "m"),
  );
  return tables.join("").split(/^[ \t]*\[/m)[0] ?? "";
}

/** Returns a key's absolute path, in any table: each key read here is unique. */
function tomlPath(toml: string | undefined, key: string): string | undefined {
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
