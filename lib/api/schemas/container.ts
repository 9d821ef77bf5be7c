/**
 * JSON of containers in v1 and v2, with cAdvisor's names. Exceeds 300 lines:
 * one table.
 *
 * @module
 */

const REFERENCE = {
  "id?": "string: ID that the runtime gave; absent for a raw cgroup",
  "name": "string: Cgroup path, such as `/system.slice/cron.service`",
  "aliases?": "[string]: Other names, unique within the namespace",
  "namespace?": "string: Origin of the aliases: `docker`, `containerd`, …",
} as const;

const SPEC = {
  "creation_time": "time: Creation time of the cgroup; year 1 if unknown",
  "start_time": "time: Start time of the container; year 1 if unknown",
  "labels?": "{string}: Labels that the configuration admits",
  "has_cpu": "boolean: Whether `cpu` is present",
  "cpu?": "CpuSpec: CPU limits",
  "has_memory": "boolean: Whether `memory` is present",
  "memory?": "MemorySpec: Memory limits",
  "has_hugetlb": "boolean: Whether samples have `hugetlb`",
  "has_network": "boolean: Whether samples have `network`",
  "has_processes": "boolean: Whether `processes` is present",
  "processes?": "ProcessSpec: Task limits",
  "has_filesystem": "boolean: Whether samples have `filesystem`",
  "has_diskio": "boolean: Whether samples have `diskio`",
  "has_custom_metrics": "boolean: Always false",
  "image?": "string: Image name",
} as const;

const SECTIONS = {
  "cpu?": "CpuStats: CPU usage",
  "diskio?": "DiskIoStats: I/O per disk",
  "memory?": "MemoryStats: Memory usage",
  "hugetlb?": "{HugetlbStats}: Huge pages by page size, such as `2MB`",
  "processes?": "ProcessStats: Processes, threads and descriptors",
  "referenced_memory?":
    "integer: Memory referenced since the last reset, bytes",
  "resctrl?": "ResctrlStats: Intel RDT monitoring",
} as const;

const SAMPLED = "time: Time of the sample";

const INTERFACE_COUNTERS = {
  "rx_bytes": "integer: Bytes received",
  "rx_packets": "integer: Packets received",
  "rx_errors": "integer: Receive errors",
  "rx_dropped": "integer: Received packets dropped",
  "tx_bytes": "integer: Bytes sent",
  "tx_packets": "integer: Packets sent",
  "tx_errors": "integer: Transmit errors",
  "tx_dropped": "integer: Packets dropped on transmit",
} as const;

const NETWORK = {
  "interfaces?": "[InterfaceStats]: Interfaces, without loopback",
  "tcp?": "TcpStat: IPv4 TCP sockets by state",
  "tcp6?": "TcpStat: IPv6 TCP sockets by state",
  "udp?": "UdpStat: IPv4 UDP sockets",
  "udp6?": "UdpStat: IPv6 UDP sockets",
  "tcp_advanced?":
    "{integer}: Counters of `/proc/net/snmp` and `/proc/net/netstat`, by the kernel's name",
} as const;

const CPU_USAGE = {
  "per_cpu_usage?": "[integer]: `total` by CPU (cgroup v1)",
} as const;

