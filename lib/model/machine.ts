import type { FsInfo } from "./filesystem.ts";

/** Unknown attributes are absent. */
export interface MachineInfo extends MachineAttributes {
  /** At the last reading, file systems that can hold files. */
  readonly filesystems: readonly FsInfo[];
}

/** Attributes that rarely change. */
export interface MachineAttributes {
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly vendorId?: string;
  /** Online hardware threads, as in cAdvisor. */
  readonly numCores: number;
  readonly numPhysicalCores?: number;
  readonly numSockets?: number;
  /** s390 only, as {@linkcode numDrawers}. */
  readonly numBooks?: number;
  readonly numDrawers?: number;
  /** Maximum of the first CPU, or the highest of `/proc/cpuinfo`. */
  readonly cpuFrequencyKhz?: number;
  readonly memoryCapacityBytes?: number;
  readonly swapCapacityBytes?: number;
  /**
   * By type, such as `Registered-DDR4`; empty without a driver of the memory
   * controller.
   */
  readonly memoryByType: ReadonlyMap<string, MemoryModules>;
  readonly hugepages: readonly Hugepages[];
  readonly machineId?: string;
  readonly systemUuid?: string;
  readonly bootId?: string;
  readonly disks: readonly Disk[];
  readonly networkDevices: readonly NetworkDevice[];
  /** One per socket if the kernel has no NUMA nodes. */
  readonly topology: readonly NumaNode[];
  readonly cloud?: Cloud;
}

export interface MemoryModules {
  readonly capacityBytes: number;
  readonly dimmCount: number;
}

export interface Hugepages {
  readonly pageSizeKib: number;
  readonly numPages: number;
}

export interface Disk {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly sizeBytes?: number;
  /** `none` without one. */
  readonly scheduler: string;
}

/** An interface of the machine itself. */
export interface NetworkDevice {
  readonly name: string;
  readonly macAddress?: string;
  /** Absent without a link. */
  readonly speedMbps?: number;
  readonly mtuBytes?: number;
}

export interface NumaNode {
  readonly id: number;
  readonly memoryBytes?: number;
  readonly hugepages: readonly Hugepages[];
  readonly cores: readonly Core[];
  /** Level 3 and above, shared by all threads of the node. */
  readonly caches: readonly CpuCache[];
  /** To each online node, by ascending ID; 10 to itself. */
  readonly distances: readonly number[];
}

/** A physical core. */
export interface Core {
  /** Unique only within a socket. */
  readonly id: number;
  readonly threadIds: readonly number[];
  /** Only this core's. */
  readonly caches: readonly CpuCache[];
  /** Shared with other cores, except those of the node. */
  readonly uncoreCaches: readonly CpuCache[];
  readonly socketId?: number;
  readonly bookId?: number;
  readonly drawerId?: number;
}

export interface CpuCache {
  readonly id?: number;
  readonly sizeBytes?: number;
  /** `Data`, `Instruction` or `Unified`. */
  readonly type: string;
  readonly level: number;
}

export interface Cloud {
  readonly provider: "AWS" | "Azure" | "GCE";
  readonly instanceType?: string;
  readonly instanceId?: string;
}

export interface VersionInfo {
  readonly kernelVersion: string;
  readonly containerOsVersion: string;
  readonly version: string;
}
