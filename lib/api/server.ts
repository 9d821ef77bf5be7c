import { STATUS_CODE } from "@std/http/status";
import { type Clock, sleep, systemClock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import {
  formatListenAddress,
  type ListenAddress,
} from "../model/listen_address.ts";
import type { Logger } from "../model/logger.ts";
import type { EventStreams } from "./event_stream.ts";
import { errorResponse } from "./json_response.ts";
import { ServerHealth } from "./server_health.ts";

/** Options. */
export interface ServeOptions {
  readonly listen: readonly ListenAddress[];
  /** Receives failures of handlers, bodies and listeners. */
  readonly logger: Logger;
  /** For TCP addresses: certificate chain and key, as PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Closed first, so that clients receive an end. */
  readonly streams?: Pick<EventStreams, "close">;
  /** Maximum time for responses in progress at shutdown. @default 300 */
  readonly graceMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default a new one */
  readonly health?: ServerHealth;
}

/** A listening server. */
export interface Server {
  /** `http://127.0.0.1:8080`, `https://[::1]:8080`, `unix:/path`. */
  readonly addresses: readonly string[];
  /**
   * Rejects new requests with 503, ends the streams, waits up to
   * {@linkcode ServeOptions.graceMs} for responses, then closes every
   * connection.
   */
  shutdown(): Promise<void>;
}

/** Responds to a request; `listener` is the address that received it. */
export type Handler = (
  request: Request,
  listener: ListenAddress,
) => Response | Promise<Response>;

/** A unix socket is open to owner and group. */
const SOCKET_UMASK = 0o117;

/**
 * Deno reports a response as complete slightly before its last bytes are in the
 * socket.
 */
const FLUSH_MS = 50;
/** Maximum time for closing aborted connections. */
const ABORT_MS = 100;
/** Pause before a failed listener is reopened. */
const RETRY_MS = 100;
/** Interval of listen attempts; one on an address in use takes 50 to 80 µs of CPU. */
const PROBE_INTERVAL_MS = 1_000;
const EMFILE_REGEXP = /\(os error 24\)/;

/**
 * Listens on all addresses.
 *
 * @throws {Error} naming an unusable address and the reason
 */
export async function serve(
  handler: Handler,
  options: ServeOptions,
): Promise<Server> {
  const server = new HttpServer(handler, options);
  try {
    for (const address of options.listen) await server.listen(address);
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  return server;
}

type Serve = (
  request: Request,
  info: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

class HttpServer implements Server {
  readonly #handler: Handler;
  readonly #options: ServeOptions;
  readonly #clock: Clock;
  readonly #health: ServerHealth;
  readonly #listeners: Listener[] = [];
  /** Requests with incomplete responses. */
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  #shutdown: Promise<void> | undefined;

  constructor(handler: Handler, options: ServeOptions) {
    this.#handler = handler;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#health = options.health ??
      new ServerHealth(this.#clock, options.logger);
  }

  get addresses(): readonly string[] {
    return this.#listeners.map(({ name }) => name);
  }

  async listen(address: ListenAddress): Promise<void> {
    const { tls, logger } = this.#options;
    const listener: Listener = new Listener(address, {
      clock: this.#clock,
      health: this.#health,
      tls: address.type === "unix" ? undefined : tls,
      serve: (request, info) => this.#serve(request, info, listener.address),
      onError: (error) => internalError(error, logger),
    });
    try {
      await listener.open();
    } catch (error) {
      const remedy = error instanceof Deno.errors.AddrInUse
        ? "\n  If it is an agent, another verb shows its data, such as cgwatch list. Otherwise use another address: --listen=127.0.0.1:8081"
        : "";
      throw new Error(
        `Cannot listen on "${formatListenAddress(address)}": ${
          messageOf(error)
        }${remedy}`,
        { cause: error },
      );
    }
    this.#listeners.push(listener);
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#stop();
  }

  #serve(
    request: Request,
    info: Deno.ServeHandlerInfo,
    address: ListenAddress,
  ): Response | Promise<Response> {
    if (this.#shutdown !== undefined) {
      return errorResponse(
        STATUS_CODE.ServiceUnavailable,
        "Cannot handle the request: the server is stopping",
        { "connection": "close" },
      );
    }
    this.#inFlight++;
    const done = () => {
      if (--this.#inFlight === 0) this.#onIdle?.();
    };
    // Rejects if the client disconnects early.
    info.completed.then(done, done);
    return this.#handler(request, address);
  }

  async #stop(): Promise<void> {
    this.#options.streams?.close();
    if (this.#inFlight > 0) {
      const idle = new Promise<void>((resolve) => this.#onIdle = resolve);
      await within(this.#options.graceMs ?? 300, idle, this.#clock);
    }
    await sleep(this.#clock, FLUSH_MS);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}

interface ListenerOptions {
  readonly clock: Clock;
  readonly health: ServerHealth;
  readonly tls: ServeOptions["tls"];
  readonly serve: Serve;
  readonly onError: (error: unknown) => Response;
}

/**
 * Listens on one address. If accept(2) fails, mostly with EMFILE, `Deno.serve`
 * closes its listener permanently: all connections are then closed, which
 * releases descriptors, and the address is reopened.
 */
class Listener {
  readonly #options: ListenerOptions;
  #address: ListenAddress;
  /** Closes the current server and its connections. */
  #abort = new AbortController();
  #finished: Promise<void> = Promise.resolve();
  /** Inode of the socket file. */
  #ino: number | null = null;
  readonly #closing = new AbortController();

  constructor(address: ListenAddress, options: ListenerOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** After `open()`, with the kernel's choice of port. */
  get address(): ListenAddress {
    return this.#address;
  }

  /** URL, or `unix:/path`. */
  get name(): string {
    const scheme = this.#options.tls === undefined ? "http" : "https";
    return formatListenAddress(this.#address, scheme);
  }

  async open(): Promise<void> {
    await this.#serve();
    void this.#watch();
  }

  /** Closes every connection too. */
  async close(): Promise<void> {
    this.#closing.abort();
    // Not Deno's `shutdown()`: it waits for clients that do not read, and a
    // later abort() closes nothing and throws an uncaught BadResource (Deno 2.6
    // and 2.9).
    this.#abort.abort();
    await within(ABORT_MS, this.#finished, this.#options.clock);
    if (this.#address.type !== "unix") return;
    await removeSocket(this.#address.path, this.#ino);
  }

  async #serve(): Promise<void> {
    const abort = new AbortController();
    const { serve, onError, tls } = this.#options;
    const options = {
      signal: abort.signal,
      onError,
      // The default prints to stdout, which is for events only.
      onListen: () => {},
    };
    let server: Deno.HttpServer<Deno.Addr>;
    if (this.#address.type === "unix") {
      const { path } = this.#address;
      await removeStaleSocket(path);
      server = listenPrivately(
        path,
        (own) => Deno.serve({ ...options, path: own }, serve),
        abort,
      );
      this.#ino = Deno.lstatSync(path).ino;
    } else {
      const { hostname, port } = this.#address;
      const tcp = Deno.serve({ ...options, ...tls, hostname, port }, serve);
      this.#address = { type: "tcp", ...tcp.addr };
      server = tcp;
    }
    this.#abort = abort;
    this.#finished = server.finished.catch((error) => {
      if (!abort.signal.aborted) this.#fail(abort, error);
    });
  }

  /**
   * Reopens the server after it ended. Also attempts so once a second, which
   * fails while the address is in use: Deno 2.6 reports a failed listener only
   * after its last connection closed, possibly never; and if clients use the
   * last descriptor, no file can be opened until another client makes accept(2)
   * fail.
   */
  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    for (;;) {
      await within(PROBE_INTERVAL_MS, this.#finished, clock);
      if (this.#abort.signal.aborted) await sleep(clock, RETRY_MS, signal);
      if (signal.aborted) return;
      await this.#serveAgain();
    }
  }

  async #serveAgain(): Promise<void> {
    const before = this.#abort;
    try {
      await this.#serve();
    } catch (error) {
      const isDown = before.signal.aborted ||
        EMFILE_REGEXP.test(messageOf(error));
      if (isDown && !this.#closing.signal.aborted) this.#fail(before, error);
      return;
    }
    if (!before.signal.aborted) this.#fail(before, "it had stopped listening");
    if (this.#closing.signal.aborted) this.#abort.abort();
    this.#options.health.restarted(this.name);
  }

  #fail(abort: AbortController, error: unknown): void {
    this.#options.health.failed(this.name, error);
    abort.abort();
  }
}

/** Reports an error outside the handler: a body that fails while it is sent. */
function internalError(error: unknown, logger: Logger): Response {
  logger.error("Cannot complete the response", {
    error: error instanceof Error ? error.stack : String(error),
  });
  return errorResponse(
    STATUS_CODE.InternalServerError,
    "Cannot handle the request: internal error, see the agent's log",
  );
}

async function within(
  limitMs: number,
  promise: Promise<unknown>,
  clock: Clock,
): Promise<void> {
  const timer = new AbortController();
  await Promise.race([promise, sleep(clock, limitMs, timer.signal)]);
  timer.abort();
}

/**
 * Listens on a socket that only owner and group may ever open. It is bound to a
 * temporary name, because Deno unlinks that name at close, even if it is
 * another file by then.
 *
 * @throws {Deno.errors.AlreadyExists} if the path exists
 */
function listenPrivately<T>(
  path: string,
  listen: (path: string) => T,
  abort: AbortController,
): T {
  const own = `${path}.${Deno.pid}`;
  const before = Deno.umask(SOCKET_UMASK);
  let server: T;
  try {
    server = listen(own);
  } finally {
    Deno.umask(before);
  }
  try {
    Deno.linkSync(own, path);
  } catch (error) {
    abort.abort();
    throw error;
  } finally {
    Deno.removeSync(own);
  }
  return server;
}

/**
 * Removes an exited server's socket file, because link(2) refuses an existing
 * path.
 *
 * @throws {Error} if a program accepts connections there, or it is not a socket
 */
async function removeStaleSocket(path: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (info.isSocket !== true) {
    throw new Error("the file exists and is not a socket");
  }
  try {
    const connection = await Deno.connect({ transport: "unix", path });
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    return await Deno.remove(path);
  }
  throw new Error("another program is listening there");
}

/** Removes the socket file, unless replaced. */
async function removeSocket(path: string, ino: number | null): Promise<void> {
  try {
    if ((await Deno.lstat(path)).ino === ino) await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
