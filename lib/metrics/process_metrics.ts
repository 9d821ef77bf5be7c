import type { HostFs } from "../kernfs/host_fs.ts";
import { parseOpenFilesLimit } from "../kernfs/machine.ts";
import {
  parseProcessStat,
  type ProcessStat,
  TICKS_PER_SECOND,
} from "../kernfs/proc/process_stat.ts";
import { counter, type Family, gauge } from "./family.ts";

/** The agent's process, as in Prometheus client libraries. */
export interface ProcessMetrics {
  readonly stat: ProcessStat;
  readonly pageBytes: number;
  /** Seconds since the epoch. */
  readonly bootSeconds?: number;
  readonly openFiles?: number;
  readonly maxOpenFiles?: number;
  readonly maxVirtualBytes?: number;
}

/** Reads `/proc/self`. */
export function readProcessMetrics(fs: HostFs): ProcessMetrics | undefined {
  const text = fs.readText("/proc/self/stat");
  if (text === undefined) return undefined;
  const limits = fs.readText("/proc/self/limits") ?? "";
  const boot = /^btime (\d+)$/m.exec(fs.readText("/proc/stat") ?? "")?.[1];
  const space = /^Max address space\s+(\d+)/m.exec(limits)?.[1];
  const openFiles = fs.entryCount(fs.path("/proc/self/fd"));
  const maxOpenFiles = parseOpenFilesLimit(limits);
  return {
    stat: parseProcessStat(text),
    pageBytes: fs.pageBytes,
    ...(boot !== undefined && { bootSeconds: Number(boot) }),
    ...(openFiles !== undefined && { openFiles }),
    ...(maxOpenFiles !== undefined && { maxOpenFiles }),
    ...(space !== undefined && { maxVirtualBytes: Number(space) }),
  };
}

/** The standard process families. */
export const PROCESS_FAMILIES: readonly Family<ProcessMetrics>[] = [
  counter(
    "process_cpu_seconds_total",
    "CPU time of the agent in seconds.",
    ({ stat }, emit) =>
      emit((stat.userTicks + stat.systemTicks) / TICKS_PER_SECOND),
  ),
  gauge(
    "process_open_fds",
    "Open file descriptors of the agent.",
    ({ openFiles }, emit) => emit(openFiles),
  ),
  gauge(
    "process_max_fds",
    "Maximum number of open file descriptors of the agent.",
    ({ maxOpenFiles }, emit) => emit(maxOpenFiles),
  ),
  gauge(
    "process_virtual_memory_bytes",
    "Virtual memory of the agent in bytes.",
    ({ stat }, emit) => emit(stat.virtualBytes),
  ),
  gauge(
    "process_virtual_memory_max_bytes",
    "Maximum virtual memory of the agent in bytes; absent without a limit.",
    ({ maxVirtualBytes }, emit) => emit(maxVirtualBytes),
  ),
  gauge(
    "process_resident_memory_bytes",
    "Resident memory of the agent in bytes.",
    ({ stat, pageBytes }, emit) => emit(stat.rssPages * pageBytes),
  ),
  gauge(
    "process_start_time_seconds",
    "Start time of the agent in seconds since the epoch.",
    ({ stat, bootSeconds = NaN }, emit) =>
      emit(bootSeconds + stat.startTicks / TICKS_PER_SECOND),
  ),
];
