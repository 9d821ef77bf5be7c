/**
 * How full a file system is, or how much of it a container takes. A number
 * that is not known is absent.
 */
export interface FsStats {
  /** When its numbers were read, milliseconds since the epoch; absent where it has never answered. */
  readonly timestampMs?: number;
  /** `/dev/sda1`, `server:/export`, `overlay_0-45`; a tmpfs is called by its mount point. */
  readonly device?: string;
  /** cAdvisor's word for how it is read: `zfs`, or `vfs` for all others. */
  readonly type: string;
  readonly capacityBytes?: number;
  /** Capacity less free; of a container its writable layer and its logs. */
  readonly usageBytes?: number;
  /** Of a container: its writable layer alone. */
  readonly baseUsageBytes?: number;
  /** Free for users who are not root. */
  readonly availableBytes?: number;
  /** How many there can be; of a container how many it has. */
  readonly inodes?: number;
  readonly inodesFree?: number;
  /** Counts of its disk, where it is on one. */
  readonly io?: DiskCounters;
  /** True where it did not answer, and the numbers are the last known ones, if any. */
  readonly isStale?: boolean;
  /** True where a runtime or a kubelet mounted it for a container or a pod: it is none of the node's own. */
  readonly isOfContainer?: boolean;
}

/** A mounted file system. */
export interface FsInfo extends FsStats {
  readonly device: string;
  readonly mountPoint: string;
  /** Of what is mounted, as mountinfo tells them. */
  readonly major: number;
  readonly minor: number;
  /** What it is used for: `root`, `docker-images`, `crio-images`, `crio-containers`. */
  readonly labels: readonly string[];
  readonly uuid?: string;
}

/** Counts of a disk since boot (`Documentation/admin-guide/iostats.rst`). */
export interface DiskCounters {
  readonly readsCompleted: number;
  readonly readsMerged: number;
  /** Of 512 bytes, whatever the disk's own are. */
  readonly sectorsRead: number;
  readonly readTimeMs: number;
  readonly writesCompleted: number;
  readonly writesMerged: number;
  readonly sectorsWritten: number;
  readonly writeTimeMs: number;
  /** Now, and not since boot. */
  readonly ioInProgress: number;
  readonly ioTimeMs: number;
  readonly weightedIoTimeMs: number;
}
