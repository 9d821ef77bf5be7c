import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { Tally } from "./tally.ts";

interface Gone {
  readonly tally: Tally;
  readonly atMs: number;
}

/**
 * A removal is told within milliseconds. With half the CPU that a storm takes,
 * it was heard of 23 s later: with its name forgotten by then, it was taken for
 * one more life.
 */
const MAX_AGE_MS = 60_000;
const MAX_NAMES = 65_536;

/** Containers that went lately: the kernel may still tell of what was seen already. */
export class JustGone {
  readonly #clock: Clock;
  /** In the order of time. */
  readonly #byName = new Map<CgroupName, Gone>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps the tally of a name for a while. */
  keep(name: CgroupName, tally: Tally): void {
    // Deleted first, so that it comes last.
    this.#byName.delete(name);
    this.#byName.set(name, { tally, atMs: this.#clock.monotonic() });
    if (this.#byName.size > MAX_NAMES) this.forget(1);
  }

  /** Gives the tally of a name back, and keeps it no more. */
  take(name: CgroupName): Tally | undefined {
    const tally = this.#byName.get(name)?.tally;
    this.#byName.delete(name);
    return tally;
  }

  /** Forgets what went long ago, and the oldest `atLeast`. */
  forget(atLeast = 0): void {
    const limitMs = this.#clock.monotonic() - MAX_AGE_MS;
    for (const [name, { atMs }] of this.#byName) {
      if (atMs > limitMs && atLeast-- <= 0) break;
      this.#byName.delete(name);
    }
  }
}
