import type {
  ContainerInfo,
  ContainerReference,
  ContainerSpec,
  CpuSpec,
  MemorySpec,
} from "../model/container.ts";
import { formatTimestamp } from "../model/event.ts";
import type {
  ContainerStats,
  CpuStats,
  DiskIoStats,
  MemoryStats,
  PerDiskStats,
  Pressure,
  PressureShare,
  ProcessStats,
} from "../model/stats.ts";

/** An object on its way to JSON, where a key whose value is `undefined` is left out. */
export type JsonObject = { readonly [key: string]: unknown };

/** How Go writes a time that was never set. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

/** How cAdvisor writes "max": the greatest number of 64 bits. */
const MAX = rawNumber("18446744073709551615");

/**
 * A container as `/api/v1.3/containers` and `subcontainers` tell it: the
 * fields of its reference, `subcontainers`, `spec`, and `stats` oldest first.
 */
export function containerInfoJson(info: ContainerInfo): JsonObject {
  return {
    ...referenceJson(info.reference),
    "subcontainers": unlessEmpty(info.subcontainers.map(referenceJson)),
    "spec": specJson(info.spec),
    "stats": unlessEmpty(info.stats.map(containerStatsJson)),
  };
}

/** Limits and identity, in the form that v1 and v2 share. */
export function specJson(spec: ContainerSpec): JsonObject {
  const { cpu, memory, processes, labels } = spec;
  return {
    "creation_time": timeJson(spec.creationTimeMs),
    // When the runtime started it: not known of a plain cgroup.
    "start_time": ZERO_TIME,
    "labels": labels === undefined || Object.keys(labels).length === 0
      ? undefined
      : labels,
    "has_cpu": cpu !== undefined,
    "cpu": cpu && cpuSpecJson(cpu),
    "has_memory": memory !== undefined,
    "memory": memory && memorySpecJson(memory),
    "has_hugetlb": false,
    "has_network": false,
    "has_processes": processes !== undefined,
    "processes": processes && { "limit": limitJson(processes.limit) },
    "has_filesystem": false,
    "has_diskio": spec.hasDiskIo,
    "has_custom_metrics": false,
    "image": spec.image,
  };
}

/** One sample in the form of v1. */
export function containerStatsJson(stats: ContainerStats): JsonObject {
  return {
    "timestamp": timeJson(stats.timestampMs),
    ...sectionsJson(stats),
  };
}

/** The sections of a sample that v1 and v2 share; one that was not collected is left out. */
export function sectionsJson(stats: ContainerStats): JsonObject {
  const { cpu, diskIo, memory, processes } = stats;
  return {
    "cpu": cpu && cpuJson(cpu),
    "diskio": diskIo && diskIoJson(diskIo),
    "memory": memory && memoryJson(memory),
    "processes": processes && processesJson(processes),
  };
}

/** RFC 3339 in UTC without trailing zeros, as Go writes it; the year 1 where there is no time. */
export function timeJson(timestampMs: number | undefined): string {
  if (timestampMs === undefined) return ZERO_TIME;
  return formatTimestamp(timestampMs).replace(/\.?0+Z$/, "Z");
}

/** A whole number with all its digits, which `JSON.stringify` would round past 2^53. */
export function wholeJson(value: number | undefined): unknown {
  if (value === undefined) return undefined;
  const whole = Math.trunc(value);
  return Number.isSafeInteger(whole) ? whole : rawNumber(`${BigInt(whole)}`);
}

function referenceJson(reference: ContainerReference): JsonObject {
  const { id, name, aliases, namespace } = reference;
  return {
    "id": id,
    "name": name,
    "aliases": aliases && unlessEmpty(aliases),
    "namespace": namespace,
  };
}

function cpuSpecJson(cpu: CpuSpec): JsonObject {
  return {
    "limit": wholeJson(cpu.shares),
    // No kernel has such a limit; cAdvisor's clients expect the key.
    "max_limit": 0,
    "mask": cpu.mask,
    "quota": wholeJson(cpu.quotaUsec),
    "period": wholeJson(cpu.periodUsec),
  };
}

function memorySpecJson(memory: MemorySpec): JsonObject {
  return {
    "limit": limitJson(memory.limitBytes),
    "reservation": limitJson(memory.reservationBytes),
    "swap_limit": limitJson(memory.swapLimitBytes),
  };
}

