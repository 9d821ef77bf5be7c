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

/** What {@linkcode serve} needs besides the handler. */
export interface ServeOptions {
  /** Where to listen. */
  readonly listen: readonly ListenAddress[];
  /** Told of answers that fail on their way. */
  readonly logger: Logger;
  /** Closed first when the server stops, so that their clients read an end. */
  readonly streams?: Pick<EventStreams, "close">;
  /** How long answers on their way may take to arrive when the server stops. @default 300 */
  readonly graceMs?: number;
  /** Times the end. @default systemClock */
  readonly clock?: Clock;
}

/** A server that listens. */
export interface Server {
  /** Where: `http://127.0.0.1:8080`, `http://[::1]:8080`, `unix:/path`. */
  readonly addresses: readonly string[];
  /**
   * Takes no more requests, ends the streams, lets answers on their way arrive
   * for a short while, then cuts every connection.
   */
  shutdown(): Promise<void>;
}

/** Answers requests. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** Group may connect: an operator gives a socket to a group, and to nobody else. */
const SOCKET_MODE = 0o660;

/** An answer counts as sent when Deno has taken it; its last bytes go out a little later. */
const FLUSH_MS = 50;

/** How long connections may take to go once they are cut. */
const CUT_MS = 100;

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

class HttpServer implements Server {
  readonly #handler: Handler;
  readonly #options: ServeOptions;
  readonly #clock: Clock;
  readonly #cut = new AbortController();
  readonly #servers: Deno.HttpServer<Deno.Addr>[] = [];
  readonly #sockets: { path: string; ino: number | null }[] = [];
  readonly #addresses: string[] = [];
  /** Requests that have come and whose answers have not gone out whole. */
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #shutdown: Promise<void> | undefined;

  constructor(handler: Handler, options: ServeOptions) {
    this.#handler = handler;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
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
    const server = Deno.serve(
      { ...this.#serveOptions(), hostname, port },
      (request, info) => this.#answer(request, info),
    );
    this.#servers.push(server);
    this.#addresses.push(formatListenAddress({ type: "tcp", ...server.addr }));
  }

  async #listenUnix(path: string): Promise<void> {
    await removeStaleSocket(path);
    const server = Deno.serve(
      { ...this.#serveOptions(), path },
      (request, info) => this.#answer(request, info),
    );
    this.#servers.push(server);
    const { ino } = await Deno.lstat(path);
    this.#sockets.push({ path, ino });
    await Deno.chmod(path, SOCKET_MODE);
    this.#addresses.push(formatListenAddress({ type: "unix", path }));
  }

  #serveOptions() {
    return {
      signal: this.#cut.signal,
      // It would print to stdout, which carries events only.
      onListen: () => {},
      onError: (error: unknown) => this.#answerError(error),
    };
  }

  #answer(
    request: Request,
    info: Deno.ServeHandlerInfo,
  ): Response | Promise<Response> {
    if (this.#shutdown !== undefined) {
      return errorResponse(
        STATUS_CODE.ServiceUnavailable,
        "Cannot answer as the server is stopping",
        { "connection": "close" },
      );
    }
    this.#inFlight++;
    const done = () => {
      if (--this.#inFlight === 0) this.#idle?.();
    };
    // It rejects, in 2.6 only, where the client went before the end.
    info.completed.then(done, done);
    return this.#handler(request);
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

  async #stop(): Promise<void> {
    this.#options.streams?.close();
    await this.#untilIdle(this.#options.graceMs ?? 300);
    await sleep(this.#clock, FLUSH_MS);
    // Not Deno's own `shutdown()`: it waits for clients that do not read, and once it has begun,
    // aborting throws "Bad resource ID" (2.6 and 2.9).
    this.#cut.abort();
    const finished = Promise.all(
      this.#servers.map((server) => server.finished),
    );
    await this.#within(CUT_MS, finished);
    for (const { path, ino } of this.#sockets) await removeSocket(path, ino);
  }

  #untilIdle(limitMs: number): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    return this.#within(limitMs, promise);
  }

  async #within(limitMs: number, promise: Promise<unknown>): Promise<void> {
    const timer = new AbortController();
    await Promise.race([promise, sleep(this.#clock, limitMs, timer.signal)]);
    timer.abort();
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
