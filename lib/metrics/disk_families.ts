/**
 * cAdvisor's families of file systems, and of input and output: what a cgroup
 * did on a disk, and of the root what all did.
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
import { type Measured, valueAt } from "./measured.ts";

const NS = 1e9;
const USEC = 1e6;
const MS = 1e3;

type Operation = typeof IO_OPERATIONS[number];

/** What of the disks' own counts stands beside what a cgroup did. */
interface DiskCount {
  readonly name: keyof DiskCounters;
  readonly divisor?: number;
}

/** How full file systems are, in the order of the text. */
export const FILESYSTEM_FAMILIES: readonly Family<Measured>[] = ofKinds(
  ["disk"],
  [
    ofFilesystem("inodes_free", "Inodes that are free.", "inodesFree"),
    ofFilesystem("inodes_total", "Inodes that there are.", "inodes"),
    ofFilesystem("limit_bytes", "Size of the file system.", "capacityBytes"),
    ofFilesystem("usage_bytes", "Bytes that are taken.", "usageBytes"),
  ],
);

/** What was done on disks, in the order of the text. */
export const DISK_FAMILIES: readonly Family<Measured>[] = ofKinds(["diskIO"], [
  onDisk("reads_bytes_total", "Bytes read.", of("serviceBytes", "Read")),
  onDisk("writes_bytes_total", "Bytes written.", of("serviceBytes", "Write")),
  onDisk("reads_total", "Reads done.", of("serviced", "Read"), {
    name: "readsCompleted",
  }),
  onDisk("writes_total", "Writes done.", of("serviced", "Write"), {
    name: "writesCompleted",
  }),
  onDisk("sector_reads_total", "Sectors of 512 bytes read.", none, {
    name: "sectorsRead",
  }),
  onDisk("sector_writes_total", "Sectors of 512 bytes written.", none, {
    name: "sectorsWritten",
  }),
  onDisk("reads_merged_total", "Reads merged.", of("merged", "Read"), {
    name: "readsMerged",
  }),
  onDisk("writes_merged_total", "Writes merged.", of("merged", "Write"), {
    name: "writesMerged",
  }),
  onDisk(
    "read_seconds_total",
    "Time that reads took.",
    of("serviceTimeNs", "Read", NS),
    { name: "readTimeMs", divisor: MS },
  ),
  onDisk(
    "write_seconds_total",
    "Time that writes took.",
    of("serviceTimeNs", "Write", NS),
    { name: "writeTimeMs", divisor: MS },
  ),
  {
    ...onDisk(
      "io_current",
      "Input and output under way.",
      of("queued", "Total"),
      { name: "ioInProgress" },
    ),
    type: "gauge",
  },
  onDisk(
    "io_time_seconds_total",
    "Time that input and output took.",
    of("serviceTimeNs", "Total", NS),
    { name: "ioTimeMs", divisor: MS },
  ),
  onDisk(
    "io_time_weighted_seconds_total",
    "The same, of all that was under way at once.",
    none,
    { name: "weightedIoTimeMs", divisor: MS },
  ),
  onDisk(
    "io_cost_usage_seconds_total",
    "Device time that was charged (io.cost).",
    sum("costUsageUsec"),
  ),
  onDisk(
    "io_cost_wait_seconds_total",
    "Time that it waited to be charged (io.cost).",
    sum("costWaitUsec"),
  ),
  onDisk(
    "io_cost_indebt_seconds_total",
    "Time that it was in debt (io.cost).",
    sum("costIndebtUsec"),
  ),
  onDisk(
    "io_cost_indelay_seconds_total",
    "Time that it was held back for its debt (io.cost).",
    sum("costIndelayUsec"),
  ),
  {
    ...counter(
      "container_blkio_device_usage_total",
      "Bytes by operation.",
      { has: hasDisks, each: deviceUsage },
      ["device", "major", "minor", "operation"],
    ),
    anew: true,
  },
]);

function ofFilesystem(
  name: string,
  help: string,
  field: "inodesFree" | "inodes" | "capacityBytes" | "usageBytes",
): Family<Measured> {
  return gauge(`container_fs_${name}`, help, {
    has: ({ filesystems }) => filesystems !== undefined,
    each: ({ filesystems = [] }, emit) => {
      const told = new Set<string>();
      for (const filesystem of filesystems) {
        emitOnce(told, emit, filesystem[field], filesystem);
      }
    },
  }, ["device"]);
}

const DISK_KINDS: ReadonlySet<string> = new Set([...IO_KINDS, ...IO_SUM_KINDS]);

function hasDisks({ filesystems, layout }: Measured): boolean {
  return filesystems !== undefined ||
    layout.groups.some(({ kind }) => DISK_KINDS.has(kind));
}

/** What a cgroup did on each disk; then what was done on the disks of file systems that are told of. */
function onDisk(
  name: string,
  help: string,
  ofCgroup: Values<Measured>,
  count?: DiskCount,
): Family<Measured> {
  const values: Values<Measured> = (measured, emit) => {
    const { filesystems } = measured;
    if (filesystems === undefined || count === undefined) {
      return ofCgroup(measured, emit);
    }
    const told = new Set<string>();
    ofCgroup(measured, (value, labels = "") => {
      told.add(labels);
      emit(value, labels);
    });
    const { name, divisor = 1 } = count;
    for (const filesystem of filesystems) {
      const { io } = filesystem;
      if (io !== undefined) {
        emitOnce(told, emit, io[name] / divisor, filesystem);
      }
    }
  };
  const numbers = { has: hasDisks, each: values };
  // A disk may get another name.
  const family = counter(`container_fs_${name}`, help, numbers, ["device"]);
  return { ...family, anew: true };
}

/** Two file systems may be on one device, of which each family has one series. */
function emitOnce(
  told: Set<string>,
  emit: Emit,
  value: number | undefined,
  { device }: FsStats,
): void {
  const labels = formatLabels([["device", device]]);
  if (value === undefined || told.has(labels)) return;
  told.add(labels);
  emit(value, labels);
}

function none(): void {}

/** One operation of one kind, of each disk. */
function of(
  kind: typeof IO_KINDS[number],
  operation: Operation,
  divisor = 1,
): Values<Measured> {
  const index = IO_OPERATIONS.indexOf(operation);
  return (measured, emit) => {
    for (const disk of measured.layout.of(kind)) {
      const value = valueAt(measured, disk, index) / divisor;
      if (!Number.isNaN(value)) emit(value, deviceLabel(measured, disk.key));
    }
  };
}

function sum(kind: typeof IO_SUM_KINDS[number]): Values<Measured> {
  return (measured, emit) => {
    for (const disk of measured.layout.of(kind)) {
      const value = valueAt(measured, disk, 0) / USEC;
      if (!Number.isNaN(value)) emit(value, deviceLabel(measured, disk.key));
    }
  };
}

function deviceUsage(measured: Measured, emit: Emit): void {
  for (const disk of measured.layout.of("serviceBytes")) {
    for (const [index, operation] of IO_OPERATIONS.entries()) {
      const value = valueAt(measured, disk, index);
      if (Number.isNaN(value)) continue;
      const [major, minor] = disk.key.split(":");
      emit(
        value,
        formatLabels([
          ["device", measured.deviceName(disk.key)],
          ["major", major],
          ["minor", minor],
          ["operation", operation],
        ]),
      );
    }
  }
}

/** Two disks without a name must not be one series: their numbers serve. */
function deviceLabel(measured: Measured, key: string): string {
  return formatLabels([["device", measured.deviceName(key) ?? key]]);
}
