// Exceeds 300 lines: mostly column names.

/**
 * A sample is a row of doubles; `NaN` means not collected. After the fixed
 * columns, groups follow in order of first use: values per CPU or disk, and
 * values that some containers lack.
 *
 * @module
 */
import { TCP_ADVANCED } from "./tcp_advanced.ts";

const FIXED = [
  "cpuUsageNs",
  "cpuUserNs",
  "cpuSystemNs",
  "cpuPeriods",
  "cpuThrottledPeriods",
  "cpuThrottledNs",
  "cpuBurstPeriods",
  "cpuBurstNs",
  "memoryUsage",
  "memoryMaxUsage",
  "memoryCache",
  "memoryRss",
  "memorySwap",
  "memoryMappedFile",
  "memoryActiveFile",
  "memoryInactiveFile",
  "memoryKernel",
  "memoryFileDirty",
  "memoryFileWriteback",
  "memoryFailcnt",
  "memoryPgfault",
  "memoryPgmajfault",
  "memoryOwnPgfault",
  "memoryOwnPgmajfault",
  "memoryPgscan",
  "memoryPgsteal",
  "memoryRefaultFile",
  "memoryRefaultAnon",
  "memoryLow",
  "memoryHigh",
  "memoryMax",
  "memoryOom",
  "memoryOomKill",
  "memoryOomGroupKill",
  "processCount",
  "threadsCurrent",
  "threadsMax",
] as const;

export type ColumnName = typeof FIXED[number];

/** Index by name. */
export const COLUMN: Readonly<Record<ColumnName, number>> = Object.fromEntries(
  FIXED.map((name, index) => [name, index]),
) as Record<ColumnName, number>;

export const FIXED_COLUMNS: number = FIXED.length;

/** Counters per operation. */
export const IO_KINDS = [
  "serviceBytes",
  "serviced",
  "queued",
  "serviceTimeNs",
  "waitTimeNs",
  "merged",
] as const;

/** Counters with one value per disk. */
export const IO_SUM_KINDS = [
  "sectors",
  "timeMs",
  "costUsageUsec",
  "costWaitUsec",
  "costIndebtUsec",
  "costIndelayUsec",
] as const;

/** The kernel's names; each has one column. */
export const IO_OPERATIONS = [
  "Read",
  "Write",
  "Sync",
  "Async",
  "Discard",
  "Total",
] as const;

/** cAdvisor's name for a value without operation. */
export const IO_SUM = ["Count"] as const;

export type IoKind = typeof IO_KINDS[number] | typeof IO_SUM_KINDS[number];

/** Counters of `memory.events` and `memory.events.local`. */
export const MEMORY_EVENTS = [
  "low",
  "high",
  "max",
  "oom",
  "oomKill",
  "oomGroupKill",
] as const;

/** Samples contain the index. */
export const HEALTH_STATES = ["starting", "healthy", "unhealthy"] as const;

/** Fixed columns of `memory.events`. */
export const MEMORY_EVENT_COLUMNS = {
  low: "memoryLow",
  high: "memoryHigh",
  max: "memoryMax",
  oom: "memoryOom",
  oomKill: "memoryOomKill",
  oomGroupKill: "memoryOomGroupKill",
} as const satisfies Record<typeof MEMORY_EVENTS[number], ColumnName>;

