/**
 * Objects made of rows, at the edge: what was not collected is absent again.
 *
 * @module
 */
import {
  COLUMN,
  type ColumnGroup,
  type ColumnName,
  IO_OPERATIONS,
  type RowLayout,
} from "../model/sample.ts";
import type {
  ContainerStats,
  CpuInstStats,
  CpuStats,
  DiskIoStats,
  MemoryEvents,
  MemoryStats,
  PerDiskStats,
  Pressure,
  PressureShare,
  ProcessStats,
} from "../model/stats.ts";
import type { KeptSample } from "./memory_cache.ts";

type Fields = Readonly<Record<string, ColumnName>>;

const CPU_FIELDS = {
  usageNs: "cpuUsageNs",
  userNs: "cpuUserNs",
  systemNs: "cpuSystemNs",
  periods: "cpuPeriods",
  throttledPeriods: "cpuThrottledPeriods",
  throttledNs: "cpuThrottledNs",
  burstPeriods: "cpuBurstPeriods",
  burstNs: "cpuBurstNs",
} as const satisfies Fields;

const MEMORY_FIELDS = {
  usageBytes: "memoryUsage",
  maxUsageBytes: "memoryMaxUsage",
  cacheBytes: "memoryCache",
  rssBytes: "memoryRss",
  swapBytes: "memorySwap",
  mappedFileBytes: "memoryMappedFile",
  activeFileBytes: "memoryActiveFile",
  inactiveFileBytes: "memoryInactiveFile",
  kernelBytes: "memoryKernel",
  fileDirtyBytes: "memoryFileDirty",
  fileWritebackBytes: "memoryFileWriteback",
  failcnt: "memoryFailcnt",
  pgfault: "memoryPgfault",
  pgmajfault: "memoryPgmajfault",
  pgscan: "memoryPgscan",
  pgsteal: "memoryPgsteal",
  workingsetRefaultFile: "memoryRefaultFile",
  workingsetRefaultAnon: "memoryRefaultAnon",
} as const satisfies Fields;

const MEMORY_EVENT_FIELDS = {
  low: "memoryLow",
  high: "memoryHigh",
  max: "memoryMax",
  oom: "memoryOom",
  oomKill: "memoryOomKill",
  oomGroupKill: "memoryOomGroupKill",
} as const satisfies Fields;

const PROCESS_FIELDS = {
  processCount: "processCount",
  threadsCurrent: "threadsCurrent",
  threadsMax: "threadsMax",
} as const satisfies Fields;

/** Which parts a container has even where nothing was counted yet. */
export interface StatsParts {
  /** Input and output is collected. */
  readonly diskIo: boolean;
}

/**
 * Makes the object of a sample. `previous` gives the rates: it must be of the
 * same cgroup.
 */
export function toContainerStats(
  sample: KeptSample,
  layout: RowLayout,
  parts: StatsParts,
  previous?: KeptSample,
): ContainerStats {
  const { row, timestampMs } = sample;
  const groups = groupsOf(layout, row);
  const cpu = cpuStats(row, groups);
  const cpuInst = previous && cpuInstStats(previous, sample, groups);
  const memory = memoryStats(row, groups);
  const diskIo = parts.diskIo ? diskIoStats(row, groups) : undefined;
  const processes: ProcessStats = pick(row, PROCESS_FIELDS);
  return {
    timestampMs,
    ...(hasAny(cpu) && { cpu }),
    ...(cpuInst !== undefined && { cpuInst }),
    ...(hasAny(memory) && { memory }),
    ...(diskIo !== undefined && { diskIo }),
    ...(hasAny(processes) && { processes }),
  };
}

/** Groups the row has; one kept before a disk was first seen is shorter. */
function groupsOf(layout: RowLayout, row: Float64Array): ColumnGroup[] {
  return layout.groups.filter(({ offset, width }) =>
    offset + width <= row.length
  );
}

function cpuStats(row: Float64Array, groups: ColumnGroup[]): CpuStats {
  const perCpuUsageNs = perCpu(row, groups);
  const pressure = pressureOf(row, groups, "cpu");
  return {
    ...pick(row, CPU_FIELDS),
    ...(perCpuUsageNs.length > 0 && { perCpuUsageNs }),
    ...(pressure !== undefined && { pressure }),
  };
}

