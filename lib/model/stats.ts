import type { FsStats } from "./filesystem.ts";

/** Counters are cumulative; unavailable values absent. */
export interface ContainerStats {
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly cpu?: CpuStats;
  /** Since the previous sample. */
  readonly cpuInst?: CpuInstStats;
  readonly memory?: MemoryStats;
  readonly diskIo?: DiskIoStats;
  /** Keyed by page size: `2MB`, `1GB`. */
  readonly hugetlb?: Readonly<Record<string, HugetlbStats>>;
  readonly network?: NetworkStats;
  readonly processes?: ProcessStats;
  /** Since the bits were last cleared. */
  readonly referencedMemoryBytes?: number;
  /** v1: 1 if pages follow a task to new NUMA nodes. */
  readonly cpusetMemoryMigrate?: number;
  readonly resctrl?: ResctrlStats;
  /** `starting`, `healthy` or `unhealthy`; absent without a health check. */
  readonly health?: string;
  /** For the root, the machine's. */
  readonly filesystems?: readonly FsStats[];
}

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

/** Sums over the subtree's processes, with those seen and exited. */
export interface SchedStats {
  /** On a CPU. */
  readonly runTimeNs: number;
  /** Waiting for a CPU. */
  readonly runqueueTimeNs: number;
  /** Time slices run. */
  readonly runPeriods: number;
}

/** CPU nanoseconds per second. */
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
  /** Usage minus inactive file pages, at least 0. */
  readonly workingSetBytes?: number;
  readonly kernelBytes?: number;
  readonly fileDirtyBytes?: number;
  readonly fileWritebackBytes?: number;
  /** Times that usage hit the limit (v1). */
  readonly failcnt?: number;
  /** Pages scanned by reclaim. */
  readonly pgscan?: number;
  /** Pages reclaimed. */
  readonly pgsteal?: number;
  readonly workingsetRefaultFile?: number;
  readonly workingsetRefaultAnon?: number;
  /** The cgroup itself; on v2, faults include the subtree. */
  readonly containerData?: MemoryScopeStats;
  /** The subtree. */
  readonly hierarchicalData?: MemoryScopeStats;
  /** The subtree. */
  readonly events?: MemoryEvents;
  /** The cgroup itself. */
  readonly eventsLocal?: MemoryEvents;
  readonly swapEvents?: SwapEvents;
  readonly pressure?: Pressure;
}

export interface MemoryScopeStats {
  readonly pgfault?: number;
  readonly pgmajfault?: number;
  readonly numaStats?: NumaStats;
}

/** Pages by NUMA node. */
export interface NumaStats {
  readonly file?: Readonly<Record<string, number>>;
  readonly anon?: Readonly<Record<string, number>>;
  readonly unevictable?: Readonly<Record<string, number>>;
}

/** Counters of `memory.events`. */
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
  /** Times that usage hit the limit. */
  readonly failcnt?: number;
}

/** One counter of a disk. */
export interface PerDiskStats {
  readonly major: number;
  readonly minor: number;
  /** `/dev/…`, if known. */
  readonly device?: string;
  /**
   * By operation (`Read`, `Write`, `Total`, …), or only `Count` if the kernel
   * does not distinguish them.
   */
  readonly stats: Readonly<Record<string, number>>;
}

/**
 * `queued` to `timeMs` exist on v1, `cost…` on v2 with an io.cost model
 * (`cost.*` of `io.stat`).
 */
export interface DiskIoStats {
  readonly serviceBytes: readonly PerDiskStats[];
  /** Completed. */
  readonly serviced: readonly PerDiskStats[];
  /** Pending. */
  readonly queued?: readonly PerDiskStats[];
  /** 512 bytes each. */
  readonly sectors?: readonly PerDiskStats[];
  /** From dispatch until completion. */
  readonly serviceTimeNs?: readonly PerDiskStats[];
  /** In the scheduler's queue. */
  readonly waitTimeNs?: readonly PerDiskStats[];
  readonly merged?: readonly PerDiskStats[];
  /** Time for which the cgroup had the disk. */
  readonly timeMs?: readonly PerDiskStats[];
  readonly costUsageUsec?: readonly PerDiskStats[];
  readonly costWaitUsec?: readonly PerDiskStats[];
  readonly costIndebtUsec?: readonly PerDiskStats[];
  readonly costIndelayUsec?: readonly PerDiskStats[];
  readonly pressure?: Pressure;
}

export interface NetworkStats {
  /**
   * In the kernel's order, without loopback, `veth…`, `docker…` and `nerdctl…`,
   * as in cAdvisor.
   */
  readonly interfaces?: readonly InterfaceStats[];
  readonly tcp?: TcpStats;
  readonly tcp6?: TcpStats;
  readonly udp?: UdpStats;
  readonly udp6?: UdpStats;
  /** Keyed by `TCP_ADVANCED`. */
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

export interface UdpStats {
  /** Sockets. */
  readonly listen: number;
  /** Datagrams. */
  readonly dropped: number;
  /** Unread bytes. */
  readonly rxQueued: number;
  /** Unsent bytes. */
  readonly txQueued: number;
}

/** Group with exactly the container's tasks. */
export interface ResctrlStats {
  /** By memory bandwidth domain. */
  readonly memoryBandwidth?: readonly {
    readonly totalBytes?: number;
    readonly localBytes?: number;
  }[];
  /** By last-level cache. */
  readonly cache?: readonly { readonly llcOccupancyBytes: number }[];
}

export interface ProcessStats {
  /** The cgroup itself. */
  readonly processCount?: number;
  /** `pids.current` of the subtree. */
  readonly threadsCurrent?: number;
  /** `pids.max`; `Infinity` if unlimited. */
  readonly threadsMax?: number;
  /** Descriptors of the cgroup's own processes. */
  readonly fdCount?: number;
  /** Sockets among these. */
  readonly socketCount?: number;
  /** The first process's `max_open_files`. */
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

/** Percent of the last 10, 60 and 300 s, and microseconds. */
export interface PressureShare {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalUsec: number;
}
