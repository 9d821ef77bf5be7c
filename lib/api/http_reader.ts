import { BadRequestError } from "../model/errors.ts";
import { HttpError } from "./json_response.ts";
import { assertTargetLength, MAX_HEAD_BYTES } from "./http_head.ts";
import { STATUS_CODE } from "@std/http/status";

const READ_BYTES = 8 * 1024;
const CR = 13;
const LF = 10;

/** Bytes of a connection as they come, of which few wait. */
export class HttpReader {
  readonly #read: (into: Uint8Array) => Promise<number | null>;
  readonly #chunk = new Uint8Array(READ_BYTES);
  #bytes = new Uint8Array();
  #ended = false;
  #filling: Promise<boolean> | undefined;

  /** @param read as that of a `Deno.Conn`: how many bytes came, `null` at the end */
  constructor(read: (into: Uint8Array) => Promise<number | null>) {
    this.#read = read;
  }

  /** Whether bytes have come that nobody took. */
  get hasBytes(): boolean {
    return this.#bytes.length > 0;
  }

  /** Waits for more; false at the end. Who waits at the same time waits for the same. */
  fill(): Promise<boolean> {
    return this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
  }

  /**
   * The head of the next request, less its empty line; absent at the end.
   *
   * @throws {HttpError | BadRequestError} if it is too long, or ends too early
   */
  async readHead(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (let from = 0;;) {
      // A client may send an empty line after a body (RFC 9112, section 2.2).
      while (this.#bytes[0] === CR && this.#bytes[1] === LF) this.#take(2);
      const end = endOfHead(this.#bytes, from);
      if (end >= 0) {
        assertHeadLength(end, this.#bytes);
        const head = this.#take(end);
        this.#take(4);
        return head;
      }
      assertHeadLength(this.#bytes.length, this.#bytes);
      from = Math.max(0, this.#bytes.length - 3);
      if (await this.fill()) continue;
      if (this.#bytes.length === 0) return undefined;
      throw new BadRequestError(
        "Cannot read the request: its end did not come",
      );
    }
  }

  /** Some bytes, at most so many; absent at the end. */
  async read(most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!this.hasBytes && !await this.fill()) return undefined;
    return this.#take(Math.min(most, this.#bytes.length));
  }

  /**
   * A line without its end; absent where it does not end in time.
   *
   * @param most bytes that it may have
   */
  async readLine(most: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#bytes.indexOf(LF);
      if (end > 0 && end <= most + 1 && this.#bytes[end - 1] === CR) {
        return String.fromCharCode(...this.#take(end + 1).subarray(0, -2));
      }
      if (end >= 0 || this.#bytes.length > most + 1) return undefined;
      if (!await this.fill()) return undefined;
    }
  }

  async #fill(): Promise<boolean> {
    if (this.#ended) return false;
    const count = await this.#read(this.#chunk);
    if (count === null) {
      this.#ended = true;
      return false;
    }
    const bytes = new Uint8Array(this.#bytes.length + count);
    bytes.set(this.#bytes);
    bytes.set(this.#chunk.subarray(0, count), this.#bytes.length);
    this.#bytes = bytes;
    return true;
  }

  #take(count: number): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }
}

function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = from; (at = bytes.indexOf(CR, at)) >= 0; at++) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) {
      return at;
    }
  }
  return -1;
}

function assertHeadLength(length: number, bytes: Uint8Array): void {
  if (length <= MAX_HEAD_BYTES) return;
  // What is too long is the address, where the first line has not ended.
  assertTargetLength(Math.min(length, (bytes.indexOf(LF) + 1 || length) - 1));
  throw new HttpError(
    STATUS_CODE.RequestHeaderFieldsTooLarge,
    `Cannot read the request as its head is longer than ${MAX_HEAD_BYTES} bytes`,
  );
}
