import type { BodyLength } from "./http_head.ts";
import type { HttpReader } from "./http_reader.ts";

/** A size in hexadecimal, and what follows a semicolon. */
const CHUNK_SIZE_REGEXP = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i;
const MAX_LINE_BYTES = 256;
/** Lines after the last chunk, which are passed over. */
const MAX_TRAILERS = 16;

/** The body of one request, taken from its connection as its reader asks for it. */
export class HttpBody {
  /** What the handler reads; absent where there is no body. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  readonly #reader: HttpReader;
  readonly #chunked: boolean;
  readonly #onPull: () => Promise<void>;
  #controller: ReadableStreamDefaultController | undefined;
  /** Of the body, or of its present chunk. */
  #left: number;
  #complete: boolean;

  /** @param onPull awaited before the first bytes are taken: there the client is told to send them */
  constructor(
    reader: HttpReader,
    length: BodyLength,
    onPull: () => Promise<void>,
  ) {
    this.#reader = reader;
    this.#chunked = length === "chunked";
    this.#left = length === "chunked" ? 0 : length;
    this.#complete = length === 0;
    this.#onPull = onPull;
    if (this.#complete) return;
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: (controller) => this.#pull(controller),
    }, { highWaterMark: 0 });
  }

  /** Whether all of it was taken, so that what comes next is another request. */
  get isComplete(): boolean {
    return this.#complete;
  }

  /** Lets it fail for who reads it. */
  fail(reason: string): void {
    if (!this.#complete) this.#controller?.error(new Error(reason));
  }

  async #pull(controller: ReadableStreamDefaultController): Promise<void> {
    await this.#onPull();
    if (this.#chunked && this.#left === 0) {
      this.#left = await this.#readChunkSize();
      if (this.#left === 0) {
        await this.#passTrailers();
        this.#complete = true;
        return controller.close();
      }
    }
    const bytes = await this.#reader.read(this.#left);
    if (bytes === undefined) throw new Error("The body has no end");
    this.#left -= bytes.length;
    if (this.#left === 0 && this.#chunked) await this.#expectLine("");
    controller.enqueue(bytes);
    if (this.#left > 0 || this.#chunked) return;
    this.#complete = true;
    controller.close();
  }

  async #readChunkSize(): Promise<number> {
    const line = await this.#reader.readLine(MAX_LINE_BYTES);
    const [, digits] = CHUNK_SIZE_REGEXP.exec(line ?? "") ?? [];
    if (digits === undefined) throw new Error("A chunk has no size");
    return parseInt(digits, 16);
  }

  async #passTrailers(): Promise<void> {
    for (let n = 0; n <= MAX_TRAILERS; n++) {
      const line = await this.#reader.readLine(MAX_LINE_BYTES);
      if (line === "") return;
      if (line === undefined) break;
    }
    throw new Error("The body has no end");
  }

  async #expectLine(text: string): Promise<void> {
    if (await this.#reader.readLine(MAX_LINE_BYTES) !== text) {
      throw new Error("A chunk is longer than its size");
    }
  }
}
