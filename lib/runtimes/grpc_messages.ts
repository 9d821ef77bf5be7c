/** Compression flag and length. */
const HEAD_BYTES = 5;

/** Encodes a length-prefixed gRPC message. */
export function encodeGrpcMessage(
  message: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEAD_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** Splits a byte stream into messages; compressed and too long ones are skipped. */
export class GrpcMessageDecoder {
  readonly #maxBytes: number;
  readonly #onLost: () => void;
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headLength = 0;
  /** Undefined while a message is skipped. */
  #message: Uint8Array | undefined;
  #length = 0;
  #wanted = 0;

  constructor(maxBytes: number, onLost: () => void) {
    this.#maxBytes = maxBytes;
    this.#onLost = onLost;
  }

  /** The stream is between two messages. */
  get isComplete(): boolean {
    return this.#headLength === 0;
  }

  /** Returns the messages that the chunk completes. */
  push(bytes: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let start = 0;
    while (start < bytes.length) {
      if (this.#headLength < HEAD_BYTES) {
        this.#head[this.#headLength++] = bytes[start++] ?? 0;
        if (this.#headLength < HEAD_BYTES) continue;
        this.#begin();
      } else {
        const part = bytes.subarray(start, start + this.#wanted - this.#length);
        this.#message?.set(part, this.#length);
        this.#length += part.length;
        start += part.length;
      }
      if (this.#length < this.#wanted) continue;
      if (this.#message !== undefined) messages.push(this.#message);
      this.#message = undefined;
      this.#headLength = 0;
    }
    return messages;
  }

  #begin(): void {
    const isCompressed = this.#head[0] !== 0;
    this.#wanted = new DataView(this.#head.buffer).getUint32(1);
    this.#length = 0;
    if (isCompressed || this.#wanted > this.#maxBytes) this.#onLost();
    else this.#message = new Uint8Array(this.#wanted);
  }
}
