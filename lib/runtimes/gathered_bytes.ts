const FIRST_BYTES = 4_096;

/** Bytes that come in parts of any length, in one piece: a part takes no memory of its own. */
export class GatheredBytes {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** Takes more of them. */
  push(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(
        Math.max(FIRST_BYTES, length, this.#bytes.length * 2),
      );
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = length;
  }

  /** The text that they are, as UTF-8; none are kept. */
  takeText(): string {
    const text = new TextDecoder().decode(
      this.#bytes.subarray(0, this.#length),
    );
    this.clear();
    return text;
  }

  /** Keeps none of them. */
  clear(): void {
    this.#length = 0;
    // The next may be few.
    if (this.#bytes.length > FIRST_BYTES) this.#bytes = new Uint8Array(0);
  }
}
