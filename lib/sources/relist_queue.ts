import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";

/** A directory to be listed again. */
export interface Relist {
  readonly name: CgroupName;
  /** Index of the wait before the listing. */
  readonly level: number;
  readonly isLast: boolean;
  /** End of the wait, on the clock's monotonic time. */
  readonly dueMs: number;
  /** Number of notifications about the directory during the wait. */
  notifications: number;
}

/**
 * Milliseconds from a notification about a directory to each of its listings.
 * Creations in a new directory are not reported until it is watched, and on a
 * busy machine `Deno.watchFs` watches it seconds late.
 */
const WAITS_MS = [50, 500, 1_600] as const;

/** Queue of the directories to be listed again. */
export class RelistQueue {
  readonly #clock: Clock;
  /** One queue per wait, so that each is in order of time. */
  readonly #queues = WAITS_MS.map(() => new Map<CgroupName, Relist>());

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Time of the first listing, on the clock's monotonic time. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const queue of this.#queues) {
      const [first] = queue.values();
      if (first !== undefined) dueMs = Math.min(dueMs, first.dueMs);
    }
    return dueMs;
  }

  /** Schedules the listings after a notification about a directory. */
  touch(name: CgroupName): void {
    this.#add(name, 0);
    const relist = this.#queues[0]?.get(name);
    if (relist !== undefined) relist.notifications++;
  }

  /** Schedules a listing after the longest wait, for a directory that could not be read. */
  retry(name: CgroupName): void {
    this.#add(name, WAITS_MS.length - 1);
  }

  /** Schedules the next listing after a longer wait; none follows the longest. */
  postpone({ name, level }: Relist): void {
    this.#add(name, level + 1);
  }

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

  forget(name: CgroupName): void {
    for (const queue of this.#queues) queue.delete(name);
  }

  #add(name: CgroupName, level: number): void {
    const waitMs = WAITS_MS[level];
    if (waitMs === undefined) return;
    // The shortest wait takes precedence: the longer ones follow it.
    if (this.#queues.slice(0, level + 1).some((queue) => queue.has(name))) {
      return;
    }
    this.forget(name);
    const dueMs = this.#clock.monotonic() + waitMs;
    const isLast = level === WAITS_MS.length - 1;
    this.#queues[level]?.set(name, {
      name,
      level,
      isLast,
      dueMs,
      notifications: 0,
    });
  }
}
