import { STATUS_CODE } from "@std/http/status";
import { isLoopback, type ListenAddress } from "../model/listen_address.ts";
import { errorResponse } from "./json_response.ts";
import type { Handler } from "./server.ts";
import type { Tokens } from "./tokens.ts";

/** Options. */
export interface GuardOptions {
  /** Returns the accepted tokens, `undefined` if none is required. Called per request. */
  readonly tokens: () => Tokens | undefined;
  /** Accepted in `Host` on loopback, besides the address and `localhost`. */
  readonly allowedHosts: readonly string[];
  /** Prefix of all paths: `""`, or a path without a trailing slash. */
  readonly basePath: string;
  readonly metricsPath: string;
}

/** Requires no token, for liveness probes. */
const HEALTH = "/healthz";
/** The web page contains no data: it requests a token from the user for the API. */
const PAGE_REGEXP = /^\/(?:$|(?:web|containers|docker)(?:\/|$))/;
/** Path in the handler. */
const METRICS = "/metrics";

/** A name, an IPv4 or a bracketed IPv6 address; optionally a port. */
const HOST_REGEXP = /^(?:[\w.~-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
/** Methods that `Request` accepts unchanged. */
const METHOD_REGEXP = /^(?!CONNECT$|TRACE$|TRACK$)[A-Z]+$/;

/** Passes only authorized requests to the handler. */
export function guard(
  handler: (request: Request) => Response | Promise<Response>,
  options: GuardOptions,
): Handler {
  const { tokens, allowedHosts, basePath, metricsPath } = options;
  return (request, listener) => {
    const { method } = request;
    if (!METHOD_REGEXP.test(method)) {
      return errorResponse(
        STATUS_CODE.MethodNotAllowed,
        `Cannot ${method}: expected one of GET, HEAD, POST`,
        { "allow": "GET, HEAD, POST" },
      );
    }
    const url = URL.parse(request.url);
    const hostname = hostnameOf(request, listener);
    if (url === null || hostname === undefined) {
      return errorResponse(
        STATUS_CODE.BadRequest,
        'Cannot parse the URL: the "Host" header or the path is invalid',
      );
    }
    if (
      ![hostname, url.hostname].every((name) =>
        isHostAllowed(name, listener, allowedHosts)
      )
    ) {
      return errorResponse(
        STATUS_CODE.Forbidden,
        'Cannot accept the "Host" header: expected the address, localhost or one of --allowed-hosts',
      );
    }
    if (url.pathname === basePath) return redirectBelow(basePath);
    const path = below(basePath, url.pathname);
    const isAuthorized = tokens()
      ?.authorizes(request.headers.get("authorization"));
    const needsToken = !isPublic(path) || path === metricsPath;
    if (isAuthorized === false && needsToken) {
      return errorResponse(
        STATUS_CODE.Unauthorized,
        'Cannot authorize the request: expected the header "Authorization: Bearer TOKEN"',
        { "www-authenticate": 'Bearer realm="cgwatch"' },
      );
    }
    if (path === undefined) {
      return errorResponse(STATUS_CODE.NotFound, "Unknown path");
    }
    const handled = path === metricsPath ? METRICS : path;
    if (handled === url.pathname) return handler(request);
    url.pathname = handled;
    // Not `request` itself: Deno 2.9 warns if its signal is read.
    const { headers, body } = request;
    return handler(new Request(url, { method, headers, body }));
  };
}

/**
 * Returns a request's host, `undefined` for an invalid `Host`. Not from the
 * URL, which has `localhost` in Deno if `Host` is missing or malformed.
 */
function hostnameOf(
  { headers, url }: Request,
  listener: ListenAddress,
): string | undefined {
  const host = headers.get("host");
  if (host !== null) {
    return HOST_REGEXP.test(host)
      ? URL.parse(`http://${host}`)?.hostname
      : undefined;
  }
  // HTTP/2, which TLS clients prefer, lacks the header; HTTP/1 on loopback
  // requires it.
  const isPlain = url.startsWith("http:") && listener.type === "tcp";
  return isPlain && isLoopback(listener) ? undefined : URL.parse(url)?.hostname;
}

/** The location is relative: a proxy may add a prefix. */
function redirectBelow(basePath: string): Response {
  const location = `${basePath.slice(basePath.lastIndexOf("/") + 1)}/`;
  return new Response(null, {
    status: STATUS_CODE.Found,
    headers: { location, "content-length": "0" },
  });
}

function isPublic(path = ""): boolean {
  return path === HEALTH || PAGE_REGEXP.test(path);
}

/** Returns the path without the prefix, `undefined` if it has another. */
function below(basePath: string, path: string): string | undefined {
  if (!path.startsWith(`${basePath}/`)) return undefined;
  return path.slice(basePath.length);
}

/**
 * Prevents DNS rebinding: a web page whose name resolves to 127.0.0.1 makes the
 * browser send requests with that name in `Host`.
 */
function isHostAllowed(
  hostname: string,
  listener: ListenAddress,
  allowedHosts: readonly string[],
): boolean {
  if (!isLoopback(listener) || listener.type === "unix") return true;
  const host = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return host === listener.hostname || host === "localhost" ||
    allowedHosts.some((allowed) => allowed.toLowerCase() === host);
}
