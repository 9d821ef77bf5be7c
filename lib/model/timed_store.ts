/** How much a {@linkcode TimedStore} keeps. */
export interface TimedStoreOptions {
  /** Items this much older than the newest added go, milliseconds. @default no bound */
  readonly maxAgeMs?: number;
  /** At most so many items; −1 for no bound, 0 to keep none. @default -1 */
  readonly maxItems?: number;
}

interface Entry<T> {
  readonly timestampMs: number;
  readonly item: T;
}

/**
 * Items in the order of their time, bounded by age and by count.
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
  /** Ascending; the live part starts at `#first`, so that dropping the oldest is cheap. */
  #entries: (Entry<T> | undefined)[] = [];
  #first = 0;

  /** Makes an empty store with these bounds. */
  constructor(options: TimedStoreOptions = {}) {
    this.#maxAgeMs = options.maxAgeMs ?? Infinity;
    this.#maxItems = options.maxItems ?? -1;
  }

  /** How many items are kept. */
  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** Adds an item after all of the same or an earlier time. */
  add(timestampMs: number, item: T): void {
    const at = this.#indexAfter(timestampMs);
    if (at === this.#entries.length) this.#entries.push({ timestampMs, item });
    else this.#entries.splice(at, 0, { timestampMs, item });
    this.#dropBefore(Math.max(
      this.#indexAfter(timestampMs - this.#maxAgeMs),
      this.#maxItems >= 0 ? this.#entries.length - this.#maxItems : 0,
    ));
  }

  /**
   * The items from the newest not after `endMs` to the oldest. Nothing may be
   * added meanwhile.
   */
  *newestFirst(endMs = Infinity): Generator<T> {
    for (let i = this.#indexAfter(endMs) - 1; i >= this.#first; i--) {
      const entry = this.#entries[i];
      if (entry !== undefined) yield entry.item;
    }
  }

  /** The items between two times, both included, oldest first. */
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
    // The slots stay a while for speed; what they hold may go at once.
    this.#entries.fill(undefined, this.#first, first);
    this.#first = Math.max(this.#first, first);
    if (this.#first > 1024 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Index of the first entry later than the time. */
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
