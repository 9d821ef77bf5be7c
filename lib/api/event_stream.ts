import { STATUS_CODE } from "@std/http/status";
import type { EventManager } from "../events/event_manager.ts";
import type { EventWatch } from "../events/event_watch.ts";
import type { Clock } from "../model/clock.ts";
import type { StoredEvent } from "../model/event.ts";
import type { EventsQuery } from "./events_query.ts";
import { HttpError } from "./json_response.ts";

/** Options. */
export interface EventStreamsOptions {
  readonly events: Pick<EventManager, "watchEvents">;
  readonly clock: Clock;
  /** @default 64 */
  readonly maxStreams?: number;
  /** Maximum number of events queued for a slow client. @default the event manager's */
  readonly queueLimit?: number;
}

/** A request for a stream. */
export type StreamQuery = EventsQuery & { readonly format: "ndjson" | "sse" };

/** Seconds. */
const RETRY_AFTER_SECONDS = 5;

/** About 40 KiB. */
const CHUNK_EVENTS = 64;

const encoder = new TextEncoder();

/** A stream's format. */
interface Framing {
  readonly contentType: string;
  /** Sent while idle. */
  readonly heartbeat: Uint8Array;
  frame(stored: StoredEvent): string;
}

// Not `ServerSentEventStream` of @std, which creates a chunk per event:
// replaying 100,000 events then blocked the event loop for 270 ms instead of 40
// (Deno 2.9).
const FRAMINGS: Readonly<Record<StreamQuery["format"], Framing>> = {
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

/**
 * Opens clients' event streams, limits their number, and ends them when the
 * server stops.
 */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #maxStreams: number;
  readonly #open = new Set<EventStream>();
  /** Events dropped by ended streams. */
  #lostByEnded = 0;
  #isClosed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    this.#maxStreams = options.maxStreams ?? 64;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Events dropped because clients were too slow. */
  get lost(): number {
    let lost = this.#lostByEnded;
    for (const stream of this.#open) lost += stream.lost;
    return lost;
  }

  /**
   * Responds with a stream until the client disconnects or
   * {@linkcode EventStreams.close} is called.
   *
   * @throws {HttpError} 503 if too many streams are open
   */
  respond(query: StreamQuery): Response {
    this.#assertAvailable();
    const { events, clock, queueLimit } = this.#options;
    const stream = new EventStream({
      watch: events.watchEvents(
        query.request,
        queueLimit === undefined ? {} : { queueLimit },
      ),
      clock,
      framing: FRAMINGS[query.format],
      heartbeatMs: query.heartbeatMs,
      onEnd: () => {
        if (this.#open.delete(stream)) this.#lostByEnded += stream.lost;
      },
    });
    this.#open.add(stream);
    return new Response(stream.readable, { headers: headersOf(query) });
  }

  /** Responds with the headers of {@linkcode EventStreams.respond} only. */
  respondHead(query: StreamQuery): Response {
    this.#assertAvailable();
    return new Response(null, { headers: headersOf(query) });
  }

  /** Ends all streams, and rejects new ones. */
  close(): void {
    this.#isClosed = true;
    for (const stream of [...this.#open]) stream.end();
  }

  #assertAvailable(): void {
    if (!this.#isClosed && this.#open.size < this.#maxStreams) return;
    throw new HttpError(
      STATUS_CODE.ServiceUnavailable,
      this.#isClosed
        ? "Cannot open a stream: the server is stopping"
        : `Cannot open a stream: the maximum of ${this.#maxStreams} is open (--max-streams)`,
      { "retry-after": `${RETRY_AFTER_SECONDS}` },
    );
  }
}

function headersOf(query: StreamQuery): Record<string, string> {
  return {
    "content-type": FRAMINGS[query.format].contentType,
    // "no-transform" keeps Deno 2.6 and proxies from buffering events for
    // compression.
    "cache-control": "no-store, no-transform",
    // nginx would buffer events.
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
 * A client's stream, which takes events from its watch only when the client
 * reads. A stalled client costs the socket's buffer and the watch's queue, and
 * receives a `lost` event when it resumes.
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

  /** Events dropped because the client was too slow. */
  get lost(): number {
    return this.#options.watch.lost;
  }

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
    const text = events.map((stored) => framing.frame(stored)).join("");
    controller.enqueue(encoder.encode(text));
  }

  /**
   * Resolves to true if the watch has events or has ended, to false if a
   * heartbeat is due first.
   */
  async #readyOrHeartbeat(): Promise<boolean> {
    const { watch, clock, heartbeatMs } = this.#options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(true);
    // A pending call is reused: otherwise each heartbeat would add a callback.
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
