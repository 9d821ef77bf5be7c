const NEWLINE = 10;

/** Cuts bytes into lines of UTF-8; one that is too long is passed over. */
export class TextLineBound {
  readonly #maxBytes: number;
  readonly #onLost: () => void;
  readonly #parts: Uint8Array[] = [];
  #length = 0;
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
    this.#length += part.length;
    if (this.#length > this.#maxBytes) {
      if (!this.#isTooLong) this.#onLost();
      this.#isTooLong = true;
      this.#parts.length = 0;
    } else if (part.length > 0) this.#parts.push(part);
  }

  #take(): string {
    const bytes = new Uint8Array(this.#isTooLong ? 0 : this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    this.#parts.length = 0;
    this.#length = 0;
    this.#isTooLong = false;
    return new TextDecoder().decode(bytes);
  }
}
