/**
 * Usage of a file system, or of a container's part of it. Unknown values are
 * absent.
 */
export interface FsStats {
  /** Milliseconds since the epoch; absent if no reading succeeded. */
  readonly timestampMs?: number;
  /**
   * `/dev/sda1`, `server:/export`, `overlay_0-45`; a tmpfs has its mount point.
   */
  readonly device?: string;
  /** As in cAdvisor: `zfs`, or `vfs` for all others. */
  readonly type: string;
  readonly capacityBytes?: number;
  /** Capacity minus free; for a container, its writable layer and logs. */
  readonly usageBytes?: number;
  /** Writable layer of a container. */
  readonly baseUsageBytes?: number;
  /** Free for unprivileged users. */
  readonly availableBytes?: number;
  /** Total number; for a container, the number in use. */
  readonly inodes?: number;
  readonly inodesFree?: number;
  /** Counters of its disk. */
  readonly io?: DiskCounters;
  /** Whether the last reading failed, so that values are older or absent. */
  readonly isStale?: boolean;
  /** Whether it was mounted for a container or a pod. */
  readonly isOfContainer?: boolean;
}

export interface FsInfo extends FsStats {
  readonly device: string;
  readonly mountPoint: string;
  /** Device number in mountinfo. */
  readonly major: number;
  readonly minor: number;
  /** `root`, `docker-images`, `crio-images`, `crio-containers`. */
  readonly labels: readonly string[];
  readonly uuid?: string;
}

/** Counters since boot (`Documentation/admin-guide/iostats.rst`). */
export interface DiskCounters {
  readonly readsCompleted: number;
  readonly readsMerged: number;
  /** Units of 512 bytes. */
  readonly sectorsRead: number;
  readonly readTimeMs: number;
  readonly writesCompleted: number;
  readonly writesMerged: number;
  readonly sectorsWritten: number;
  readonly writeTimeMs: number;
  /** Current value. */
  readonly ioInProgress: number;
  readonly ioTimeMs: number;
  readonly weightedIoTimeMs: number;
}
