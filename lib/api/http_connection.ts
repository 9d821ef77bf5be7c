// Longer than other files: a connection is one state machine.

import { STATUS_CODE, STATUS_TEXT, type StatusCode } from "@std/http/status";
import type { Clock } from "../model/clock.ts";
import { HttpBody } from "./http_body.ts";
import { parseRequestHead, type RequestHead } from "./http_head.ts";
import { HttpReader } from "./http_reader.ts";
import { failureResponse } from "./json_response.ts";

/** A connection of bytes; that of `Deno.listen` is one. */
export interface Connection {
  /** How many bytes came; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** How many bytes went. */
  write(bytes: Uint8Array): Promise<number>;
  /** Says that no more will be written. */
  closeWrite(): Promise<void>;
  /** Lets reads and writes that wait fail. */
  close(): void;
}

/** What an {@linkcode HttpConnection} is told. */
export interface HttpConnectionOptions {
  readonly scheme: "http" | "https";
  readonly clock: Clock;
  /** Answers a request; what it throws is answered by `onError`. */
  readonly handler: (request: Request) => Response | Promise<Response>;
  /** Answers what the handler throws, and hears of bodies that fail on their way. */
  readonly onError: (error: unknown) => Response;
}

/** How long a client may take to send the head of a request, and its body. */
export const RECEIVE_LIMIT_MS = 10_000;
/** How long a connection stays that nothing is asked on. */
const IDLE_LIMIT_MS = 75_000;
/** How long a client may take none of its answer. */
const SEND_LIMIT_MS = 300_000;
/** How long, and for how many bytes, a client that still sends is listened to, so that it reads the answer. */
const LINGER_LIMIT_MS = 1000;
const LINGER_BYTES = 1 << 20;

/**
 * What is shorter is sent in one piece with what frames it, such as the events of a stream: packets
 * of two bytes fill the buffer of who does not read. To copy what is longer takes more than to send it apart.
 */
const JOINED_BYTES = 64 * 1024;

const encoder = new TextEncoder();
const LINE_END = encoder.encode("\r\n");
const LAST_CHUNK = encoder.encode("0\r\n\r\n");

/**
 * HTTP/1.1 on one connection. `Deno.serve` (2.6 and 2.9) lets a client take
 * for ever to send a request, and takes any number of connections; `node:http`
 * has limits in Deno 2.9 alone, and the binary is made with 2.6.
 */
export class HttpConnection {
  readonly #connection: Connection;
  readonly #options: HttpConnectionOptions;
  readonly #reader: HttpReader;
  #isCut = false;
  #isStopping = false;
  /** Since when it has waited for its client to send a request; absent while one is answered. */
  #waitsSinceMs: number | undefined;
  /** Since when it has waited for its client to take some of the answer. */
  #sendsSinceMs: number | undefined;
  #onAnswered: (() => void) | undefined;

  /** Takes over a connection. */
  constructor(connection: Connection, options: HttpConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#reader = new HttpReader((into) => connection.read(into));
    this.#waitsSinceMs = options.clock.monotonic();
  }

  /** Since when it is its client that keeps it waiting; absent while it is not. */
  get waitsSinceMs(): number | undefined {
    return this.#waitsSinceMs ?? this.#sendsSinceMs;
  }

  /** Whether it is an answer that its client does not take. */
  get isSending(): boolean {
    return this.#sendsSinceMs !== undefined;
  }

  /** Answers requests until the client goes, is too slow, or the connection is cut. Never rejects. */
  async serve(): Promise<void> {
    try {
      let isFirst = true;
      while (!this.#isStopping && await this.#serveOne(isFirst)) {
        isFirst = false;
      }
      await this.#linger();
    } catch {
      // The client went; there is nobody to tell.
    }
    this.cut();
  }

