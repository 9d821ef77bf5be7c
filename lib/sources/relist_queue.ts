import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";

/** A directory to be listed again. */
export interface Relist {
  readonly name: CgroupName;
  /** Index of the wait. */
  readonly level: number;
  readonly isLast: boolean;
  /** Monotonic end of the wait. */
  readonly dueMs: number;
  /** During the wait. */
  notifications: number;
}

/**
 * Milliseconds before each listing: the first wait starts at the notification,
 * each later one after a listing. Creations in a new directory are not reported
 * until it is watched, which takes seconds on a busy machine.
 */
const WAITS_MS = [50, 500, 1_600] as const;

/** Directories to be listed again. */
export class RelistQueue {
  readonly #clock: Clock;
  /** One per wait, so that each is in order of time. */
  readonly #queues = WAITS_MS.map(() => new Map<CgroupName, Relist>());

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Monotonic time of the first listing. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const queue of this.#queues) {
      const [first] = queue.values();
      if (first !== undefined) dueMs = Math.min(dueMs, first.dueMs);
    }
    return dueMs;
  }

  /** Schedules the listings after a notification. */
  touch(name: CgroupName): void {
    this.#add(name, 0);
    const relist = this.#queues[0]?.get(name);
    if (relist !== undefined) relist.notifications++;
  }

  /** Schedules only the last listing, for an unreadable directory. */
  retry(name: CgroupName): void {
    this.#add(name, WAITS_MS.length - 1);
  }

  /** Schedules the next, longer wait; none follows the longest. */
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
