/**
 * cAdvisor's families of file systems and disk I/O. The root includes counters
 * of whole disks.
 *
 * @module
 */
import type { DiskCounters, FsStats } from "../model/filesystem.ts";
import { IO_KINDS, IO_OPERATIONS, IO_SUM_KINDS } from "../model/sample.ts";
import {
  counter,
  type Emit,
  type Family,
  gauge,
  ofKinds,
  type Values,
} from "./family.ts";
import { formatLabels } from "./labels.ts";
import { type ContainerSnapshot, groupValue } from "./container_snapshot.ts";

const NS = 1e9;
const USEC = 1e6;
const MS = 1e3;

type Operation = typeof IO_OPERATIONS[number];

interface DiskCount {
  readonly name: keyof DiskCounters;
  readonly divisor?: number;
}

/** Usage of file systems. */
export const FILESYSTEM_FAMILIES: readonly Family<ContainerSnapshot>[] =
  ofKinds(
    ["disk"],
    [
      ofFilesystem("inodes_free", "Free inodes.", "inodesFree"),
      ofFilesystem("inodes_total", "Total inodes.", "inodes"),
      ofFilesystem(
        "limit_bytes",
        "Capacity of the file system in bytes.",
        "capacityBytes",
      ),
      ofFilesystem(
        "usage_bytes",
        "Used bytes of the file system.",
        "usageBytes",
      ),
    ],
  );

/** Disk I/O. */
export const DISK_FAMILIES: readonly Family<ContainerSnapshot>[] = ofKinds([
  "diskIO",
], [
  onDisk("reads_bytes_total", "Bytes read.", of("serviceBytes", "Read")),
  onDisk("writes_bytes_total", "Bytes written.", of("serviceBytes", "Write")),
  onDisk("reads_total", "Completed reads.", of("serviced", "Read"), {
    name: "readsCompleted",
  }),
  onDisk("writes_total", "Completed writes.", of("serviced", "Write"), {
    name: "writesCompleted",
  }),
  onDisk("sector_reads_total", "Sectors of 512 bytes read.", none, {
    name: "sectorsRead",
  }),
  onDisk("sector_writes_total", "Sectors of 512 bytes written.", none, {
    name: "sectorsWritten",
  }),
  onDisk("reads_merged_total", "Merged reads.", of("merged", "Read"), {
    name: "readsMerged",
  }),
  onDisk("writes_merged_total", "Merged writes.", of("merged", "Write"), {
    name: "writesMerged",
  }),
  onDisk(
    "read_seconds_total",
    "Time of reads in seconds.",
    of("serviceTimeNs", "Read", NS),
    { name: "readTimeMs", divisor: MS },
  ),
  onDisk(
    "write_seconds_total",
    "Time of writes in seconds.",
    of("serviceTimeNs", "Write", NS),
    { name: "writeTimeMs", divisor: MS },
  ),
  {
    ...onDisk(
      "io_current",
      "I/O operations in progress.",
      of("queued", "Total"),
      { name: "ioInProgress" },
    ),
    type: "gauge",
  },
  onDisk(
    "io_time_seconds_total",
    "Time of I/O in seconds.",
    of("serviceTimeNs", "Total", NS),
    { name: "ioTimeMs", divisor: MS },
  ),
  onDisk(
    "io_time_weighted_seconds_total",
    "Time of I/O in seconds, weighted by the number of operations in progress.",
    none,
    { name: "weightedIoTimeMs", divisor: MS },
  ),
  onDisk(
    "io_cost_usage_seconds_total",
    "Device time charged by io.cost in seconds.",
    sum("costUsageUsec"),
  ),
  onDisk(
    "io_cost_wait_seconds_total",
    "Time waiting for io.cost budget in seconds.",
    sum("costWaitUsec"),
  ),
  onDisk(
    "io_cost_indebt_seconds_total",
    "Time in io.cost debt in seconds.",
    sum("costIndebtUsec"),
  ),
  onDisk(
    "io_cost_indelay_seconds_total",
    "Time delayed for io.cost debt in seconds.",
    sum("costIndelayUsec"),
  ),
  {
    ...counter(
      "container_blkio_device_usage_total",
      "Bytes of disk I/O by device and operation.",
      { has: hasDisks, each: deviceUsage },
      ["device", "major", "minor", "operation"],
    ),
    isVolatile: true,
  },
]);

