import type { CgroupName } from "../model/cgroup.ts";
import type { SourceState } from "../model/source_state.ts";

/** Change of a container; `update`: it is in other hierarchies than before. */
export type ContainerChange =
  | {
    readonly type: "add";
    readonly name: CgroupName;
    /** Creation time of the cgroup, milliseconds since the epoch. */
    readonly createdMs: number | undefined;
  }
  | { readonly type: "update"; readonly name: CgroupName }
  | { readonly type: "delete"; readonly name: CgroupName }
  /** The kernel wrote to its `memory.events`: it or a descendant met a limit. */
  | { readonly type: "memoryEvents"; readonly name: CgroupName }
  /** A process wrote to a control file. */
  | { readonly type: "limits"; readonly name: CgroupName }
  /** The first listing is complete. */
  | { readonly type: "listed" };

/** Watched directories and complete rescans. */
export interface WatchCounters {
  /** Directories with notifications. */
  readonly directories: number;
  /** Complete listings, by reason. */
  readonly rescans: Readonly<Record<string, number>>;
}

/** Watches for the creation and removal of containers. */
export interface ContainerWatcher {
  /**
   * Yields batches: first an add for every existing container, parents before
   * children, then `listed`. Ends after {@linkcode close}.
   *
   * @throws {Error} if watching cannot continue
   */
  changes(): AsyncIterable<readonly ContainerChange[]>;
  /** Schedules a check whether the container still exists. */
  check(name: CgroupName): void;
  /** Schedules a comparison with a complete listing. */
  reconcile(): void;
  readonly state: SourceState;
  readonly counters: WatchCounters;
  close(): void;
}
