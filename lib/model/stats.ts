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
  /** Keyed by page size as in the kernel's file names, such as `2MB` or `1GB`. */
  readonly hugetlb?: Readonly<Record<string, HugetlbStats>>;
  readonly network?: NetworkStats;
  readonly processes?: ProcessStats;
  /** Memory referenced since the referenced bits were last cleared. */
  readonly referencedMemoryBytes?: number;
  /**
   * `cpuset.memory_migrate` (v1): 1 if pages follow a task to its new NUMA nodes.
   */
  readonly cpusetMemoryMigrate?: number;
  readonly resctrl?: ResctrlStats;
  /** `starting`, `healthy` or `unhealthy`; absent without a health check. */
  readonly health?: string;
  /** For the root, file systems of the machine; last read before the sample. */
  readonly filesystems?: readonly FsStats[];
}

/** CPU time and CFS bandwidth periods. */
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

/** Sums over the processes of the subtree, each counted since the agent first saw it. */
export interface SchedStats {
  /** Time on a CPU. */
  readonly runTimeNs: number;
  /** Time waiting for a CPU. */
  readonly runqueueTimeNs: number;
  /** Number of time slices run on a CPU. */
  readonly runPeriods: number;
}

/** Nanoseconds of CPU time per second. */
export interface CpuInstStats {
  readonly usage: number;
  readonly user: number;
  readonly system: number;
  readonly perCpuUsage?: readonly number[];
}

/** Fields without `Bytes` count events or pages. */
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
  /** Number of times that usage hit the limit (v1). */
  readonly failcnt?: number;
  /** Pages scanned by reclaim. */
  readonly pgscan?: number;
  /** Pages reclaimed. */
  readonly pgsteal?: number;
  readonly workingsetRefaultFile?: number;
  readonly workingsetRefaultAnon?: number;
  /** Data of the cgroup itself; on v2 page faults include the subtree. */
  readonly containerData?: MemoryScopeStats;
  /** Data of the subtree. */
  readonly hierarchicalData?: MemoryScopeStats;
  /** `memory.events`, which includes the subtree. */
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

/** Numbers of pages, keyed by NUMA node number. */
export interface NumaStats {
  readonly file?: Readonly<Record<string, number>>;
  readonly anon?: Readonly<Record<string, number>>;
  readonly unevictable?: Readonly<Record<string, number>>;
}

/** Counters of `memory.events`; `oomGroupKill` is `oom_group_kill`. */
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
  /** Number of times that usage hit the limit. */
  readonly failcnt?: number;
}

/** One counter of a disk. */
export interface PerDiskStats {
  readonly major: number;
  readonly minor: number;
  /** `/dev/…`, if known. */
  readonly device?: string;
  /**
   * Values keyed by operation (`Read`, `Write`, `Total`, …), or only `Count` if
   * the kernel does not distinguish operations.
   */
  readonly stats: Readonly<Record<string, number>>;
}

/**
 * Disk I/O by disk. The fields from `queued` to `timeMs` exist on v1 only, the
 * `cost…` fields on v2 with an io.cost model (`cost.*` of `io.stat`).
 */
export interface DiskIoStats {
  /** Bytes transferred. */
  readonly serviceBytes: readonly PerDiskStats[];
  /** Number of completed operations. */
  readonly serviced: readonly PerDiskStats[];
  /** Number of pending operations. */
  readonly queued?: readonly PerDiskStats[];
  /** Sectors of 512 bytes. */
  readonly sectors?: readonly PerDiskStats[];
  /** Time from dispatch to the disk until completion. */
  readonly serviceTimeNs?: readonly PerDiskStats[];
  /** Time in the queue of the I/O scheduler. */
  readonly waitTimeNs?: readonly PerDiskStats[];
  /** Number of merged requests. */
  readonly merged?: readonly PerDiskStats[];
  /** Time for which the disk was allocated to the cgroup. */
  readonly timeMs?: readonly PerDiskStats[];
  readonly costUsageUsec?: readonly PerDiskStats[];
  readonly costWaitUsec?: readonly PerDiskStats[];
  readonly costIndebtUsec?: readonly PerDiskStats[];
  readonly costIndelayUsec?: readonly PerDiskStats[];
  readonly pressure?: Pressure;
}

export interface NetworkStats {
  /**
   * Interfaces in the kernel's order, without loopback, `veth…`, `docker…` and
   * `nerdctl…`, as in cAdvisor.
   */
  readonly interfaces?: readonly InterfaceStats[];
  readonly tcp?: TcpStats;
  readonly tcp6?: TcpStats;
  readonly udp?: UdpStats;
  readonly udp6?: UdpStats;
  /** Keyed by the names in `TCP_ADVANCED` (`tcp_advanced.ts`). */
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
  /** One element per memory bandwidth domain. */
  readonly memoryBandwidth?: readonly {
    readonly totalBytes?: number;
    readonly localBytes?: number;
  }[];
  /** One element per last-level cache. */
  readonly cache?: readonly { readonly llcOccupancyBytes: number }[];
}

export interface ProcessStats {
  /** Processes of the cgroup itself. */
  readonly processCount?: number;
  /** `pids.current` of the subtree. */
  readonly threadsCurrent?: number;
  /** `pids.max`; `Infinity` if unlimited. */
  readonly threadsMax?: number;
  /** Open file descriptors of the processes of the cgroup itself. */
  readonly fdCount?: number;
  /** Number of these descriptors that are sockets. */
  readonly socketCount?: number;
  /** Limits of the first process; only `max_open_files`. */
  readonly ulimits?: readonly Ulimit[];
}

export interface Ulimit {
  /** cAdvisor's name. */
  readonly name: string;
  /** `Infinity` if unlimited. */
  readonly softLimit: number;
  readonly hardLimit: number;
}

/** Pressure stall information (`accounting/psi.rst`). */
export interface Pressure {
  readonly some?: PressureShare;
  readonly full?: PressureShare;
}

/** Stall time: percent of the last 10, 60 and 300 s; total in microseconds. */
export interface PressureShare {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalUsec: number;
}
