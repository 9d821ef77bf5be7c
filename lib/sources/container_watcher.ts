import type { CgroupName } from "../model/cgroup.ts";
import type { SourceState } from "../model/source_state.ts";

/**
 * Change of a container: created, removed, in other hierarchies than before,
 * `memory.events` updated, or limits set.
 */
export type ContainerChange =
  | {
    readonly type: "add";
    readonly name: CgroupName;
    /** Creation time of the cgroup, if available, in milliseconds since the epoch. */
    readonly createdMs: number | undefined;
  }
  | { readonly type: "update"; readonly name: CgroupName }
  | { readonly type: "delete"; readonly name: CgroupName }
  /** The kernel wrote to its `memory.events`: it or a descendant met a limit. */
  | { readonly type: "memoryEvents"; readonly name: CgroupName }
  /** A process wrote to its control files. */
  | { readonly type: "limits"; readonly name: CgroupName }
  /** The first listing is complete. */
  | { readonly type: "listed" };

/** Number of watched directories and of complete rescans. */
export interface WatchCounters {
  /** Directories with notifications from the kernel. */
  readonly directories: number;
  /** Complete listings, by reason. */
  readonly rescans: Readonly<Record<string, number>>;
}

/** Watches for the creation and removal of containers. */
export interface ContainerWatcher {
  /**
   * Yields the changes in batches: first an add for every existing container,
   * parents before children, and `listed` after the last of them. Ends after
   * {@linkcode close}.
   *
   * @throws {Error} if watching cannot continue
   */
  changes(): AsyncIterable<readonly ContainerChange[]>;
  /** Schedules a check whether this container still exists. */
  check(name: CgroupName): void;
  /** Schedules a comparison of all known containers with a listing. */
  reconcile(): void;
  readonly state: SourceState;
  readonly counters: WatchCounters;
  close(): void;
}
