import { STATUS_CODE } from "@std/http/status";
import { BadRequestError } from "../model/errors.ts";
import { HttpError } from "./json_response.ts";

/** How long the body of a request is: so many bytes, or as its chunks say. */
export type BodyLength = number | "chunked";

/** The first line of a request and its headers, as RFC 9112 has them. */
export interface RequestHead {
  readonly method: string;
  /** Absolute; the host is the one that the client named, else `localhost`. */
  readonly url: string;
  /** Whether the client knows HTTP/1.1: chunks, and connections that stay. */
  readonly isHttp11: boolean;
  readonly headers: Headers;
  readonly bodyLength: BodyLength;
  /** Whether the client would send another request on this connection. */
  readonly keepsAlive: boolean;
}

/** The longest address that is read, bytes. */
export const MAX_TARGET_BYTES: number = 8 * 1024;

/** The longest head that is read, bytes: its address and as much again of headers. */
export const MAX_HEAD_BYTES: number = 2 * MAX_TARGET_BYTES;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST_LINE_REGEXP = new RegExp(
  `^(${TOKEN}) ([!-~]+) HTTP/(\\d)\\.(\\d)$`,
);
const FIELD_REGEXP = new RegExp(
  `^(${TOKEN}):[ \\t]*([^\\x00-\\x08\\n-\\x1f\\x7f]*)$`,
);
const HOST_REGEXP = /^(?:[\w.~-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
const ABSOLUTE_REGEXP = /^https?:\/\/([^/?#]*)(.*)$/i;
/** What would be a tunnel or an echo; a `Request` cannot have them. */
const FORBIDDEN_METHODS: readonly string[] = ["CONNECT", "TRACE", "TRACK"];

const decoder = new TextDecoder("latin1");

/**
 * Takes a head apart. It is strict where lenience has let one request pass for
 * two: lines end in CRLF, none is folded, one length only.
 *
 * @param bytes all before the empty line
 * @param scheme `https` where the connection has TLS
 * @throws {BadRequestError | HttpError} saying what is wrong; the connection is of no use then
 */
export function parseRequestHead(
  bytes: Uint8Array,
  scheme: "http" | "https",
): RequestHead {
  const [first = "", ...lines] = decoder.decode(bytes).split("\r\n");
  const [, method = "", target = "", major, minor] =
    REQUEST_LINE_REGEXP.exec(first) ?? [];
  if (method === "") {
    throw new BadRequestError("Cannot read the request: it is not HTTP");
  }
  if (major !== "1") {
    throw new BadRequestError(
      `Cannot speak HTTP/${major}.${minor}: HTTP/1.1 is known`,
    );
  }
  assertTargetLength(target.length);
  const headers = parseFields(lines);
  const isHttp11 = minor !== "0";
  const host = headers.get("host") ?? undefined;
  if (host === undefined && isHttp11) {
    throw new BadRequestError('Cannot read the request: it has no "Host"');
  }
  const url = parseTarget(target, host ?? "localhost", scheme);
  if (FORBIDDEN_METHODS.includes(method.toUpperCase())) {
    throw new HttpError(
      STATUS_CODE.MethodNotAllowed,
      `Cannot ${method}: allowed is GET, HEAD, POST`,
      { "allow": "GET, HEAD, POST" },
    );
  }
  return {
    method,
    url,
    isHttp11,
    headers,
    bodyLength: parseBodyLength(headers, isHttp11),
    keepsAlive: isHttp11 &&
      !/(?:^|,)\s*close\s*(?:,|$)/i.test(headers.get("connection") ?? ""),
  };
}

/** @throws {HttpError} 414 for an address that is longer than is read */
export function assertTargetLength(length: number): void {
  if (length <= MAX_TARGET_BYTES) return;
  throw new HttpError(
    STATUS_CODE.URITooLong,
    `Cannot read the address as it is longer than ${MAX_TARGET_BYTES} bytes`,
  );
}

function parseFields(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value = ""] = FIELD_REGEXP.exec(line) ?? [];
    if (name === undefined) {
      throw new BadRequestError(
        "Cannot read the request: a line of its head is no header",
      );
    }
    // Of a second host, or a length that follows upon chunks, one of two readers would not know.
    if (
      /^(?:host|content-length|transfer-encoding)$/i.test(name) &&
      headers.has(name)
    ) {
      throw new BadRequestError(
        `Cannot read the request: it has "${name}" twice`,
      );
    }
    headers.append(name, value.trimEnd());
  }
  return headers;
}

function parseTarget(target: string, host: string, scheme: string): string {
  const [absolute, authority = host, rest = target] =
    ABSOLUTE_REGEXP.exec(target) ?? [];
  const path = absolute === undefined || rest.startsWith("/")
    ? rest
    : `/${rest}`;
  const url = `${scheme}://${authority}${path}`;
  if (
    HOST_REGEXP.test(authority) && path.startsWith("/") && URL.canParse(url)
  ) {
    return url;
  }
  throw new BadRequestError(
    'Cannot read the address: the header "Host" is not a host, or the path not a path',
  );
}

function parseBodyLength(headers: Headers, isHttp11: boolean): BodyLength {
  const length = headers.get("content-length");
  const coding = headers.get("transfer-encoding");
  if (coding !== null) {
    if (coding.toLowerCase() === "chunked" && isHttp11 && length === null) {
      return "chunked";
    }
    throw new BadRequestError(
      "Cannot read the body: wanted is either a length or chunks alone",
    );
  }
  if (length === null) return 0;
  const bytes = Number(length);
  if (/^\d+$/.test(length) && Number.isSafeInteger(bytes)) return bytes;
  throw new BadRequestError(
    `Cannot read the body: its length "${length}" is not a number`,
  );
}
