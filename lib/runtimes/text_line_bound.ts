import { GatheredBytes } from "./gathered_bytes.ts";

const NEWLINE = 10;

/** Cuts bytes into lines of UTF-8; one that is too long is passed over. */
export class TextLineBound {
  readonly #maxBytes: number;
  readonly #onLost: () => void;
  readonly #line = new GatheredBytes();
  #isTooLong = false;

  constructor(maxBytes: number, onLost: () => void) {
    this.#maxBytes = maxBytes;
    this.#onLost = onLost;
  }

  /** Takes the next bytes; returns the lines that they end, empty ones not. */
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
