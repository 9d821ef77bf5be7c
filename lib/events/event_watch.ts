import type { EventRequest, KeptEvent } from "../model/event.ts";

/** Default maximum number of events per read. */
const BATCH_LIMIT = 1024;

/** Options of {@linkcode EventWatch}. */
export interface EventWatchOptions {
  readonly id: number;
  readonly request: EventRequest;
  /** Maximum number of queued live events. */
  readonly queueLimit: number;
  /** Events before the first live one; not counted in `queueLimit`. */
  readonly backlog: KeptEvent[];
  /** Creates the notice for events dropped because the reader was too slow. */
  readonly createLossNotice: (count: number, seq: number) => KeptEvent;
  /** Called once, when the watch stops accepting events. */
  readonly onEnd: (watch: EventWatch) => void;
}

/**
 * A subscription to events, in order. When the bounded queue is full, the
 * oldest event is dropped and counted, and the reader gets a `lost` event
 * instead.
 *
 * Read with {@linkcode EventWatch.next}, with `for await` over batches (leaving
 * the loop closes the watch), or with {@linkcode EventWatch.ready} and
 * {@linkcode EventWatch.take}. Only one reader is supported.
 */
export class EventWatch implements AsyncIterable<KeptEvent[]> {
  /** ID in the event manager. */
  readonly id: number;
  readonly request: EventRequest;
  readonly #queueLimit: number;
  readonly #createLossNotice: EventWatchOptions["createLossNotice"];
  readonly #onEnd: EventWatchOptions["onEnd"];
  #backlog: KeptEvent[];
  #backlogAt = 0;
  /** Ring buffer with `#count` events, starting at `#head`; it grows up to the limit. */
  #ring: (KeptEvent | undefined)[] = [];
  #head = 0;
  #count = 0;
  /** Dropped events that the reader has no notice of yet. */
  #unreported = 0;
  #unreportedSeq = 0;
  #lost = 0;
  #state: "open" | "finishing" | "closed" = "open";
  #waiting: PromiseWithResolvers<void> | undefined;

  /** Used by the event manager, which keeps the table of watches. */
  constructor(options: EventWatchOptions) {
    this.id = options.id;
    this.request = options.request;
    this.#queueLimit = options.queueLimit;
    this.#backlog = options.backlog;
    this.#createLossNotice = options.createLossNotice;
    this.#onEnd = options.onEnd;
  }

  /** Total number of dropped events. */
  get lost(): number {
    return this.#lost;
  }

  /** Number of events waiting for the reader, without loss notices. */
  get size(): number {
    return this.#backlog.length - this.#backlogAt + this.#count;
  }

  /** Whether the watch is closed and all events were read. */
  get ended(): boolean {
    return this.#state !== "open" && !this.#hasSome();
  }

  /** Queues an event; never waits or throws. Used by the event manager. */
  push(event: KeptEvent): void {
    if (this.#state !== "open") return;
    if (this.#count >= this.#queueLimit) this.#dropOldest();
    this.#ring[(this.#head + this.#count) % this.#queueLimit] = event;
    this.#count++;
    this.#wake();
  }

  /** Resolves when an event can be taken or the watch has ended. */
  ready(): Promise<void> {
    if (this.#hasSome() || this.#state !== "open") return Promise.resolve();
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  /** Returns up to `max` waiting events, oldest first, without waiting. */
  take(max = BATCH_LIMIT): KeptEvent[] {
    const taken: KeptEvent[] = [];
    while (taken.length < max) {
      const event = this.#shift();
      if (event === undefined) break;
      taken.push(event);
    }
    return taken;
  }

  /** Waits for events and returns them; an empty batch means that the watch has ended. */
  async next(max = BATCH_LIMIT): Promise<KeptEvent[]> {
    await this.ready();
    return this.take(max);
  }

  /** Stops accepting events; queued events can still be read. */
  finish(): void {
    if (this.#state !== "open") return;
    this.#state = "finishing";
    this.#onEnd(this);
    this.#wake();
  }

  /** Ends the watch and discards queued events. Repeated calls have no effect. */
  close(): void {
    this.finish();
    this.#state = "closed";
    this.#backlog = [];
    this.#ring = [];
    this.#backlogAt =
      this.#head =
      this.#count =
      this.#unreported =
        0;
  }

  /** Yields batches until the watch ends; leaving the loop closes it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<KeptEvent[]> {
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
    return this.size > 0 || this.#unreported > 0;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #dropOldest(): void {
    const dropped = this.#pop();
    if (dropped === undefined) return;
    this.#unreported++;
    this.#unreportedSeq = dropped.event.seq;
    this.#lost++;
  }

  /** Returns the next item: first the backlog, then a loss notice, then the queue. */
  #shift(): KeptEvent | undefined {
    const kept = this.#backlog[this.#backlogAt];
    if (kept !== undefined) {
      this.#backlogAt++;
      return kept;
    }
    if (this.#backlogAt > 0) {
      this.#backlog = [];
      this.#backlogAt = 0;
    }
    if (this.#unreported > 0) {
      const notice = this.#createLossNotice(
        this.#unreported,
        this.#unreportedSeq,
      );
      this.#unreported = 0;
      return notice;
    }
    return this.#pop();
  }

  #pop(): KeptEvent | undefined {
    if (this.#count === 0) return undefined;
    const event = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = --this.#count === 0 ? 0 : (this.#head + 1) % this.#queueLimit;
    return event;
  }
}
