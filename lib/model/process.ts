import type { CgroupName } from "./cgroup.ts";

/** A process as in `ps`. Unknown fields are absent. */
export interface ProcessInfo {
  /** Effective user; UID if `/etc/passwd` lacks it. */
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
  /** As in `ps`: letter, then `<`, `N`, `L`, `s`, `l`, `+` (`formatState`). */
  readonly status: string;
  /** CPU time. */
  readonly runningTimeMs: number;
  /** Absent if outside the agent's cgroup namespace. */
  readonly cgroup?: CgroupName;
  /** Name, or the command line if requested. */
  readonly command: string;
  readonly fdCount?: number;
  /** Last CPU. */
  readonly processor: number;
}

export interface ProcessListOptions {
  /** Includes command lines, which may contain secrets. @default false */
  readonly commandLines?: boolean;
}
