import type { FsStats } from "./filesystem.ts";

/**
 * Measurements of a container. A part that was not collected is absent; so is
 * a number the kernel does not have. Counters are cumulative.
 */
export interface ContainerStats {
  /** When it was read, milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly cpu?: CpuStats;
  /** Rates against the sample before; absent for the first one. */
  readonly cpuInst?: CpuInstStats;
  readonly memory?: MemoryStats;
  readonly diskIo?: DiskIoStats;
  /** By page size as the control files spell it: `2MB`, `1GB`. */
  readonly hugetlb?: Readonly<Record<string, HugetlbStats>>;
  readonly network?: NetworkStats;
  readonly processes?: ProcessStats;
  /** Memory whose pages were touched since their referenced marks were last taken away. */
  readonly referencedMemoryBytes?: number;
  /** `cpuset.memory_migrate` of v1: 1 where pages follow a task to its new nodes. */
  readonly cpusetMemoryMigrate?: number;
  readonly resctrl?: ResctrlStats;
  /** `starting`, `healthy` or `unhealthy` at that time; absent where nothing checks it. */
  readonly health?: string;
  /** Of the root all file systems of the machine, as they were read last before. */
  readonly filesystems?: readonly FsStats[];
}

/** Times in nanoseconds. */
export interface CpuStats {
  readonly usageNs?: number;
  readonly userNs?: number;
  readonly systemNs?: number;
  readonly perCpuUsageNs?: readonly number[];
  readonly periods?: number;
  readonly throttledPeriods?: number;
  readonly throttledNs?: number;
  readonly burstPeriods?: number;
  readonly burstNs?: number;
  readonly schedstat?: SchedStats;
  readonly pressure?: Pressure;
}

/** What the scheduler did with the processes of a cgroup and those below it, since the agent first saw each. */
export interface SchedStats {
  /** On a CPU. */
  readonly runTimeNs: number;
  /** Ready, and waiting for a CPU. */
  readonly runqueueTimeNs: number;
  /** How often it got a CPU. */
  readonly runPeriods: number;
}

/** Nanoseconds of CPU time a second. */
export interface CpuInstStats {
  readonly usage: number;
  readonly user: number;
  readonly system: number;
  readonly perCpuUsage?: readonly number[];
}

/** Bytes, unless the name says otherwise. */
export interface MemoryStats {
  readonly usageBytes?: number;
  readonly maxUsageBytes?: number;
  readonly cacheBytes?: number;
  readonly rssBytes?: number;
  readonly swapBytes?: number;
  readonly mappedFileBytes?: number;
  readonly activeFileBytes?: number;
  readonly inactiveFileBytes?: number;
  /** Usage less inactive file, not below 0. */
  readonly workingSetBytes?: number;
  readonly kernelBytes?: number;
  readonly fileDirtyBytes?: number;
  readonly fileWritebackBytes?: number;
  readonly failcnt?: number;
  readonly pgscan?: number;
  readonly pgsteal?: number;
  readonly workingsetRefaultFile?: number;
  readonly workingsetRefaultAnon?: number;
  /** Of this cgroup alone; on v2, which counts no such thing, faults of the whole subtree. */
  readonly containerData?: MemoryScopeStats;
  /** Of the whole subtree. */
  readonly hierarchicalData?: MemoryScopeStats;
  /** `memory.events`, of the whole subtree. */
  readonly events?: MemoryEvents;
  /** `memory.events.local`, of this cgroup alone. */
  readonly eventsLocal?: MemoryEvents;
  /** `memory.swap.events`. */
  readonly swapEvents?: SwapEvents;
  readonly pressure?: Pressure;
}

/** What is counted of a cgroup alone, and of its subtree. */
export interface MemoryScopeStats {
  readonly pgfault?: number;
  readonly pgmajfault?: number;
  /** `memory.numa_stat`. */
  readonly numaStats?: NumaStats;
}

/** Pages by the number of their node. */
export interface NumaStats {
  readonly file?: Readonly<Record<string, number>>;
  readonly anon?: Readonly<Record<string, number>>;
  readonly unevictable?: Readonly<Record<string, number>>;
}

/** How often the kernel did what the key says. */
export interface MemoryEvents {
  readonly low?: number;
  readonly high?: number;
  readonly max?: number;
  readonly oom?: number;
  readonly oomKill?: number;
  readonly oomGroupKill?: number;
}

/** How often swap met a limit. */
export interface SwapEvents {
  /** Over `memory.swap.high`. */
  readonly high?: number;
  /** About to go over `memory.swap.max`. */
  readonly max?: number;
  /** No swap was to be had, for that limit or for want of any. */
  readonly fail?: number;
}

