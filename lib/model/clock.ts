/** Source of time, replaced in tests. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never decrease. */
  monotonic(): number;
  /** Returns a function that cancels the call. */
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

/** This process's clock. */
export const systemClock: SystemClock = new SystemClock();

/** Also resolves when the signal aborts. */
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
