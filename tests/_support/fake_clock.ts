import type { Clock } from "../../lib/model/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * A clock that a test advances.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new FakeClock(1000);
 * const times: number[] = [];
 * clock.schedule(20, () => times.push(clock.now()));
 * clock.advance(50);
 * assertEquals(times, [1020]);
 * ```
 */
export class FakeClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  readonly #timers = new Set<Timer>();

  /** @param nowMs initial wall clock; the monotonic clock starts at 0 */
  constructor(nowMs = Date.UTC(2026, 10, 23, 6, 31, 13, 123)) {
    this.#wallMs = nowMs;
  }

  /** Number of pending callbacks. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = {
      dueMs: this.#monotonicMs + Math.max(0, delayMs),
      callback,
    };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /**
   * Advances time, and runs due callbacks in order, including those they
   * schedule.
   */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const timer = this.#nextDue(endMs);
      if (timer === undefined) break;
      this.#timers.delete(timer);
      this.#moveTo(Math.max(timer.dueMs, this.#monotonicMs));
      timer.callback();
    }
    this.#moveTo(endMs);
  }

  /** Steps only the wall clock, as an operator or NTP does. */
  stepWall(ms: number): void {
    this.#wallMs += ms;
  }

  /** Returns the next due timer; of equal ones, the one scheduled first. */
  #nextDue(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue;
      if (next === undefined || timer.dueMs < next.dueMs) next = timer;
    }
    return next;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
