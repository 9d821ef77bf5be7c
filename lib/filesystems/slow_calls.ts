import { type Clock, sleep } from "../model/clock.ts";
import { HungError } from "../model/errors.ts";

/** As in cAdvisor. */
const TIMEOUT_MS = 2_000;

/**
 * Each hung call keeps one of the 32 threads that Deno has for files (2.6 to
 * 2.9); the event log and the kernel log need theirs.
 */
const MAX_HUNG = 16;
/** So many servers may be gone until nobody asks another one; disks are still asked. */
const MAX_HUNG_REMOTE = 8;

/** What is asked of a call. */
export interface AskOptions {
  /** Whether a server or a program answers, and not a disk. @default false */
  readonly isRemote?: boolean;
}

interface Pending {
  readonly ended: Promise<void>;
  isHung: boolean;
}

/**
 * Calls that may never be answered, such as those of files on a server that
 * is gone. One call at a time for each key; while one hangs, others of its key
 * fail at once, so that threads that are lost to a key never grow in number.
 */
export class SlowCalls {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #hung = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many calls hang now. */
  get hung(): number {
    return this.#hung;
  }

  /**
   * The answer of `call`, which is given 2 s, after the others of its key.
   *
   * @throws {HungError} where it takes longer, an earlier one still does, or too many do
   */
  async ask<T>(
    key: string,
    call: () => Promise<T>,
    { isRemote = false }: AskOptions = {},
  ): Promise<T> {
    const maxHung = isRemote ? MAX_HUNG_REMOTE : MAX_HUNG;
    for (;;) {
      const before = this.#pending.get(key);
      if (before?.isHung || this.#hung >= maxHung) throw new HungError(key);
      if (before === undefined) break;
      await this.#within(before, key);
    }
    const answer = call();
    const pending: Pending = {
      isHung: false,
      ended: answer.then(() => {}, () => {}).then(() => {
        this.#pending.delete(key);
        if (pending.isHung) this.#hung--;
      }),
    };
    this.#pending.set(key, pending);
    await this.#within(pending, key);
    return answer;
  }

  /** Waits for its end, for 2 s at most. */
  async #within(pending: Pending, key: string): Promise<void> {
    const over = new AbortController();
    const isLate = await Promise.race([
      pending.ended.then(() => false),
      sleep(this.#clock, TIMEOUT_MS, over.signal).then(() => true),
    ]);
    over.abort();
    if (!isLate) return;
    if (!pending.isHung && this.#pending.get(key) === pending) {
      pending.isHung = true;
      this.#hung++;
    }
    throw new HungError(key);
  }
}
