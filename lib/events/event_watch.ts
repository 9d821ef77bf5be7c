import type { EventRequest, StoredEvent } from "../model/event.ts";

/** The most that one read of a watch gives, unless asked otherwise. */
const BATCH_LIMIT = 1024;

/** What the event manager gives to a watch that it makes. */
export interface EventWatchOptions {
  readonly id: number;
  readonly request: EventRequest;
  /** How many events may wait for the reader. */
  readonly queueLimit: number;
  /** What comes before the first live event; not counted against the limit. */
  readonly backlog: StoredEvent[];
  /** Makes the notice of events dropped since the reader did not keep up. */
  readonly makeLost: (count: number, seq: number) => StoredEvent;
  /** Called once, when no more events are wanted. */
  readonly onEnd: (watch: EventWatch) => void;
}

/**
 * One subscriber's events, in order. Its queue is bounded: at the limit the
 * oldest goes and is counted, and the reader finds a `lost` event in its place.
 *
 * Read it by {@linkcode EventWatch.next}, by `for await` over batches (leaving
 * the loop closes the watch), or by {@linkcode EventWatch.ready} and
 * {@linkcode EventWatch.take}. There is one reader.
 */
export class EventWatch implements AsyncIterable<StoredEvent[]> {
  /** Names the watch in its manager. */
  readonly id: number;
  /** What was asked for. */
  readonly request: EventRequest;
  readonly #queueLimit: number;
  readonly #makeLost: EventWatchOptions["makeLost"];
  readonly #onEnd: EventWatchOptions["onEnd"];
  #backlog: StoredEvent[];
  #backlogAt = 0;
  /** A ring: the oldest at `#head`, `#count` of them. It grows as needed, to the limit. */
  #ring: (StoredEvent | undefined)[] = [];
  #head = 0;
  #count = 0;
  /** Dropped, and the reader not yet told. */
  #untold = 0;
  #untoldSeq = 0;
  #lost = 0;
  #state: "open" | "finishing" | "closed" = "open";
  #waiting: PromiseWithResolvers<void> | undefined;

  /** For the event manager, which keeps the table of watches. */
  constructor(options: EventWatchOptions) {
    this.id = options.id;
    this.request = options.request;
    this.#queueLimit = options.queueLimit;
    this.#backlog = options.backlog;
    this.#makeLost = options.makeLost;
    this.#onEnd = options.onEnd;
  }

  /** How many events were dropped in all, since the reader did not keep up. */
  get lost(): number {
    return this.#lost;
  }

  /** How many events wait for the reader, notices of loss not counted. */
  get size(): number {
    return this.#backlog.length - this.#backlogAt + this.#count;
  }

  /** Whether nothing is left, and nothing more will come. */
  get ended(): boolean {
    return this.#state !== "open" && !this.#hasSome();
  }

  /** For the event manager: queues an event, never waits, never throws. */
  push(event: StoredEvent): void {
    if (this.#state !== "open") return;
    if (this.#count >= this.#queueLimit) this.#dropOldest();
    this.#ring[(this.#head + this.#count) % this.#queueLimit] = event;
    this.#count++;
    this.#wake();
  }

  /** Resolves at once when there is something to take or the watch has ended, else when that comes. */
  ready(): Promise<void> {
    if (this.#hasSome() || this.#state !== "open") return Promise.resolve();
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  /** What waits now, the oldest first, at most so many; perhaps nothing. */
  take(max = BATCH_LIMIT): StoredEvent[] {
    const taken: StoredEvent[] = [];
    while (taken.length < max) {
      const event = this.#shift();
      if (event === undefined) break;
      taken.push(event);
    }
    return taken;
  }

  /** Waits for events and takes them; an empty batch says that the watch has ended. */
  async next(max = BATCH_LIMIT): Promise<StoredEvent[]> {
    await this.ready();
    return this.take(max);
  }

  /** Takes in no more events; what waits can still be read, then the watch ends. */
  finish(): void {
    if (this.#state !== "open") return;
    this.#state = "finishing";
    this.#onEnd(this);
    this.#wake();
  }

  /** Ends the watch now; what waits is let go. Once is enough, twice does no harm. */
  close(): void {
    this.finish();
    this.#state = "closed";
    this.#backlog = [];
    this.#ring = [];
    this.#backlogAt =
      this.#head =
      this.#count =
      this.#untold =
        0;
  }

  /** The batches as they come, until the watch ends; leaving the loop closes it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<StoredEvent[]> {
    try {
      for (;;) {
        const batch = await this.next();
        if (batch.length === 0) return;
        yield batch;
      }
    } finally {
      this.close();
    }
  }

  #hasSome(): boolean {
    return this.size > 0 || this.#untold > 0;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #dropOldest(): void {
    const dropped = this.#pop();
    if (dropped === undefined) return;
    this.#untold++;
    this.#untoldSeq = dropped.event.seq;
    this.#lost++;
  }

  /** The next for the reader: the backlog, then what was lost since, then what is queued. */
  #shift(): StoredEvent | undefined {
    const kept = this.#backlog[this.#backlogAt];
    if (kept !== undefined) {
      this.#backlogAt++;
      return kept;
    }
    if (this.#backlogAt > 0) {
      this.#backlog = [];
      this.#backlogAt = 0;
    }
    if (this.#untold > 0) {
      const notice = this.#makeLost(this.#untold, this.#untoldSeq);
      this.#untold = 0;
      return notice;
    }
    return this.#pop();
  }

  #pop(): StoredEvent | undefined {
    if (this.#count === 0) return undefined;
    const event = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = --this.#count === 0 ? 0 : (this.#head + 1) % this.#queueLimit;
    return event;
  }
}