function cpuJson(cpu: CpuStats): JsonObject {
  return {
    "usage": unlessBare({
      "total": wholeJson(cpu.usageNs),
      "per_cpu_usage": cpu.perCpuUsageNs &&
        unlessEmpty(cpu.perCpuUsageNs.map(wholeJson)),
      "user": wholeJson(cpu.userNs),
      "system": wholeJson(cpu.systemNs),
    }),
    "cfs": unlessBare({
      "periods": wholeJson(cpu.periods),
      "throttled_periods": wholeJson(cpu.throttledPeriods),
      "throttled_time": wholeJson(cpu.throttledNs),
      "bursts_periods": wholeJson(cpu.burstPeriods),
      "burst_time": wholeJson(cpu.burstNs),
    }),
    "psi": psiJson(cpu.pressure),
  };
}

function memoryJson(memory: MemoryStats): JsonObject {
  // cAdvisor writes the same counts under both names.
  const faults = unlessBare({
    "pgfault": wholeJson(memory.pgfault),
    "pgmajfault": wholeJson(memory.pgmajfault),
  });
  return {
    "usage": wholeJson(memory.usageBytes),
    "max_usage": wholeJson(memory.maxUsageBytes),
    "cache": wholeJson(memory.cacheBytes),
    "rss": wholeJson(memory.rssBytes),
    "swap": wholeJson(memory.swapBytes),
    "mapped_file": wholeJson(memory.mappedFileBytes),
    "working_set": wholeJson(memory.workingSetBytes),
    "total_active_file": wholeJson(memory.activeFileBytes),
    "total_inactive_file": wholeJson(memory.inactiveFileBytes),
    "file_dirty": wholeJson(memory.fileDirtyBytes),
    "file_writeback": wholeJson(memory.fileWritebackBytes),
    "pgscan": wholeJson(memory.pgscan),
    "pgsteal": wholeJson(memory.pgsteal),
    "workingset_refault_file": wholeJson(memory.workingsetRefaultFile),
    "workingset_refault_anon": wholeJson(memory.workingsetRefaultAnon),
    "failcnt": wholeJson(memory.failcnt),
    "kernel": wholeJson(memory.kernelBytes),
    "container_data": faults,
    "hierarchical_data": faults,
    "psi": psiJson(memory.pressure),
    "events": memory.events && unlessBare({
      "high": wholeJson(memory.events.high),
      "max": wholeJson(memory.events.max),
    }),
  };
}

function diskIoJson(diskIo: DiskIoStats): JsonObject {
  return {
    "io_service_bytes": unlessEmpty(diskIo.serviceBytes.map(perDiskJson)),
    "io_serviced": unlessEmpty(diskIo.serviced.map(perDiskJson)),
    "psi": psiJson(diskIo.pressure),
  };
}

function perDiskJson(disk: PerDiskStats): JsonObject {
  const stats = Object.entries(disk.stats)
    .map(([operation, value]) => [operation, wholeJson(value)] as const);
  return {
    "device": disk.device ?? "",
    "major": disk.major,
    "minor": disk.minor,
    "stats": Object.fromEntries(stats),
  };
}

function processesJson(processes: ProcessStats): JsonObject {
  const { threadsMax } = processes;
  return {
    "process_count": wholeJson(processes.processCount),
    "threads_current": wholeJson(processes.threadsCurrent),
    // Unlike the spec, a sample leaves "max" out.
    "threads_max": threadsMax === Infinity ? undefined : wholeJson(threadsMax),
  };
}

function psiJson(pressure: Pressure | undefined): JsonObject | undefined {
  return pressure && unlessBare({
    "full": pressure.full && pressureShareJson(pressure.full),
    "some": pressure.some && pressureShareJson(pressure.some),
  });
}

function pressureShareJson(share: PressureShare): JsonObject {
  return {
    // Microseconds, as cAdvisor gives them, whatever its comments say.
    "total": wholeJson(share.totalUsec),
    "avg10": share.avg10,
    "avg60": share.avg60,
    "avg300": share.avg300,
  };
}

function limitJson(value: number | undefined): unknown {
  return value === Infinity ? MAX : wholeJson(value);
}

function unlessEmpty<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function unlessBare(object: JsonObject): JsonObject | undefined {
  return Object.values(object).some((value) => value !== undefined)
    ? object
    : undefined;
}

/** TypeScript's library does not have `JSON.rawJSON` yet; V8 has had it since 11.4. */
function rawNumber(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown })
    .rawJSON(digits);
}
