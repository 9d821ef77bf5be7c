import type { ProcessInfo } from "../model/process.ts";
import type { Wire } from "./schema.ts";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Returns a process for `/api/v2.1/ps`, with times as in `ps`. */
export function processJson(
  process: ProcessInfo,
  nowMs: number,
): Wire<"ProcessInfo"> {
  return {
    "user": process.user,
    "pid": process.pid,
    "parent_pid": process.parentPid,
    "start_time": startTimeText(process.startTimeMs, nowMs),
    "percent_cpu": tenths(process.cpuPercent),
    "percent_mem": tenths(process.memoryPercent),
    "rss": process.rssBytes,
    "virtual_size": process.virtualBytes,
    "status": process.status,
    "running_time": runningTimeText(process.runningTimeMs),
    "cgroup_path": process.cgroup,
    "cmd": process.command,
    "fd_count": process.fdCount,
    "psr": process.processor,
  };
}

/** Rounds down to tenths, as `ps`. */
function tenths(percent: number | undefined): number | undefined {
  return percent === undefined ? undefined : Math.trunc(percent * 10) / 10;
}

/**
 * Returns `STIME` of `ps` in local time: `06:31` today, `Nov23` this year,
 * otherwise `2025`.
 */
function startTimeText(startMs: number, nowMs: number): string {
  const start = new Date(startMs);
  const now = new Date(nowMs);
  if (start.getFullYear() !== now.getFullYear()) {
    return `${start.getFullYear()}`;
  }
  const month = MONTHS[start.getMonth()] ?? "";
  return start.getMonth() === now.getMonth() &&
      start.getDate() === now.getDate()
    ? `${two(start.getHours())}:${two(start.getMinutes())}`
    : `${month}${two(start.getDate())}`;
}

/** Returns `TIME` of `ps`: `[days-]hours:minutes:seconds`. */
function runningTimeText(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  const days = Math.trunc(seconds / 86_400);
  const clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
    .map((part) => two(Math.trunc(part))).join(":");
  return days > 0 ? `${two(days)}-${clock}` : clock;
}

function two(value: number): string {
  return `${value}`.padStart(2, "0");
}
