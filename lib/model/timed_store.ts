export interface TimedStoreOptions {
  /** Relative to the newest item. @default no bound */
  readonly maxAgeMs?: number;
  /** −1 for no bound. @default -1 */
  readonly maxItems?: number;
}

interface Entry<T> {
  readonly timestampMs: number;
  readonly item: T;
}

/**
 * Items by time, bounded by age and number.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const store = new TimedStore<string>({ maxItems: 2 });
 * store.add(1000, "a");
 * store.add(3000, "c");
 * store.add(2000, "b");
 * assertEquals(store.inTimeRange(), ["b", "c"]);
 * ```
 */
export class TimedStore<T> {
  readonly #maxAgeMs: number;
  readonly #maxItems: number;
  /** Ascending from `#first`: dropping is cheap. */
  #entries: (Entry<T> | undefined)[] = [];
  #first = 0;

  constructor(options: TimedStoreOptions = {}) {
    this.#maxAgeMs = options.maxAgeMs ?? Infinity;
    this.#maxItems = options.maxItems ?? -1;
  }

  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** Adds an item after those of the same time. */
  add(timestampMs: number, item: T): void {
    const at = this.#indexAfter(timestampMs);
    if (at === this.#entries.length) this.#entries.push({ timestampMs, item });
    else this.#entries.splice(at, 0, { timestampMs, item });
    this.#dropBefore(Math.max(
      this.#indexAfter(timestampMs - this.#maxAgeMs),
      this.#maxItems >= 0 ? this.#entries.length - this.#maxItems : 0,
    ));
  }

  /** Yields from the newest up to `endMs` on; none may be added meanwhile. */
  *newestFirst(endMs = Infinity): Generator<T> {
    for (let i = this.#indexAfter(endMs) - 1; i >= this.#first; i--) {
      const entry = this.#entries[i];
      if (entry !== undefined) yield entry.item;
    }
  }

  /** Returns items between two times, inclusive, oldest first. */
  inTimeRange(startMs = -Infinity, endMs = Infinity): T[] {
    const found: T[] = [];
    for (let i = this.#indexAfter(endMs) - 1; i >= this.#first; i--) {
      const entry = this.#entries[i];
      if (entry === undefined || entry.timestampMs < startMs) break;
      found.push(entry.item);
    }
    return found.reverse();
  }

  #dropBefore(first: number): void {
    // Slots are reclaimed later, for speed.
    this.#entries.fill(undefined, this.#first, first);
    this.#first = Math.max(this.#first, first);
    if (this.#first > 1024 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Index of the first later entry. */
  #indexAfter(timestampMs: number): number {
    let low = this.#first;
    let high = this.#entries.length;
    const newest = this.#entries.at(-1);
    if (newest !== undefined && newest.timestampMs <= timestampMs) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && entry.timestampMs <= timestampMs) {
        low = middle + 1;
      } else high = middle;
    }
    return low;
  }
}
