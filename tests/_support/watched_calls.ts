import {
  BlockingCallPool,
  type CallOptions,
} from "../../lib/filesystems/blocking_call_pool.ts";
import type { FakeClock } from "./fake_clock.ts";

/** Looks that must find all quiet before it is. */
const QUIET_LOOKS = 5;
const MAX_LOOKS = 10_000;

/** Calls of which a test knows when the last of them has been answered. */
export class WatchedCalls extends BlockingCallPool {
  readonly #clock: FakeClock;
  #open = 0;

  constructor(clock: FakeClock) {
    super(clock);
    this.#clock = clock;
  }

  override async run<T>(
    key: string,
    call: () => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    this.#open++;
    try {
      return await super.run(key, call, options);
    } finally {
      this.#open--;
    }
  }

  /** Waits until nobody asks anything, and nobody rests before the next question. */
  async quiet(): Promise<void> {
    let quiet = 0;
    for (let look = 0; quiet < QUIET_LOOKS; look++) {
      if (look === MAX_LOOKS) throw new Error("Calls do not come to an end");
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#clock.advance(0);
      quiet = this.#open === 0 && this.#clock.pending === 0 ? quiet + 1 : 0;
    }
  }
}
