/**
 * JSON of containers in v1; v2 shares most of it. Exceeds 300 lines: one table
 * of names.
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
import { integerJson, limitJson, timeJson } from "./json_values.ts";
import type { Wire } from "./schema.ts";

/** Returns a container for `/api/v1.3/containers` and `subcontainers`. */
export function containerInfoJson(info: ContainerInfo): Wire<"ContainerInfo"> {
  return {
    ...referenceJson(info.reference),
    "subcontainers": unlessEmpty(info.subcontainers.map(referenceJson)),
    "spec": specJson(info.spec),
    "stats": unlessEmpty(info.stats.map(containerStatsJson)),
  };
}

/** Returns limits and identity, as in v1 and v2. */
export function specJson(spec: ContainerSpec): Wire<"ContainerSpec"> {
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

/** Returns a v1 sample. */
export function containerStatsJson(
  stats: ContainerStats,
): Wire<"ContainerStats"> {
  return {
    "timestamp": timeJson(stats.timestampMs),
    ...sectionsJson(stats),
    "network": stats.network && {
      ...firstInterfaceJson(stats.network),
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

/** Returns a sample's sections, as in v1 and v2; those not collected are absent. */
export function sectionsJson(
  stats: ContainerStats,
): Pick<
  Wire<"ContainerStats">,
  | "cpu"
  | "diskio"
  | "memory"
  | "hugetlb"
  | "processes"
  | "referenced_memory"
  | "resctrl"
> {
  const { cpu, diskIo, memory, hugetlb, processes, resctrl } = stats;
  return {
    "cpu": cpu && cpuJson(cpu),
    "diskio": diskIo && diskIoJson(diskIo),
    "memory": memory && memoryJson(memory),
    "hugetlb": hugetlb && hugetlbJson(hugetlb),
    "processes": processes && processesJson(processes),
    "referenced_memory": integerJson(stats.referencedMemoryBytes),
    "resctrl": resctrl && resctrlJson(resctrl),
  };
}

function referenceJson(
  reference: ContainerReference,
): Wire<"ContainerReference"> {
  const { id, name, aliases, namespace } = reference;
  return {
    "id": id,
    "name": name,
    "aliases": aliases && unlessEmpty(aliases),
    "namespace": namespace,
  };
}

function cpuSpecJson(cpu: CpuSpec): Wire<"CpuSpec"> {
  return {
    "limit": integerJson(cpu.shares),
    // No kernel has this limit, but clients expect the key.
    "max_limit": 0,
    "mask": cpu.mask,
    "quota": integerJson(cpu.quotaUsec),
    "period": integerJson(cpu.periodUsec),
  };
}

function memorySpecJson(memory: MemorySpec): Wire<"MemorySpec"> {
  return {
    "limit": limitJson(memory.limitBytes),
    "reservation": limitJson(memory.reservationBytes),
    "swap_limit": limitJson(memory.swapLimitBytes),
  };
}

function cpuJson(cpu: CpuStats): Wire<"CpuStats"> {
  return {
    "usage": unlessBare({
      "total": integerJson(cpu.usageNs),
      "per_cpu_usage": cpu.perCpuUsageNs &&
        unlessEmpty(cpu.perCpuUsageNs.map((ns) => integerJson(ns))),
      "user": integerJson(cpu.userNs),
      "system": integerJson(cpu.systemNs),
    }),
    "cfs": unlessBare({
      "periods": integerJson(cpu.periods),
      "throttled_periods": integerJson(cpu.throttledPeriods),
      "throttled_time": integerJson(cpu.throttledNs),
      "bursts_periods": integerJson(cpu.burstPeriods),
      "burst_time": integerJson(cpu.burstNs),
    }),
    "schedstat": cpu.schedstat && {
      "run_time": integerJson(cpu.schedstat.runTimeNs),
      "runqueue_time": integerJson(cpu.schedstat.runqueueTimeNs),
      "run_periods": integerJson(cpu.schedstat.runPeriods),
    },
    "psi": psiJson(cpu.pressure),
  };
}

function memoryJson(memory: MemoryStats): Wire<"MemoryStats"> {
  return {
    "usage": integerJson(memory.usageBytes),
    "max_usage": integerJson(memory.maxUsageBytes),
    "cache": integerJson(memory.cacheBytes),
    "rss": integerJson(memory.rssBytes),
    "swap": integerJson(memory.swapBytes),
    "mapped_file": integerJson(memory.mappedFileBytes),
    "working_set": integerJson(memory.workingSetBytes),
    "total_active_file": integerJson(memory.activeFileBytes),
    "total_inactive_file": integerJson(memory.inactiveFileBytes),
    "file_dirty": integerJson(memory.fileDirtyBytes),
    "file_writeback": integerJson(memory.fileWritebackBytes),
    "pgscan": integerJson(memory.pgscan),
    "pgsteal": integerJson(memory.pgsteal),
    "workingset_refault_file": integerJson(memory.workingsetRefaultFile),
    "workingset_refault_anon": integerJson(memory.workingsetRefaultAnon),
    "failcnt": integerJson(memory.failcnt),
    "kernel": integerJson(memory.kernelBytes),
    "container_data": memory.containerData && scopeJson(memory.containerData),
    "hierarchical_data": memory.hierarchicalData &&
      scopeJson(memory.hierarchicalData),
    "psi": psiJson(memory.pressure),
    "events": memory.events && unlessBare({
      "high": integerJson(memory.events.high),
      "max": integerJson(memory.events.max),
    }),
  };
}

function scopeJson(scope: MemoryScopeStats): Wire<"MemoryScope"> {
  const { pgfault, pgmajfault, numaStats } = scope;
  return {
    "pgfault": integerJson(pgfault),
    "pgmajfault": integerJson(pgmajfault),
    "numa_stats": numaStats && {
      "file": numaStats.file,
      "anon": numaStats.anon,
      "unevictable": numaStats.unevictable,
    },
  };
}

function diskIoJson(diskIo: DiskIoStats): Wire<"DiskIoStats"> {
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

function perDiskJson(disk: PerDiskStats): Wire<"PerDiskStats"> {
  const stats = Object.entries(disk.stats)
    .map(([operation, value]) => [operation, integerJson(value)] as const);
  return {
    "device": disk.device ?? "",
    "major": disk.major,
    "minor": disk.minor,
    "stats": Object.fromEntries(stats),
  };
}

function processesJson(processes: ProcessStats): Wire<"ProcessStats"> {
  const { threadsMax } = processes;
  return {
    "process_count": integerJson(processes.processCount),
    "threads_current": integerJson(processes.threadsCurrent),
    // Unlike specs, samples omit "max".
    "threads_max": threadsMax === Infinity
      ? undefined
      : integerJson(threadsMax),
    "fd_count": integerJson(processes.fdCount),
    "socket_count": integerJson(processes.socketCount),
    "ulimits": processes.ulimits?.map(({ name, softLimit, hardLimit }) => ({
      "name": name,
      "soft_limit": ulimitJson(softLimit),
      "hard_limit": ulimitJson(hardLimit),
    })),
  };
}

/** Returns -1 for no limit. */
function ulimitJson(limit: number): number {
  return limit === Infinity ? -1 : integerJson(limit);
}

/** Sorted by name, as Go's maps. */
function hugetlbJson(
  hugetlb: Readonly<Record<string, HugetlbStats>>,
): Readonly<Record<string, Wire<"HugetlbStats">>> {
  return Object.fromEntries(
    Object.entries(hugetlb)
      .toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([size, { usageBytes, maxUsageBytes, failcnt }]) => [size, {
        "usage": integerJson(usageBytes),
        "max_usage": integerJson(maxUsageBytes),
        "failcnt": integerJson(failcnt),
      }]),
  );
}

/** Returns network usage, as in v1 and v2. */
export function networkJson(network: NetworkStats): Wire<"NetworkStatsV2"> {
  return {
    "interfaces": network.interfaces?.map(interfaceJson),
    "tcp": network.tcp && tcpJson(network.tcp),
    "tcp6": network.tcp6 && tcpJson(network.tcp6),
    "udp": network.udp && udpJson(network.udp),
    "udp6": network.udp6 && udpJson(network.udp6),
    "tcp_advanced": network.tcpAdvanced && tcpAdvancedJson(network.tcpAdvanced),
  };
}

function interfaceJson(counts: InterfaceStats): Wire<"InterfaceStats"> {
  return {
    "name": counts.name,
    "rx_bytes": integerJson(counts.rxBytes),
    "rx_packets": integerJson(counts.rxPackets),
    "rx_errors": integerJson(counts.rxErrors),
    "rx_dropped": integerJson(counts.rxDropped),
    "tx_bytes": integerJson(counts.txBytes),
    "tx_packets": integerJson(counts.txPackets),
    "tx_errors": integerJson(counts.txErrors),
    "tx_dropped": integerJson(counts.txDropped),
  };
}

/** cAdvisor repeats the first interface's counters. */
function firstInterfaceJson(
  { interfaces: [first] = [] }: NetworkStats,
): Omit<Wire<"NetworkStats">, keyof Wire<"NetworkStatsV2">> {
  return {
    "name": first?.name,
    "rx_bytes": integerJson(first?.rxBytes),
    "rx_packets": integerJson(first?.rxPackets),
    "rx_errors": integerJson(first?.rxErrors),
    "rx_dropped": integerJson(first?.rxDropped),
    "tx_bytes": integerJson(first?.txBytes),
    "tx_packets": integerJson(first?.txPackets),
    "tx_errors": integerJson(first?.txErrors),
    "tx_dropped": integerJson(first?.txDropped),
  };
}

/** Keys are the names of cAdvisor's Go fields; so in `udpJson`. */
function tcpJson(counts: TcpStats): Wire<"TcpStat"> {
  return {
    "Established": counts.established,
    "SynSent": counts.synSent,
    "SynRecv": counts.synRecv,
    "FinWait1": counts.finWait1,
    "FinWait2": counts.finWait2,
    "TimeWait": counts.timeWait,
    "Close": counts.close,
    "CloseWait": counts.closeWait,
    "LastAck": counts.lastAck,
    "Listen": counts.listen,
    "Closing": counts.closing,
  };
}

function udpJson(counts: UdpStats): Wire<"UdpStat"> {
  return {
    "Listen": integerJson(counts.listen),
    "Dropped": integerJson(counts.dropped),
    "RxQueued": integerJson(counts.rxQueued),
    "TxQueued": integerJson(counts.txQueued),
  };
}

/** Returns counters in cAdvisor's order. */
function tcpAdvancedJson(
  counters: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const present = TCP_ADVANCED.flatMap((name) => {
    const count = integerJson(counters[name]);
    return count === undefined ? [] : [[name, count] as const];
  });
  return Object.fromEntries(present);
}

function resctrlJson(
  { memoryBandwidth, cache }: ResctrlStats,
): Wire<"ResctrlStats"> {
  return {
    "memory_bandwidth": memoryBandwidth?.map(({ totalBytes, localBytes }) => ({
      "mbm_total_bytes": integerJson(totalBytes),
      "mbm_local_bytes": integerJson(localBytes),
    })),
    "cache": cache?.map(({ llcOccupancyBytes }) => ({
      "llc_occupancy": integerJson(llcOccupancyBytes),
    })),
  };
}

/**
 * Returns averages in percent, and totals in microseconds, as the kernel and
 * cAdvisor do, although cAdvisor documents nanoseconds.
 */
export function psiJson(
  pressure: Pressure | undefined,
): Wire<"Psi"> | undefined {
  return pressure && unlessBare({
    "full": pressure.full && pressureShareJson(pressure.full),
    "some": pressure.some && pressureShareJson(pressure.some),
  });
}

function pressureShareJson(share: PressureShare): Wire<"PsiShare"> {
  return {
    "total": integerJson(share.totalUsec),
    "avg10": share.avg10,
    "avg60": share.avg60,
    "avg300": share.avg300,
  };
}

function unlessEmpty<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function unlessBare<T extends object>(object: T): T | undefined {
  return Object.values(object).some((value) => value !== undefined)
    ? object
    : undefined;
}
