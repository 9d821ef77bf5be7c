import { ByteBuffer } from "./byte_buffer.ts";

const NEWLINE = 10;

/** Splits a stream into UTF-8 lines, skipping too long ones. */
export class LineDecoder {
  readonly #maxBytes: number;
  readonly #onLost: () => void;
  readonly #line = new ByteBuffer();
  #isTooLong = false;

  /** @param onLost called for each skipped line */
  constructor(maxBytes: number, onLost: () => void) {
    this.#maxBytes = maxBytes;
    this.#onLost = onLost;
  }

  /** Returns the non-empty lines completed by the chunk. */
  push(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start);
      this.#add(bytes.subarray(start, end < 0 ? undefined : end));
      if (end < 0) return lines;
      const line = this.#take();
      if (line !== "") lines.push(line);
      start = end + 1;
    }
  }

  #add(part: Uint8Array): void {
    if (this.#isTooLong) return;
    if (this.#line.length + part.length > this.#maxBytes) {
      this.#onLost();
      this.#isTooLong = true;
      this.#line.clear();
    } else this.#line.push(part);
  }

  #take(): string {
    this.#isTooLong = false;
    return this.#line.takeText();
  }
}