function ofFilesystem(
  name: string,
  help: string,
  field: "inodesFree" | "inodes" | "capacityBytes" | "usageBytes",
): Family<ContainerSnapshot> {
  return gauge(`container_fs_${name}`, help, {
    has: ({ filesystems }) => filesystems !== undefined,
    each: ({ filesystems = [] }, emit) => {
      const emitted = new Set<string>();
      for (const filesystem of filesystems) {
        emitOnce(emitted, emit, filesystem[field], filesystem);
      }
    },
  }, ["device"]);
}

const DISK_KINDS: ReadonlySet<string> = new Set([...IO_KINDS, ...IO_SUM_KINDS]);

function hasDisks({ filesystems, layout }: ContainerSnapshot): boolean {
  return filesystems !== undefined ||
    layout.groups.some(({ kind }) => DISK_KINDS.has(kind));
}

/** Emits a cgroup's counter by disk, then those of file systems' disks. */
function onDisk(
  name: string,
  help: string,
  ofCgroup: Values<ContainerSnapshot>,
  count?: DiskCount,
): Family<ContainerSnapshot> {
  const each: Values<ContainerSnapshot> = (snapshot, emit) => {
    const { filesystems } = snapshot;
    if (filesystems === undefined || count === undefined) {
      return ofCgroup(snapshot, emit);
    }
    const emitted = new Set<string>();
    ofCgroup(snapshot, (value, labels = "") => {
      emitted.add(labels);
      emit(value, labels);
    });
    const { name, divisor = 1 } = count;
    for (const filesystem of filesystems) {
      const { io } = filesystem;
      if (io !== undefined) {
        emitOnce(emitted, emit, io[name] / divisor, filesystem);
      }
    }
  };
  const values = { has: hasDisks, each };
  // A disk's name may change.
  const family = counter(`container_fs_${name}`, help, values, ["device"]);
  return { ...family, isVolatile: true };
}

/** File systems may share a device, and thus a series. */
function emitOnce(
  emitted: Set<string>,
  emit: Emit,
  value: number | undefined,
  { device }: FsStats,
): void {
  const labels = formatLabels([["device", device]]);
  if (value === undefined || emitted.has(labels)) return;
  emitted.add(labels);
  emit(value, labels);
}

function none(): void {}

/** One operation, by disk. */
function of(
  kind: typeof IO_KINDS[number],
  operation: Operation,
  divisor = 1,
): Values<ContainerSnapshot> {
  const index = IO_OPERATIONS.indexOf(operation);
  return (snapshot, emit) => {
    for (const disk of snapshot.layout.of(kind)) {
      const value = groupValue(snapshot, disk, index) / divisor;
      if (!Number.isNaN(value)) emit(value, deviceLabel(snapshot, disk.key));
    }
  };
}

function sum(kind: typeof IO_SUM_KINDS[number]): Values<ContainerSnapshot> {
  return (snapshot, emit) => {
    for (const disk of snapshot.layout.of(kind)) {
      const value = groupValue(snapshot, disk, 0) / USEC;
      if (!Number.isNaN(value)) emit(value, deviceLabel(snapshot, disk.key));
    }
  };
}

function deviceUsage(snapshot: ContainerSnapshot, emit: Emit): void {
  for (const disk of snapshot.layout.of("serviceBytes")) {
    for (const [index, operation] of IO_OPERATIONS.entries()) {
      const value = groupValue(snapshot, disk, index);
      if (Number.isNaN(value)) continue;
      const [major, minor] = disk.key.split(":");
      emit(
        value,
        formatLabels([
          ["device", snapshot.deviceName(disk.key)],
          ["major", major],
          ["minor", minor],
          ["operation", operation],
        ]),
      );
    }
  }
}

/** The number distinguishes disks without a name. */
function deviceLabel(snapshot: ContainerSnapshot, key: string): string {
  return formatLabels([["device", snapshot.deviceName(key) ?? key]]);
}
