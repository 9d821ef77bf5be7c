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
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, callback) {
    const id = setTimeout(callback, delayMs);
    return () => clearTimeout(id);
  },
};

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
