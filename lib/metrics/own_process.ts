import type { HostFs } from "../kernfs/host_fs.ts";
import { parseOpenFilesLimit } from "../kernfs/machine.ts";
import {
  parseProcessStat,
  type ProcessStat,
  TICKS_PER_SECOND,
} from "../kernfs/proc/process_stat.ts";
import { counter, type Family, gauge } from "./family.ts";

/** The agent's own process, as Prometheus' clients tell of theirs. */
export interface OwnProcess {
  readonly stat: ProcessStat;
  readonly pageBytes: number;
  /** When the machine was started, seconds since the epoch. */
  readonly bootSeconds?: number;
  readonly openFiles?: number;
  readonly maxOpenFiles?: number;
  readonly maxVirtualBytes?: number;
}

/** Reads `/proc/self`; undefined where it cannot be read. */
export function readOwnProcess(fs: HostFs): OwnProcess | undefined {
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

/** The usual families of a process. */
export const PROCESS_FAMILIES: readonly Family<OwnProcess>[] = [
  counter(
    "process_cpu_seconds_total",
    "CPU time of the agent.",
    ({ stat }, emit) =>
      emit((stat.userTicks + stat.systemTicks) / TICKS_PER_SECOND),
  ),
  gauge(
    "process_open_fds",
    "Files that the agent has open.",
    ({ openFiles }, emit) => emit(openFiles),
  ),
  gauge(
    "process_max_fds",
    "Files that the agent may have open.",
    ({ maxOpenFiles }, emit) => emit(maxOpenFiles),
  ),
  gauge(
    "process_virtual_memory_bytes",
    "Addresses that the agent has mapped.",
    ({ stat }, emit) => emit(stat.virtualBytes),
  ),
  gauge(
    "process_virtual_memory_max_bytes",
    "Addresses that the agent may map; absent where there is no limit.",
    ({ maxVirtualBytes }, emit) => emit(maxVirtualBytes),
  ),
  gauge(
    "process_resident_memory_bytes",
    "Memory of the agent.",
    ({ stat, pageBytes }, emit) => emit(stat.rssPages * pageBytes),
  ),
  gauge(
    "process_start_time_seconds",
    "When the agent was started, in seconds since the epoch.",
    ({ stat, bootSeconds = NaN }, emit) =>
      emit(bootSeconds + stat.startTicks / TICKS_PER_SECOND),
  ),
];
