import type { EngineSocket } from "./engine_socket.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { parseBoundedJson } from "./bounded_json.ts";
import { LineDecoder } from "./line_decoder.ts";

/** About 3,000 listed containers. */
const MAX_BYTES = 4 * 2 ** 20;

/** Longer messages are skipped. */
const MAX_MESSAGE_BYTES = 2 ** 20;

/** Requests JSON with limits on time and size. */
export class EngineClient {
  readonly #socket: EngineSocket;
  readonly #maxBytes: number;

  constructor(socket: EngineSocket, maxBytes: number = MAX_BYTES) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
  }

  /**
   * Returns `undefined` for status 404.
   *
   * @throws {Error} if the response is late, too large or another error
   */
  async get(path: string): Promise<unknown> {
    return await this.#socket.withTimeout(path, {}, async (response) => {
      if (response.status === 404) return undefined;
      const bytes = new ByteBuffer();
      for await (const chunk of await bodyOf(response, path)) {
        if (bytes.length + chunk.length > this.#maxBytes) {
          throw new RangeError(
            `Cannot read the response of "${path}": it exceeds ${this.#maxBytes} bytes`,
          );
        }
        bytes.push(chunk);
      }
      return parseBoundedJson(bytes.takeText());
    });
  }

  async ping(path: string): Promise<void> {
    await this.#socket.withTimeout(path, {}, () => Promise.resolve());
  }

  /**
   * Yields lines until aborted. `onLost` is called for each line that is too
   * long.
   *
   * @throws {Error} if the connection fails
   */
  async *lines(
    path: string,
    signal: AbortSignal,
    onLost: () => void,
  ): AsyncGenerator<string[], void, unknown> {
    const response = await this.#socket.fetch(path, { signal });
    const decoder = new LineDecoder(MAX_MESSAGE_BYTES, onLost);
    for await (const chunk of await bodyOf(response, path)) {
      const lines = decoder.push(chunk);
      if (lines.length > 0) yield lines;
    }
    throw new Error(
      `Cannot continue reading "${path}": the connection was closed`,
    );
  }
}

async function bodyOf(
  { body, ok, status }: Response,
  path: string,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  if (ok && body !== null) return body;
  await body?.cancel();
  throw new Error(
    `Cannot read the response of "${path}": status ${status}`,
  );
}
