import type { CgroupName } from "../model/cgroup.ts";
import type { SourceState } from "../model/source_state.ts";

/** A container came, went, shows in other hierarchies than before, had its memory events counted, or its limits set. */
export type ContainerChange =
  | {
    readonly type: "add";
    readonly name: CgroupName;
    /** When its cgroup was made, as far as that can be told; milliseconds since the epoch. */
    readonly createdMs: number | undefined;
  }
  | { readonly type: "update"; readonly name: CgroupName }
  | { readonly type: "delete"; readonly name: CgroupName }
  /** The kernel wrote to its `memory.events`: it met a limit, or one below it did. */
  | { readonly type: "memoryEvents"; readonly name: CgroupName }
  /** Somebody wrote to its control files. */
  | { readonly type: "limits"; readonly name: CgroupName }
  /** All that is there has been listed. */
  | { readonly type: "listed" };

/** What a watcher has at hand, and how often it had to look at everything. */
export interface WatchCounters {
  /** Directories that the kernel tells of. */
  readonly directories: number;
  /** Listings of everything, by what made them needful. */
  readonly rescans: Readonly<Record<string, number>>;
}

/** Hears of containers that come and go. */
export interface ContainerWatcher {
  /**
   * The changes, in batches: first an add for every container there is, parents
   * before children, and `listed` after the last of them. Ends after {@linkcode close}; throws where it cannot go on watching.
   */
  changes(): AsyncIterable<readonly ContainerChange[]>;
  /** Looks soon whether this container is still there. */
  check(name: CgroupName): void;
  /** Compares all that is known with what is there. */
  reconcile(): void;
  /** How it fares. */
  readonly state: SourceState;
  /** How much it watches. */
  readonly counters: WatchCounters;
  /** Ends the changes. */
  close(): void;
}
