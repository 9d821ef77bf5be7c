import type { ContainerReference, ContainerSpec } from "./container.ts";
import type { FsInfo } from "./filesystem.ts";
import type { ContainerStats } from "./stats.ts";

export interface DescribedContainer {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
  /** With rates from the second sample on; absent before the first. */
  readonly stats?: ContainerStats;
  /** In the host's network namespace. @default false */
  readonly isOnHostNetwork?: boolean;
}

/** Named as in the pod or on the node. */
export interface NamedContainer extends DescribedContainer {
  readonly name: string;
  /** Writable layer; absent until counted. */
  readonly rootfs?: DiskUsage;
  /** Absent until found and counted. */
  readonly logs?: DiskUsage;
}

export interface DiskUsage {
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly bytes: number;
  readonly inodes: number;
  readonly filesystem?: FsInfo;
}

/** A pod's volume: a separate file system, or files on a shared one. */
export interface VolumeUsage {
  /** Directory name: the volume's in the pod, or the persistent volume's. */
  readonly name: string;
  readonly filesystem?: FsInfo;
  /** Files on a shared file system. */
  readonly used?: DiskUsage;
}

/**
 * A pod with a running container. Without labels from the runtime, names are
 * absent.
 */
export interface PodSummary {
  readonly uid?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly cgroup?: DescribedContainer;
  /** Holds the pod's network namespace. */
  readonly sandbox?: DescribedContainer;
  readonly containers: readonly NamedContainer[];
  /** With known usage; absent if the volumes are unknown. */
  readonly volumes?: readonly VolumeUsage[];
  /** Layers, logs and local volumes; absent if any is unknown. */
  readonly ephemeralStorage?: DiskUsage;
}

export interface TaskLimits {
  readonly timestampMs: number;
  readonly max?: number;
  readonly current?: number;
}

/** File systems that a kubelet manages; absent if unknown. */
export interface NodeFilesystems {
  /** Holds the kubelet's files, otherwise `/`. */
  readonly root?: FsInfo;
  readonly images?: FsInfo;
  /** Holds the writable layers; may be that of the images. */
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
  /** Older last samples are refreshed. */
  readonly maxAgeMs?: number;
  /** Omits file systems and logs. @default false */
  readonly onlyCpuAndMemory?: boolean;
}
