import type { Clock } from "../model/clock.ts";

/** Look-ups at once; each may hold one of the few threads that files are read with. */
const MAX_RUNNING = 4;

/** One that takes longer is said to hang. Its place is not given away: it may hold a thread. */
const HUNG_MS = 2_000;

interface Wish<T> {
  readonly item: T;
  /** When to try again, each after the one before. */
  readonly retriesMs: readonly number[];
  tries: number;
}

/** Looks things up, a few at a time, and again after a while where that found nothing. */
export class LookupQueue<T> {
  readonly #clock: Clock;
  readonly #look: (item: T) => Promise<boolean>;
  readonly #due: Wish<T>[] = [];
  /** What waits for its turn or its next try; a later wish for the same takes its place. */
  readonly #wishes = new Map<T, Wish<T>>();
  readonly #timers = new Set<() => void>();
  readonly #startedMs = new Map<Wish<T>, number>();
  readonly #ended = Promise.withResolvers<void>();
  #closed = false;

  /** @param look says whether it found what is to be found; it does not throw */
  constructor(clock: Clock, look: (item: T) => Promise<boolean>) {
    this.#clock = clock;
    this.#look = look;
  }

  /** How many wait or are under way. */
  get size(): number {
    return this.#wishes.size + this.#startedMs.size;
  }

  /** How many do not end. */
  get hung(): number {
    const limitMs = this.#clock.monotonic() - HUNG_MS;
    let hung = 0;
    for (const startedMs of this.#startedMs.values()) {
      if (startedMs <= limitMs) hung++;
    }
    return hung;
  }

  /** Looks an item up, an urgent one before others, and again after each of `retriesMs` until it is found. */
  add(item: T, retriesMs: readonly number[], isUrgent = false): void {
    if (this.#closed) return;
    const wish = { item, retriesMs, tries: 0 };
    this.#wishes.set(item, wish);
    if (isUrgent) this.#due.unshift(wish);
    else this.#due.push(wish);
    this.#run();
  }

  /** Looks nothing up any more; resolves when what is under way has ended. */
  close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#wishes.clear();
    this.#due.length = 0;
    if (this.#startedMs.size === 0) this.#ended.resolve();
    return this.#ended.promise;
  }

  #run(): void {
    while (this.#startedMs.size < MAX_RUNNING) {
      const wish = this.#due.shift();
      if (wish === undefined) return;
      // A later wish for the same has taken its place.
      if (this.#wishes.get(wish.item) !== wish) continue;
      this.#wishes.delete(wish.item);
      this.#startedMs.set(wish, this.#clock.monotonic());
      this.#look(wish.item).then((found) => {
        this.#startedMs.delete(wish);
        if (!found) this.#retry(wish);
        this.#run();
        if (this.#closed && this.#startedMs.size === 0) this.#ended.resolve();
      });
    }
  }

  #retry(wish: Wish<T>): void {
    const delayMs = wish.retriesMs[wish.tries++];
    // Not where another wish for the same came meanwhile.
    if (delayMs === undefined || this.#closed) return;
    if (this.#wishes.has(wish.item)) return;
    this.#wishes.set(wish.item, wish);
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#timers.delete(cancel);
      this.#due.push(wish);
      this.#run();
    });
    this.#timers.add(cancel);
  }
}
