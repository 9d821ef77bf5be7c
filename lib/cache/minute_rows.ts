import type { Usage } from "../model/usage.ts";
import { percentilesOf } from "./percentiles.ts";

/** Mean, 90th percentile and maximum of CPU, then of memory. */
const COLUMNS = 6;
const MEMORY = 3;

const MINUTE_MS = 60_000;
/** A minute ends with the first sample after it: at most 1,440 a day. */
const MAX_ROWS = 24 * 60;
const FIRST_CAPACITY = 4;

/**
 * The last day's minutes: six floats, exact to 1/16,000,000, and the second of
 * the end: 28 bytes per minute, 40 KB per day.
 */
export class MinuteRows {
  #ends = new Uint32Array(FIRST_CAPACITY);
  #rows = new Float32Array(FIRST_CAPACITY * COLUMNS);
  #size = 0;

  /** Adds a minute. Removes those that end later: the clock was set back. */
  add(endMs: number, { cpu, memory }: Usage): void {
    const end = Math.round(endMs / 1000);
    while (this.#size > 0 && (this.#ends[this.#size - 1] ?? 0) > end) {
      this.#size--;
    }
    if (this.#size === MAX_ROWS) {
      this.#ends.copyWithin(0, 1);
      this.#rows.copyWithin(0, COLUMNS);
      this.#size--;
    } else if (this.#size === this.#ends.length) this.#grow();
    this.#ends[this.#size] = end;
    this.#rows.set(
      [cpu, memory].flatMap((part) => [
        part?.mean ?? NaN,
        part?.ninety ?? NaN,
        part?.max ?? NaN,
      ]),
      this.#size * COLUMNS,
    );
    this.#size++;
  }

  /**
   * Usage over a span that ends with the newest minute: mean of the means,
   * maximum of the maxima, the rest from the 90th percentiles.
   */
  usage(spanMs: number): Usage {
    const newest = this.#ends[this.#size - 1];
    if (newest === undefined || this.#size === 0) return { percentComplete: 0 };
    const ends = this.#ends.subarray(0, this.#size);
    const first = ends.findIndex((end) => end > newest - spanMs / 1000);
    const seenMs = (newest - (ends[first] ?? newest)) * 1000 + MINUTE_MS;
    const cpu = this.#percentiles(first, 0);
    const memory = this.#percentiles(first, MEMORY);
    return {
      percentComplete: Math.min(100, Math.trunc(seenMs * 100 / spanMs)),
      ...(cpu !== undefined && { cpu }),
      ...(memory !== undefined && { memory }),
    };
  }

  #percentiles(first: number, column: number) {
    return percentilesOf(
      this.#column(first, column + 1),
      this.#column(first, column),
      this.#column(first, column + 2),
    );
  }

  /** From a row on, without `NaN`. */
  #column(first: number, column: number): Float64Array {
    const values = new Float64Array(this.#size - first);
    let count = 0;
    for (let row = first; row < this.#size; row++) {
      const value = this.#rows[row * COLUMNS + column] ?? NaN;
      if (!Number.isNaN(value)) values[count++] = value;
    }
    return values.subarray(0, count);
  }

  #grow(): void {
    const capacity = Math.min(this.#ends.length * 2, MAX_ROWS);
    const ends = new Uint32Array(capacity);
    const rows = new Float32Array(capacity * COLUMNS);
    ends.set(this.#ends);
    rows.set(this.#rows);
    this.#ends = ends;
    this.#rows = rows;
  }
}
