import type { EngineSocket } from "./engine_socket.ts";
import { GatheredBytes } from "./gathered_bytes.ts";
import { parseJsonBound } from "./json_bound.ts";
import { TextLineBound } from "./text_line_bound.ts";

/** A longer answer is not read to its end: a list of some 3,000 containers. */
const MAX_BYTES = 4 * 2 ** 20;

/** A message longer than this is passed over. */
const MAX_MESSAGE_BYTES = 2 ** 20;

/**
 * Asks an engine for JSON. Each answer is bounded in time and size; what fails
 * is thrown.
 */
export class EngineClient {
  readonly #socket: EngineSocket;
  readonly #maxBytes: number;

  /** @param maxBytes a longer answer is not read to its end */
  constructor(socket: EngineSocket, maxBytes: number = MAX_BYTES) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
  }

  /**
   * The JSON that `path` answers; undefined where it is 404.
   *
   * @throws {Error} where it does not answer in time, answers anything else, or too much
   */
  async get(path: string): Promise<unknown> {
    return await this.#socket.inTime(path, {}, async (response) => {
      if (response.status === 404) return undefined;
      const bytes = new GatheredBytes();
      for await (const chunk of await bodyOf(response, path)) {
        if (bytes.length + chunk.length > this.#maxBytes) {
          throw new RangeError(
            `Cannot take the answer to "${path}": it is more than ${this.#maxBytes} bytes`,
          );
        }
        bytes.push(chunk);
      }
      return parseJsonBound(bytes.takeText());
    });
  }

  /** @throws {Error} where it does not answer in time */
  async ping(path: string): Promise<void> {
    await this.#socket.inTime(path, {}, () => Promise.resolve());
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
    const response = await this.#socket.fetch(path, { signal });
    const bound = new TextLineBound(MAX_MESSAGE_BYTES, onLost);
    for await (const chunk of await bodyOf(response, path)) {
      const lines = bound.push(chunk);
      if (lines.length > 0) yield lines;
    }
    throw new Error(`Cannot read "${path}" on: the connection was closed`);
  }
}

async function bodyOf(
  { body, ok, status }: Response,
  path: string,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  if (ok && body !== null) return body;
  await body?.cancel();
  throw new Error(
    `Cannot take the answer to "${path}": its status is ${status}`,
  );
}
