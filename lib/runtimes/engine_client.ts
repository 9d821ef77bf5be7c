import { TextLineBound } from "./text_line_bound.ts";

/** How an engine's socket is reached. */
export interface EngineClientOptions {
  /** Where the socket is seen. */
  readonly socketPath: string;
  /** An answer is waited for so long. @default 2000 */
  readonly timeoutMs?: number;
  /** A longer answer is not read to its end. @default 8 MiB */
  readonly maxBytes?: number;
}

/** A message longer than this is passed over. */
const MAX_MESSAGE_BYTES = 2 ** 20;

/**
 * Asks an engine over its unix socket, in HTTP. Each answer is bounded in time
 * and size; what fails is thrown.
 */
export class EngineClient {
  readonly socketPath: string;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  #client: Deno.HttpClient | undefined;

  constructor(options: EngineClientOptions) {
    this.socketPath = options.socketPath;
    this.#timeoutMs = options.timeoutMs ?? 2_000;
    this.#maxBytes = options.maxBytes ?? 8 * 2 ** 20;
  }

  /** Whether there is a socket at all. */
  async exists(): Promise<boolean> {
    try {
      return (await Deno.stat(this.socketPath)).isSocket ?? false;
    } catch {
      return false;
    }
  }

  /**
   * The JSON that `path` answers; undefined where it is 404.
   *
   * @throws {Error} where it does not answer in time, answers anything else, or too much
   */
  async get(path: string): Promise<unknown> {
    return await this.#inTime(path, async (response) => {
      if (response.status === 404) return undefined;
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      let length = 0;
      for await (const chunk of bodyOf(response, path)) {
        length += chunk.length;
        if (length > this.#maxBytes) {
          throw new RangeError(
            `Cannot take the answer to "${path}": it is more than ${this.#maxBytes} bytes`,
          );
        }
        chunks.push(chunk);
      }
      return JSON.parse(await new Blob(chunks).text());
    });
  }

  /** @throws {Error} where it does not answer in time */
  async ping(path: string): Promise<void> {
    await this.#inTime(path, () => Promise.resolve());
  }

  /**
   * The lines that `path` answers, as they come, until the signal aborts.
   * `onLost` is called for each that was too long.
   *
   * @throws {Error} where it answers anything else, or the connection ends
   */
  async *lines(
    path: string,
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<string[], void, unknown> {
    const response = await this.#fetch(path, signal);
    const bound = new TextLineBound(MAX_MESSAGE_BYTES, onLost);
    for await (const chunk of bodyOf(response, path)) {
      const lines = bound.push(chunk);
      if (lines.length > 0) yield lines;
    }
    throw new Error(`Cannot read "${path}" on: the connection was closed`);
  }

  /** Ends all that is under way. */
  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** What `take` makes of the answer, if that does not take too long. */
  async #inTime<T>(
    path: string,
    take: (response: Response) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await this.#fetch(path, signal);
      const taken = await take(response);
      // A body that was read has been cancelled by its reader's end.
      if (!response.bodyUsed) await response.body?.cancel();
      return taken;
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new Error(
        `Cannot take the answer to "${path}": it takes more than ${this.#timeoutMs} ms`,
        { cause: error },
      );
    }
  }

  #fetch(path: string, signal: AbortSignal): Promise<Response> {
    this.#client ??= Deno.createHttpClient({
      proxy: { transport: "unix", path: this.socketPath },
    });
    const init: RequestInit & { client: Deno.HttpClient } = {
      client: this.#client,
      signal,
      redirect: "error",
    };
    return fetch(`http://engine${path}`, init);
  }
}

function bodyOf(
  { body, ok, status }: Response,
  path: string,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (ok && body !== null) return body;
  throw new Error(
    `Cannot take the answer to "${path}": its status is ${status}`,
  );
}
