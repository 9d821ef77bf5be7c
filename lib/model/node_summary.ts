import type { ContainerReference, ContainerSpec } from "./container.ts";
import type { FsInfo } from "./filesystem.ts";
import type { ContainerStats } from "./stats.ts";

/** A container, its limits, and its newest sample. */
export interface DescribedContainer {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
  /** With rates where two samples allow them; absent where there is none. */
  readonly stats?: ContainerStats;
  /** Whether its runtime started it in the network namespace of the host. @default false */
  readonly isOnHostNetwork?: boolean;
}

/** A container with the name that it has in its pod, or on the node. */
export interface NamedContainer extends DescribedContainer {
  readonly name: string;
  /** Its writable layer; absent where there is none that is known, or not counted yet. */
  readonly rootfs?: DiskUsage;
  /** What its logs take on disk; absent where they are not found, or not counted yet. */
  readonly logs?: DiskUsage;
}

/** What some files take on disk. */
export interface DiskUsage {
  /** When they were counted, milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly bytes: number;
  readonly inodes: number;
  /** What they are on; absent where that is not known. */
  readonly filesystem?: FsInfo;
}

/** A volume of a pod: a file system of its own, or files on one that it shares. */
export interface VolumeUsage {
  /** Of its directory: what the pod calls it, or the name of a persistent volume. */
  readonly name: string;
  readonly filesystem?: FsInfo;
  /** Of its files, where it shares the file system. */
  readonly used?: DiskUsage;
}

/** A Kubernetes pod with a container that runs. What only its containers' labels tell is absent where they do not. */
export interface PodSummary {
  readonly uid?: string;
  readonly name?: string;
  readonly namespace?: string;
  /** The cgroup around its containers. */
  readonly cgroup?: DescribedContainer;
  /** What holds its namespaces, and so has its network. */
  readonly sandbox?: DescribedContainer;
  readonly containers: readonly NamedContainer[];
  /** Those of which something is known; absent where nobody knows which there are. */
  readonly volumes?: readonly VolumeUsage[];
  /** Layers, logs and local volumes together; absent where a part of them is not known. */
  readonly ephemeralStorage?: DiskUsage;
}

/** How many tasks there are on a node, and how many there may be. */
export interface TaskLimits {
  readonly timestampMs: number;
  readonly max?: number;
  readonly current?: number;
}

/** The file systems that a kubelet looks after; absent where they are not known. */
export interface NodeFilesystems {
  /** Of the kubelet's files, or of `/`. */
  readonly root?: FsInfo;
  /** Of the runtime's images. */
  readonly images?: FsInfo;
  /** Of what containers write, where that is another. */
  readonly containers?: FsInfo;
}

/** A node as the kubelet sees it. */
export interface NodeSummary {
  readonly nodeName: string;
  /** When it was booted, milliseconds since the epoch; absent where the host does not tell. */
  readonly bootMs?: number;
  /** The root; absent where it is no container. */
  readonly root?: DescribedContainer;
  /** `kubelet`, `runtime`, `pods`: what a node has besides its pods, and all of these. */
  readonly systemContainers: readonly NamedContainer[];
  readonly pods: readonly PodSummary[];
  readonly tasks: TaskLimits;
  readonly filesystems: NodeFilesystems;
}

/** What of a node is wanted. */
export interface NodeSummaryOptions {
  /** Sample anew where the last sample is older than this, milliseconds. */
  readonly maxAgeMs?: number;
  /** Without file systems and logs. @default false */
  readonly onlyCpuAndMemory?: boolean;
}
