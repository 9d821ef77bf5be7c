import { dirname, join } from "@std/path";
import { parseJsonBound } from "./json_bound.ts";
import { fieldsOf, textOf } from "./json_fields.ts";
import type { RuntimeFiles } from "./runtime_files.ts";

/** Where runtimes keep what they know, as their own paths, the likeliest first. */
export interface RuntimeRoots {
  /** Docker's data: `containers/<id>/config.v2.json`. */
  readonly docker: readonly string[];
  /** containerd's state: `io.containerd.runtime.v2.task/<namespace>/<id>`. */
  readonly containerd: readonly string[];
  /** The storage that podman and CRI-O share: `<driver>-containers/containers.json`. */
  readonly storage: readonly string[];
  /** The same for what does not outlive a boot: `<driver>-containers/<id>/userdata/pidfile`. */
  readonly storageRun: readonly string[];
  /** podman's `<id>` with the exit code of each container. */
  readonly podmanExits: readonly string[];
  /** runc's `<id>/state.json`. */
  readonly runc: readonly string[];
  /** crun's `<id>/status`. */
  readonly crun: readonly string[];
}

/** What flags say of them. */
export interface RootOverrides {
  readonly dockerRoot?: string;
  /** containerd's socket, beside which its state is. */
  readonly containerd?: string;
  readonly storageRoot?: string;
}

/** Whose runtimes, and where their files are seen. */
export interface RootsOptions extends RootOverrides {
  /** The root of the container that they run in. @default the host's */
  readonly root?: string;
  /** The user who runs them. @default root */
  readonly uid?: number;
}

/** k3s and RKE2, k0s, microk8s, and a Docker without a containerd beside it, have theirs at places of their own. */
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

/** Sockets of containerd that there may be at most: the default ones, and that of a configuration. */
export const MAX_CONTAINERDS: number = CONTAINERD_SOCKETS.length + 1;

/**
 * Where sockets of containerd may be: where a flag says, else all of those of
 * the configuration and the defaults. One host may have several containerds.
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

/** Finds the roots of runtimes, by their own configuration where there is one. */
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

/** A configuration that cannot be read is as good as none: the defaults hold. */
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

/** `data-root` of Docker's `daemon.json`, `graph` before 17.05. */
function dataRootOf(daemon: string | undefined): string | undefined {
  try {
    const fields = fieldsOf(parseJsonBound(daemon ?? "{}"));
    return textOf(fields["data-root"]) ?? textOf(fields["graph"]);
  } catch {
    return undefined;
  }
}

/** The lines of a table in TOML. */
function tomlTable(toml: string | undefined, name: string): string {
  const [, ...tables] = (toml ?? "").split(
    new RegExp(`^[ \\t]*\\[[ \\t]*${name}[ \\t]*\\]`, "m"),
  );
  return tables.join("").split(/^[ \t]*\[/m)[0] ?? "";
}

/** A key with a quoted path in TOML, whichever table it stands in: these names are in one only. */
function tomlText(toml: string | undefined, key: string): string | undefined {
  const line = new RegExp(`^\\s*${key}\\s*=\\s*["'](/[^"']+)["']`, "m");
  return line.exec(toml ?? "")?.[1];
}

/** The home directory of a user in `/etc/passwd`. */
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