  /** Ends it once what is being answered has gone. */
  async finish(): Promise<void> {
    this.#isStopping = true;
    if (this.#waitsSinceMs !== undefined) return this.cut();
    await new Promise<void>((resolve) => this.#onAnswered = resolve);
  }

  /** Ends it at once. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#onAnswered?.();
    try {
      this.#connection.close();
    } catch {
      // It is closed then.
    }
  }

  /** Answers one request; whether another may follow. */
  async #serveOne(isFirst: boolean): Promise<boolean> {
    const { clock, scheme } = this.#options;
    this.#waitsSinceMs = clock.monotonic();
    let head: RequestHead | undefined;
    try {
      head = await this.#receiveHead(isFirst, scheme);
    } catch (error) {
      if (this.#isCut) return false;
      const refusal = failureResponse(error);
      if (refusal === undefined) throw error;
      this.#waitsSinceMs = undefined;
      await this.#send(refusal, undefined, false);
      return false;
    }
    if (head === undefined) return false;
    this.#waitsSinceMs = undefined;
    return await this.#answer(head);
  }

  async #receiveHead(
    isFirst: boolean,
    scheme: "http" | "https",
  ): Promise<RequestHead | undefined> {
    const { clock } = this.#options;
    if (!isFirst && !this.#reader.hasBytes) {
      const cancelIdle = clock.schedule(IDLE_LIMIT_MS, () => this.cut());
      const more = await this.#reader.fill().finally(cancelIdle);
      if (!more) return undefined;
    }
    const cancel = clock.schedule(RECEIVE_LIMIT_MS, () => this.cut());
    try {
      const bytes = await this.#reader.readHead();
      return bytes && parseRequestHead(bytes, scheme);
    } finally {
      cancel();
    }
  }

  async #answer(head: RequestHead): Promise<boolean> {
    const { handler, onError, clock } = this.#options;
    const expectsContinue = head.headers.get("expect")?.toLowerCase() ===
      "100-continue";
    let isContinued = !expectsContinue;
    const body = new HttpBody(this.#reader, head.bodyLength, async () => {
      if (isContinued) return;
      isContinued = true;
      await this.#write(encoder.encode("HTTP/1.1 100 Continue\r\n\r\n"));
    });
    const cancel = body.isComplete ? () => {} : clock.schedule(
      RECEIVE_LIMIT_MS,
      () => body.fail("The body took too long"),
    );
    let response: Response;
    try {
      response = await handler(requestOf(head, body));
    } catch (error) {
      response = onError(error);
    } finally {
      cancel();
    }
    // What is left of a body would be taken for the next request.
    const keepsAlive = head.keepsAlive && body.isComplete && !this.#isStopping;
    return await this.#send(response, head, keepsAlive);
  }

  /** Sends an answer; whether another may follow. */
  async #send(
    response: Response,
    head: RequestHead | undefined,
    keepsAlive: boolean,
  ): Promise<boolean> {
    const isChunked = !response.headers.has("content-length") &&
      response.body !== null && (head?.isHttp11 ?? true);
    const hasEnd = isChunked || response.body === null ||
      response.headers.has("content-length");
    const staysOpen = keepsAlive && hasEnd;
    const before = renderHead(response, { isChunked, staysOpen });
    if (head?.method === "HEAD" || response.body === null) {
      await response.body?.cancel();
      await this.#write(before);
    } else {
      await this.#sendBody(response.body.getReader(), before, isChunked);
    }
    if (this.#isStopping) this.#onAnswered?.();
    return staysOpen;
  }

  async #sendBody(
    chunks: ReadableStreamDefaultReader<Uint8Array>,
    head: Uint8Array,
    isChunked: boolean,
  ): Promise<void> {
    let before = head;
    try {
      // An answer of unknown length may have nothing to send for long, as a stream of events: its
      // head goes at once, and that its client went is noticed by the connection's end.
      if (isChunked) {
        await this.#write(before);
        before = new Uint8Array();
        if (!this.#reader.hasBytes) {
          this.#reader.fill().then(
            (more) => more ? undefined : chunks.cancel(),
            () => chunks.cancel(),
          ).catch(() => {});
        }
      }
      for (;;) {
        const { done, value } = await this.#readChunk(chunks);
        if (done) break;
        if (value.length === 0) continue;
        const parts = isChunked
          ? [before, sizeOf(value), value, LINE_END]
          : [before, value];
        if (value.length < JOINED_BYTES) await this.#write(joined(...parts));
        else for (const part of parts) await this.#write(part);
        before = new Uint8Array();
      }
      await this.#write(isChunked ? LAST_CHUNK : before);
    } catch (error) {
      await chunks.cancel().catch(() => {});
      // Half an answer must not look like a whole one.
      this.cut();
      throw error;
    }
  }

  async #readChunk(
    chunks: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      return await chunks.read();
    } catch (error) {
      this.#options.onError(error);
      throw error;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { clock } = this.#options;
    for (let at = 0; at < bytes.length;) {
      this.#sendsSinceMs = clock.monotonic();
      const cancel = clock.schedule(SEND_LIMIT_MS, () => this.cut());
      try {
        at += await this.#connection.write(bytes.subarray(at));
      } finally {
        cancel();
        this.#sendsSinceMs = undefined;
      }
    }
  }

  /**
   * Lets a client that still sends come to its answer: where bytes are unread,
   * closing makes the kernel send a reset, which takes the answer with it.
   */
  async #linger(): Promise<void> {
    if (this.#isCut) return;
    const { clock } = this.#options;
    this.#waitsSinceMs = clock.monotonic();
    await this.#connection.closeWrite();
    const cancel = clock.schedule(LINGER_LIMIT_MS, () => this.cut());
    try {
      for (let read = 0; read < LINGER_BYTES;) {
        const bytes = await this.#reader.read(LINGER_BYTES);
        if (bytes === undefined) break;
        read += bytes.length;
      }
    } finally {
      cancel();
    }
  }
}

function requestOf(head: RequestHead, body: HttpBody): Request {
  const { url, method, headers } = head;
  // No request of these has a body, for the API; one that was sent is not read.
  const hasBody = body.readable !== undefined && method !== "GET" &&
    method !== "HEAD";
  return new Request(url, {
    method,
    headers,
    ...(hasBody ? { body: body.readable } : {}),
  });
}

function renderHead(
  { status, headers }: Response,
  { isChunked, staysOpen }: {
    readonly isChunked: boolean;
    readonly staysOpen: boolean;
  },
): Uint8Array {
  const hasNoBody = status === STATUS_CODE.NoContent ||
    status === STATUS_CODE.NotModified;
  let text = `HTTP/1.1 ${status} ${
    STATUS_TEXT[status as StatusCode] ?? "Unknown"
  }\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  text += `date: ${new Date().toUTCString()}\r\n`;
  if (isChunked) text += "transfer-encoding: chunked\r\n";
  else if (!headers.has("content-length") && staysOpen && !hasNoBody) {
    text += "content-length: 0\r\n";
  }
  if (!staysOpen) text += "connection: close\r\n";
  return encoder.encode(`${text}\r\n`);
}

/** The line before a chunk. */
function sizeOf({ length }: Uint8Array): Uint8Array {
  return encoder.encode(`${length.toString(16)}\r\n`);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
