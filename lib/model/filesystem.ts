/**
 * Usage of a file system, or of a container's part of it. Unknown values are
 * absent.
 */
export interface FsStats {
  /**
   * Time of the reading, milliseconds since the epoch; absent if none
   * succeeded.
   */
  readonly timestampMs?: number;
  /**
   * `/dev/sda1`, `server:/export`, `overlay_0-45`; for a tmpfs, its mount
   * point.
   */
  readonly device?: string;
  /** cAdvisor's type: `zfs`, or `vfs` for all others. */
  readonly type: string;
  readonly capacityBytes?: number;
  /** Capacity minus free; for a container, its writable layer and logs. */
  readonly usageBytes?: number;
  /** For a container: its writable layer only. */
  readonly baseUsageBytes?: number;
  /** Free for unprivileged users. */
  readonly availableBytes?: number;
  /** Total number; for a container, the number in use. */
  readonly inodes?: number;
  readonly inodesFree?: number;
  /** Counters of its disk, if it is on one. */
  readonly io?: DiskCounters;
  /**
   * True if the last reading failed, and the values are the last known ones, if
   * any.
   */
  readonly isStale?: boolean;
  /** True if a runtime or a kubelet mounted it for a container or a pod. */
  readonly isOfContainer?: boolean;
}

export interface FsInfo extends FsStats {
  readonly device: string;
  readonly mountPoint: string;
  /** Device number of the file system in mountinfo. */
  readonly major: number;
  readonly minor: number;
  /** Uses: `root`, `docker-images`, `crio-images`, `crio-containers`. */
  readonly labels: readonly string[];
  readonly uuid?: string;
}

/** Counters of a disk since boot (`Documentation/admin-guide/iostats.rst`). */
export interface DiskCounters {
  readonly readsCompleted: number;
  readonly readsMerged: number;
  /** Units of 512 bytes, regardless of the disk's sector size. */
  readonly sectorsRead: number;
  readonly readTimeMs: number;
  readonly writesCompleted: number;
  readonly writesMerged: number;
  readonly sectorsWritten: number;
  readonly writeTimeMs: number;
  /** Current value, not since boot. */
  readonly ioInProgress: number;
  readonly ioTimeMs: number;
  readonly weightedIoTimeMs: number;
}
