import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";

/** A directory to be listed again. */
export interface Relist {
  readonly name: CgroupName;
  /** Index of the wait before it. */
  readonly level: number;
  /** Whether no other follows it. */
  readonly isLast: boolean;
  /** When that ends, on the clock's monotonic time. */
  readonly dueMs: number;
  /** How often something happened in it meanwhile. */
  touches: number;
}

/**
 * Waits before the listings of a directory in which something happened. What
 * is created in a new directory before it is watched is never reported, and on
 * a busy machine `Deno.watchFs` watches it seconds late.
 */
const WAITS_MS = [50, 500, 1_600] as const;

/** The directories that are to be listed again, and when. */
export class RelistQueue {
  readonly #clock: Clock;
  /** One for each wait, so that each is in the order of time. */
  readonly #queues = WAITS_MS.map(() => new Map<CgroupName, Relist>());

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When the first is due, on the clock's monotonic time. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const queue of this.#queues) {
      const [first] = queue.values();
      if (first !== undefined) dueMs = Math.min(dueMs, first.dueMs);
    }
    return dueMs;
  }

  /** Something happened in a directory. */
  touch(name: CgroupName): void {
    this.#add(name, 0);
    const relist = this.#queues[0]?.get(name);
    if (relist !== undefined) relist.touches++;
  }

  /** A directory could not be read: it is listed again after the longest wait. */
  retry(name: CgroupName): void {
    this.#add(name, WAITS_MS.length - 1);
  }

  /** The next listing is after a longer wait; after the longest is none. */
  postpone({ name, level }: Relist): void {
    this.#add(name, level + 1);
  }

  /** Removes one that is due, and returns it. */
  take(): Relist | undefined {
    for (const queue of this.#queues) {
      const [first] = queue.values();
      if (first === undefined || first.dueMs > this.#clock.monotonic()) {
        continue;
      }
      queue.delete(first.name);
      return first;
    }
    return undefined;
  }

  /** A directory is gone. */
  forget(name: CgroupName): void {
    for (const queue of this.#queues) queue.delete(name);
  }

  #add(name: CgroupName, level: number): void {
    const waitMs = WAITS_MS[level];
    if (waitMs === undefined) return;
    // The shortest wait counts: the longer ones follow it.
    if (this.#queues.slice(0, level + 1).some((queue) => queue.has(name))) {
      return;
    }
    this.forget(name);
    const dueMs = this.#clock.monotonic() + waitMs;
    const isLast = level === WAITS_MS.length - 1;
    this.#queues[level]?.set(name, { name, level, isLast, dueMs, touches: 0 });
  }
}
