/**
 * Cumulative histogram.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const histogram = new Histogram([1, 10]);
 * for (const value of [0.5, 1, 20]) histogram.observe(value);
 * assertEquals([...histogram.buckets()], [[1, 2], [10, 2], [Infinity, 3]]);
 * assertEquals(histogram.sum, 21.5);
 * ```
 */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds ascending, without `Infinity` */
  constructor(bounds: readonly number[]) {
    this.#bounds = [...bounds, Infinity];
    this.#counts = this.#bounds.map(() => 0);
  }

  get sum(): number {
    return this.#sum;
  }

  observe(value: number): void {
    this.#sum += value;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** Yields each bound with the number of values up to it. */
  *buckets(): Generator<readonly [bound: number, count: number]> {
    let total = 0;
    for (const [at, bound] of this.#bounds.entries()) {
      total += this.#counts[at] ?? 0;
      yield [bound, total];
    }
  }
}
