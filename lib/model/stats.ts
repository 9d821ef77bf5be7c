import type { FsStats } from "./filesystem.ts";

/**
 * A sample of a container. Counters are cumulative; unavailable values are
 * absent.
 */
export interface ContainerStats {
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly cpu?: CpuStats;
  /** Rates since the previous sample. */
  readonly cpuInst?: CpuInstStats;
  readonly memory?: MemoryStats;
  readonly diskIo?: DiskIoStats;
  /** By page size in file names: `2MB`, `1GB`. */
  readonly hugetlb?: Readonly<Record<string, HugetlbStats>>;
  readonly network?: NetworkStats;
  readonly processes?: ProcessStats;
  /** Since the referenced bits were last cleared. */
  readonly referencedMemoryBytes?: number;
  /**
   * `cpuset.memory_migrate` of v1: 1 if pages follow a task to its new nodes.
   */
  readonly cpusetMemoryMigrate?: number;
  readonly resctrl?: ResctrlStats;
  /** `starting`, `healthy` or `unhealthy`; absent without a health check. */
  readonly health?: string;
  /** For the root: the machine's, from the last reading before the sample. */
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

/** Sums over the subtree's processes, each since the agent first saw it. */
export interface SchedStats {
  /** Time on a CPU. */
  readonly runTimeNs: number;
  /** Time waiting for a CPU. */
  readonly runqueueTimeNs: number;
  /** Number of times on a CPU. */
  readonly runPeriods: number;
}

/** Nanoseconds of CPU time per second. */
export interface CpuInstStats {
  readonly usage: number;
  readonly user: number;
  readonly system: number;
  readonly perCpuUsage?: readonly number[];
}

/** Bytes, unless the name specifies otherwise. */
export interface MemoryStats {
  readonly usageBytes?: number;
  readonly maxUsageBytes?: number;
  readonly cacheBytes?: number;
  readonly rssBytes?: number;
  readonly swapBytes?: number;
  readonly mappedFileBytes?: number;
  readonly activeFileBytes?: number;
  readonly inactiveFileBytes?: number;
  /** Usage minus inactive file pages; at least 0. */
  readonly workingSetBytes?: number;
  readonly kernelBytes?: number;
  readonly fileDirtyBytes?: number;
  readonly fileWritebackBytes?: number;
  readonly failcnt?: number;
  readonly pgscan?: number;
  readonly pgsteal?: number;
  readonly workingsetRefaultFile?: number;
  readonly workingsetRefaultAnon?: number;
  /** The cgroup itself; on v2 faults include the subtree. */
  readonly containerData?: MemoryScopeStats;
  /** The whole subtree. */
  readonly hierarchicalData?: MemoryScopeStats;
  /** `memory.events`: the subtree. */
  readonly events?: MemoryEvents;
  /** `memory.events.local`: the cgroup itself. */
  readonly eventsLocal?: MemoryEvents;
  readonly swapEvents?: SwapEvents;
  readonly pressure?: Pressure;
}

export interface MemoryScopeStats {
  readonly pgfault?: number;
  readonly pgmajfault?: number;
  readonly numaStats?: NumaStats;
}

/** Pages by node number. */
export interface NumaStats {
  readonly file?: Readonly<Record<string, number>>;
  readonly anon?: Readonly<Record<string, number>>;
  readonly unevictable?: Readonly<Record<string, number>>;
}

/** The kernel's keys. */
export interface MemoryEvents {
  readonly low?: number;
  readonly high?: number;
  readonly max?: number;
  readonly oom?: number;
  readonly oomKill?: number;
  readonly oomGroupKill?: number;
}

/** `memory.swap.events`. */
export interface SwapEvents {
  /** Usage exceeded `memory.swap.high`. */
  readonly high?: number;
  /** Usage reached `memory.swap.max`. */
  readonly max?: number;
  /** Failed allocations. */
  readonly fail?: number;
}

export interface HugetlbStats {
  readonly usageBytes?: number;
  readonly maxUsageBytes?: number;
  /** Hits of the limit. */
  readonly failcnt?: number;
}

/**
 * One counter of a disk by operation: `Read`, `Write`, `Total`, …, or `Count`
 * without operations.
 */
export interface PerDiskStats {
  readonly major: number;
  readonly minor: number;
  /** `/dev/…`, if known. */
  readonly device?: string;
  readonly stats: Readonly<Record<string, number>>;
}

export interface DiskIoStats {
  readonly serviceBytes: readonly PerDiskStats[];
  readonly serviced: readonly PerDiskStats[];
  /** Pending operations; v1 only, as the following up to `timeMs`. */
  readonly queued?: readonly PerDiskStats[];
  /** Sectors of 512 bytes. */
  readonly sectors?: readonly PerDiskStats[];
  /** From request to completion. */
  readonly serviceTimeNs?: readonly PerDiskStats[];
  /** In the scheduler's queue. */
  readonly waitTimeNs?: readonly PerDiskStats[];
  readonly merged?: readonly PerDiskStats[];
  /** Disk time of the cgroup. */
  readonly timeMs?: readonly PerDiskStats[];
  /** `cost.usage` of `io.stat`; v2 with an io.cost model, as the following. */
  readonly costUsageUsec?: readonly PerDiskStats[];
  readonly costWaitUsec?: readonly PerDiskStats[];
  readonly costIndebtUsec?: readonly PerDiskStats[];
  readonly costIndelayUsec?: readonly PerDiskStats[];
  readonly pressure?: Pressure;
}

export interface NetworkStats {
  /**
   * In the kernel's order, without loopback and the host's ends of container
   * interfaces.
   */
  readonly interfaces?: readonly InterfaceStats[];
  readonly tcp?: TcpStats;
  readonly tcp6?: TcpStats;
  readonly udp?: UdpStats;
  readonly udp6?: UdpStats;
  /** By the names of {@linkcode TCP_ADVANCED}. */
  readonly tcpAdvanced?: Readonly<Record<string, number>>;
}

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

/** Number of sockets by state. */
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

export interface UdpStats {
  /** Number of sockets. */
  readonly listen: number;
  /** Datagrams. */
  readonly dropped: number;
  /** Unread bytes. */
  readonly rxQueued: number;
  /** Unsent bytes. */
  readonly txQueued: number;
}

/** Counters of a resctrl group with exactly the container's tasks. */
export interface ResctrlStats {
  /** By memory bandwidth domain. */
  readonly memoryBandwidth?: readonly {
    readonly totalBytes?: number;
    readonly localBytes?: number;
  }[];
  /** By cache. */
  readonly cache?: readonly { readonly llcOccupancyBytes: number }[];
}

export interface ProcessStats {
  /** Processes of the cgroup itself. */
  readonly processCount?: number;
  /** `pids.current` of the subtree. */
  readonly threadsCurrent?: number;
  /** `pids.max`; `Infinity` is no limit. */
  readonly threadsMax?: number;
  /** Open descriptors of these processes. */
  readonly fdCount?: number;
  /** Sockets among them. */
  readonly socketCount?: number;
  /** Limits of the first process; only `max_open_files`. */
  readonly ulimits?: readonly Ulimit[];
}

export interface Ulimit {
  /** cAdvisor's name. */
  readonly name: string;
  /** `Infinity` is no limit. */
  readonly softLimit: number;
  readonly hardLimit: number;
}

/** Pressure stall information (`accounting/psi.rst`). */
export interface Pressure {
  readonly some?: PressureShare;
  readonly full?: PressureShare;
}

/** Percent of the last 10, 60 and 300 s; total in microseconds. */
export interface PressureShare {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalUsec: number;
}
