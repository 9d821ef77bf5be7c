/**
 * cAdvisor's names of every number of a container, in the form of v1, of which
 * v2 has most; hence over 300 lines.
 *
 * @module
 */
import type {
  ContainerInfo,
  ContainerReference,
  ContainerSpec,
  CpuSpec,
  MemorySpec,
} from "../model/container.ts";
import type {
  ContainerStats,
  CpuStats,
  DiskIoStats,
  HugetlbStats,
  InterfaceStats,
  MemoryScopeStats,
  MemoryStats,
  NetworkStats,
  PerDiskStats,
  Pressure,
  PressureShare,
  ProcessStats,
  ResctrlStats,
  TcpStats,
  UdpStats,
} from "../model/stats.ts";
import { TCP_ADVANCED } from "../model/tcp_advanced.ts";
import { filesystemsJson } from "./filesystem_json.ts";
import {
  type JsonObject,
  limitJson,
  timeJson,
  wholeJson,
} from "./json_values.ts";

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
    "start_time": timeJson(spec.startTimeMs),
    "labels": labels === undefined || Object.keys(labels).length === 0
      ? undefined
      : labels,
    "has_cpu": cpu !== undefined,
    "cpu": cpu && cpuSpecJson(cpu),
    "has_memory": memory !== undefined,
    "memory": memory && memorySpecJson(memory),
    "has_hugetlb": spec.hasHugetlb ?? false,
    "has_network": spec.hasNetwork ?? false,
    "has_processes": processes !== undefined,
    "processes": processes && { "limit": limitJson(processes.limit) },
    "has_filesystem": spec.hasFilesystems ?? false,
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
    "network": stats.network && {
      // As in cAdvisor, the first interface's numbers stand beside the list too.
      ...stats.network.interfaces?.slice(0, 1).map(interfaceJson)[0],
      ...networkJson(stats.network),
    },
    "cpuset": stats.cpusetMemoryMigrate === undefined
      ? undefined
      : { "memory_migrate": stats.cpusetMemoryMigrate },
    ...filesystemsJson(stats),
    "health": stats.health === undefined
      ? undefined
      : { "status": stats.health },
  };
}

/** The sections of a sample that v1 and v2 share; one that was not collected is left out. */
export function sectionsJson(stats: ContainerStats): JsonObject {
  const { cpu, diskIo, memory, hugetlb, processes, resctrl } = stats;
  return {
    "cpu": cpu && cpuJson(cpu),
    "diskio": diskIo && diskIoJson(diskIo),
    "memory": memory && memoryJson(memory),
    "hugetlb": hugetlb && hugetlbJson(hugetlb),
    "processes": processes && processesJson(processes),
    "referenced_memory": wholeJson(stats.referencedMemoryBytes),
    "resctrl": resctrl && resctrlJson(resctrl),
  };
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
    "schedstat": cpu.schedstat && {
      "run_time": wholeJson(cpu.schedstat.runTimeNs),
      "runqueue_time": wholeJson(cpu.schedstat.runqueueTimeNs),
      "run_periods": wholeJson(cpu.schedstat.runPeriods),
    },
    "psi": psiJson(cpu.pressure),
  };
}

function memoryJson(memory: MemoryStats): JsonObject {
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
    "container_data": memory.containerData && scopeJson(memory.containerData),
    "hierarchical_data": memory.hierarchicalData &&
      scopeJson(memory.hierarchicalData),
    "psi": psiJson(memory.pressure),
    "events": memory.events && unlessBare({
      "high": wholeJson(memory.events.high),
      "max": wholeJson(memory.events.max),
    }),
  };
}

/** Faults, and pages by node. */
function scopeJson(scope: MemoryScopeStats): JsonObject {
  const { pgfault, pgmajfault, numaStats } = scope;
  return {
    "pgfault": wholeJson(pgfault),
    "pgmajfault": wholeJson(pgmajfault),
    "numa_stats": numaStats && {
      "file": numaStats.file,
      "anon": numaStats.anon,
      "unevictable": numaStats.unevictable,
    },
  };
}

