/**
 * JSON of machine, file systems and processes, with cAdvisor's names; and of
 * the agent.
 *
 * @module
 */

const MACHINE = {
  "num_cores": "integer: Online logical CPUs",
  "cpu_frequency_khz?": "integer: Maximum CPU frequency, kHz",
  "memory_capacity?": "integer: Memory, bytes",
  "hugepages": "[Hugepages]: Huge pages by size",
  "machine_id?": "string: `/etc/machine-id`",
  "system_uuid?": "string: UUID of the firmware",
  "filesystems": "[FilesystemInfo]: File systems",
  "disk_map": "{Disk}: Disks by `major:minor`",
  "network_devices": "[NetworkDevice]: Physical network interfaces",
  "topology": "[Node]: NUMA nodes",
  "cloud_provider?": "string: `AWS`, `Azure` or `GCE`",
  "instance_type?": "string: Instance type of the cloud provider",
} as const;

const DISK_COUNTS = {
  "reads_completed": "integer: Reads completed",
  "reads_merged": "integer: Reads merged",
  "sectors_read": "integer: Sectors of 512 bytes read",
  "writes_completed": "integer: Writes completed",
  "writes_merged": "integer: Writes merged",
  "sectors_written": "integer: Sectors of 512 bytes written",
  "io_in_progress": "integer: Operations in progress",
} as const;

const STALE =
  "boolean: Whether the file system does not respond, and its values are the last known";

