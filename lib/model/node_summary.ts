import type { ContainerReference, ContainerSpec } from "./container.ts";
import type { FsInfo } from "./filesystem.ts";
import type { ContainerStats } from "./stats.ts";

/** A container with its newest sample. */
export interface DescribedContainer {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
  /** Absent before the first sample; contains rates from the second sample on. */
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
  /** Name of the volume's directory: its name in the pod, or the name of the persistent volume. */
  readonly name: string;
  readonly filesystem?: FsInfo;
  /** Files on a shared file system. */
  readonly used?: DiskUsage;
}

/**
 * A Kubernetes pod with a running container. Names are absent if the runtime
 * reports no labels.
 */
export interface PodSummary {
  readonly uid?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly cgroup?: DescribedContainer;
  /** Container that holds the pod's network namespace. */
  readonly sandbox?: DescribedContainer;
  readonly containers: readonly NamedContainer[];
  /** Volumes with known usage; absent if the volumes are unknown. */
  readonly volumes?: readonly VolumeUsage[];
  /** Writable layers, logs and local volumes; absent if a part is unknown. */
  readonly ephemeralStorage?: DiskUsage;
}

/** Tasks of the node: their maximum and current number. */
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
  /** File system of the containers' writable layers; may be that of the images. */
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
  /** Age in milliseconds above which the last sample is refreshed. */
  readonly maxAgeMs?: number;
  /** Omits file systems and logs. @default false */
  readonly onlyCpuAndMemory?: boolean;
}
