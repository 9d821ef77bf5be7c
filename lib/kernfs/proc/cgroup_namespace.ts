import { type CgroupName, ROOT } from "../../model/cgroup.ts";
import type { Hierarchies, Hierarchy } from "../cgroup/hierarchy.ts";
import { HostFs } from "../host_fs.ts";
import { type Mount, parseMountinfo } from "./mountinfo.ts";

/**
 * Resolves cgroup paths in `/proc/<pid>`, which are relative to the cgroup
 * namespace of the reader.
 */
export interface CgroupView {
  /**
   * Returns the name of a cgroup below the root of its hierarchy, or
   * `undefined` if the cgroup is outside the mounted tree, or the root of the
   * agent's namespace is not found in it. `controller` is a controller of v1,
   * or empty for v2.
   */
  resolve(controller: string, path: string): CgroupName | undefined;
  /**
   * Whether paths in `/proc` differ from the host's names and are resolved.
   * @default false
   */
  readonly isPrivate?: boolean;
}

/**
 * A view from the host's namespace: a path that leads out of it has no name.
 */
export const HOST_VIEW: CgroupView = {
  resolve: (_, path) => isUp(path) ? undefined : path,
};

/**
 * Maximum number of directories in one search; a node of 250 pods has 1,500.
 */
const MAX_SEARCHED = 50_000;

const DOTS_REGEXP = /^(?:\/\.\.)+$/;

/** One hierarchy, as seen from the agent's namespace. */
interface Place {
  readonly hierarchy: Hierarchy;
  /** Path of the mounted root, relative to the root of the agent's namespace: `/`, or `/../..`. */
  readonly mountRoot: string;
  /** Parts of the name of the root of the agent's namespace; `undefined` if it is not found. */
  own?: readonly string[] | undefined;
}

/**
 * The agent's cgroup namespace (`cgroup_namespaces(7)`). In a private
 * namespace, `/proc/<pid>/cgroup` of a process outside it starts with `/..`,
 * and the root of the namespace is `/`:
 *
 * ```text
 * 0::/../../besteffort/pod0f1e/eac1
 * ```
 *
 * The mounted tree has the host's names. The root of the namespace is the
 * directory with the inode of the agent's own cgroup mount, or the directory
 * whose `cgroup.procs` lists the agent's PID. It is searched once, when a path
 * first requires it.
 */
export class CgroupNamespace implements CgroupView {
  readonly #fs: HostFs;
  readonly #ownFs: HostFs;
  readonly #mounts: readonly Mount[];
  readonly #places: readonly Place[];

