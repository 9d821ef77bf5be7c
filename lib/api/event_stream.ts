import { STATUS_CODE } from "@std/http/status";
import type { EventManager } from "../events/event_manager.ts";
import type { EventWatch } from "../events/event_watch.ts";
import type { Clock } from "../model/clock.ts";
import type { StoredEvent } from "../model/event.ts";
import type { EventsQuery } from "./events_query.ts";
import { HttpError } from "./json_response.ts";

/** What {@linkcode EventStreams} are made from. */
export interface EventStreamsOptions {
  /** Gives the watches that streams are made of. */
  readonly events: Pick<EventManager, "watchEvents">;
  /** Times the heartbeats. */
  readonly clock: Clock;
  /** Streams open at once. @default 64 */
  readonly maxStreams?: number;
  /** Events that may wait for a client that does not read. @default the event manager's */
  readonly queueLimit?: number;
}

/** A query that asks for a stream. */
export type StreamQuery = EventsQuery & { readonly form: "ndjson" | "sse" };

/** When a client that found no place may ask again, seconds. */
const RETRY_AFTER_SECONDS = 5;

/** At most so many events make a chunk: some 40 KiB of them. */
const CHUNK_EVENTS = 64;

const encoder = new TextEncoder();

/** How events are put into a stream, and what shows that a silent one lives. */
interface Framing {
  readonly contentType: string;
  readonly heartbeat: Uint8Array;
  frame(kept: StoredEvent): string;
}

// `ServerSentEventStream` of @std makes a chunk of each event: replaying 100,000 took 270 ms of
// the event loop where chunks of many take 40 ms (Deno 2.9), and this is the one line it saves.
const FRAMINGS: Readonly<Record<StreamQuery["form"], Framing>> = {
  ndjson: {
    contentType: "application/x-ndjson",
    heartbeat: encoder.encode("\n"),
    frame: ({ json }) => `${json}\n`,
  },
  sse: {
    contentType: "text/event-stream",
    heartbeat: encoder.encode(":\n\n"),
    frame: ({ event, json }) =>
      `event:${event.event_type}\ndata:${json}\nid:${event.seq}\n\n`,
  },
};

/** The event streams of all clients: how many there may be, and their end when the server stops. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #maxStreams: number;
  readonly #open = new Set<EventStream>();
  /** Events that streams lost which have ended. */
  #lostBefore = 0;
  #isClosed = false;

  /** Makes the table of streams, which is empty. */
  constructor(options: EventStreamsOptions) {
    this.#options = options;
    this.#maxStreams = options.maxStreams ?? 64;
  }

  /** Streams open now. */
  get open(): number {
    return this.#open.size;
  }

  /** Events that clients were too slow for. */
  get lost(): number {
    let lost = this.#lostBefore;
    for (const stream of this.#open) lost += stream.lost;
    return lost;
  }

  /**
   * Answers with a stream of what the query asks for, which ends when the
   * client goes or {@linkcode EventStreams.close} is called.
   *
   * @throws {HttpError} 503 if there are as many streams as there may be
   */
  respond(query: StreamQuery): Response {
    this.#assertPlace();
    const { events, clock, queueLimit } = this.#options;
    const stream = new EventStream({
      watch: events.watchEvents(
        query.request,
        queueLimit === undefined ? {} : { queueLimit },
      ),
      clock,
      framing: FRAMINGS[query.form],
      heartbeatMs: query.heartbeatMs,
      onEnd: () => {
        if (this.#open.delete(stream)) this.#lostBefore += stream.lost;
      },
    });
    this.#open.add(stream);
    return new Response(stream.readable, { headers: headersOf(query) });
  }

  /** What {@linkcode EventStreams.respond} would say before the first event; opens nothing. */
  respondHead(query: StreamQuery): Response {
    this.#assertPlace();
    return new Response(null, { headers: headersOf(query) });
  }

  /** Ends all streams, and lets no new one start. */
  close(): void {
    this.#isClosed = true;
    for (const stream of [...this.#open]) stream.end();
  }

  #assertPlace(): void {
    if (!this.#isClosed && this.#open.size < this.#maxStreams) return;
    throw new HttpError(
      STATUS_CODE.ServiceUnavailable,
      this.#isClosed
        ? "Cannot open a stream as the server is stopping"
        : `Cannot open a stream as ${this.#maxStreams} are open, which is the most there may be`,
      { "retry-after": `${RETRY_AFTER_SECONDS}` },
    );
  }
}

function headersOf(query: StreamQuery): Record<string, string> {
  return {
    "content-type": FRAMINGS[query.form].contentType,
    // "no-transform" keeps Deno 2.6, and proxies, from holding events back to compress them.
    "cache-control": "no-store, no-transform",
    // nginx would collect events into its buffer.
    "x-accel-buffering": "no",
  };
}

interface EventStreamOptions {
  readonly watch: EventWatch;
  readonly clock: Clock;
  readonly framing: Framing;
  readonly heartbeatMs: number | undefined;
  readonly onEnd: () => void;
}

/**
 * One client's stream. It takes from its watch only when the client has room,
 * so a client that stops reading costs what the socket and the watch's queue
 * hold, and reads a `lost` event when it goes on.
 */
class EventStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ready: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#finish(),
    }, { highWaterMark: 0 });
  }

  /** Events that the client was too slow for. */
  get lost(): number {
    return this.#options.watch.lost;
  }

  /** Ends the stream; the client reads its end. */
  end(): void {
    this.#controller?.close();
    this.#finish();
  }

  #finish(): void {
    this.#controller = undefined;
    this.#options.watch.close();
    this.#options.onEnd();
  }

  async #pull(
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    const { watch, framing } = this.#options;
    const isReady = await this.#readyOrHeartbeat();
    if (this.#controller === undefined) return;
    if (!isReady) return controller.enqueue(framing.heartbeat);
    const events = watch.take(CHUNK_EVENTS);
    if (events.length === 0) return this.end();
    const text = events.map((kept) => framing.frame(kept)).join("");
    controller.enqueue(encoder.encode(text));
  }

  /** Whether the watch has something, or has ended; false when a heartbeat is due first. */
  async #readyOrHeartbeat(): Promise<boolean> {
    const { watch, clock, heartbeatMs } = this.#options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(true);
    // Asked once until it comes true: each heartbeat of a silent day would else leave a callback.
    this.#ready ??= watch.ready().then(() => {
      this.#ready = undefined;
      this.#wake();
    });
    const cancel = heartbeatMs === undefined
      ? () => {}
      : clock.schedule(heartbeatMs, () => resolve(false));
    try {
      return await promise;
    } finally {
      cancel();
    }
  }
}
