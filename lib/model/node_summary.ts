import type { ContainerReference, ContainerSpec } from "./container.ts";
import type { FsInfo } from "./filesystem.ts";
import type { ContainerStats } from "./stats.ts";

/** A container with its newest sample. */
export interface DescribedContainer {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
  /** With rates from the second sample on. */
  readonly stats?: ContainerStats;
  /** Whether it was started in the host's network namespace. @default false */
  readonly isOnHostNetwork?: boolean;
}

/** A container with its name in the pod or on the node. */
export interface NamedContainer extends DescribedContainer {
  readonly name: string;
  /** Writable layer; absent until counted. */
  readonly rootfs?: DiskUsage;
  /** Absent until found and counted. */
  readonly logs?: DiskUsage;
}

export interface DiskUsage {
  /** Time of the count, milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly bytes: number;
  readonly inodes: number;
  readonly filesystem?: FsInfo;
}

/** A pod's volume: a separate file system, or files on a shared one. */
export interface VolumeUsage {
  /** In the pod, or of a persistent volume. */
  readonly name: string;
  readonly filesystem?: FsInfo;
  /** Files on a shared file system. */
  readonly used?: DiskUsage;
}

/**
 * A Kubernetes pod with a running container. Data from container labels is
 * absent without them.
 */
export interface PodSummary {
  readonly uid?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly cgroup?: DescribedContainer;
  /** Holds the pod's namespaces, and so its network. */
  readonly sandbox?: DescribedContainer;
  readonly containers: readonly NamedContainer[];
  /** Volumes with known usage; absent if the volumes are unknown. */
  readonly volumes?: readonly VolumeUsage[];
  /** Writable layers, logs and local volumes; absent if a part is unknown. */
  readonly ephemeralStorage?: DiskUsage;
}

export interface TaskLimits {
  readonly timestampMs: number;
  readonly max?: number;
  readonly current?: number;
}

/** File systems that a kubelet manages; absent if unknown. */
export interface NodeFilesystems {
  /** File system of the kubelet's files, otherwise `/`. */
  readonly root?: FsInfo;
  readonly images?: FsInfo;
  /** File system of writable layers, if different. */
  readonly containers?: FsInfo;
}

export interface NodeSummary {
  readonly nodeName: string;
  /** Milliseconds since the epoch. */
  readonly bootMs?: number;
  readonly root?: DescribedContainer;
  /** `kubelet`, `runtime` and `pods` (all pods). */
  readonly systemContainers: readonly NamedContainer[];
  readonly pods: readonly PodSummary[];
  readonly tasks: TaskLimits;
  readonly filesystems: NodeFilesystems;
}

export interface NodeSummaryOptions {
  /**
   * Age in milliseconds above which the last sample is refreshed.
   */
  readonly maxAgeMs?: number;
  /** Omits file systems and logs. @default false */
  readonly onlyCpuAndMemory?: boolean;
}
