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

/** An error that becomes a response. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  /** In addition to the common ones. */
  readonly headers: Readonly<Record<string, string>>;

  /** @param message what failed, the value, and the expected format */
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

/**
 * Characters. A shorter body is sent in one part with its length, a longer one
 * in chunks of about this size.
 */
const CHUNK_LENGTH = 64 * 1024;

const GZIP_LEVEL = 2;
/** Below this, gzip saves less than its headers cost. */
const GZIP_MIN_BYTES = 1024;

const JSON_TYPE = "application/json";

const encoder = new TextEncoder();

/** Responds with a JSON value. */
export function jsonResponse(
  request: Request,
  value: unknown,
  status: number = STATUS_CODE.OK,
): Response {
  return textResponse(request, [JSON.stringify(value)], { status });
}

/**
 * Responds with a JSON array of JSON elements. They are created as the client
 * reads: a long response neither fills memory nor blocks the event loop.
 */
export function jsonArrayResponse(
  request: Request,
  elements: Iterable<string>,
): Response {
  return textResponse(request, enclose("[", elements, "]"));
}

/** Responds with a JSON object of names and JSON, like {@linkcode jsonArrayResponse}. */
export function jsonObjectResponse(
  request: Request,
  members: Iterable<readonly [string, string]>,
): Response {
  return textResponse(request, enclose("{", memberChunks(members), "}"));
}

/** Returns the response to a client's error, `undefined` for other errors. */
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

/** Responds with `{"error":"…"}`. */
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

/** Converts a GET response for HEAD, without the body. */
export async function headOf(response: Response): Promise<Response> {
  if (response.status === STATUS_CODE.NotModified) return response;
  await response.body?.cancel();
  // Without a body Deno 2.9 sends a length of 0.
  const body = response.headers.has("content-length")
    ? null
    : new ReadableStream({ start: (controller) => controller.close() });
  return new Response(body, {
    status: response.status,
    headers: response.headers,
  });
}

/**
 * Responds with content that the client must revalidate on each use, since the
 * agent may be updated; with 304 if the ETag matches.
 */
export function conditionalResponse(
  request: Request,
  etag: string,
  respond: () => Response,
): Response {
  const known = request.headers.get("if-none-match") ?? "";
  const response = known.split(/\s*,\s*/).includes(etag)
    ? new Response(null, { status: STATUS_CODE.NotModified })
    : respond();
  response.headers.set("etag", etag);
  response.headers.set("cache-control", "no-cache");
  return response;
}

/** Responds with chunks of text, like {@linkcode jsonArrayResponse}. */
export function textResponse(
  request: Request,
  chunks: Iterable<string>,
  options: BodyOptions = {},
): Response {
  const slicer = new TimeSlicer(systemClock);
  return respond(request, encoded(chunks, slicer), { ...options, slicer });
}

/** Responds with chunks of bytes, each sent unchanged. */
export function bytesResponse(
  request: Request,
  chunks: Iterable<Uint8Array<ArrayBuffer>>,
  options: BodyOptions = {},
): Response {
  return respond(request, chunks, {
    ...options,
    slicer: new TimeSlicer(systemClock),
  });
}

interface BodyOptions {
  /** @default 200 */
  readonly status?: number;
  /** @default JSON */
  readonly contentType?: string;
}

function respond(
  request: Request,
  chunks: Iterable<Uint8Array<ArrayBuffer>>,
  { status = STATUS_CODE.OK, contentType = JSON_TYPE, slicer }: BodyOptions & {
    readonly slicer: TimeSlicer;
  },
): Response {
  slicer.begin();
  const rest = chunks[Symbol.iterator]();
  const { value: first = NOTHING } = rest.next();
  // Others may follow a short first chunk.
  const second = first.length < CHUNK_LENGTH ? rest.next() : undefined;
  // Without the header any coding is acceptable, and curl would print gzip.
  const isGzip = request.headers.has("accept-encoding") &&
    acceptsEncodings(request, "gzip", "identity") === "gzip";
  if (second?.done && (!isGzip || first.length < GZIP_MIN_BYTES)) {
    const headers = headersOf(contentType, first);
    return new Response(first, { status, headers });
  }
  const started = second?.value === undefined ? [first] : [first, second.value];
  const body = streamOf(started, rest, slicer);
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

function* memberChunks(
  members: Iterable<readonly [string, string]>,
): Generator<string> {
  for (const [key, json] of members) yield `${JSON.stringify(key)}:${json}`;
}

/**
 * Compresses with zlib. `Deno.serve` does not compress OpenMetrics, which
 * Prometheus prefers; for 12 MB of text zlib takes 80 ms of CPU instead of 120,
 * for a fifth more output. `CompressionStream` takes 12 ns per byte instead of
 * 3, for an eighth less (Deno 2.9). `cancel()` of `Duplex.toWeb()` never
 * resolves in Deno 2.6.
 */
function gzipped(
  body: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let opened: Gzip | undefined;
  const reader = body.getReader();
  const compressed: Uint8Array<ArrayBuffer>[] = [];
  const open = async () => {
    // zlib takes 5 MB.
    const { createGzip } = await import("node:zlib");
    opened = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_LENGTH });
    opened.on(
      "data",
      (bytes: Uint8Array<ArrayBuffer>) => compressed.push(bytes),
    );
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
      while (isMore && compressed.length === 0) isMore = await next();
      for (const bytes of compressed.splice(0)) controller.enqueue(bytes);
      if (!isMore) controller.close();
    },
    cancel(reason) {
      opened?.destroy();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array();

/**
 * Encodes chunks of about `CHUNK_LENGTH` characters, shorter ones at the end of
 * a time slice.
 */
function* encoded(
  chunks: Iterable<string>,
  slicer: TimeSlicer,
): Generator<Uint8Array<ArrayBuffer>> {
  let text = "";
  for (const chunk of chunks) {
    text += chunk;
    if (text.length < CHUNK_LENGTH && !slicer.isExpired) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}

/**
 * Yields between time slices, because neither gzip nor a fast client makes a
 * stream wait: 150 MB of subcontainers blocked all other requests for 650 ms
 * (Deno 2.9).
 */
function streamOf(
  started: Uint8Array<ArrayBuffer>[],
  rest: Iterator<Uint8Array<ArrayBuffer>>,
  slicer: TimeSlicer,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (slicer.isExpired) await slicer.yieldToEventLoop();
      const chunk = started.shift() ?? rest.next().value;
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel() {
      rest.return?.();
    },
  }, { highWaterMark: 0 });
}
