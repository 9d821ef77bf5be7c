import type { TaskLimits } from "../../model/node_summary.ts";
import type { HostFs } from "../host_fs.ts";

/**
 * Reads the number of tasks (`/proc/loadavg`) and its limit, the lower of
 * `pid_max` and `threads-max`.
 *
 * ```text
 * 0.20 0.18 0.12 1/80 11206
 * ```
 */
export function readTaskLimits(fs: HostFs, timestampMs: number): TaskLimits {
  const loadavg = fs.readText("/proc/loadavg") ?? "";
  const current = /^\S+ \S+ \S+ \d+\/(\d+) /.exec(loadavg)?.[1];
  const limits = ["pid_max", "threads-max"]
    .map((name) => fs.readText(`/proc/sys/kernel/${name}`)?.trim())
    .filter((text) => text !== undefined)
    .map(Number);
  return {
    timestampMs,
    ...(limits.length > 0 && { max: Math.min(...limits) }),
    ...(current !== undefined && { current: Number(current) }),
  };
}
