import type { EventRequest, StoredEvent } from "../model/event.ts";

const BATCH_LIMIT = 1024;

/** Options of {@linkcode EventWatch}. */
export interface EventWatchOptions {
  readonly id: number;
  readonly request: EventRequest;
  readonly queueLimit: number;
  /** Events before the live ones; not limited. */
  readonly backlog: StoredEvent[];
  /** Creates a notice of dropped events. */
  readonly createLossNotice: (count: number, seq: number) => StoredEvent;
  /** Called once, when no more events are accepted. */
  readonly onEnd: (watch: EventWatch) => void;
}

/**
 * A subscription to events. When its queue is full, the oldest event is
 * dropped, and the reader gets a `lost` event instead.
 *
 * Read with {@linkcode EventWatch.next}, `for await` over batches, or
 * {@linkcode EventWatch.ready} and {@linkcode EventWatch.take}. There is one
 * reader only.
 */
export class EventWatch implements AsyncIterable<StoredEvent[]> {
  readonly id: number;
  readonly request: EventRequest;
  readonly #queueLimit: number;
  readonly #createLossNotice: EventWatchOptions["createLossNotice"];
  readonly #onEnd: EventWatchOptions["onEnd"];
  #backlog: StoredEvent[];
  #backlogAt = 0;
  /** Ring buffer; grows up to the limit. */
  #ring: (StoredEvent | undefined)[] = [];
  #head = 0;
  #count = 0;
  /** Dropped events without a notice. */
  #unreported = 0;
  #unreportedSeq = 0;
  #lost = 0;
  #state: "open" | "finishing" | "closed" = "open";
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(options: EventWatchOptions) {
    this.id = options.id;
    this.request = options.request;
    this.#queueLimit = options.queueLimit;
    this.#backlog = options.backlog;
    this.#createLossNotice = options.createLossNotice;
    this.#onEnd = options.onEnd;
  }

  get lost(): number {
    return this.#lost;
  }

  /** Waiting events, without notices. */
  get size(): number {
    return this.#backlog.length - this.#backlogAt + this.#count;
  }

  /** Whether the watch has ended and all events were read. */
  get ended(): boolean {
    return this.#state !== "open" && !this.#hasSome();
  }

  /** Never waits or throws. */
  push(event: StoredEvent): void {
    if (this.#state !== "open") return;
    if (this.#count >= this.#queueLimit) this.#dropOldest();
    this.#ring[(this.#head + this.#count) % this.#queueLimit] = event;
    this.#count++;
    this.#wake();
  }

  /** Resolves when an event is available or the watch has ended. */
  ready(): Promise<void> {
    if (this.#hasSome() || this.#state !== "open") return Promise.resolve();
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  /** Returns up to `max` waiting events, oldest first. */
  take(max = BATCH_LIMIT): StoredEvent[] {
    const taken: StoredEvent[] = [];
    while (taken.length < max) {
      const event = this.#shift();
      if (event === undefined) break;
      taken.push(event);
    }
    return taken;
  }

  /** An empty batch is the end of the watch. */
  async next(max = BATCH_LIMIT): Promise<StoredEvent[]> {
    await this.ready();
    return this.take(max);
  }

  /** Queued events can still be read. */
  finish(): void {
    if (this.#state !== "open") return;
    this.#state = "finishing";
    this.#onEnd(this);
    this.#wake();
  }

  /** Discards queued events; can be repeated. */
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

  /** Leaving the loop closes the watch. */
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

  /** Returns the backlog, then a loss notice, then queued events. */
  #shift(): StoredEvent | undefined {
    const stored = this.#backlog[this.#backlogAt];
    if (stored !== undefined) {
      this.#backlogAt++;
      return stored;
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

  #pop(): StoredEvent | undefined {
    if (this.#count === 0) return undefined;
    const event = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = --this.#count === 0 ? 0 : (this.#head + 1) % this.#queueLimit;
    return event;
  }
}
