/**
 * cAdvisor's tables of JSON fields, one row per field: name and type. A type
 * that ends in `?` may be absent; `[…]` is an array and `{…}` an object of such
 * values.
 *
 * @module
 */
import { assert } from "@std/assert";

/** Types of one table, by field. */
export type Table = Readonly<Record<string, string>>;

const CACHE: Table = {
  "id": "whole?",
  "size": "whole",
  "type": "text",
  "level": "whole",
};

const FLAGS = [
  "cpu",
  "diskio",
  "memory",
  "hugetlb",
  "network",
  "processes",
  "filesystem",
] as const;

/** Sections of a sample shared by v2.0 and v2.1. */
const SECTIONS: Table = {
  "cpu": "CpuStats?",
  "diskio": "DiskIoStats?",
  "memory": "MemoryStats?",
  "hugetlb": "{HugetlbStats}?",
  "network": "NetworkStats?",
  "processes": "ProcessStats?",
};

const OTHERS: Table = {
  "timestamp": "time",
  "cpu_inst": "CpuInstStats?",
  "referenced_memory": "whole?",
  "resctrl": "ResctrlStats?",
};

/** Returns rows of the same type. */
function rows(form: string, names: string): Table {
  return Object.fromEntries(names.split(" ").map((name) => [name, form]));
}

const TCP =
  "Established SynSent SynRecv FinWait1 FinWait2 TimeWait Close CloseWait LastAck Listen Closing";
const IO_COUNTS =
  "io_service_bytes io_serviced io_queued sectors io_service_time io_wait_time io_merged io_time io_cost_usage io_cost_wait io_cost_indebt io_cost_indelay";

const HUGEPAGES: Table = { "page_size": "whole", "num_pages": "whole" };

