const FIRST_BYTES = 4_096;

/** A growing buffer that copies the chunks. */
export class ByteBuffer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

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

  /** Decodes and removes the content. */
  takeText(): string {
    const text = new TextDecoder().decode(
      this.#bytes.subarray(0, this.#length),
    );
    this.clear();
    return text;
  }

  clear(): void {
    this.#length = 0;
    // The next content may be small.
    if (this.#bytes.length > FIRST_BYTES) this.#bytes = new Uint8Array(0);
  }
}
