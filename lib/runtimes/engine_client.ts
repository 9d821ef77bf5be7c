import type { EngineSocket } from "./engine_socket.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { parseBoundedJson } from "./bounded_json.ts";
import { LineDecoder } from "./line_decoder.ts";

/** Maximum response size; 4 MiB hold a list of about 3,000 containers. */
const MAX_BYTES = 4 * 2 ** 20;

/** Longer messages are skipped. */
const MAX_MESSAGE_BYTES = 2 ** 20;

/** Requests JSON from an engine. Each response is limited in time and size. */
export class EngineClient {
  readonly #socket: EngineSocket;
  readonly #maxBytes: number;

  /** @param maxBytes maximum response size in bytes */
  constructor(socket: EngineSocket, maxBytes: number = MAX_BYTES) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
  }

  /**
   * Returns the JSON response of `path`; `undefined` for status 404.
   *
   * @throws {Error} if the response is late, too large or has another error
   *   status
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

  /** @throws {Error} if the engine does not respond in time */
  async ping(path: string): Promise<void> {
    await this.#socket.withTimeout(path, {}, () => Promise.resolve());
  }

  /**
   * Yields the lines of a streamed response as they arrive, until the signal
   * aborts. `onLost` is called for each line that is too long.
   *
   * @throws {Error} if the response has an error status, or the connection ends
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
