const encoder = new TextEncoder();
const NONE: Uint8Array<ArrayBuffer> = new Uint8Array();

const ZERO = 0x30;
const MINUS = 0x2d;
const MAX_ASCII = 0x7f;
/** Nine digits fit in a 32-bit integer. */
const BILLION = 1_000_000_000;
const BILLION_DIGITS = 9;

/**
 * A growing buffer of UTF-8, faster than strings, which V8 concatenates as
 * ropes and copies later: 50,000 metric lines take 24 ms instead of 46 ms with
 * encoding (Deno 2.9).
 */
export class ByteText {
  readonly #capacity: number;
  #bytes: Uint8Array<ArrayBuffer> = NONE;
  #length = 0;

  /** `capacity` is the expected number of bytes, not a limit. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#length;
  }

  /** Returns the bytes and clears the buffer. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = NONE;
    this.#length = 0;
    return taken;
  }

  put(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  putByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Fastest for ASCII: other text is encoded separately. */
  putText(text: string): void {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > MAX_ASCII) return this.put(encoder.encode(text));
      bytes[start + i] = code;
    }
    this.#length = start + text.length;
  }

  /** Appends the shortest text for the double. */
  putNumber(value: number): void {
    if (!Number.isSafeInteger(value)) return this.putText(`${value}`);
    let rest = value;
    if (rest < 0) {
      this.putByte(MINUS);
      rest = -rest;
    }
    if (rest < BILLION) return this.#putDigits(rest, digitsOf(rest));
    const billions = Math.floor(rest / BILLION);
    this.#putDigits(billions, digitsOf(billions));
    this.#putDigits(rest - billions * BILLION, BILLION_DIGITS);
  }

  #putDigits(value: number, digits: number): void {
    this.#reserve(digits);
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += digits;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(
      Math.max(this.#capacity, 2 * (this.#length + bytes)),
    );
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}
