/** Compression flag (1 byte) and message length (4 bytes). */
const PREFIX_BYTES = 5;

/** Adds the prefix to a gRPC message. */
export function encodeGrpcMessage(
  message: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** Splits a stream into messages. Skips compressed and too long ones. */
export class GrpcMessageDecoder {
  readonly #maxBytes: number;
  readonly #onLost: () => void;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixLength = 0;
  /** `undefined` while a message is skipped. */
  #message: Uint8Array | undefined;
  #received = 0;
  #length = 0;

  /**
   * @param maxBytes of one message, without its prefix
   * @param onLost called for each skipped message; `push` throws what it throws
   */
  constructor(maxBytes: number, onLost: () => void) {
    this.#maxBytes = maxBytes;
    this.#onLost = onLost;
  }

  /** Whether no message is partial. */
  get isComplete(): boolean {
    return this.#prefixLength === 0;
  }

  /** Returns the messages completed by the chunk. */
  push(bytes: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let start = 0;
    while (start < bytes.length) {
      if (this.#prefixLength < PREFIX_BYTES) {
        this.#prefix[this.#prefixLength++] = bytes[start++] ?? 0;
        if (this.#prefixLength < PREFIX_BYTES) continue;
        this.#startMessage();
      } else {
        const end = start + this.#length - this.#received;
        const part = bytes.subarray(start, end);
        this.#message?.set(part, this.#received);
        this.#received += part.length;
        start += part.length;
      }
      if (this.#received < this.#length) continue;
      if (this.#message !== undefined) messages.push(this.#message);
      this.#message = undefined;
      this.#prefixLength = 0;
    }
    return messages;
  }

  #startMessage(): void {
    const isCompressed = this.#prefix[0] !== 0;
    this.#length = new DataView(this.#prefix.buffer).getUint32(1);
    this.#received = 0;
    if (isCompressed || this.#length > this.#maxBytes) this.#onLost();
    else this.#message = new Uint8Array(this.#length);
  }
}