/** Pages of one size. */
export interface HugetlbStats {
  readonly usageBytes?: number;
  readonly maxUsageBytes?: number;
  /** How often the limit was met. */
  readonly failcnt?: number;
}

/** Counts of one kind on one disk, by operation: `Read`, `Write`, `Total`, …, or `Count` where the kernel tells no operation. */
export interface PerDiskStats {
  readonly major: number;
  readonly minor: number;
  /** `/dev/…` name, where known. */
  readonly device?: string;
  readonly stats: Readonly<Record<string, number>>;
}

/** Input and output by disk. */
export interface DiskIoStats {
  /** Bytes. */
  readonly serviceBytes: readonly PerDiskStats[];
  /** Operations. */
  readonly serviced: readonly PerDiskStats[];
  /** Operations that wait; v1, as all down to `time`. */
  readonly queued?: readonly PerDiskStats[];
  /** Sectors of 512 bytes. */
  readonly sectors?: readonly PerDiskStats[];
  /** From the disk's being asked to its answer, nanoseconds. */
  readonly serviceTimeNs?: readonly PerDiskStats[];
  /** In the scheduler's queue, nanoseconds. */
  readonly waitTimeNs?: readonly PerDiskStats[];
  /** Operations that were merged into others. */
  readonly merged?: readonly PerDiskStats[];
  /** Time that the disk was the cgroup's, milliseconds. */
  readonly timeMs?: readonly PerDiskStats[];
  /** `cost.usage` of `io.stat`, microseconds; v2 with an io.cost model, as all that follow. */
  readonly costUsageUsec?: readonly PerDiskStats[];
  readonly costWaitUsec?: readonly PerDiskStats[];
  readonly costIndebtUsec?: readonly PerDiskStats[];
  readonly costIndelayUsec?: readonly PerDiskStats[];
  readonly pressure?: Pressure;
}

/** What went over the network of a container's processes. */
export interface NetworkStats {
  /** As the kernel orders them; without loopback and the host's ends of containers. */
  readonly interfaces?: readonly InterfaceStats[];
  readonly tcp?: TcpStats;
  readonly tcp6?: TcpStats;
  readonly udp?: UdpStats;
  readonly udp6?: UdpStats;
  /** Counters of the TCP stack, by the names of {@linkcode TCP_ADVANCED}; those the kernel does not have are absent. */
  readonly tcpAdvanced?: Readonly<Record<string, number>>;
}

/** One interface. */
export interface InterfaceStats {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** Sockets by state. */
export interface TcpStats {
  readonly established: number;
  readonly synSent: number;
  readonly synRecv: number;
  readonly finWait1: number;
  readonly finWait2: number;
  readonly timeWait: number;
  readonly close: number;
  readonly closeWait: number;
  readonly lastAck: number;
  readonly listen: number;
  readonly closing: number;
}

/** Sockets of UDP. */
export interface UdpStats {
  /** How many there are. */
  readonly listen: number;
  /** Datagrams. */
  readonly dropped: number;
  /** Bytes not read yet. */
  readonly rxQueued: number;
  /** Bytes not sent yet. */
  readonly txQueued: number;
}

/** What a group of resctrl that has exactly the container's tasks measures. */
export interface ResctrlStats {
  /** An element a domain of memory bandwidth. */
  readonly memoryBandwidth?: readonly {
    readonly totalBytes?: number;
    readonly localBytes?: number;
  }[];
  /** An element a cache. */
  readonly cache?: readonly { readonly llcOccupancyBytes: number }[];
}

/** Tasks of a container. */
export interface ProcessStats {
  /** Lines of `cgroup.procs`: of this cgroup, not of those below. */
  readonly processCount?: number;
  /** `pids.current`: of the whole subtree. */
  readonly threadsCurrent?: number;
  /** `pids.max`; `Infinity` is no limit. */
  readonly threadsMax?: number;
  /** Open descriptors of these processes. */
  readonly fdCount?: number;
  /** Those of them that are sockets. */
  readonly socketCount?: number;
  /** Of the first process: as yet `max_open_files` alone. */
  readonly ulimits?: readonly Ulimit[];
}

/** A limit of a process. */
export interface Ulimit {
  /** cAdvisor's name for it. */
  readonly name: string;
  /** `Infinity` is no limit. */
  readonly softLimit: number;
  readonly hardLimit: number;
}

/** Pressure stall information: who waited for the resource, and for how long. */
export interface Pressure {
  readonly some?: PressureShare;
  readonly full?: PressureShare;
}

/** Shares of time in percent over 10 s, 60 s and 300 s; the total in microseconds. */
export interface PressureShare {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalUsec: number;
}
