/**
 * A sample is a row of doubles: `NaN` where nothing was collected. What every
 * container has comes first, in fixed columns; what depends on the machine (a
 * CPU, a disk) follows in groups, in the order in which it was first seen.
 *
 * @module
 */

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

/**
 * What a group of columns is about: the time of one CPU, the operations on one
 * disk, or the pressure on one resource.
 */
export type GroupKind = "cpu" | "ioServiceBytes" | "ioServiced" | "pressure";

/** Columns of a pressure: some avg10, avg60, avg300, total, and the same of full. */
export const PRESSURE_COLUMNS = 8;

/** The operations on a disk, each a column of its group, by the kernel's names. */
export const IO_OPERATIONS = [
  "Read",
  "Write",
  "Sync",
  "Async",
  "Discard",
  "Total",
] as const;

/** Columns that belong to one CPU, one disk or one pressure. */
export interface ColumnGroup {
  readonly kind: GroupKind;
  /** The CPU's number, the disk's `major:minor`, or the controller under pressure. */
  readonly key: string;
  /** Index of its first column. */
  readonly offset: number;
  readonly width: number;
}

/** Disks and CPUs of one container beyond this are not kept: 40 KB a row. */
const MAX_COLUMNS = 5_000;

/** Which groups follow the fixed columns in the rows of one container. */
export class RowLayout {
  readonly #groups: ColumnGroup[] = [];
  readonly #byKind = new Map<GroupKind, Map<string, ColumnGroup>>();
  #width = FIXED_COLUMNS;

  /** Columns of a row. */
  get width(): number {
    return this.#width;
  }

  /** All groups, in their order. */
  get groups(): readonly ColumnGroup[] {
    return this.#groups;
  }

  /** First column of a group, which is added where it is new; −1 where the row is full. */
  offsetOf(kind: GroupKind, key: string, width: number): number {
    const known = this.#byKind.get(kind)?.get(key);
    if (known !== undefined) return known.offset;
    if (this.#width + width > MAX_COLUMNS) return -1;
    const group = { kind, key, offset: this.#width, width };
    this.#groups.push(group);
    const byKey = this.#byKind.get(kind) ?? new Map<string, ColumnGroup>();
    this.#byKind.set(kind, byKey.set(key, group));
    this.#width += width;
    return group.offset;
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
  }

  /**
   * First column of a group in {@linkcode row}, which may be another array
   * after this call; −1 where the row is full.
   */
  group(kind: GroupKind, key: string, width: number): number {
    const offset = this.layout.offsetOf(kind, key, width);
    if (this.layout.width > this.#row.length) {
      const larger = new Float64Array(this.layout.width).fill(NaN);
      larger.set(this.#row);
      this.#row = larger;
    }
    return offset;
  }
}