function diskIoJson(diskIo: DiskIoStats): JsonObject {
  const disks = (counts: readonly PerDiskStats[] = []) =>
    unlessEmpty(counts.map(perDiskJson));
  return {
    "io_service_bytes": disks(diskIo.serviceBytes),
    "io_serviced": disks(diskIo.serviced),
    "io_queued": disks(diskIo.queued),
    "sectors": disks(diskIo.sectors),
    "io_service_time": disks(diskIo.serviceTimeNs),
    "io_wait_time": disks(diskIo.waitTimeNs),
    "io_merged": disks(diskIo.merged),
    "io_time": disks(diskIo.timeMs),
    "io_cost_usage": disks(diskIo.costUsageUsec),
    "io_cost_wait": disks(diskIo.costWaitUsec),
    "io_cost_indebt": disks(diskIo.costIndebtUsec),
    "io_cost_indelay": disks(diskIo.costIndelayUsec),
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
    "fd_count": wholeJson(processes.fdCount),
    "socket_count": wholeJson(processes.socketCount),
    "ulimits": processes.ulimits?.map(({ name, softLimit, hardLimit }) => ({
      "name": name,
      "soft_limit": ulimitJson(softLimit),
      "hard_limit": ulimitJson(hardLimit),
    })),
  };
}

/** Here no limit is −1. */
function ulimitJson(limit: number): unknown {
  return limit === Infinity ? -1 : wholeJson(limit);
}

/** By page size, in the order of the names, as Go writes a map. */
function hugetlbJson(
  hugetlb: Readonly<Record<string, HugetlbStats>>,
): JsonObject {
  return Object.fromEntries(
    Object.entries(hugetlb)
      .toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([size, { usageBytes, maxUsageBytes, failcnt }]) => [size, {
        "usage": wholeJson(usageBytes),
        "max_usage": wholeJson(maxUsageBytes),
        "failcnt": wholeJson(failcnt),
      }]),
  );
}

/** What v1 and v2 share of the network. */
export function networkJson(network: NetworkStats): JsonObject {
  return {
    "interfaces": network.interfaces?.map(interfaceJson),
    "tcp": network.tcp && socketsJson(network.tcp),
    "tcp6": network.tcp6 && socketsJson(network.tcp6),
    "udp": network.udp && socketsJson(network.udp),
    "udp6": network.udp6 && socketsJson(network.udp6),
    "tcp_advanced": network.tcpAdvanced &&
      Object.fromEntries(
        TCP_ADVANCED.map((name) => [
          name,
          wholeJson(network.tcpAdvanced?.[name]),
        ]),
      ),
  };
}

function interfaceJson(counts: InterfaceStats): JsonObject {
  return {
    "name": counts.name,
    "rx_bytes": wholeJson(counts.rxBytes),
    "rx_packets": wholeJson(counts.rxPackets),
    "rx_errors": wholeJson(counts.rxErrors),
    "rx_dropped": wholeJson(counts.rxDropped),
    "tx_bytes": wholeJson(counts.txBytes),
    "tx_packets": wholeJson(counts.txPackets),
    "tx_errors": wholeJson(counts.txErrors),
    "tx_dropped": wholeJson(counts.txDropped),
  };
}

/** cAdvisor has counts of sockets under the names of its own fields, capitals and all. */
function socketsJson(counts: TcpStats | UdpStats): JsonObject {
  return Object.fromEntries(
    Object.entries(counts).map(([key, count]) => [
      key[0]?.toUpperCase() + key.slice(1),
      wholeJson(count),
    ]),
  );
}

function resctrlJson({ memoryBandwidth, cache }: ResctrlStats): JsonObject {
  return {
    "memory_bandwidth": memoryBandwidth?.map(({ totalBytes, localBytes }) => ({
      "mbm_total_bytes": wholeJson(totalBytes),
      "mbm_local_bytes": wholeJson(localBytes),
    })),
    "cache": cache?.map(({ llcOccupancyBytes }) => ({
      "llc_occupancy": wholeJson(llcOccupancyBytes),
    })),
  };
}

/** Averages, and totals in microseconds, as cAdvisor and the kubelet send them, whatever their comments say. */
export function psiJson(
  pressure: Pressure | undefined,
): JsonObject | undefined {
  return pressure && unlessBare({
    "full": pressure.full && pressureShareJson(pressure.full),
    "some": pressure.some && pressureShareJson(pressure.some),
  });
}

function pressureShareJson(share: PressureShare): JsonObject {
  return {
    "total": wholeJson(share.totalUsec),
    "avg10": share.avg10,
    "avg60": share.avg60,
    "avg300": share.avg300,
  };
}

function unlessEmpty<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function unlessBare(object: JsonObject): JsonObject | undefined {
  return Object.values(object).some((value) => value !== undefined)
    ? object
    : undefined;
}
