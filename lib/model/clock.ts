/** Source of time for all parts, so that tests can set it. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never decrease; only differences are meaningful. */
  monotonic(): number;
  /**
   * Calls back once after `delayMs`, unless the returned function is called
   * first.
   */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** The clock of the host. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  schedule(delayMs: number, callback: () => void): () => void {
    // Round up: rounded down, the timer would fire early and have to be set
    // again.
    const id = setTimeout(callback, Math.ceil(delayMs));
    return () => clearTimeout(id);
  }
}

/** The clock of this process. */
export const systemClock: SystemClock = new SystemClock();

/** Resolves after `delayMs`, or as soon as the signal aborts. */
export function sleep(
  clock: Clock,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.schedule(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
