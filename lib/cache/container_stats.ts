/**
 * Builds stats objects from rows; uncollected values are absent. Exceeds 300
 * lines: one table of all fields.
 *
 * @module
 */
import {
  COLUMN,
  type ColumnGroup,
  type ColumnName,
  GROUP_COLUMNS,
  type GroupKind,
  HEALTH_STATES,
  IO_KINDS,
  IO_OPERATIONS,
  IO_SUM,
  IO_SUM_KINDS,
  type IoKind,
  MEMORY_EVENT_COLUMNS,
  type RowLayout,
} from "../model/sample.ts";
import type {
  ContainerStats,
  CpuInstStats,
  CpuStats,
  DiskIoStats,
  MemoryEvents,
  MemoryStats,
  NetworkStats,
  NumaStats,
  PerDiskStats,
  Pressure,
  PressureShare,
  ProcessStats,
  ResctrlStats,
} from "../model/stats.ts";
import type { StoredSample } from "./memory_cache.ts";

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
  pgscan: "memoryPgscan",
  pgsteal: "memoryPgsteal",
  workingsetRefaultFile: "memoryRefaultFile",
  workingsetRefaultAnon: "memoryRefaultAnon",
} as const satisfies Fields;

const FAULT_FIELDS = {
  pgfault: "memoryPgfault",
  pgmajfault: "memoryPgmajfault",
} as const satisfies Fields;

const OWN_FAULT_FIELDS = {
  pgfault: "memoryOwnPgfault",
  pgmajfault: "memoryOwnPgmajfault",
} as const satisfies Fields;

const PROCESS_FIELDS = {
  processCount: "processCount",
  threadsCurrent: "threadsCurrent",
  threadsMax: "threadsMax",
} as const satisfies Fields;

/** Sections present even if nothing was counted. */
export interface StatsParts {
  readonly diskIo: boolean;
  /** Path of block device `8:0`, if known. */
  readonly deviceName?: (device: string) => string | undefined;
}

/**
 * Builds a sample's stats; rates are relative to `previous`, of the same
 * cgroup.
 */
export function toContainerStats(
  sample: StoredSample,
  layout: RowLayout,
  parts: StatsParts,
  previous?: StoredSample,
): ContainerStats {
  const { row, timestampMs } = sample;
  const groups = new Groups(layout, row);
  const cpu = cpuStats(groups);
  const cpuInst = previous && cpuInstStats(previous, sample, groups);
  const memory = memoryStats(groups);
  const diskIo = parts.diskIo ? diskIoStats(groups, parts) : undefined;
  const hugetlb = groups.byKey("hugetlb");
  const network = networkStats(groups);
  const processes = processStats(groups);
  const { bytes: referencedMemoryBytes } = groups.only("referencedMemory");
  const { value: cpusetMemoryMigrate } = groups.only("memoryMigrate");
  const resctrl = resctrlStats(groups);
  const health = HEALTH_STATES[groups.only("health").state ?? -1];
  return {
    timestampMs,
    ...(hasAny(cpu) && { cpu }),
    ...(cpuInst !== undefined && { cpuInst }),
    ...(hasAny(memory) && { memory }),
    ...(diskIo !== undefined && { diskIo }),
    ...(hasAny(hugetlb) && { hugetlb }),
    ...(hasAny(network) && { network }),
    ...(hasAny(processes) && { processes }),
    ...(referencedMemoryBytes !== undefined && { referencedMemoryBytes }),
    ...(cpusetMemoryMigrate !== undefined && { cpusetMemoryMigrate }),
    ...(hasAny(resctrl) && { resctrl }),
    ...(health !== undefined && { health }),
  };
}

type GroupColumns = typeof GROUP_COLUMNS;
type Numbers<K extends keyof GroupColumns> = {
  [C in GroupColumns[K][number]]?: number;
};

/** Groups of one row; a row stored before a disk was first seen is shorter. */
class Groups {
  readonly row: Float64Array;
  readonly #byKind: Map<GroupKind, ColumnGroup[]>;