  /**
   * `ownFs` has the agent's own `/proc/self` and mounts, rather than the host's.
   */
  constructor(fs: HostFs, hierarchies: Hierarchies, ownFs = new HostFs()) {
    this.#fs = fs;
    this.#ownFs = ownFs;
    this.#mounts = parseMountinfo(ownFs.readText("/proc/self/mountinfo") ?? "")
      .filter(({ fsType }) => fsType === "cgroup" || fsType === "cgroup2");
    this.#places = hierarchies.all.map((hierarchy) => ({
      hierarchy,
      mountRoot:
        this.#mounts.findLast(({ mountPoint }) =>
          ownFs.path(mountPoint) === hierarchy.path
        )?.root ?? ROOT,
    }));
  }

  /**
   * Whether a hierarchy is mounted from above the namespace, which is then
   * private.
   */
  get isPrivate(): boolean {
    return this.#places.some(({ mountRoot }) => isUp(mountRoot));
  }

  /**
   * Whether the root of the namespace is found in each hierarchy mounted from
   * above it.
   */
  get isResolved(): boolean {
    return this.#places.every((place) =>
      !DOTS_REGEXP.test(place.mountRoot) || this.#ownOf(place) !== undefined
    );
  }

  resolve(controller: string, path: string): CgroupName | undefined {
    const place = this.#places.find(({ hierarchy }) =>
      isOf(hierarchy, controller)
    );
    if (place === undefined) return HOST_VIEW.resolve(controller, path);
    const { mountRoot } = place;
    if (path === mountRoot) return ROOT;
    const below = mountRoot === ROOT
      ? path
      : path.startsWith(`${mountRoot}/`)
      ? path.slice(mountRoot.length)
      : undefined;
    if (below !== undefined) return isUp(below) ? undefined : below;
    // Parts above the namespace come from the name of its root.
    if (!DOTS_REGEXP.test(mountRoot)) return undefined;
    const own = this.#ownOf(place);
    if (own === undefined) return undefined;
    const parts = partsOf(path);
    const ups = parts.findLastIndex((part) => part === "..") + 1;
    return `/${
      [...own.slice(0, own.length - ups), ...parts.slice(ups)].join("/")
    }`;
  }

  #ownOf(place: Place): readonly string[] | undefined {
    if (!("own" in place)) place.own = this.#search(place);
    return place.own;
  }

  /** The depth of the namespace's root is the number of `..` in the mount's root. */
  #search(place: Place): readonly string[] | undefined {
    const depth = partsOf(place.mountRoot).length;
    const inode = this.#ownInode(place.hierarchy);
    const from = [place.hierarchy.path, []] as const;
    if (inode !== undefined) {
      return this.#walk(
        from,
        depth,
        (path) => this.#fs.statDirectory(path)?.inode === inode,
      );
    }
    const { pid, path } = this.#ownProcess(place.hierarchy);
    if (pid === undefined || path === undefined || isUp(path)) return undefined;
    const found = this.#walk(
      from,
      depth + partsOf(path).length,
      (path) =>
        this.#fs.textAt(`${path}/cgroup.procs`)?.split("\n").includes(pid) ??
          false,
    );
    return found?.slice(0, depth);
  }

  /**
   * Returns the inode of the agent's own mount of the hierarchy, if its root is
   * the root of the namespace.
   */
  #ownInode(hierarchy: Hierarchy): number | undefined {
    const mount = this.#mounts.findLast(({ root, fsType, superOptions }) =>
      root === ROOT &&
      (fsType === "cgroup2"
        ? hierarchy.version === 2
        : hierarchy.version === 1 &&
          hierarchy.controllers.some((name) => superOptions.includes(name)))
    );
    return mount && this.#ownFs.inodeAt(this.#ownFs.path(mount.mountPoint));
  }

  /** Returns the PID of the agent, and its cgroup relative to the namespace. */
  #ownProcess(hierarchy: Hierarchy): { pid?: string; path?: string } {
    const stat = this.#ownFs.readText("/proc/self/stat") ?? "";
    const [pid] = /^\d+/.exec(stat) ?? [];
    const line = (this.#ownFs.readText("/proc/self/cgroup") ?? "").split("\n")
      .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
      .find((match) =>
        match !== null &&
        (match[1] ?? "").split(",").some((name) => isOf(hierarchy, name))
      );
    const path = line?.[2];
    return {
      ...(pid !== undefined && { pid }),
      ...(path !== undefined && { path }),
    };
  }

  /** Returns the parts of the first matching directory at a depth. */
  #walk(
    from: readonly [path: string, parts: readonly string[]],
    depth: number,
    isIt: (path: string) => boolean,
  ): readonly string[] | undefined {
    const open = [from];
    for (let searched = 0; searched < MAX_SEARCHED; searched++) {
      const [path, parts] = open.pop() ?? [];
      if (path === undefined || parts === undefined) return undefined;
      if (parts.length === depth) {
        if (isIt(path)) return parts;
        continue;
      }
      for (const name of this.#fs.subdirectories(path)) {
        open.push([`${path}/${name}`, [...parts, name]]);
      }
    }
    return undefined;
  }
}

/** The controller of a v2 hierarchy is empty. */
function isOf(
  { version, controllers }: Hierarchy,
  controller: string,
): boolean {
  return version === 2 ? controller === "" : controllers.includes(controller);
}

function isUp(path: string): boolean {
  return path === "/.." || path.startsWith("/../");
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}