/** Columns of other groups than disk counters. */
export const GROUP_COLUMNS = {
  cpu: ["usageNs"],
  pressure: [
    "someAvg10",
    "someAvg60",
    "someAvg300",
    "someTotalUsec",
    "fullAvg10",
    "fullAvg60",
    "fullAvg300",
    "fullTotalUsec",
  ],
  schedstat: ["runTimeNs", "runqueueTimeNs", "runPeriods"],
  eventsLocal: MEMORY_EVENTS,
  swapEvents: ["high", "max", "fail"],
  numa: [
    "file",
    "anon",
    "unevictable",
    "hierarchicalFile",
    "hierarchicalAnon",
    "hierarchicalUnevictable",
  ],
  hugetlb: ["usageBytes", "maxUsageBytes", "failcnt"],
  interface: [
    "rxBytes",
    "rxPackets",
    "rxErrors",
    "rxDropped",
    "txBytes",
    "txPackets",
    "txErrors",
    "txDropped",
  ],
  tcp: [
    "established",
    "synSent",
    "synRecv",
    "finWait1",
    "finWait2",
    "timeWait",
    "close",
    "closeWait",
    "lastAck",
    "listen",
    "closing",
  ],
  udp: ["listen", "dropped", "rxQueued", "txQueued"],
  tcpAdvanced: TCP_ADVANCED,
  descriptors: ["fdCount", "socketCount"],
  ulimit: ["softLimit", "hardLimit"],
  referencedMemory: ["bytes"],
  memoryMigrate: ["value"],
  resctrl: ["totalBytes", "localBytes", "llcOccupancyBytes"],
  health: ["state"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type GroupKind = keyof typeof GROUP_COLUMNS | IoKind;

const GROUP_WIDTH: ReadonlyMap<string, number> = new Map([
  ...Object.entries(GROUP_COLUMNS).map(([kind, { length }]) =>
    [kind, length] as const
  ),
  ...IO_KINDS.map((kind) => [kind, IO_OPERATIONS.length] as const),
  ...IO_SUM_KINDS.map((kind) => [kind, IO_SUM.length] as const),
]);

export interface ColumnGroup {
  readonly kind: GroupKind;
  /**
   * CPU number, disk `major:minor`, pressure controller, interface, …; empty
   * for a single group.
   */
  readonly key: string;
  readonly offset: number;
  readonly width: number;
}

/** 40 KB per row; further groups are dropped. */
const MAX_COLUMNS = 5_000;
/**
 * Samples until an absent group's columns may be reused: no store keeps more,
 * even an hour at one per second. The host's interfaces, for example, change
 * with each pod.
 */
const IDLE_SAMPLES = 4_000;

interface KnownGroup {
  readonly group: ColumnGroup;
  readonly index: number;
  /** Last sample with it. */
  sample: number;
}

/** Columns of one container's rows. */
export class RowLayout {
  readonly #groups: ColumnGroup[] = [];
  readonly #byKind = new Map<GroupKind, Map<string, KnownGroup>>();
  /** Cache of {@linkcode of}. */
  readonly #listed = new Map<GroupKind, readonly ColumnGroup[]>();
  #width = FIXED_COLUMNS;
  #sample = 0;
  #version = 0;

  get width(): number {
    return this.#width;
  }

  /** Changes with the meaning of any column. */
  get version(): number {
    return this.#version;
  }

  get groups(): readonly ColumnGroup[] {
    return this.#groups;
  }

  /** Whether it ever had this kind. */
  has(kind: GroupKind): boolean {
    return this.#byKind.has(kind);
  }

  of(kind: GroupKind): readonly ColumnGroup[] {
    // Called for every container and family.
    if (this.#groups.length === 0) return this.#groups;
    let listed = this.#listed.get(kind);
    if (listed === undefined) {
      const known = this.#byKind.get(kind)?.values() ?? [];
      listed = Array.from(known, ({ group }) => group);
      this.#listed.set(kind, listed);
    }
    return listed;
  }

  nextSample(): void {
    this.#sample++;
  }

  /**
   * Returns the first column, adding the group if new; −1 if the row is full.
   */
  offsetOf(kind: GroupKind, key: string): number {
    let known = this.#byKind.get(kind)?.get(key);
    if (known === undefined) {
      known = this.#add(kind, key);
      if (known === undefined) return -1;
      const byKey = this.#byKind.get(kind) ?? new Map<string, KnownGroup>();
      this.#byKind.set(kind, byKey.set(key, known));
    }
    known.sample = this.#sample;
    return known.group.offset;
  }

  #add(kind: GroupKind, key: string): KnownGroup | undefined {
    this.#listed.delete(kind);
    const width = GROUP_WIDTH.get(kind) ?? 0;
    let offset = this.#width;
    let index = this.#groups.length;
    if (offset + width > MAX_COLUMNS) {
      const idle = this.#removeIdle(kind);
      if (idle === undefined) return undefined;
      ({ index, group: { offset } } = idle);
    } else this.#width += width;
    const group = { kind, key, offset, width };
    this.#groups[index] = group;
    this.#version++;
    return { group, index, sample: this.#sample };
  }

  #removeIdle(kind: GroupKind): KnownGroup | undefined {
    const known = this.#byKind.get(kind);
    for (const [key, group] of known ?? []) {
      if (this.#sample - group.sample < IDLE_SAMPLES) continue;
      known?.delete(key);
      return group;
    }
    return undefined;
  }
}

/** Builds rows, which grow with the layout. */
export class RowBuilder {
  readonly layout: RowLayout = new RowLayout();
  #row = new Float64Array(FIXED_COLUMNS).fill(NaN);

  get row(): Float64Array {
    return this.#row;
  }

  /** Starts a sample. */
  clear(): void {
    this.#row.fill(NaN);
    this.layout.nextSample();
  }

  /**
   * Returns the first column, or −1 if the row is full. May replace
   * {@linkcode row}.
   */
  group(kind: GroupKind, key = ""): number {
    const offset = this.layout.offsetOf(kind, key);
    if (this.layout.width > this.#row.length) {
      const larger = new Float64Array(this.layout.width).fill(NaN);
      larger.set(this.#row);
      this.#row = larger;
    }
    return offset;
  }
}
