import { STATUS_CODE } from "@std/http/status";
import { isLoopback, type ListenAddress } from "../model/listen_address.ts";
import { errorResponse } from "./json_response.ts";
import type { Handler } from "./server.ts";
import type { Tokens } from "./tokens.ts";

/** Who may ask, and under which paths. */
export interface GuardOptions {
  /** Tokens of which a client must show one; none where anybody may ask. Called for each request. */
  readonly tokens: () => Tokens | undefined;
  /** Names that a `Host` may bear on loopback, besides the address and `localhost`. */
  readonly allowedHosts: readonly string[];
  /** All paths are below it: `""`, or a path without a slash at its end. */
  readonly basePath: string;
  /** Where the metrics are. */
  readonly metricsPath: string;
}

/** Open to all, so that what restarts a dead agent needs no token. */
const HEALTH = "/healthz";
/** The page for people has nothing secret: it asks for the token, and sends it for all that it shows. */
const PAGE_REGEXP = /^\/(?:$|(?:web|containers|docker)(?:\/|$))/;
/** Where the handler has the metrics. */
const METRICS = "/metrics";

/** Of a name, an IPv4 or a bracketed IPv6 address, and perhaps a port. */
const HOST_REGEXP = /^(?:[\w.~-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
/** Methods that a `Request` can be made with and keeps as they are. */
const METHOD_REGEXP = /^(?!CONNECT$|TRACE$|TRACK$)[A-Z]+$/;

/** Lets requests through to the handler that have a right to be answered. */
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
        `Cannot ${method}: allowed is GET, HEAD, POST`,
        { "allow": "GET, HEAD, POST" },
      );
    }
    const url = URL.parse(request.url);
    const hostname = hostnameOf(request, listener);
    if (url === null || hostname === undefined) {
      return errorResponse(
        STATUS_CODE.BadRequest,
        'Cannot read the address: the header "Host" is not a host, or the path not a path',
      );
    }
    if (
      ![hostname, url.hostname].every((name) =>
        isHostKnown(name, listener, allowedHosts)
      )
    ) {
      return errorResponse(
        STATUS_CODE.Forbidden,
        'Cannot answer: the header "Host" names neither the address nor an allowed host',
      );
    }
    if (url.pathname === basePath) return redirectBelow(basePath);
    const path = below(basePath, url.pathname);
    const admits = tokens()?.admits(request.headers.get("authorization"));
    if (admits === false && (!isOpen(path) || path === metricsPath)) {
      return errorResponse(
        STATUS_CODE.Unauthorized,
        'Cannot answer without a token: wanted is "Authorization: Bearer TOKEN"',
        { "www-authenticate": 'Bearer realm="cgwatch"' },
      );
    }
    if (path === undefined) {
      return errorResponse(STATUS_CODE.NotFound, "Unknown path");
    }
    const wanted = path === metricsPath ? METRICS : path;
    if (wanted === url.pathname) return handler(request);
    url.pathname = wanted;
    // Its parts, since Deno 2.9 prints a warning where the signal is read.
    const { headers, body } = request;
    return handler(new Request(url, { method, headers, body }));
  };
}

/**
 * The host that the client named, which Deno's URL need not be: for a missing
 * or malformed `Host` it has `localhost`. Undefined where it is not a host.
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
  // HTTP/2, which TLS clients prefer, has no such header; on loopback HTTP/1 must have it.
  const isPlain = url.startsWith("http:") && listener.type === "tcp";
  return isPlain && isLoopback(listener) ? undefined : URL.parse(url)?.hostname;
}

/** The page's own addresses are relative, and so is this, as a proxy may have put a path before ours. */
function redirectBelow(basePath: string): Response {
  const location = `${basePath.slice(basePath.lastIndexOf("/") + 1)}/`;
  return new Response(null, {
    status: STATUS_CODE.Found,
    headers: { location, "content-length": "0" },
  });
}

/** Whether a path needs no token. */
function isOpen(path = ""): boolean {
  return path === HEALTH || PAGE_REGEXP.test(path);
}

/** The path less what all are below; absent where it is not below it. */
function below(basePath: string, path: string): string | undefined {
  if (!path.startsWith(`${basePath}/`)) return undefined;
  return path.slice(basePath.length);
}

/**
 * A page of the web can have its name resolve to 127.0.0.1, and a browser then
 * asks us in its name (DNS rebinding); but the browser says the page's name.
 */
function isHostKnown(
  hostname: string,
  listener: ListenAddress,
  allowedHosts: readonly string[],
): boolean {
  if (!isLoopback(listener) || listener.type === "unix") return true;
  const host = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return host === listener.hostname || host === "localhost" ||
    allowedHosts.some((allowed) => allowed.toLowerCase() === host);
}
