import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { LifetimeCounter } from "./lifetime_counter.ts";

interface Gone {
  readonly counter: LifetimeCounter;
  readonly atMs: number;
}

/**
 * The kernel reports a removal within milliseconds, but the agent may process
 * it late: 23 s were measured with half the required CPU. A name that is no
 * longer stored is counted as another lifetime.
 */
const MAX_AGE_MS = 60_000;
const MAX_NAMES = 65_536;

/** Recently removed containers, for late notifications. */
export class RecentlyRemoved {
  readonly #clock: Clock;
  /** In order of removal. */
  readonly #byName = new Map<CgroupName, Gone>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  keep(name: CgroupName, counter: LifetimeCounter): void {
    // So that it is the last in the map.
    this.#byName.delete(name);
    this.#byName.set(name, { counter, atMs: this.#clock.monotonic() });
    if (this.#byName.size > MAX_NAMES) this.forget(1);
  }

  /** Also removes the counter. */
  take(name: CgroupName): LifetimeCounter | undefined {
    const counter = this.#byName.get(name)?.counter;
    this.#byName.delete(name);
    return counter;
  }

  /** Removes names older than 60 s, and at least the oldest `atLeast`. */
  forget(atLeast = 0): void {
    const limitMs = this.#clock.monotonic() - MAX_AGE_MS;
    for (const [name, { atMs }] of this.#byName) {
      if (atMs > limitMs && atLeast-- <= 0) break;
      this.#byName.delete(name);
    }
  }
}
