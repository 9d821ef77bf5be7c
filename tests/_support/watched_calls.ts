import {
  BlockingCallPool,
  type CallOptions,
} from "../../lib/filesystems/blocking_call_pool.ts";
import type { FakeClock } from "./fake_clock.ts";

/** Consecutive idle checks required. */
const IDLE_CHECKS = 5;
const MAX_CHECKS = 10_000;

/** Calls with a wait for the last of them to end. */
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

  /** Waits until no call runs, and no pause before the next call. */
  async idle(): Promise<void> {
    let idle = 0;
    for (let check = 0; idle < IDLE_CHECKS; check++) {
      if (check === MAX_CHECKS) throw new Error("Calls do not come to an end");
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#clock.advance(0);
      idle = this.#open === 0 && this.#clock.pending === 0 ? idle + 1 : 0;
    }
  }
}
