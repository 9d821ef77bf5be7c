// Longer than other files: most of it are the names of columns.

/**
 * A sample is a row of doubles: `NaN` where nothing was collected. What every
 * container has comes first, in fixed columns; what depends on the machine (a
 * CPU, a disk), or what not every container has, follows in groups, in the
 * order in which it was first seen.
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

/** The name of a fixed column. */
export type ColumnName = typeof FIXED[number];

/** Index of each fixed column. */
export const COLUMN: Readonly<Record<ColumnName, number>> = Object.fromEntries(
  FIXED.map((name, index) => [name, index]),
) as Record<ColumnName, number>;

/** How many columns every row has. */
export const FIXED_COLUMNS: number = FIXED.length;

/** Kinds of count on a disk that the kernel splits by operation. */
export const IO_KINDS = [
  "serviceBytes",
  "serviced",
  "queued",
  "serviceTimeNs",
  "waitTimeNs",
  "merged",
] as const;

/** Kinds of count on a disk of which there is one number. */
export const IO_SUM_KINDS = [
  "sectors",
  "timeMs",
  "costUsageUsec",
  "costWaitUsec",
  "costIndebtUsec",
  "costIndelayUsec",
] as const;

/** The operations on a disk, each a column of its group, by the kernel's names. */
export const IO_OPERATIONS = [
  "Read",
  "Write",
  "Sync",
  "Async",
  "Discard",
  "Total",
] as const;

/** The one column of a kind without operations; cAdvisor's name for it. */
export const IO_SUM = ["Count"] as const;

/** A kind of count on a disk. */
export type IoKind = typeof IO_KINDS[number] | typeof IO_SUM_KINDS[number];

/** Counts of `memory.events`, and of `memory.events.local`. */
export const MEMORY_EVENTS = [
  "low",
  "high",
  "max",
  "oom",
  "oomKill",
  "oomGroupKill",
] as const;

/** What a runtime's check of a container may find; a sample has the index. */
export const HEALTH_STATES = ["starting", "healthy", "unhealthy"] as const;

/** Fixed columns of the counts of `memory.events`. */
export const MEMORY_EVENT_COLUMNS = {
  low: "memoryLow",
  high: "memoryHigh",
  max: "memoryMax",
  oom: "memoryOom",
  oomKill: "memoryOomKill",
  oomGroupKill: "memoryOomGroupKill",
} as const satisfies Record<typeof MEMORY_EVENTS[number], ColumnName>;

/**
 * The columns of groups that are not about disks. What not every container has
 * is a group too, though there is one of it.
 */
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

/** What a group of columns is about. */
export type GroupKind = keyof typeof GROUP_COLUMNS | IoKind;

const GROUP_WIDTH: ReadonlyMap<string, number> = new Map([
  ...Object.entries(GROUP_COLUMNS).map(([kind, { length }]) =>
    [kind, length] as const
  ),
  ...IO_KINDS.map((kind) => [kind, IO_OPERATIONS.length] as const),
  ...IO_SUM_KINDS.map((kind) => [kind, IO_SUM.length] as const),
]);

/** Columns that belong to one CPU, one disk, one pressure, … */
export interface ColumnGroup {
  readonly kind: GroupKind;
  /** The CPU's number, the disk's `major:minor`, the controller under pressure, the interface, …; empty where there is one. */
  readonly key: string;
  /** Index of its first column. */
  readonly offset: number;
  readonly width: number;
}

/** Disks, interfaces and the like of one container beyond this are not kept: 40 KB a row. */
const MAX_COLUMNS = 5_000;
/**
 * Columns of what was not seen for so many samples may be another's: none of
 * them is kept any more, not even of an hour at a sample a second. Pods come
 * and go, and with them the host's interfaces.
 */
const IDLE_SAMPLES = 4_000;

interface KnownGroup {
  readonly group: ColumnGroup;
  readonly index: number;
  /** The sample that last had it. */
  sample: number;
}

/** Which groups follow the fixed columns in the rows of one container. */
export class RowLayout {
  readonly #groups: ColumnGroup[] = [];
  readonly #byKind = new Map<GroupKind, Map<string, KnownGroup>>();
  /** Of {@linkcode of}, until there is another. */
  readonly #listed = new Map<GroupKind, readonly ColumnGroup[]>();
  #width = FIXED_COLUMNS;
  #sample = 0;
  #version = 0;

  /** Columns of a row. */
  get width(): number {
    return this.#width;
  }

  /** While this is the same, so is what each column is of. */
  get version(): number {
    return this.#version;
  }

  /** All groups, in their order. */
  get groups(): readonly ColumnGroup[] {
    return this.#groups;
  }

  /** Whether it has groups of a kind, or once had. */
  has(kind: GroupKind): boolean {
    return this.#byKind.has(kind);
  }

  /** The groups of a kind, in their order. */
  of(kind: GroupKind): readonly ColumnGroup[] {
    // A scrape asks this of every container for each family.
    if (this.#groups.length === 0) return this.#groups;
    let listed = this.#listed.get(kind);
    if (listed === undefined) {
      const known = this.#byKind.get(kind)?.values() ?? [];
      listed = Array.from(known, ({ group }) => group);
      this.#listed.set(kind, listed);
    }
    return listed;
  }

  /** Begins another sample. */
  nextSample(): void {
    this.#sample++;
  }

  /**
   * First column of a group, which is added where it is new; −1 where the row
   * is full.
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
      const idle = this.#takeIdle(kind);
      if (idle === undefined) return undefined;
      ({ index, group: { offset } } = idle);
    } else this.#width += width;
    const group = { kind, key, offset, width };
    this.#groups[index] = group;
    this.#version++;
    return { group, index, sample: this.#sample };
  }

  /** Takes away a group of that kind that was not seen for long. */
  #takeIdle(kind: GroupKind): KnownGroup | undefined {
    const known = this.#byKind.get(kind);
    for (const [key, group] of known ?? []) {
      if (this.#sample - group.sample < IDLE_SAMPLES) continue;
      known?.delete(key);
      return group;
    }
    return undefined;
  }
}

/** One row being filled; it grows with its layout. */
export class RowBuilder {
  readonly layout: RowLayout = new RowLayout();
  #row = new Float64Array(FIXED_COLUMNS).fill(NaN);

  /** The columns, as many as the layout has. */
  get row(): Float64Array {
    return this.#row;
  }

  /** Forgets the last sample. */
  clear(): void {
    this.#row.fill(NaN);
    this.layout.nextSample();
  }

  /**
   * First column of a group in {@linkcode row}, which may be another array
   * after this call; −1 where the row is full.
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
