import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";

/** A directory to be listed again. */
export interface Relist {
  readonly name: CgroupName;
  /** Whether the children's inodes are to be compared as well. */
  readonly deep: boolean;
  /** Which of the waits it is in. */
  readonly level: number;
  /** When that ends. */
  readonly dueMs: number;
}

/**
 * A directory where something happened is listed again after the first of
 * these; after the next for as long as that finds nothing; and from the start
 * when it finds something. What is made in a new directory before it is
 * watched is never told, and in a storm notifications come seconds late.
 */
const WAITS_MS = [25, 100, 400, 1_600] as const;

/** A directory with more children than this takes long to list: it starts with the second wait. */
const MANY_CHILDREN = 500;

/** The directories that are to be listed again, and when. */
export class RelistQueue {
  readonly #clock: Clock;
  /** One for each wait, so that each is in the order of time. */
  readonly #queues: readonly Map<CgroupName, Relist>[] = WAITS_MS.map(() =>
    new Map()
  );

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When the first is due, on the clock's monotonic time. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const queue of this.#queues) {
      for (const waiting of queue.values()) {
        dueMs = Math.min(dueMs, waiting.dueMs);
        break;
      }
    }
    return dueMs;
  }

  /** Something happened in a directory that has so many children. */
  touch(name: CgroupName, deep: boolean, children: number): void {
    this.#add(name, deep, children > MANY_CHILDREN ? 1 : 0);
  }

  /** It could not be read: it is listed again after the longest wait, until it can be. */
  retry(name: CgroupName): void {
    this.#add(name, true, WAITS_MS.length - 1);
  }

  /** Takes one that is due. */
  take(): Relist | undefined {
    const nowMs = this.#clock.monotonic();
    for (const queue of this.#queues) {
      for (const waiting of queue.values()) {
        if (waiting.dueMs > nowMs) break;
        queue.delete(waiting.name);
        return waiting;
      }
    }
    return undefined;
  }

  /** Listing found nothing new: the next is after a longer wait, and after the longest is none. */
  postpone({ name, deep, level }: Relist): void {
    this.#add(name, deep, level + 1);
  }

  #add(name: CgroupName, deep: boolean, level: number): void {
    const waitMs = WAITS_MS[level];
    if (waitMs === undefined) return;
    for (const queue of this.#queues) {
      const known = queue.get(name);
      if (known === undefined) continue;
      if (known.level <= level && (known.deep || !deep)) return;
      queue.delete(name);
      deep ||= known.deep;
    }
    const dueMs = this.#clock.monotonic() + waitMs;
    this.#queues[level]?.set(name, { name, deep, level, dueMs });
  }
}