/** Keyed by name. */
export const CONTAINER_SCHEMAS = {
  ContainerReference: REFERENCE,
  ContainerInfo: {
    ...REFERENCE,
    "subcontainers?": "[ContainerReference]: Direct children",
    "spec": "ContainerSpec: Limits and identity",
    "stats?": "[ContainerStats]: Samples, oldest first",
  },
  ContainerInfoRequest: {
    "num_stats?":
      "integer | null: Newest samples returned, -1 for all; default 60",
    "start?": "time | null: Earliest sample",
    "end?": "time | null: Latest sample",
  },
  ContainerSpec: SPEC,
  ContainerStats: {
    "timestamp": SAMPLED,
    ...SECTIONS,
    "network?": "NetworkStats: Network usage",
    "cpuset?": "CpuSetStats: Cpuset settings (cgroup v1)",
    "filesystem?": "[FsStats]: File systems",
    "health?": "Health: Health check of the runtime",
  },
  ContainerInfoV2: {
    "spec": "ContainerSpecV2: Limits and identity",
    "stats?": "[ContainerStatsV2]: Samples, oldest first",
  },
  ContainerSpecV2: {
    ...SPEC,
    "aliases?": REFERENCE["aliases?"],
    "namespace?": REFERENCE["namespace?"],
  },
  ContainerStatsV2: {
    "timestamp": SAMPLED,
    "cpu_inst?": "CpuInstStats: CPU rates; absent for the first sample",
    ...SECTIONS,
    "network?": "NetworkStatsV2: Network usage",
    "filesystem?":
      "FilesystemStats: Disk usage; absent unless there is exactly one file system",
  },
  DeprecatedContainerStats: {
    "timestamp": SAMPLED,
    "cpu_inst?": "CpuInstStats: CPU rates; absent for the first sample",
    ...SECTIONS,
    "network?": "NetworkStatsV2: Network usage",
    "filesystem?": "[FsStats]: File systems",
    "has_cpu": "boolean: Whether `cpu` is present",
    "has_diskio": "boolean: Whether `diskio` is present",
    "has_memory": "boolean: Whether `memory` is present",
    "has_hugetlb": "boolean: Whether `hugetlb` is present",
    "has_network": "boolean: Whether `network` is present",
    "has_processes": "boolean: Whether `processes` is present",
    "has_filesystem": "boolean: Whether `filesystem` is present",
    "has_load": "boolean: Always false",
    "has_custom_metrics": "boolean: Always false",
  },
  MachineStats: {
    "timestamp": SAMPLED,
    "cpu?": "CpuStats: CPU usage",
    "cpu_inst?": "CpuInstStats: CPU rates; absent for the first sample",
    "memory?": "MemoryStats: Memory usage",
    "network?": "NetworkStatsV2: Network usage",
    "filesystem?": "[MachineFsStats]: File systems",
  },
  CpuSpec: {
    "limit?": "integer: CPU shares; `cpu.weight` is converted to shares",
    "max_limit": "integer: Always 0",
    "mask?": "string: Allowed CPUs, such as `0-3,8`",
    "quota?": "integer: CPU time per period, microseconds; absent if unlimited",
    "period?": "integer: Period, microseconds",
  },
  MemorySpec: {
    "limit?": "uint64: Limit, bytes; 18446744073709551615 if unlimited",
    "reservation?": "uint64: Soft limit, bytes",
    "swap_limit?":
      "uint64: Swap limit, bytes; on cgroup v1 of memory and swap together",
  },
  ProcessSpec: {
    "limit?":
      "uint64: Maximum number of tasks; 18446744073709551615 if unlimited",
  },
  CpuStats: {
    "usage?": "CpuUsage: CPU time",
    "cfs?": "CpuCfs: Throttling",
    "schedstat?": "CpuSchedstat: Scheduler statistics",
    "psi?": "Psi: Pressure stall information",
  },
  CpuUsage: {
    "total?": "integer: CPU time, nanoseconds",
    ...CPU_USAGE,
    "user?": "integer: CPU time in user mode, nanoseconds",
    "system?": "integer: CPU time in kernel mode, nanoseconds",
  },
  CpuCfs: {
    "periods?": "integer: Elapsed enforcement periods",
    "throttled_periods?": "integer: Periods with throttling",
    "throttled_time?": "integer: Throttled time, nanoseconds",
    "bursts_periods?": "integer: Periods with a burst",
    "burst_time?": "integer: Burst time, nanoseconds",
  },
  CpuSchedstat: {
    "run_time": "integer: Time on a CPU, nanoseconds",
    "runqueue_time": "integer: Time waiting for a CPU, nanoseconds",
    "run_periods": "integer: Number of time slices",
  },
  CpuInstStats: { "usage": "CpuInstUsage: CPU rates" },
  CpuInstUsage: {
    "total": "integer: CPU time per second, nanoseconds",
    ...CPU_USAGE,
    "user": "integer: User CPU time per second, nanoseconds",
    "system": "integer: Kernel CPU time per second, nanoseconds",
  },
  Psi: {
    "full?": "PsiShare: All tasks stalled",
    "some?": "PsiShare: At least one task stalled",
  },
  PsiShare: {
    "total": "integer: Stalled time, microseconds",
    "avg10": "number: Percent of the last 10 s",
    "avg60": "number: Percent of the last 60 s",
    "avg300": "number: Percent of the last 300 s",
  },
  MemoryStats: {
    "usage?": "integer: Memory charged, page cache included, bytes",
    "max_usage?": "integer: Highest `usage`, bytes",
    "cache?": "integer: Page cache, bytes",
    "rss?": "integer: Anonymous memory, bytes",
    "swap?": "integer: Swap, bytes",
    "mapped_file?": "integer: Mapped page cache, bytes",
    "working_set?": "integer: `usage` minus inactive file pages, bytes",
    "total_active_file?": "integer: Active page cache, bytes",
    "total_inactive_file?": "integer: Inactive page cache, bytes",
    "file_dirty?": "integer: Dirty page cache, bytes",
    "file_writeback?": "integer: Page cache being written, bytes",
    "pgscan?": "integer: Pages scanned for reclaim",
    "pgsteal?": "integer: Pages reclaimed",
    "workingset_refault_file?": "integer: Refaults of file pages",
    "workingset_refault_anon?": "integer: Refaults of anonymous pages",
    "failcnt?": "integer: Number of times the limit was hit (cgroup v1)",
    "kernel?": "integer: Kernel memory, bytes",
    "container_data?": "MemoryScope: Page faults of the cgroup",
    "hierarchical_data?": "MemoryScope: Page faults of the subtree",
    "psi?": "Psi: Pressure stall information",
    "events?": "MemoryEvents: `memory.events` (cgroup v2)",
  },
  MemoryScope: {
    "pgfault?": "integer: Page faults",
    "pgmajfault?": "integer: Major page faults",
    "numa_stats?": "NumaStats: Pages by NUMA node",
  },
  NumaStats: {
    "file?": "{integer}: File pages by node number",
    "anon?": "{integer}: Anonymous pages by node number",
    "unevictable?": "{integer}: Unevictable pages by node number",
  },
  MemoryEvents: {
    "high?": "integer: Number of times `memory.high` was exceeded",
    "max?": "integer: Number of times `memory.max` was about to be exceeded",
  },
  DiskIoStats: {
    "io_service_bytes?": "[PerDiskStats]: Bytes",
    "io_serviced?": "[PerDiskStats]: Operations",
    "io_queued?": "[PerDiskStats]: Queued operations (cgroup v1)",
    "sectors?": "[PerDiskStats]: Sectors of 512 bytes (cgroup v1)",
    "io_service_time?": "[PerDiskStats]: Service time, nanoseconds (cgroup v1)",
    "io_wait_time?": "[PerDiskStats]: Queue time, nanoseconds (cgroup v1)",
    "io_merged?": "[PerDiskStats]: Merged operations (cgroup v1)",
    "io_time?": "[PerDiskStats]: Disk time, milliseconds (cgroup v1)",
    "io_cost_usage?": "[PerDiskStats]: `cost.usage`, microseconds (cgroup v2)",
    "io_cost_wait?": "[PerDiskStats]: `cost.wait`, microseconds (cgroup v2)",
    "io_cost_indebt?":
      "[PerDiskStats]: `cost.indebt`, microseconds (cgroup v2)",
    "io_cost_indelay?":
      "[PerDiskStats]: `cost.indelay`, microseconds (cgroup v2)",
    "psi?": "Psi: Pressure stall information",
  },
  PerDiskStats: {
    "device": "string: Device such as `/dev/sda`; empty if unknown",
    "major": "integer: Major device number",
    "minor": "integer: Minor device number",
    "stats": "{integer}: Values by operation: `Read`, `Write`, `Count`, …",
  },
  HugetlbStats: {
    "usage?": "integer: Usage, bytes",
    "max_usage?": "integer: Highest usage, bytes (cgroup v1)",
    "failcnt?": "integer: Number of times the limit was hit",
  },
  NetworkStats: {
    "name?": "string: Name of the first interface",
    "rx_bytes?": INTERFACE_COUNTERS.rx_bytes,
    "rx_packets?": INTERFACE_COUNTERS.rx_packets,
    "rx_errors?": INTERFACE_COUNTERS.rx_errors,
    "rx_dropped?": INTERFACE_COUNTERS.rx_dropped,
    "tx_bytes?": INTERFACE_COUNTERS.tx_bytes,
    "tx_packets?": INTERFACE_COUNTERS.tx_packets,
    "tx_errors?": INTERFACE_COUNTERS.tx_errors,
    "tx_dropped?": INTERFACE_COUNTERS.tx_dropped,
    ...NETWORK,
  },
  NetworkStatsV2: NETWORK,
  InterfaceStats: { "name": "string: Interface name", ...INTERFACE_COUNTERS },
  TcpStat: {
    "Established": "integer: ESTABLISHED",
    "SynSent": "integer: SYN_SENT",
    "SynRecv": "integer: SYN_RECV",
    "FinWait1": "integer: FIN_WAIT1",
    "FinWait2": "integer: FIN_WAIT2",
    "TimeWait": "integer: TIME_WAIT",
    "Close": "integer: CLOSE",
    "CloseWait": "integer: CLOSE_WAIT",
    "LastAck": "integer: LAST_ACK",
    "Listen": "integer: LISTEN",
    "Closing": "integer: CLOSING",
  },
  UdpStat: {
    "Listen": "integer: Sockets",
    "Dropped": "integer: Datagrams dropped",
    "RxQueued": "integer: Receive queues, bytes",
    "TxQueued": "integer: Send queues, bytes",
  },
  ProcessStats: {
    "process_count?": "integer: Processes of the cgroup",
    "threads_current?": "integer: Threads of the subtree",
    "threads_max?": "integer: Maximum number of threads; absent if unlimited",
    "fd_count?": "integer: Open file descriptors",
    "socket_count?": "integer: Open sockets",
    "ulimits?": "[Ulimit]: Limits of the first process",
  },
  Ulimit: {
    "name": "string: Name: `max_open_files`",
    "soft_limit": "integer: Soft limit; -1 if unlimited",
    "hard_limit": "integer: Hard limit; -1 if unlimited",
  },
  ResctrlStats: {
    "memory_bandwidth?": "[MemoryBandwidth]: Memory bandwidth by domain",
    "cache?": "[CacheOccupancy]: Last-level cache by domain",
  },
  MemoryBandwidth: {
    "mbm_total_bytes?": "integer: Bytes transferred",
    "mbm_local_bytes?": "integer: Bytes transferred within the NUMA node",
  },
  CacheOccupancy: { "llc_occupancy": "integer: Last-level cache, bytes" },
  CpuSetStats: {
    "memory_migrate": "integer: 1 if pages follow a task to its new nodes",
  },
  Health: { "status": "string: `starting`, `healthy` or `unhealthy`" },
  FilesystemStats: {
    "totalUsageBytes?": "integer: Writable layer and logs, bytes",
    "baseUsageBytes?": "integer: Writable layer, bytes",
    "containter_inode_usage?": "integer: Inodes in use",
    "stale?": "boolean: Whether the file system does not respond",
  },
  DerivedStats: {
    "timestamp": SAMPLED,
    "latest_usage": "InstantUsage: Usage of the last sample",
    "minute_usage": "Usage: Usage of the last minute",
    "hour_usage": "Usage: Usage of the last hour",
    "day_usage": "Usage: Usage of the last day",
  },
  InstantUsage: {
    "cpu?": "integer: CPU usage, thousandths of a CPU",
    "memory?": "integer: Working set, bytes",
  },
  Usage: {
    "percent_complete": "integer: Observed share of the span, percent",
    "cpu": "Percentiles: CPU usage, thousandths of a CPU",
    "memory": "Percentiles: Working set, bytes",
  },
  Percentiles: {
    "present": "boolean: Whether the values are present",
    "mean?": "integer: Mean",
    "std?": "integer: Standard deviation",
    "max?": "integer: Maximum",
    "fifty?": "integer: Median",
    "ninety?": "integer: 90th percentile",
    "ninetyfive?": "integer: 95th percentile",
    "count?": "integer: Number of values",
  },
} as const satisfies Record<string, Record<string, string>>;