function perCpu(row: Float64Array, groups: ColumnGroup[]): number[] {
  return groups.filter(({ kind }) => kind === "cpu")
    .map(({ offset }) => row[offset] ?? NaN)
    .filter((value) => !Number.isNaN(value));
}

/** Nanoseconds a second; absent where time or a counter went back. */
function cpuInstStats(
  previous: KeptSample,
  { row, timestampMs }: KeptSample,
  groups: ColumnGroup[],
): CpuInstStats | undefined {
  const seconds = (timestampMs - previous.timestampMs) / 1000;
  const rate = (column: number) =>
    Math.floor(
      ((row[column] ?? NaN) - (previous.row[column] ?? NaN)) / seconds,
    );
  const usage = rate(COLUMN.cpuUsageNs);
  const user = rate(COLUMN.cpuUserNs);
  const system = rate(COLUMN.cpuSystemNs);
  if (seconds <= 0 || !(usage >= 0) || !(user >= 0) || !(system >= 0)) {
    return undefined;
  }
  const perCpuUsage = groups.filter(({ kind }) => kind === "cpu")
    .map(({ offset }) => rate(offset));
  return {
    usage,
    user,
    system,
    ...(perCpuUsage.length > 0 && perCpuUsage.every((value) => value >= 0) &&
      { perCpuUsage }),
  };
}

function memoryStats(row: Float64Array, groups: ColumnGroup[]): MemoryStats {
  const values: MemoryStats = pick(row, MEMORY_FIELDS);
  const { usageBytes, inactiveFileBytes } = values;
  const events: MemoryEvents = pick(row, MEMORY_EVENT_FIELDS);
  const pressure = pressureOf(row, groups, "memory");
  return {
    ...values,
    ...(usageBytes !== undefined && {
      workingSetBytes: Math.max(0, usageBytes - (inactiveFileBytes ?? 0)),
    }),
    ...(hasAny(events) && { events }),
    ...(pressure !== undefined && { pressure }),
  };
}

function diskIoStats(row: Float64Array, groups: ColumnGroup[]): DiskIoStats {
  const pressure = pressureOf(row, groups, "io");
  return {
    serviceBytes: perDisk(row, groups, "ioServiceBytes"),
    serviced: perDisk(row, groups, "ioServiced"),
    ...(pressure !== undefined && { pressure }),
  };
}

function perDisk(
  row: Float64Array,
  groups: ColumnGroup[],
  kind: "ioServiceBytes" | "ioServiced",
): PerDiskStats[] {
  const disks: PerDiskStats[] = [];
  for (const group of groups) {
    if (group.kind !== kind) continue;
    const [major, minor] = group.key.split(":").map(Number);
    const stats: Record<string, number> = {};
    for (const [index, operation] of IO_OPERATIONS.entries()) {
      const value = row[group.offset + index] ?? NaN;
      if (!Number.isNaN(value)) stats[operation] = value;
    }
    if (!hasAny(stats)) continue;
    disks.push({ major: major ?? 0, minor: minor ?? 0, stats });
  }
  return disks;
}

function pressureOf(
  row: Float64Array,
  groups: ColumnGroup[],
  controller: string,
): Pressure | undefined {
  const group = groups.find(({ kind, key }) =>
    kind === "pressure" && key === controller
  );
  if (group === undefined) return undefined;
  const some = pressureShare(row, group.offset);
  const full = pressureShare(row, group.offset + 4);
  if (some === undefined && full === undefined) return undefined;
  return {
    ...(some !== undefined && { some }),
    ...(full !== undefined && { full }),
  };
}

function pressureShare(
  row: Float64Array,
  first: number,
): PressureShare | undefined {
  const [avg10 = NaN, avg60 = NaN, avg300 = NaN, totalUsec = NaN] = row
    .subarray(first, first + 4);
  if (Number.isNaN(totalUsec)) return undefined;
  return { avg10, avg60, avg300, totalUsec };
}

/** The fields whose columns have a number. */
function pick<F extends Fields>(
  row: Float64Array,
  fields: F,
): { [K in keyof F]?: number } {
  const picked: { [K in keyof F]?: number } = {};
  for (const key in fields) {
    const value = row[COLUMN[fields[key] as ColumnName]] ?? NaN;
    if (!Number.isNaN(value)) picked[key] = value;
  }
  return picked;
}

function hasAny(part: object): boolean {
  return Object.keys(part).length > 0;
}
