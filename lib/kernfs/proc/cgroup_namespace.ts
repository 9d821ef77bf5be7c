import { type CgroupName, ROOT } from "../../model/cgroup.ts";
import type { Hierarchies, Hierarchy } from "../cgroup/hierarchy.ts";
import { HostFs } from "../host_fs.ts";
import { type Mount, parseMountinfo } from "./mountinfo.ts";

/** Resolves `/proc/<pid>/cgroup`, relative to the reader's namespace. */
export interface CgroupView {
  /**
   * Returns a name below the root of the hierarchy; `undefined` outside the
   * mounted tree, or if the namespace's root is not found. `controller` is
   * empty for v2.
   */
  resolve(controller: string, path: string): CgroupName | undefined;
  /** Whether paths in `/proc` differ from the host's names. @default false */
  readonly isPrivate?: boolean;
}

/** The host's namespace; paths out of it have no name. */
export const HOST_VIEW: CgroupView = {
  resolve: (_, path) => isUp(path) ? undefined : path,
};

/** Per search; a node of 250 pods has 1,500 directories. */
const MAX_SEARCHED = 50_000;

const DOTS_REGEXP = /^(?:\/\.\.)+$/;

interface Place {
  readonly hierarchy: Hierarchy;
  /** Relative to the agent's namespace: `/`, or `/../..`. */
  readonly mountRoot: string;
  /** Name of the namespace's root, split; `undefined` if not found. */
  own?: readonly string[] | undefined;
}

/**
 * The agent's cgroup namespace (`cgroup_namespaces(7)`). In a private one,
 * paths of outside processes start with `/..`:
 *
 * ```text
 * 0::/../../besteffort/pod0f1e/eac1
 * ```
 *
 * The mounted tree has the host's names. The namespace's root is the directory
 * with the inode of the agent's own cgroup mount, or whose `cgroup.procs` lists
 * the agent; it is searched once, on demand.
 */
export class CgroupNamespace implements CgroupView {
  readonly #fs: HostFs;
  readonly #ownFs: HostFs;
  readonly #mounts: readonly Mount[];
  readonly #places: readonly Place[];

  /** `ownFs` has the agent's `/proc/self` and mounts. */
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

  /** Whether a hierarchy is mounted from above the namespace. */
  get isPrivate(): boolean {
    return this.#places.some(({ mountRoot }) => isUp(mountRoot));
  }

  /** Whether the namespace's root is found in each of those. */
  get isResolved(): boolean {
    return this.#places.every((place) =>
      !DOTS_REGEXP.test(place.mountRoot) || this.#ownOf(place) !== undefined
    );
  }

  resolve(controller: string, path: string): CgroupName | undefined {
    const place = this.#places.find(({ hierarchy }) =>
      hasController(hierarchy, controller)
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
    // Parts above the namespace come from its root's name.
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

  /** The number of `..` in `mountRoot` is the depth of the namespace's root. */
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

  /** Inode of the agent's own mount, if that shows the namespace's root. */
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

  #ownProcess(hierarchy: Hierarchy): { pid?: string; path?: string } {
    const stat = this.#ownFs.readText("/proc/self/stat") ?? "";
    const [pid] = /^\d+/.exec(stat) ?? [];
    const line = (this.#ownFs.readText("/proc/self/cgroup") ?? "").split("\n")
      .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
      .find((match) =>
        match !== null &&
        (match[1] ?? "").split(",").some((name) =>
          hasController(hierarchy, name)
        )
      );
    const path = line?.[2];
    return {
      ...(pid !== undefined && { pid }),
      ...(path !== undefined && { path }),
    };
  }

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

function hasController(
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
