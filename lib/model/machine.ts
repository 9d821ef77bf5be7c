import type { FsInfo } from "./filesystem.ts";

/** What is known of the machine; an absent field is one the host does not tell. */
export interface MachineInfo extends MachineFacts {
  /** Those with space for files, as they stood a few seconds ago. */
  readonly filesystems: readonly FsInfo[];
}

/** What seldom changes of a machine. */
export interface MachineFacts {
  /** When it was read, milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly vendorId?: string;
  /** Threads that are online. */
  readonly numCores: number;
  readonly numPhysicalCores?: number;
  readonly numSockets?: number;
  /** Of s390 machines. */
  readonly numBooks?: number;
  readonly numDrawers?: number;
  readonly cpuFrequencyKhz?: number;
  readonly memoryCapacityBytes?: number;
  readonly swapCapacityBytes?: number;
  /** By type, such as `Registered-DDR4`; empty where no driver reads the memory controller. */
  readonly memoryByType: ReadonlyMap<string, MemoryModules>;
  readonly hugepages: readonly Hugepages[];
  readonly machineId?: string;
  readonly systemUuid?: string;
  readonly bootId?: string;
  readonly disks: readonly Disk[];
  readonly networkDevices: readonly NetworkDevice[];
  /** By number; one node for each socket where the kernel knows no nodes. */
  readonly topology: readonly NumaNode[];
  readonly cloud?: Cloud;
}

/** Memory modules of one type. */
export interface MemoryModules {
  readonly capacityBytes: number;
  readonly dimmCount: number;
}

/** Huge pages of one size. */
export interface Hugepages {
  readonly pageSizeKib: number;
  readonly numPages: number;
}

/** A disk. */
export interface Disk {
  /** `sda`, `nvme0n1`. */
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly sizeBytes?: number;
  /** `none` where it has none. */
  readonly scheduler: string;
}

/** A network interface of the machine itself. */
export interface NetworkDevice {
  readonly name: string;
  readonly macAddress?: string;
  /** Absent while there is no link, and of what is not a wire. */
  readonly speedMbps?: number;
  readonly mtuBytes?: number;
}

/** A node of memory and CPUs that are near each other. */
export interface NumaNode {
  readonly id: number;
  readonly memoryBytes?: number;
  readonly hugepages: readonly Hugepages[];
  readonly cores: readonly Core[];
  /** Those that all its threads share. */
  readonly caches: readonly CpuCache[];
  /** To node 0, 1, …; 10 to itself. */
  readonly distances: readonly number[];
}

/** A physical core. */
export interface Core {
  readonly id: number;
  readonly threadIds: readonly number[];
  /** Its own ones. */
  readonly caches: readonly CpuCache[];
  /** Those it shares with some other cores. */
  readonly uncoreCaches: readonly CpuCache[];
  readonly socketId?: number;
  readonly bookId?: number;
  readonly drawerId?: number;
}

/** A cache of a CPU. */
export interface CpuCache {
  readonly id?: number;
  readonly sizeBytes?: number;
  /** `Data`, `Instruction` or `Unified`. */
  readonly type: string;
  readonly level: number;
}

/** Whose virtual machine this is. */
export interface Cloud {
  readonly provider: "AWS" | "Azure" | "GCE";
  readonly instanceType?: string;
  readonly instanceId?: string;
}

/** Versions of what runs here. */
export interface VersionInfo {
  readonly kernelVersion: string;
  readonly containerOsVersion: string;
  readonly version: string;
}