  constructor(layout: RowLayout, row: Float64Array) {
    this.row = row;
    this.#byKind = Map.groupBy(
      layout.groups.filter(({ offset, width }) => offset + width <= row.length),
      ({ kind }) => kind,
    );
  }

  of(kind: GroupKind): readonly ColumnGroup[] {
    return this.#byKind.get(kind) ?? [];
  }

  /** Returns a group's values, without `NaN`. */
  numbers<C extends string>(
    { offset }: ColumnGroup,
    columns: readonly C[],
  ): { [K in C]?: number } {
    const numbers: { [K in C]?: number } = {};
    for (const [index, column] of columns.entries()) {
      const value = this.row[offset + index] ?? NaN;
      if (!Number.isNaN(value)) numbers[column] = value;
    }
    return numbers;
  }

  /** Returns a kind's values by key, without empty groups. */
  byKey<K extends keyof GroupColumns>(kind: K): Record<string, Numbers<K>> {
    const found: Record<string, Numbers<K>> = {};
    const columns: readonly GroupColumns[K][number][] = GROUP_COLUMNS[kind];
    for (const group of this.of(kind)) {
      const numbers = this.numbers(group, columns);
      if (hasAny(numbers)) found[group.key] = numbers;
    }
    return found;
  }

  /** Values of the only group of a kind. */
  only<K extends keyof GroupColumns>(kind: K): Numbers<K> {
    return this.byKey(kind)[""] ?? {};
  }
}

function cpuStats(groups: Groups): CpuStats {
  const perCpuUsageNs = groups.of("cpu")
    .map(({ offset }) => groups.row[offset] ?? NaN)
    .filter((value) => !Number.isNaN(value));
  const schedstat = groups.only("schedstat");
  const pressure = pressureOf(groups, "cpu");
  return {
    ...pick(groups.row, CPU_FIELDS),
    ...(perCpuUsageNs.length > 0 && { perCpuUsageNs }),
    ...(isComplete("schedstat", schedstat) && { schedstat }),
    ...(pressure !== undefined && { pressure }),
  };
}

/** Nanoseconds per second; absent if time or a counter decreased. */
function cpuInstStats(
  previous: StoredSample,
  { row, timestampMs }: StoredSample,
  groups: Groups,
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
  const perCpuUsage = groups.of("cpu").map(({ offset }) => rate(offset));
  return {
    usage,
    user,
    system,
    ...(perCpuUsage.length > 0 && perCpuUsage.every((value) => value >= 0) &&
      { perCpuUsage }),
  };
}

function memoryStats(groups: Groups): MemoryStats {
  const { row } = groups;
  const values: MemoryStats = pick(row, MEMORY_FIELDS);
  const { usageBytes, inactiveFileBytes } = values;
  const faults = pick(row, FAULT_FIELDS);
  const ownFaults = pick(row, OWN_FAULT_FIELDS);
  const events: MemoryEvents = pick(row, MEMORY_EVENT_COLUMNS);
  const optional = {
    containerData: {
      ...(hasAny(ownFaults) ? ownFaults : faults),
      ...numaStats(groups, CONTAINER_NUMA),
    },
    hierarchicalData: { ...faults, ...numaStats(groups, HIERARCHICAL_NUMA) },
    events,
    eventsLocal: groups.only("eventsLocal"),
    swapEvents: groups.only("swapEvents"),
    pressure: pressureOf(groups, "memory") ?? {},
  };
  return {
    ...values,
    ...(usageBytes !== undefined && {
      workingSetBytes: Math.max(0, usageBytes - (inactiveFileBytes ?? 0)),
    }),
    ...withAny(optional),
  };
}

type NumaColumn = typeof GROUP_COLUMNS.numa[number];
type NumaColumns = Readonly<Record<keyof NumaStats, NumaColumn>>;

const CONTAINER_NUMA = {
  file: "file",
  anon: "anon",
  unevictable: "unevictable",
} as const satisfies NumaColumns;

const HIERARCHICAL_NUMA = {
  file: "hierarchicalFile",
  anon: "hierarchicalAnon",
  unevictable: "hierarchicalUnevictable",
} as const satisfies NumaColumns;

/** Pages by kind, then node, as in cAdvisor. */
function numaStats(
  groups: Groups,
  columns: NumaColumns,
): { numaStats?: NumaStats } {
  const nodes = Object.entries(groups.byKey("numa"));
  const of = (column: NumaColumn) =>
    Object.fromEntries(nodes.flatMap(([node, pages]) => {
      const count = pages[column];
      return count === undefined ? [] : [[node, count]];
    }));
  const numaStats: NumaStats = withAny({
    file: of(columns.file),
    anon: of(columns.anon),
    unevictable: of(columns.unevictable),
  });
  return hasAny(numaStats) ? { numaStats } : {};
}

