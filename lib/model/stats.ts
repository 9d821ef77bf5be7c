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
  readonly processes?: ProcessStats;
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
  readonly pressure?: Pressure;
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
  readonly pgfault?: number;
  readonly pgmajfault?: number;
  readonly pgscan?: number;
  readonly pgsteal?: number;
  readonly workingsetRefaultFile?: number;
  readonly workingsetRefaultAnon?: number;
  /** `memory.events`: low, high, max, oom, oomKill, oomGroupKill. */
  readonly events?: MemoryEvents;
  readonly pressure?: Pressure;
}

/** Counts of `memory.events`, of the whole subtree. */
export interface MemoryEvents {
  readonly low?: number;
  readonly high?: number;
  readonly max?: number;
  readonly oom?: number;
  readonly oomKill?: number;
  readonly oomGroupKill?: number;
}

/** Operations of one kind on one disk, by operation: `Read`, `Write`, `Total`, … */
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
  readonly pressure?: Pressure;
}

/** Tasks of a container. */
export interface ProcessStats {
  /** Lines of `cgroup.procs`: of this cgroup, not of those below. */
  readonly processCount?: number;
  /** `pids.current`: of the whole subtree. */
  readonly threadsCurrent?: number;
  /** `pids.max`; `Infinity` is no limit. */
  readonly threadsMax?: number;
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