/** Keyed by name. */
export const MACHINE_SCHEMAS = {
  MachineInfo: {
    "timestamp": "time: Time of the values",
    "vendor_id?": "string: CPU vendor",
    "num_physical_cores?": "integer: Physical cores",
    "num_sockets?": "integer: Sockets",
    "num_books?": "integer: Books (s390)",
    "num_drawers?": "integer: Drawers (s390)",
    ...MACHINE,
    "swap_capacity?": "integer: Swap, bytes",
    "memory_by_type": "{MemoryInfo}: Memory modules by type (EDAC)",
    "boot_id?": "string: `/proc/sys/kernel/random/boot_id`",
    "instance_id?": "string: Instance ID of the cloud provider",
  },
  Attributes: {
    "kernel_version": "string: Kernel release",
    "container_os_version": "string: Operating system",
    "cadvisor_version": "string: Version of the agent",
    ...MACHINE,
  },
  MemoryInfo: {
    "capacity": "integer: Capacity, bytes",
    "dimm_count": "integer: Number of modules",
  },
  Hugepages: {
    "page_size": "integer: Page size, KiB",
    "num_pages": "integer: Number of pages",
  },
  FilesystemInfo: {
    "device": "string: Device",
    "capacity?": "integer: Capacity, bytes",
    "type": "string: `zfs`, or `vfs` for every other type",
    "inodes?": "integer: Inodes",
    "has_inodes": "boolean: Whether `inodes` is present",
    "stale?": STALE,
  },
  Disk: {
    "name": "string: Name such as `sda`",
    "major": "integer: Major device number",
    "minor": "integer: Minor device number",
    "size?": "integer: Size, bytes",
    "scheduler": "string: I/O scheduler, or `none`",
  },
  NetworkDevice: {
    "name": "string: Name such as `eth0`",
    "mac_address?": "string: MAC address",
    "speed?": "integer: Speed, Mbit/s; absent without a link",
    "mtu?": "integer: MTU, bytes",
  },
  Node: {
    "node_id": "integer: Node number",
    "memory?": "integer: Memory, bytes",
    "hugepages": "[Hugepages]: Huge pages by size",
    "cores": "[Core]: Physical cores",
    "caches": "[Cache]: Caches that all cores share",
    "distances":
      "[integer]: Distances to the online nodes, by ascending number",
  },
  Core: {
    "core_id": "integer: Core number",
    "thread_ids": "[integer]: Logical CPUs",
    "caches": "[Cache]: Caches of this core",
    "uncore_caches": "[Cache]: Caches that some cores share",
    "socket_id?": "integer: Socket",
    "book_id?": "integer: Book (s390)",
    "drawer_id?": "integer: Drawer (s390)",
  },
  Cache: {
    "id?": "integer: Cache number",
    "size?": "integer: Size, bytes",
    "type": "string: `Data`, `Instruction` or `Unified`",
    "level": "integer: Level",
  },
  FsInfo: {
    "timestamp": "time: Time of the values; year 1 if never read",
    "device": "string: Device",
    "mountpoint": "string: Mount point",
    "capacity?": "integer: Capacity, bytes",
    "available?": "integer: Space for unprivileged users, bytes",
    "usage?": "integer: Used space, bytes",
    "labels": "[string]: `root`, `docker-images`, `crio-images`, …",
    "inodes?": "integer: Inodes",
    "inodes_free?": "integer: Free inodes",
    "stale?": STALE,
  },
  FsStats: {
    "device?": "string: Device",
    "type": "string: `zfs`, or `vfs` for every other type",
    "capacity?": "integer: Capacity, bytes",
    "usage?":
      "integer: Used space, bytes (of a container: writable layer and logs)",
    "base_usage?": "integer: Writable layer of a container, bytes",
    "available?": "integer: Space for unprivileged users, bytes",
    "has_inodes": "boolean: Whether `inodes_free` is present",
    "inodes?": "integer: Inodes (of a container: those in use)",
    "inodes_free?": "integer: Free inodes",
    "reads_completed?": DISK_COUNTS.reads_completed,
    "reads_merged?": DISK_COUNTS.reads_merged,
    "sectors_read?": DISK_COUNTS.sectors_read,
    "read_time?": "integer: Time of reads, milliseconds",
    "writes_completed?": DISK_COUNTS.writes_completed,
    "writes_merged?": DISK_COUNTS.writes_merged,
    "sectors_written?": DISK_COUNTS.sectors_written,
    "write_time?": "integer: Time of writes, milliseconds",
    "io_in_progress?": DISK_COUNTS.io_in_progress,
    "io_time?": "integer: Time with I/O in progress, milliseconds",
    "weighted_io_time?": "integer: Time of all operations, milliseconds",
    "stale?": STALE,
  },
  MachineFsStats: {
    "device?": "string: Device",
    "type": "string: `zfs`, or `vfs` for every other type",
    "capacity?": "integer: Capacity, bytes",
    "usage?": "integer: Used space, bytes",
    "available?": "integer: Space for unprivileged users, bytes",
    "inodes_free?": "integer: Free inodes",
    "inline?": "DiskCounters: I/O of the disk since boot",
    "stale?": STALE,
  },
  DiskCounters: {
    ...DISK_COUNTS,
    "read_duration": "integer: Time of reads, nanoseconds",
    "write_duration": "integer: Time of writes, nanoseconds",
    "io_duration": "integer: Time with I/O in progress, nanoseconds",
    "weighted_io_duration": "integer: Time of all operations, nanoseconds",
  },
  ProcessInfo: {
    "user": "string: Effective user",
    "pid": "integer: Process ID",
    "parent_pid": "integer: Parent process ID",
    "start_time": "string: Start time as `ps` prints it, local time",
    "percent_cpu?": "number: CPU usage over its lifetime, percent of one CPU",
    "percent_mem?": "number: Resident memory, percent of the machine's",
    "rss?": "integer: Resident memory, bytes",
    "virtual_size?": "integer: Virtual memory, bytes",
    "status": "string: State as `ps` prints it",
    "running_time": "string: CPU time, `[days-]hours:minutes:seconds`",
    "cgroup_path?": "string: Cgroup path",
    "cmd": "string: Name; with `--allow-ps=full` the command line",
    "fd_count?": "integer: Open file descriptors",
    "psr": "integer: CPU that it ran on last",
  },
  Readiness: {
    "ready": "boolean: Whether the containers have been listed",
    "sources": "[SourceState]: Data sources",
  },
  SourceState: {
    "name": "string: Name such as `kmsg`",
    "state": "'ok' | 'degraded' | 'off': State",
    "detail": "string: Reason, empty for `ok`",
  },
  Error: { "error": "string: What failed, the value, and what is expected" },
} as const satisfies Record<string, Record<string, string>>;