function diskIoStats(groups: Groups, parts: StatsParts): DiskIoStats {
  const disks: { [K in IoKind]?: PerDiskStats[] } = {};
  for (const kind of [...IO_KINDS, ...IO_SUM_KINDS]) {
    const counted = perDisk(groups, kind, parts);
    if (counted.length > 0) disks[kind] = counted;
  }
  const pressure = pressureOf(groups, "io");
  return {
    serviceBytes: [],
    serviced: [],
    ...disks,
    ...(pressure !== undefined && { pressure }),
  };
}

const SUM_KINDS: ReadonlySet<string> = new Set(IO_SUM_KINDS);

function perDisk(
  groups: Groups,
  kind: IoKind,
  { deviceName }: StatsParts,
): PerDiskStats[] {
  const disks: PerDiskStats[] = [];
  const columns = SUM_KINDS.has(kind) ? IO_SUM : IO_OPERATIONS;
  for (const group of groups.of(kind)) {
    const [major, minor] = group.key.split(":").map(Number);
    const stats = groups.numbers<string>(group, columns) as Record<
      string,
      number
    >;
    if (!hasAny(stats)) continue;
    const device = deviceName?.(group.key);
    disks.push({
      major: major ?? 0,
      minor: minor ?? 0,
      ...(device !== undefined && { device }),
      stats,
    });
  }
  return disks;
}

function networkStats(groups: Groups): NetworkStats {
  const interfaces = Object.entries(groups.byKey("interface")).flatMap(
    ([name, counts]) =>
      isComplete("interface", counts) ? [{ name, ...counts }] : [],
  );
  const tcp = groups.byKey("tcp");
  const udp = groups.byKey("udp");
  const tcpAdvanced = groups.only("tcpAdvanced");
  return {
    ...(interfaces.length > 0 && { interfaces }),
    ...(isComplete("tcp", tcp["tcp"]) && { tcp: tcp["tcp"] }),
    ...(isComplete("tcp", tcp["tcp6"]) && { tcp6: tcp["tcp6"] }),
    ...(isComplete("udp", udp["udp"]) && { udp: udp["udp"] }),
    ...(isComplete("udp", udp["udp6"]) && { udp6: udp["udp6"] }),
    ...(hasAny(tcpAdvanced) &&
      { tcpAdvanced: tcpAdvanced as Record<string, number> }),
  };
}

function processStats(groups: Groups): ProcessStats {
  const ulimits = Object.entries(groups.byKey("ulimit")).flatMap(
    ([name, limits]) =>
      isComplete("ulimit", limits) ? [{ name, ...limits }] : [],
  );
  return {
    ...pick(groups.row, PROCESS_FIELDS),
    ...groups.only("descriptors"),
    ...(ulimits.length > 0 && { ulimits }),
  };
}

/**
 * Bandwidth domains and caches have the same kind of directory, with other
 * files.
 */
function resctrlStats(groups: Groups): ResctrlStats {
  const domains = Object.values(groups.byKey("resctrl"));
  const memoryBandwidth = domains
    .map(({ llcOccupancyBytes: _, ...bandwidth }) => bandwidth)
    .filter(hasAny);
  const cache = domains.flatMap(({ llcOccupancyBytes }) =>
    llcOccupancyBytes === undefined ? [] : [{ llcOccupancyBytes }]
  );
  return {
    ...(memoryBandwidth.length > 0 && { memoryBandwidth }),
    ...(cache.length > 0 && { cache }),
  };
}

function pressureOf(groups: Groups, controller: string): Pressure | undefined {
  const group = groups.of("pressure").find(({ key }) => key === controller);
  if (group === undefined) return undefined;
  const some = pressureShare(groups.row, group.offset);
  const full = pressureShare(groups.row, group.offset + 4);
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

/** Returns the fields that are not `NaN`. */
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

/** Whether no column is `NaN`. */
function isComplete<K extends keyof GroupColumns>(
  kind: K,
  numbers: Numbers<K> | undefined,
): numbers is Required<Numbers<K>> {
  return numbers !== undefined &&
    Object.keys(numbers).length === GROUP_COLUMNS[kind].length;
}

function hasAny(part: object): boolean {
  return Object.keys(part).length > 0;
}

/** Omits empty sections. */
function withAny<T extends Readonly<Record<string, object>>>(
  parts: T,
): Partial<T> {
  return Object.fromEntries(
    Object.entries(parts).filter(([, part]) => hasAny(part)),
  ) as Partial<T>;
}