/** Tables referenced by rows. */
const TABLES: Readonly<Record<string, Table>> = {
  MachineInfo: {
    "timestamp": "time",
    "vendor_id": "text?",
    "num_cores": "whole",
    "num_physical_cores": "whole?",
    "num_sockets": "whole?",
    "num_books": "whole?",
    "num_drawers": "whole?",
    "cpu_frequency_khz": "whole?",
    "memory_capacity": "whole",
    "swap_capacity": "whole",
    "memory_by_type": "{MemoryInfo}",
    "hugepages": "[Hugepages]",
    "machine_id": "text?",
    "system_uuid": "text?",
    "boot_id": "text",
    "filesystems": "[FilesystemInfo]",
    "disk_map": "{Disk}",
    "network_devices": "[NetworkDevice]",
    "topology": "[Node]",
    "cloud_provider": "text?",
    "instance_type": "text?",
    "instance_id": "text?",
  },
  Attributes: {
    "kernel_version": "text",
    "container_os_version": "text",
    "docker_version": "text?",
    "docker_api_version": "text?",
    "cadvisor_version": "text",
    "num_cores": "whole",
    "cpu_frequency_khz": "whole?",
    "memory_capacity": "whole",
    "machine_id": "text?",
    "system_uuid": "text?",
    "hugepages": "[Hugepages]",
    "filesystems": "[FilesystemInfo]",
    "disk_map": "{Disk}",
    "network_devices": "[NetworkDevice]",
    "topology": "[Node]",
    "cloud_provider": "text?",
    "instance_type": "text?",
  },
  ContainerInfoV2: {
    "spec": "ContainerSpecV2",
    "stats": "[ContainerStatsV2]?",
  },
  ContainerSpecV2: {
    "creation_time": "time",
    "start_time": "time",
    "aliases": "[text]?",
    "namespace": "text?",
    "labels": "{text}?",
    ...rows(
      "bool",
      "has_cpu has_memory has_hugetlb has_network has_processes has_filesystem has_diskio has_custom_metrics",
    ),
    "cpu": "CpuSpec?",
    "memory": "MemorySpec?",
    "processes": "ProcessSpec?",
    "image": "text?",
  },
  CpuSpec: {
    ...rows("whole?", "limit max_limit quota period"),
    "mask": "text?",
  },
  MemorySpec: rows("whole?", "limit reservation swap_limit"),
  ProcessSpec: rows("whole?", "limit"),
  ContainerStatsV2: {
    ...OTHERS,
    ...SECTIONS,
    "filesystem": "FilesystemStats?",
  },
  DeprecatedContainerStats: {
    ...OTHERS,
    ...SECTIONS,
    ...rows("bool", FLAGS.map((name) => `has_${name}`).join(" ")),
    ...rows("bool", "has_load has_custom_metrics"),
    "filesystem": "[FsStats]?",
  },
  MachineStats: {
    "timestamp": "time",
    "cpu": "CpuStats?",
    "cpu_inst": "CpuInstStats?",
    "memory": "MemoryStats?",
    "network": "NetworkStats?",
    "filesystem": "[MachineFsStats]?",
  },
  FilesystemStats: {
    ...rows(
      "whole?",
      "totalUsageBytes baseUsageBytes containter_inode_usage",
    ),
    "stale": "bool?",
  },
  MachineFsStats: {
    ...rows("text", "device type"),
    ...rows("whole?", "capacity usage available inodes_free"),
    "inline": "DiskCounters?",
    "stale": "bool?",
  },
  DiskCounters: rows(
    "whole",
    "reads_completed reads_merged sectors_read read_duration writes_completed writes_merged sectors_written write_duration io_in_progress io_duration weighted_io_duration",
  ),
  CpuStats: {
    "usage": "CpuUsage?",
    "cfs": "CpuCfs?",
    "schedstat": "CpuSchedstat?",
    "psi": "Psi?",
  },
  CpuUsage: {
    ...rows("whole?", "total user system"),
    "per_cpu_usage": "[whole]?",
  },
  CpuCfs: rows(
    "whole?",
    "periods throttled_periods throttled_time bursts_periods burst_time",
  ),
  CpuSchedstat: rows("whole", "run_time runqueue_time run_periods"),
  CpuInstStats: { "usage": "CpuUsage" },
  Psi: { "full": "PsiShare?", "some": "PsiShare?" },
  PsiShare: { "total": "whole", ...rows("number", "avg10 avg60 avg300") },
  MemoryStats: {
    ...rows(
      "whole?",
      "usage max_usage cache rss swap mapped_file working_set total_active_file total_inactive_file file_dirty file_writeback pgscan pgsteal workingset_refault_file workingset_refault_anon failcnt kernel",
    ),
    "container_data": "MemoryScope?",
    "hierarchical_data": "MemoryScope?",
    "psi": "Psi?",
    "events": "MemoryEvents?",
  },
  MemoryScope: {
    ...rows("whole?", "pgfault pgmajfault"),
    "numa_stats": "NumaStats?",
  },
  NumaStats: rows("{whole}?", "file anon unevictable"),
  MemoryEvents: rows("whole?", "high max"),
  DiskIoStats: { ...rows("[PerDiskStats]?", IO_COUNTS), "psi": "Psi?" },
  PerDiskStats: {
    // Empty if it has no name.
    "device": "string",
    ...rows("whole", "major minor"),
    "stats": "{whole}",
  },
  HugetlbStats: rows("whole?", "usage max_usage failcnt"),
  NetworkStats: {
    "interfaces": "[InterfaceStats]?",
    ...rows("TcpStat?", "tcp tcp6"),
    ...rows("UdpStat?", "udp udp6"),
    "tcp_advanced": "{signed}?",
  },
  InterfaceStats: {
    "name": "text",
    ...rows(
      "whole",
      "rx_bytes rx_packets rx_errors rx_dropped tx_bytes tx_packets tx_errors tx_dropped",
    ),
  },
  TcpStat: rows("whole", TCP),
  UdpStat: rows("whole", "Listen Dropped RxQueued TxQueued"),
  ProcessStats: {
    ...rows(
      "whole?",
      "process_count fd_count socket_count threads_current threads_max",
    ),
    "ulimits": "[Ulimit]?",
  },
  Ulimit: { "name": "text", ...rows("signed", "soft_limit hard_limit") },
  ResctrlStats: {
    "memory_bandwidth": "[MemoryBandwidth]?",
    "cache": "[CacheOccupancy]?",
  },
  MemoryBandwidth: rows("whole?", "mbm_total_bytes mbm_local_bytes"),
  CacheOccupancy: rows("whole", "llc_occupancy"),
  DerivedStats: {
    "timestamp": "time",
    "latest_usage": "InstantUsage",
    ...rows("Usage", "minute_usage hour_usage day_usage"),
  },
  InstantUsage: rows("whole?", "cpu memory"),
  Usage: {
    "percent_complete": "whole",
    ...rows("Percentiles", "cpu memory"),
  },
  Percentiles: {
    "present": "bool",
    ...rows("whole?", "mean std max fifty ninety ninetyfive count"),
  },
  ProcessInfo: {
    ...rows("text", "user start_time status running_time cgroup_path cmd"),
    ...rows("whole", "pid parent_pid virtual_size psr"),
    ...rows("whole?", "rss fd_count"),
    ...rows("number?", "percent_cpu percent_mem"),
  },
  MemoryInfo: { "capacity": "whole", "dimm_count": "whole" },
  Hugepages: HUGEPAGES,
  FilesystemInfo: {
    "device": "text",
    "capacity": "whole?",
    "type": "text",
    "inodes": "whole?",
    "has_inodes": "bool",
    "stale": "bool?",
  },
  Disk: {
    "name": "text",
    "major": "whole",
    "minor": "whole",
    "size": "whole",
    "scheduler": "text",
  },
  NetworkDevice: {
    "name": "text",
    "mac_address": "text?",
    "speed": "whole?",
    "mtu": "whole?",
  },
  Node: {
    "node_id": "whole",
    "memory": "whole?",
    "hugepages": "[Hugepages]",
    "cores": "[Core]",
    "caches": "[Cache]",
    "distances": "[whole]",
  },
  Core: {
    "core_id": "whole",
    "thread_ids": "[whole]",
    "caches": "[Cache]",
    "uncore_caches": "[Cache]",
    "socket_id": "whole?",
    "book_id": "whole?",
    "drawer_id": "whole?",
  },
  Cache: CACHE,
  FsStats: {
    "device": "text?",
    "type": "text",
    "capacity": "whole?",
    "usage": "whole?",
    "base_usage": "whole?",
    "available": "whole?",
    "has_inodes": "bool",
    "inodes": "whole?",
    "inodes_free": "whole?",
    "reads_completed": "whole?",
    "reads_merged": "whole?",
    "sectors_read": "whole?",
    "read_time": "whole?",
    "writes_completed": "whole?",
    "writes_merged": "whole?",
    "sectors_written": "whole?",
    "write_time": "whole?",
    "io_in_progress": "whole?",
    "io_time": "whole?",
    "weighted_io_time": "whole?",
    "stale": "bool?",
  },
  FsInfo: {
    "timestamp": "time",
    "device": "text",
    "mountpoint": "text",
    "capacity": "whole?",
    "available": "whole?",
    "usage": "whole?",
    "labels": "[text]",
    "inodes": "whole?",
    "inodes_free": "whole?",
    "stale": "bool?",
  },
};

