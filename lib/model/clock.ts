/** Where every part takes its time from, so that tests can set it. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never step back; only differences mean something. */
  monotonic(): number;
  /** Calls back once after `delayMs`, unless the returned function is called first. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** The clock of the host. */
export class SystemClock implements Clock {
  /** @inheritdoc */
  now(): number {
    return Date.now();
  }

  /** @inheritdoc */
  monotonic(): number {
    return performance.now();
  }

  /** @inheritdoc */
  schedule(delayMs: number, callback: () => void): () => void {
    // Rounded down, as timers do, it would call back too early, and once more.
    const id = setTimeout(callback, Math.ceil(delayMs));
    return () => clearTimeout(id);
  }
}

/** The one clock of this process. */
export const systemClock: SystemClock = new SystemClock();

/** Resolves after `delayMs`, or at once when the signal aborts. */
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
