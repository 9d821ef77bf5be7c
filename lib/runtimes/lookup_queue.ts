import type { Clock } from "../model/clock.ts";

/** Each may block one of the few file threads. */
const MAX_RUNNING = 4;

/** A hung lookup keeps its slot: it may still block a thread. */
const HUNG_MS = 2_000;

interface LookupRequest<T> {
  readonly item: T;
  /** Each after the previous attempt. */
  readonly retriesMs: readonly number[];
  tries: number;
}

/** Runs a few lookups at a time, and retries unsuccessful ones. */
export class LookupQueue<T> {
  readonly #clock: Clock;
  readonly #lookUp: (item: T) => Promise<boolean>;
  readonly #due: LookupRequest<T>[] = [];
  /** A later request replaces the earlier one. */
  readonly #requests = new Map<T, LookupRequest<T>>();
  readonly #timers = new Set<() => void>();
  readonly #startedMs = new Map<LookupRequest<T>, number>();
  readonly #ended = Promise.withResolvers<void>();
  #closed = false;

  /** @param lookUp returns whether it succeeded; must not throw */
  constructor(clock: Clock, lookUp: (item: T) => Promise<boolean>) {
    this.#clock = clock;
    this.#lookUp = lookUp;
  }

  /** Waiting and running lookups. */
  get size(): number {
    return this.#requests.size + this.#startedMs.size;
  }

  /** Running for more than 2 s. */
  get hung(): number {
    const limitMs = this.#clock.monotonic() - HUNG_MS;
    let hung = 0;
    for (const startedMs of this.#startedMs.values()) {
      if (startedMs <= limitMs) hung++;
    }
    return hung;
  }

  /**
   * Retries after each of `retriesMs` until the item is found. Urgent items are
   * first.
   */
  add(item: T, retriesMs: readonly number[], isUrgent = false): void {
    if (this.#closed) return;
    const request = { item, retriesMs, tries: 0 };
    this.#requests.set(item, request);
    if (isUrgent) this.#due.unshift(request);
    else this.#due.push(request);
    this.#run();
  }

  /** Resolves after running lookups. */
  close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#requests.clear();
    this.#due.length = 0;
    if (this.#startedMs.size === 0) this.#ended.resolve();
    return this.#ended.promise;
  }

  #run(): void {
    while (this.#startedMs.size < MAX_RUNNING) {
      const request = this.#due.shift();
      if (request === undefined) return;
      // Replaced by a later request.
      if (this.#requests.get(request.item) !== request) continue;
      this.#requests.delete(request.item);
      this.#startedMs.set(request, this.#clock.monotonic());
      this.#lookUp(request.item).then((found) => {
        this.#startedMs.delete(request);
        if (!found) this.#retry(request);
        this.#run();
        if (this.#closed && this.#startedMs.size === 0) this.#ended.resolve();
      });
    }
  }

  #retry(request: LookupRequest<T>): void {
    const delayMs = request.retriesMs[request.tries++];
    // A later request is waiting.
    if (delayMs === undefined || this.#closed) return;
    if (this.#requests.has(request.item)) return;
    this.#requests.set(request.item, request);
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#timers.delete(cancel);
      this.#due.push(request);
      this.#run();
    });
    this.#timers.add(cancel);
  }
}
