import type { Gzip } from "node:zlib";
import { acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE } from "@std/http/status";
import { systemClock } from "../model/clock.ts";
import {
  BadRequestError,
  UnknownContainerError,
  UnknownFilesystemError,
} from "../model/errors.ts";
import { TimeSlicer } from "../model/time_slicer.ts";

/** What is told to a client whose request cannot be met. */
export class HttpError extends Error {
  /** Names the class. */
  override readonly name = "HttpError";
  /** Of the answer. */
  readonly status: number;
  /** Of the answer, besides those that each has. */
  readonly headers: Readonly<Record<string, string>>;

  /** Makes an error whose message says what was wrong, the value, and the wanted form. */
  constructor(
    status: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Bodies that fit are sent whole and with their length; longer ones in pieces of about this many characters. */
const CHUNK_LENGTH = 64 * 1024;

const GZIP_LEVEL = 2;
/** Below this, gzip saves less than its headers cost. */
const GZIP_MIN_BYTES = 1024;

const JSON_TYPE = "application/json";

const encoder = new TextEncoder();

/** One JSON value, with status 200 unless another is given. */
export function jsonResponse(
  request: Request,
  value: unknown,
  status: number = STATUS_CODE.OK,
): Response {
  return textResponse(request, [JSON.stringify(value)], { status });
}

/**
 * A 200 of a JSON array whose elements are already JSON. They are taken as the
 * client reads, so that a long answer neither takes the memory of all of it
 * nor keeps the event loop from others.
 */
export function jsonArrayResponse(
  request: Request,
  elements: Iterable<string>,
): Response {
  return textResponse(request, enclose("[", elements, "]"));
}

/** A 200 of a JSON object from names to JSON, taken as by {@linkcode jsonArrayResponse}. */
export function jsonObjectResponse(
  request: Request,
  members: Iterable<readonly [string, string]>,
): Response {
  return textResponse(request, enclose("{", memberTexts(members), "}"));
}

/**
 * What a client is told of what went wrong with its request, as
 * `{"error":"…"}`; `undefined` where the fault is not the client's.
 */
export function failureResponse(error: unknown): Response | undefined {
  if (error instanceof HttpError) {
    return errorResponse(error.status, error.message, error.headers);
  }
  if (error instanceof BadRequestError) {
    return errorResponse(STATUS_CODE.BadRequest, error.message);
  }
  if (
    error instanceof UnknownContainerError ||
    error instanceof UnknownFilesystemError
  ) {
    return errorResponse(STATUS_CODE.NotFound, error.message);
  }
  return undefined;
}

/** An error as JSON: `{"error":"…"}`. */
export function errorResponse(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = encoder.encode(JSON.stringify({ error: message }));
  return new Response(body, {
    status,
    headers: { ...headersOf(JSON_TYPE, body), ...headers },
  });
}

/** The answer to HEAD: the same status and headers, and no body. */
export async function headOf(response: Response): Promise<Response> {
  await response.body?.cancel();
  // For no body at all Deno 2.9 says that its length is 0.
  const body = response.headers.has("content-length")
    ? null
    : new ReadableStream({ start: (controller) => controller.close() });
  return new Response(body, {
    status: response.status,
    headers: response.headers,
  });
}

/** A text of pieces, taken as by {@linkcode jsonArrayResponse}. */
export function textResponse(
  request: Request,
  pieces: Iterable<string>,
  options: BodyOptions = {},
): Response {
  const slicer = new TimeSlicer(systemClock);
  return respond(request, encoded(pieces, slicer), { ...options, slicer });
}

/** A text of pieces that are bytes already, each sent as it is. */
export function bytesResponse(
  request: Request,
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
  options: BodyOptions = {},
): Response {
  return respond(request, pieces, {
    ...options,
    slicer: new TimeSlicer(systemClock),
  });
}

/** Of an answer. */
interface BodyOptions {
  /** @default 200 */
  readonly status?: number;
  /** @default JSON */
  readonly contentType?: string;
}

function respond(
  request: Request,
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
  { status = STATUS_CODE.OK, contentType = JSON_TYPE, slicer }: BodyOptions & {
    readonly slicer: TimeSlicer;
  },
): Response {
  slicer.begin();
  const rest = pieces[Symbol.iterator]();
  const { value: first = NOTHING } = rest.next();
  // Whether a short beginning is all there is can only be known by what follows.
  const second = first.length < CHUNK_LENGTH ? rest.next() : undefined;
  // Without the header any coding may be sent, and a plain curl would print gzip.
  const isGzip = request.headers.has("accept-encoding") &&
    acceptsEncodings(request, "gzip", "identity") === "gzip";
  if (second?.done && (!isGzip || first.length < GZIP_MIN_BYTES)) {
    const headers = headersOf(contentType, first);
    return new Response(first, { status, headers });
  }
  const begun = second?.value === undefined ? [first] : [first, second.value];
  const body = streamOf(begun, rest, slicer);
  return new Response(
    isGzip ? gzipped(body) : body,
    {
      status,
      headers: {
        ...headersOf(contentType),
        ...(isGzip ? { "content-encoding": "gzip" } : {}),
      },
    },
  );
}

function headersOf(
  contentType: string,
  body?: Uint8Array,
): Record<string, string> {
  return {
    "content-type": contentType,
    "cache-control": "no-store",
    "vary": "accept-encoding",
    ...(body === undefined ? {} : { "content-length": `${body.length}` }),
  };
}

function* enclose(
  open: string,
  elements: Iterable<string>,
  close: string,
): Generator<string> {
  yield open;
  let separator = "";
  for (const element of elements) {
    yield separator + element;
    separator = ",";
  }
  yield close;
}

function* memberTexts(
  members: Iterable<readonly [string, string]>,
): Generator<string> {
  for (const [key, json] of members) yield `${JSON.stringify(key)}:${json}`;
}

/**
 * Not the compression of `Deno.serve`: it passes OpenMetrics uncompressed, which
 * Prometheus prefers. Of 12 MB of text it takes 80 ms of CPU where this takes
 * 120, and the result is a fifth longer (Deno 2.9).
 *
 * The web's own `CompressionStream` takes 12 ns a byte of metrics, and has no
 * level; this takes 3, and its text is an eighth longer (Deno 2.9). Not
 * `Duplex.toWeb()`, of which a `cancel()` never ends in Deno 2.6.
 */
function gzipped(
  body: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let opened: Gzip | undefined;
  const reader = body.getReader();
  const made: Uint8Array<ArrayBuffer>[] = [];
  const open = async () => {
    // Who never asks for it need not have it in memory, which takes 5 MB.
    const { createGzip } = await import("node:zlib");
    opened = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_LENGTH });
    opened.on("data", (bytes: Uint8Array<ArrayBuffer>) => made.push(bytes));
    return opened;
  };
  const next = async () => {
    const gzip = opened ?? await open();
    const { value } = await reader.read();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    gzip.once("error", reject);
    if (value !== undefined) gzip.write(value, () => resolve());
    else gzip.once("end", resolve).end();
    await promise;
    gzip.off("error", reject);
    return value !== undefined;
  };
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      let isMore = true;
      while (isMore && made.length === 0) isMore = await next();
      for (const bytes of made.splice(0)) controller.enqueue(bytes);
      if (!isMore) controller.close();
    },
    cancel(reason) {
      opened?.destroy();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array();

/** The pieces as bytes, joined to `CHUNK_LENGTH` characters or to what a slice of time gave. */
function* encoded(
  pieces: Iterable<string>,
  slicer: TimeSlicer,
): Generator<Uint8Array<ArrayBuffer>> {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < CHUNK_LENGTH && !slicer.isExpired) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}

/**
 * Neither gzip nor a client that reads fast ever makes a stream wait: without
 * a rest between slices, 150 MB of subcontainers kept every other request
 * waiting for 650 ms (Deno 2.9).
 */
function streamOf(
  begun: Uint8Array<ArrayBuffer>[],
  rest: Iterator<Uint8Array<ArrayBuffer>>,
  slicer: TimeSlicer,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (slicer.isExpired) await slicer.yieldToEventLoop();
      const chunk = begun.shift() ?? rest.next().value;
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel() {
      rest.return?.();
    },
  }, { highWaterMark: 0 });
}
