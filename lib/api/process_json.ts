import type { ProcessInfo } from "../model/process.ts";
import type { JsonObject } from "./json_values.ts";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** A process as `/api/v2.1/ps` tells it; times are texts in the form of `ps`. */
export function processJson(process: ProcessInfo, nowMs: number): JsonObject {
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

/** Cut to tenths, as `ps` does. */
function tenths(percent: number | undefined): number | undefined {
  return percent === undefined ? undefined : Math.trunc(percent * 10) / 10;
}

/** `ps`'s STIME in local time: 06:31 of today, Nov23 of this year, 2025 of any other. */
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

/** `ps`'s TIME: [days-]hours:minutes:seconds. */
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
