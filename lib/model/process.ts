import type { CgroupName } from "./cgroup.ts";

/** One process as `ps` tells of it; an absent field is one that the kernel does not tell us. */
export interface ProcessInfo {
  /** Name of the effective user, or its number where `/etc/passwd` has no name. */
  readonly user: string;
  readonly pid: number;
  readonly parentPid: number;
  /** Milliseconds since the epoch. */
  readonly startTimeMs: number;
  /** Of one CPU, over its whole life. */
  readonly cpuPercent: number;
  /** Resident memory, of the machine's. */
  readonly memoryPercent?: number;
  readonly rssBytes?: number;
  readonly virtualBytes?: number;
  /** The state's letter, then `<` or `N` for priority, `L` locked pages, `s` session leader, `l` threads, `+` foreground. */
  readonly status: string;
  /** CPU time, milliseconds. */
  readonly runningTimeMs: number;
  /** Absent where the kernel names one that is not to be found from our cgroup namespace. */
  readonly cgroup?: CgroupName;
  /** Its name, or its command line where that was asked for and can be read. */
  readonly command: string;
  /** Open descriptors. */
  readonly fdCount?: number;
  /** The CPU that it ran on last. */
  readonly processor: number;
}

/** What is asked of a listing of processes. */
export interface ProcessListOptions {
  /** Whether command lines are read, which may hold secrets. @default false */
  readonly commandLines?: boolean;
}
