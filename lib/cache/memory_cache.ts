import type { RowLayout } from "../model/sample.ts";

export interface StoredSample {
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  /**
   * A copy, as wide as the newest sample's; `NaN` for columns that this sample
   * lacks.
   */
  readonly row: Float64Array;
}

/** Absent fields mean unbounded. */
export interface SampleRange {
  readonly startMs?: number;
  readonly endMs?: number;
  /** Newest samples; −1 for all. @default -1 */
  readonly count?: number;
}

const FIRST_CAPACITY = 4;

/**
 * One container's recent samples: a ring of rows in one typed array. It grows
 * up to `maxRows`, and drops samples older than the newest by more than
 * `maxAgeMs`.
 */
export class SampleRing {
  readonly layout: RowLayout;
  readonly #maxAgeMs: number;
  readonly #maxRows: number;
  #stride: number;
  #capacity: number;
  #times: Float64Array;
  #rows: Float64Array;
  #head = 0;
  #size = 0;
  /** Copy of the newest row, until another differs. */
  #latest: Float64Array | undefined;

  constructor(layout: RowLayout, maxAgeMs: number, maxRows: number) {
    this.layout = layout;
    this.#maxAgeMs = maxAgeMs;
    this.#maxRows = Math.max(2, maxRows);
    this.#stride = layout.width;
    this.#capacity = Math.min(FIRST_CAPACITY, this.#maxRows);
    this.#times = new Float64Array(this.#capacity);
    this.#rows = new Float64Array(this.#capacity * this.#stride);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Adds a sample; returns whether it differs from the previous one. An older
   * sample empties the ring: the clock was set back.
   */
  add(timestampMs: number, row: Float64Array): boolean {
    const width = this.layout.width;
    if (width > this.#stride) this.#resize(this.#capacity, width);
    if (this.#size > 0 && timestampMs < this.#timeAt(this.#size - 1)) {
      this.#size = 0;
    }
    const changed = this.#size === 0 || this.#differs(row, width);
    if (changed) this.#latest = undefined;
    this.#dropOlder(timestampMs - this.#maxAgeMs);
    if (this.#size === this.#capacity) {
      if (this.#capacity < this.#maxRows) {
        this.#resize(
          Math.min(this.#capacity * 2, this.#maxRows),
          this.#stride,
        );
      } else this.#drop();
    }
    const slot = (this.#head + this.#size) % this.#capacity;
    this.#times[slot] = timestampMs;
    this.#rows.set(row.subarray(0, width), slot * this.#stride);
    this.#size++;
    return changed;
  }

  /** Newest sample; the row is the same array until a sample differs. */
  get latest(): StoredSample | undefined {
    if (this.#size === 0) return undefined;
    const at = this.#size - 1;
    this.#latest ??= this.#rowAt(at).slice();
    return { timestampMs: this.#timeAt(at), row: this.#latest };
  }

  /** Returns samples in a range, oldest first. */
  samples(range: SampleRange = {}): StoredSample[] {
    const { startMs = -Infinity, endMs = Infinity, count = -1 } = range;
    const found: StoredSample[] = [];
    for (let i = this.#size - 1; i >= 0; i--) {
      if (count >= 0 && found.length >= count) break;
      const timestampMs = this.#timeAt(i);
      if (timestampMs > endMs) continue;
      if (timestampMs < startMs) break;
      found.push({ timestampMs, row: this.#rowAt(i).slice() });
    }
    return found.reverse();
  }

  #slot(index: number): number {
    return (this.#head + index) % this.#capacity;
  }

  #timeAt(index: number): number {
    return this.#times[this.#slot(index)] ?? NaN;
  }

  #rowAt(index: number): Float64Array {
    const start = this.#slot(index) * this.#stride;
    return this.#rows.subarray(start, start + this.#stride);
  }

  #differs(row: Float64Array, width: number): boolean {
    const last = this.#rowAt(this.#size - 1);
    for (let i = 0; i < width; i++) {
      if (!Object.is(last[i], row[i])) return true;
    }
    return false;
  }

  #dropOlder(limitMs: number): void {
    while (this.#size > 0 && this.#timeAt(0) <= limitMs) this.#drop();
  }

  #drop(): void {
    this.#head = (this.#head + 1) % this.#capacity;
    this.#size--;
  }

  #resize(capacity: number, stride: number): void {
    const times = new Float64Array(capacity);
    const rows = new Float64Array(capacity * stride).fill(NaN);
    for (let i = 0; i < this.#size; i++) {
      times[i] = this.#timeAt(i);
      rows.set(this.#rowAt(i), i * stride);
    }
    this.#times = times;
    this.#rows = rows;
    this.#capacity = capacity;
    this.#stride = stride;
    this.#head = 0;
  }
}

export interface MemoryCacheOptions {
  /** `--storage-duration`. */
  readonly maxAgeMs: number;
  /** The shortest housekeeping interval. */
  readonly intervalMs: number;
}

/** For samples taken on demand. */
const SPARE_ROWS = 60;

/** An OOM kill's record may be read after the removal. */
const MAX_REMOVED = 32;

/** All containers' recent samples. */
export class MemoryCache {
  readonly #options: MemoryCacheOptions;
  readonly #rings = new Map<string, SampleRing>();
  /** In order of removal. */
  readonly #removed = new Map<string, SampleRing>();

  constructor(options: MemoryCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#rings.size;
  }

  /** Creates the ring if necessary. */
  ring(name: string, layout: RowLayout): SampleRing {
    const known = this.#rings.get(name);
    if (known !== undefined && known.layout === layout) return known;
    const { maxAgeMs, intervalMs } = this.#options;
    const maxRows = Math.ceil(maxAgeMs / intervalMs) + SPARE_ROWS;
    const ring = new SampleRing(layout, maxAgeMs, maxRows);
    this.#rings.set(name, ring);
    return ring;
  }

  /** Includes the last {@linkcode MAX_REMOVED} removed containers. */
  recent(name: string): SampleRing | undefined {
    return this.#rings.get(name) ?? this.#removed.get(name);
  }

  /** Removes a container; {@linkcode recent} still returns its ring. */
  remove(name: string): void {
    const ring = this.#rings.get(name);
    if (ring === undefined) return;
    this.#rings.delete(name);
    this.#removed.delete(name);
    this.#removed.set(name, ring);
    if (this.#removed.size <= MAX_REMOVED) return;
    for (const oldest of this.#removed.keys()) {
      this.#removed.delete(oldest);
      break;
    }
  }
}
