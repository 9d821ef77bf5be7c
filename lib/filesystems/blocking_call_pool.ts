import { type Clock, sleep } from "../model/clock.ts";
import { CallTimeoutError } from "../model/errors.ts";

/** As in cAdvisor. */
const TIMEOUT_MS = 2_000;

/**
 * A hung call occupies one of Deno's 32 threads for files (2.6 to 2.9), which
 * event log and kernel log need, too.
 */
const MAX_HUNG = 16;
/** Leaves threads to disks. */
const MAX_HUNG_REMOTE = 8;

export interface CallOptions {
  /** A server or another program handles the call. @default false */
  readonly isRemote?: boolean;
}

interface Pending {
  readonly ended: Promise<void>;
  isHung: boolean;
}

/**
 * Runs calls that may never return, such as those of files on an unreachable
 * server. One call per key runs at a time; while it hangs, others of its key
 * fail immediately: a key never occupies more than one thread.
 */
export class BlockingCallPool {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #hung = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get hung(): number {
    return this.#hung;
  }

  /**
   * Runs `call` after earlier ones of its key, each at most 2 s.
   *
   * @throws {CallTimeoutError} if it or an earlier one times out, or too many
   * calls hang
   */
  async run<T>(
    key: string,
    call: () => Promise<T>,
    { isRemote = false }: CallOptions = {},
  ): Promise<T> {
    const maxHung = isRemote ? MAX_HUNG_REMOTE : MAX_HUNG;
    for (;;) {
      const before = this.#pending.get(key);
      if (before?.isHung || this.#hung >= maxHung) {
        throw new CallTimeoutError(key);
      }
      if (before === undefined) break;
      await this.#within(before, key);
    }
    const result = call();
    const pending: Pending = {
      isHung: false,
      ended: result.then(() => {}, () => {}).then(() => {
        this.#pending.delete(key);
        if (pending.isHung) this.#hung--;
      }),
    };
    this.#pending.set(key, pending);
    await this.#within(pending, key);
    return result;
  }

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
    throw new CallTimeoutError(key);
  }
}
