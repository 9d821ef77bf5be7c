/** A file system, or a container's part of one. Unknown values are absent. */
export interface FsStats {
  /** Milliseconds since the epoch; absent if never read. */
  readonly timestampMs?: number;
  /** `/dev/sda1`, `server:/export`, `overlay_0-45`; a tmpfs's mount point. */
  readonly device?: string;
  /** `zfs`, or `vfs` for all others, as in cAdvisor. */
  readonly type: string;
  readonly capacityBytes?: number;
  /** Capacity minus free; for a container, writable layer and logs. */
  readonly usageBytes?: number;
  /** Writable layer. */
  readonly baseUsageBytes?: number;
  /** Free for unprivileged users. */
  readonly availableBytes?: number;
  /** Total; for a container, those in use. */
  readonly inodes?: number;
  readonly inodesFree?: number;
  readonly io?: DiskCounters;
  /** The last reading failed: values are older or absent. */
  readonly isStale?: boolean;
  /** Mounted for a container or pod. */
  readonly isOfContainer?: boolean;
}

export interface FsInfo extends FsStats {
  readonly device: string;
  readonly mountPoint: string;
  /** As in mountinfo. */
  readonly major: number;
  readonly minor: number;
  /** `root`, `docker-images`, `crio-images`, `crio-containers`. */
  readonly labels: readonly string[];
  readonly uuid?: string;
}

/** Since boot (`admin-guide/iostats.rst`). */
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
