/** Source of time, which tests replace. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never decrease, from an arbitrary start. */
  monotonic(): number;
  /** Calls back once after `delayMs`; the returned function cancels it. */
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
    // Rounded down, the timer would fire early.
    const id = setTimeout(callback, Math.ceil(delayMs));
    return () => clearTimeout(id);
  }
}

/** The clock of this process. */
export const systemClock: SystemClock = new SystemClock();

/** Resolves after `delayMs`, or when the signal aborts. */
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
