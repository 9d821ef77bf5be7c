import { join, resolve } from "@std/path";
import type { HostFs } from "../host_fs.ts";
import { type Mount, parseMountinfo } from "../proc/mountinfo.ts";

/** systemd's names (`CGROUP_DELEGATION.md`). */
export type HierarchyMode = "unified" | "hybrid" | "legacy";

export interface Hierarchy {
  readonly version: 1 | 2;
  /** v1: those of WATCHED_CONTROLLERS; v2: the root's `cgroup.controllers`. */
  readonly controllers: readonly string[];
  /** Mount point, host root included. */
  readonly path: string;
}

export interface Hierarchies {
  readonly mode: HierarchyMode;
  readonly all: readonly Hierarchy[];
}

/**
 * v1 controllers whose files are read, or in which systemd and runtimes create
 * every container.
 */
const WATCHED_CONTROLLERS: ReadonlySet<string> = new Set([
  "cpu",
  "cpuacct",
  "memory",
  "blkio",
  "pids",
  "cpuset",
  "hugetlb",
  "devices",
  "freezer",
  "name=systemd",
]);

/**
 * v1 controllers that v2 has too, possibly renamed. A host with v2 and none of
 * these on v1 is unified.
 */
const SHARED_CONTROLLERS: ReadonlySet<string> = new Set([
  "cpu",
  "cpuacct",
  "memory",
  "blkio",
  "pids",
  "cpuset",
  "hugetlb",
]);

const CGROUP_DIRECTORY = "/sys/fs/cgroup";

/**
 * Finds the hierarchies: only at `cgroupRoot` if set (the v2 mount, or the
 * directory of the v1 mounts), otherwise in mountinfo, then in `/sys/fs/cgroup`.
 *
 * @throws {Error} if there is none
 */
export function findHierarchies(fs: HostFs, cgroupRoot?: string): Hierarchies {
  if (cgroupRoot !== undefined) {
    const found = fromDirectory(fs, resolve(cgroupRoot));
    if (found.length > 0) return withMode(found);
    throw new Error(
      `Cannot find cgroups in "${cgroupRoot}": expected a cgroup v2 mount or a directory of cgroup v1 mounts`,
    );
  }
  // The agent's mounts are not those of a mounted host root.
  const files = fs.root === "/"
    ? ["/proc/self/mountinfo"]
    : ["/proc/1/mountinfo", "/proc/self/mountinfo"];
  for (const file of files) {
    const text = fs.readText(file);
    if (text === undefined) continue;
    const found = fromMounts(fs, parseMountinfo(text));
    if (found.length > 0) return withMode(found);
  }
  const found = fromDirectory(fs, fs.path(CGROUP_DIRECTORY));
  if (found.length > 0) return withMode(found);
  throw new Error(
    `Cannot find cgroups: no cgroup mount in "${
      fs.path(files[0] as string)
    }" and none in "${fs.path(CGROUP_DIRECTORY)}"`,
  );
}

function fromMounts(fs: HostFs, mounts: readonly Mount[]): Hierarchy[] {
  const found = new Map<string, Hierarchy>();
  // Whole hierarchies first.
  const ordered = mounts.filter((mount) => mount.fsType.startsWith("cgroup"))
    .toSorted((a, b) => depthOf(a) - depthOf(b));
  for (const mount of ordered) {
    const path = fs.path(mount.mountPoint);
    if (mount.fsType === "cgroup2") {
      if (found.has("2") || !isUnified(fs, path)) continue;
      found.set("2", unified(fs, path));
      continue;
    }
    const controllers = mount.superOptions.filter((option) =>
      WATCHED_CONTROLLERS.has(option)
    );
    const key = controllers.toSorted().join();
    if (controllers.length === 0 || found.has(key)) continue;
    if (fs.statDirectory(path) === undefined) continue;
    found.set(key, { version: 1, controllers, path });
  }
  return [...found.values()];
}

/**
 * Orders mounts by their root in the agent's cgroup namespace: `/../..` is
 * above it, and shows more.
 */
function depthOf({ root }: Mount): number {
  const ups = root.split("/").filter((part) => part === "..").length;
  return ups > 0 ? -ups : Number(root !== "/");
}

function fromDirectory(fs: HostFs, path: string): Hierarchy[] {
  if (isUnified(fs, path)) return [unified(fs, path)];
  const found: Hierarchy[] = [];
  // Not links: `cpu` may be one to `cpu,cpuacct`.
  for (const name of fs.subdirectories(path).toSorted()) {
    const mount = join(path, name);
    if (isUnified(fs, mount)) {
      found.push(unified(fs, mount));
      continue;
    }
    const controllers = (name === "systemd" ? "name=systemd" : name)
      .split(",").filter((controller) => WATCHED_CONTROLLERS.has(controller));
    if (controllers.length === 0) continue;
    found.push({ version: 1, controllers, path: mount });
  }
  return found;
}

function isUnified(fs: HostFs, path: string): boolean {
  return fs.modifiedMs(join(path, "cgroup.controllers")) !== undefined;
}

function unified(fs: HostFs, path: string): Hierarchy {
  const text = fs.textAt(join(path, "cgroup.controllers")) ?? "";
  const controllers = text.split(/\s+/).filter((name) => name !== "");
  return { version: 2, controllers, path };
}

/**
 * On a unified host, omits all v1 hierarchies (`net_cls` of a VPN,
 * `name=systemd` of an old container's systemd, `freezer`): they have no
 * containers.
 */
function withMode(all: readonly Hierarchy[]): Hierarchies {
  const unified = all.filter(({ version }) => version === 2);
  const hasShared = all.some(({ version, controllers }) =>
    version === 1 && controllers.some((name) => SHARED_CONTROLLERS.has(name))
  );
  if (unified.length === 0) return { mode: "legacy", all };
  return hasShared
    ? { mode: "hybrid", all }
    : { mode: "unified", all: unified };
}
