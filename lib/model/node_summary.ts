import type { ContainerReference, ContainerSpec } from "./container.ts";
import type { FsInfo } from "./filesystem.ts";
import type { ContainerStats } from "./stats.ts";

/** A container with its limits and newest sample. */
export interface DescribedContainer {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
  /** With rates if two samples allow them; absent without a sample. */
  readonly stats?: ContainerStats;
  /**
   * Whether its runtime started it in the host's network namespace.
   *
   * @default false
   */
  readonly isOnHostNetwork?: boolean;
}

/** A container with its name in the pod or on the node. */
export interface NamedContainer extends DescribedContainer {
  readonly name: string;
  /** Writable layer; absent if unknown or not yet counted. */
  readonly rootfs?: DiskUsage;
  /** Logs; absent if not found or not yet counted. */
  readonly logs?: DiskUsage;
}

/** Disk usage of a set of files. */
export interface DiskUsage {
  /** Time of the count, milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly bytes: number;
  readonly inodes: number;
  /** File system of the files; absent if unknown. */
  readonly filesystem?: FsInfo;
}

/** A volume of a pod: a separate file system, or files on a shared one. */
export interface VolumeUsage {
  /** Name in the pod, or of a persistent volume. */
  readonly name: string;
  readonly filesystem?: FsInfo;
  /** Usage of its files, on a shared file system. */
  readonly used?: DiskUsage;
}

/**
 * A Kubernetes pod with a running container. Names from container labels are
 * absent if no container has them.
 */
export interface PodSummary {
  readonly uid?: string;
  readonly name?: string;
  readonly namespace?: string;
  /** Cgroup of the pod. */
  readonly cgroup?: DescribedContainer;
  /** Container that holds the pod's namespaces, and so its network. */
  readonly sandbox?: DescribedContainer;
  readonly containers: readonly NamedContainer[];
  /** Volumes with known usage; absent if the pod's volumes are unknown. */
  readonly volumes?: readonly VolumeUsage[];
  /**
   * Sum of writable layers, logs and local volumes; absent if a part is
   * unknown.
   */
  readonly ephemeralStorage?: DiskUsage;
}

/** Number of tasks on a node, and its maximum. */
export interface TaskLimits {
  readonly timestampMs: number;
  readonly max?: number;
  readonly current?: number;
}

/** File systems that a kubelet manages; absent if unknown. */
export interface NodeFilesystems {
  /** File system of the kubelet's files, or `/`. */
  readonly root?: FsInfo;
  /** File system of the runtime's images. */
  readonly images?: FsInfo;
  /** File system of writable layers, if it is another one. */
  readonly containers?: FsInfo;
}

/** A node as in the kubelet's summary. */
export interface NodeSummary {
  readonly nodeName: string;
  /** Boot time, milliseconds since the epoch; absent if unknown. */
  readonly bootMs?: number;
  /** Root cgroup; absent if it is not a container. */
  readonly root?: DescribedContainer;
  /** `kubelet`, `runtime` and `pods` (the sum of all pods). */
  readonly systemContainers: readonly NamedContainer[];
  readonly pods: readonly PodSummary[];
  readonly tasks: TaskLimits;
  readonly filesystems: NodeFilesystems;
}

export interface NodeSummaryOptions {
  /**
   * Maximum age of the last sample in milliseconds; an older one triggers a new
   * sample.
   */
  readonly maxAgeMs?: number;
  /** Whether to omit file systems and logs. @default false */
  readonly onlyCpuAndMemory?: boolean;
}
