import { STATUS_CODE } from "@std/http/status";
import { type Clock, sleep, systemClock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import {
  formatListenAddress,
  type ListenAddress,
} from "../model/listen_address.ts";
import type { Logger } from "../model/logger.ts";
import type { EventStreams } from "./event_stream.ts";
import {
  HttpConnection,
  type HttpConnectionOptions,
} from "./http_connection.ts";
import { errorResponse } from "./json_response.ts";

/** What {@linkcode serve} needs besides the handler. */
export interface ServeOptions {
  /** Where to listen. */
  readonly listen: readonly ListenAddress[];
  /** Told of answers that fail on their way. */
  readonly logger: Logger;
  /** TLS for the addresses that are no sockets of this machine: certificates and their key, as PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Connections at once; beyond it one is cut whose client keeps it waiting, the longest first. @default 256 */
  readonly maxConnections?: number;
  /** Closed first when the server stops, so that their clients read an end. */
  readonly streams?: Pick<EventStreams, "close">;
  /** How long answers on their way may take to arrive when the server stops. @default 300 */
  readonly graceMs?: number;
  /** Times the end. @default systemClock */
  readonly clock?: Clock;
}

/** A server that listens. */
export interface Server {
  /** Where: `http://127.0.0.1:8080`, `https://[::1]:8080`, `unix:/path`. */
  readonly addresses: readonly string[];
  /** Connections that are open. */
  readonly connections: number;
  /**
   * Takes no more requests, ends the streams, lets answers on their way arrive
   * for a short while, then cuts every connection.
   */
  shutdown(): Promise<void>;
}

/** Answers requests, each with where it came in. */
export type Handler = (
  request: Request,
  listener: ListenAddress,
) => Response | Promise<Response>;

/** Group may connect: an operator gives a socket to a group, and to nobody else. */
const SOCKET_UMASK = 0o117;

/** A client that has been silent for so long gives way to a new one, or has so long not taken its answer. */
const SILENCE_MS = 50;
const STALL_MS = 5000;
const FULL_RETRY_MS = 10;

/** While no connection can be taken, as when all descriptors are in use. */
const ACCEPT_RETRY_MS = 100;
const WARN_INTERVAL_MS = 60_000;

/**
 * Listens on all addresses, or on none.
 *
 * @throws {Error} naming the address that cannot be listened on, and why
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

type Listener = Deno.Listener<Deno.Conn<Deno.Addr>, Deno.Addr>;

/** Listens, and minds its connections. Over 300 lines, for listening on a socket has many ways to fail. */
class HttpServer implements Server {
  readonly #handler: Handler;
  readonly #options: ServeOptions;
  readonly #clock: Clock;
  readonly #listeners: Listener[] = [];
  readonly #accepting: Promise<void>[] = [];
  readonly #connections = new Set<HttpConnection>();
  readonly #sockets: { path: string; ino: number | null }[] = [];
  readonly #addresses: string[] = [];
  #warnedAtMs = -Infinity;
  #shutdown: Promise<void> | undefined;

  constructor(handler: Handler, options: ServeOptions) {
    this.#handler = handler;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get connections(): number {
    return this.#connections.size;
  }

  async listen(address: ListenAddress): Promise<void> {
    try {
      if (address.type === "unix") await this.#listenUnix(address.path);
      else this.#listenTcp(address.hostname, address.port);
    } catch (error) {
      throw new Error(
        `Cannot listen on "${formatListenAddress(address)}": ${
          messageOf(error)
        }`,
        { cause: error },
      );
    }
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#stop();
  }

  #listenTcp(hostname: string, port: number): void {
    const { tls } = this.#options;
    const listener = tls === undefined
      ? Deno.listen({ hostname, port })
      : Deno.listenTls({ hostname, port, ...tls, alpnProtocols: ["http/1.1"] });
    const address: ListenAddress = { type: "tcp", ...listener.addr };
    const scheme = tls === undefined ? "http" : "https";
    this.#take(listener, address, scheme);
    this.#addresses.push(formatListenAddress(address, scheme));
  }

  async #listenUnix(path: string): Promise<void> {
    await removeStaleSocket(path);
    const address: ListenAddress = { type: "unix", path };
    const listener = listenPrivately(path);
    this.#take(listener, address, "http");
    const { ino } = await Deno.lstat(path);
    this.#sockets.push({ path, ino });
    this.#addresses.push(formatListenAddress(address));
  }

  #take(
    listener: Listener,
    address: ListenAddress,
    scheme: "http" | "https",
  ): void {
    this.#listeners.push(listener);
    const options: HttpConnectionOptions = {
      scheme,
      clock: this.#clock,
      handler: (request) => this.#handler(request, address),
      onError: (error) => this.#answerError(error),
    };
    this.#accepting.push(this.#acceptAll(listener, options));
  }

  async #acceptAll(
    listener: Listener,
    options: HttpConnectionOptions,
  ): Promise<void> {
    while (this.#shutdown === undefined) {
      try {
        await this.#untilRoom();
        this.#serveConnection(await listener.accept(), options);
      } catch (error) {
        if (this.#shutdown !== undefined) return;
        this.#warn("Cannot take a connection, trying again", error);
        await sleep(this.#clock, ACCEPT_RETRY_MS);
      }
    }
  }

  #serveConnection(
    connection: Deno.Conn<Deno.Addr>,
    options: HttpConnectionOptions,
  ): void {
    // Else the last part of each answer waits 40 ms for the client to acknowledge the one before.
    if ("setNoDelay" in connection) {
      (connection as Deno.TcpConn).setNoDelay(true);
    }
    const served = new HttpConnection(connection, options);
    this.#connections.add(served);
    void served.serve().then(() => this.#connections.delete(served));
  }

  /** While there is no room, new clients wait in the kernel's queue. */
  async #untilRoom(): Promise<void> {
    const { maxConnections = 256 } = this.#options;
    while (this.#connections.size >= maxConnections) {
      if (this.#shutdown !== undefined || this.#makeRoom()) return;
      this.#warn(`Cannot take a connection, as ${maxConnections} are open`);
      await sleep(this.#clock, FULL_RETRY_MS);
    }
  }

  /** Cuts the connection whose client has kept it waiting the longest; false where none does. */
  #makeRoom(): boolean {
    const nowMs = this.#clock.monotonic();
    let longest: HttpConnection | undefined;
    let sinceMs = Infinity;
    for (const connection of this.#connections) {
      const patienceMs = connection.isSending ? STALL_MS : SILENCE_MS;
      const { waitsSinceMs = Infinity } = connection;
      if (waitsSinceMs + patienceMs > nowMs || waitsSinceMs >= sinceMs) {
        continue;
      }
      longest = connection;
      sinceMs = waitsSinceMs;
    }
    if (longest === undefined) return false;
    longest.cut();
    this.#connections.delete(longest);
    return true;
  }

  /** The last resort: the handler answers its own errors, a body that fails on its way has only this. */
  #answerError(error: unknown): Response {
    this.#options.logger.error("Cannot complete answer", {
      error: error instanceof Error ? error.stack : String(error),
    });
    return errorResponse(
      STATUS_CODE.InternalServerError,
      "Cannot answer: the agent has a fault, which its log tells",
    );
  }

  #warn(message: string, error?: unknown): void {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#warnedAtMs < WARN_INTERVAL_MS) return;
    this.#warnedAtMs = nowMs;
    this.#options.logger.warn(
      message,
      error === undefined ? {} : { error: messageOf(error) },
    );
  }

  async #stop(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#options.streams?.close();
    const connections = [...this.#connections];
    const finished = connections.map((connection) => connection.finish());
    const limit = new AbortController();
    await Promise.race([
      // Deno removes a socket's path, whatever is there by then, once nothing waits for a client at it.
      Promise.all([...this.#accepting, ...finished]),
      sleep(this.#clock, this.#options.graceMs ?? 300, limit.signal),
    ]);
    limit.abort();
    for (const connection of connections) connection.cut();
    for (const { path, ino } of this.#sockets) await removeSocket(path, ino);
  }
}

/** Listens on a socket that, from its first moment, owner and group alone may open. */
function listenPrivately(path: string): Listener {
  const before = Deno.umask(SOCKET_UMASK);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(before);
  }
}

/**
 * Removes the socket file of a server that is no more, as bind(2) refuses a
 * path that exists.
 *
 * @throws {Error} if something answers there, or it is no socket
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
    throw new Error("A file that is no socket is there");
  }
  try {
    const connection = await Deno.connect({ transport: "unix", path });
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    return await Deno.remove(path);
  }
  throw new Error("Another program is listening there");
}

/** Removes our socket file, unless another has taken its place. */
async function removeSocket(path: string, ino: number | null): Promise<void> {
  try {
    if ((await Deno.lstat(path)).ino === ino) await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