const PLAIN: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: (value) => typeof value === "string" && value !== "",
  string: (value) => typeof value === "string",
  bool: (value) => typeof value === "boolean",
  whole: (value) => Number.isInteger(value) && (value as number) >= 0,
  signed: (value) => Number.isInteger(value),
  number: (value) => typeof value === "number",
  time: (value) =>
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value),
};

/**
 * Fails unless the value has a type: a primitive, a table, or an array or
 * object of these.
 */
export function assertForm(
  value: unknown,
  form: string,
  at: string = form,
): void {
  const [, open = "", inner = form] = /^([[{])(.+)[\]}]$/.exec(form) ?? [];
  if (open === "[") {
    assert(Array.isArray(value), `${at} is no array`);
    value.forEach((item, i) => assertForm(item, inner, `${at}[${i}]`));
    return;
  }
  const plain = PLAIN[form];
  if (plain !== undefined) {
    assert(plain(value), `${at} is no ${form}: ${JSON.stringify(value)}`);
    return;
  }
  assert(
    typeof value === "object" && value !== null && !Array.isArray(value),
    `${at} is no object`,
  );
  if (open === "{") {
    for (const [key, item] of Object.entries(value)) {
      assertForm(item, inner, `${at}.${key}`);
    }
    return;
  }
  const table = TABLES[form];
  assert(table !== undefined, `there is no table ${form}`);
  for (const key of Object.keys(value)) {
    assert(key in table, `${at} has ${key}, which is in no row`);
  }
  for (const [key, row] of Object.entries(table)) {
    const item = (value as Record<string, unknown>)[key];
    if (item === undefined && row.endsWith("?")) continue;
    assertForm(item, row.replace("?", ""), `${at}.${key}`);
  }
}

/** Returns the fields of a table. */
export function fieldsOf(table: string): string[] {
  return Object.keys(TABLES[table] ?? {});
}
