import type { CgroupName } from "./cgroup.ts";

/** A process as in `ps`. Unknown fields are absent. */
export interface ProcessInfo {
  /** Effective user, or UID if `/etc/passwd` lacks it. */
  readonly user: string;
  readonly pid: number;
  readonly parentPid: number;
  /** Milliseconds since the epoch. */
  readonly startTimeMs: number;
  /** Percent of one CPU, over its lifetime. */
  readonly cpuPercent: number;
  /** Percent of the machine's memory. */
  readonly memoryPercent?: number;
  readonly rssBytes?: number;
  readonly virtualBytes?: number;
  /**
   * State letter, then `<` or `N` for priority, `L` locked pages, `s` session
   * leader, `l` threads, `+` foreground.
   */
  readonly status: string;
  /** CPU time. */
  readonly runningTimeMs: number;
  /** Absent if the agent's cgroup namespace has no name for it. */
  readonly cgroup?: CgroupName;
  /** Name, or command line if requested. */
  readonly command: string;
  readonly fdCount?: number;
  /** Last CPU. */
  readonly processor: number;
}

export interface ProcessListOptions {
  /** Includes command lines, which may contain secrets. @default false */
  readonly commandLines?: boolean;
}
