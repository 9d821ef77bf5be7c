import type { CgroupName } from "./cgroup.ts";

/** One process as `ps` lists it. Unknown fields are absent. */
export interface ProcessInfo {
  /**
   * Name of the effective user, or the UID if `/etc/passwd` does not have it.
   */
  readonly user: string;
  readonly pid: number;
  readonly parentPid: number;
  /** Milliseconds since the epoch. */
  readonly startTimeMs: number;
  /** Percent of one CPU, over the lifetime of the process. */
  readonly cpuPercent: number;
  /** Resident memory in percent of the machine's. */
  readonly memoryPercent?: number;
  readonly rssBytes?: number;
  readonly virtualBytes?: number;
  /**
   * State letter, then `<` or `N` for priority, `L` locked pages, `s` session
   * leader, `l` threads, `+` foreground.
   */
  readonly status: string;
  /** CPU time, milliseconds. */
  readonly runningTimeMs: number;
  /** Absent if the agent's cgroup namespace has no name for it. */
  readonly cgroup?: CgroupName;
  /** Name, or command line if it was requested and can be read. */
  readonly command: string;
  readonly fdCount?: number;
  /** CPU that it last ran on. */
  readonly processor: number;
}

export interface ProcessListOptions {
  /**
   * Whether to read command lines, which may contain secrets.
   *
   * @default false
   */
  readonly commandLines?: boolean;
}
