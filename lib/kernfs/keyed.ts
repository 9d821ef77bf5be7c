/**
 * Parsers for control file formats (`cgroup-v2.rst`, "Interface Files"). They
 * parse bytes, to allocate no string for a number or unused key.
 *
 * @module
 */
import { KernfsSyntaxError } from "../model/errors.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;

const decoder = new TextDecoder();

/** Digits up to which a sum of doubles is exact. */
const EXACT_DIGITS = 15;
/** Digits of 2^64 − 1. */
const MAX_DIGITS = 20;

/**
 * A read position in a byte buffer. All parsers share one {@linkcode cursor},
 * to allocate none per file: they must not be nested.
 */
export class Cursor {
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;
  at = 0;
  path = "";

  /** `path` is for errors. */
  reset(bytes: Uint8Array, length: number, path: string): void {
    this.bytes = bytes;
    this.length = length;
    this.path = path;
    this.at = 0;
  }

  get done(): boolean {
    return this.at >= this.length;
  }

  /** −1 at the end. */
  peek(): number {
    return this.at < this.length ? this.bytes[this.at] as number : -1;
  }

  /**
   * Reads an integer: `max` is `Infinity`, a negative number 0 (the kernel
   * prints −1 for "no limit" and, in races, negative counts). Precise up to
   * 2^53, then within one unit in the last place.
   */
  number(): number {
    const negative = this.peek() === MINUS;
    if (negative) this.at++;
    const value = !negative && this.skip("max") ? Infinity : this.#digits();
    this.#endWord();
    return negative ? 0 : value;
  }

  /** Reads `12.34`. */
  decimal(): number {
    let value = this.#digits();
    if (this.peek() === DOT) {
      const first = ++this.at;
      const fraction = this.#digits();
      const scale = 10 ** (this.at - first);
      // Divide once: 7 + 0.94 is 7.9399999999999995.
      value = (value * scale + fraction) / scale;
    }
    this.#endWord();
    return value;
  }

  expect(byte: number): void {
    if (this.peek() !== byte) this.fail();
    this.at++;
  }

  /** Skips `text` if it is next. */
  skip(text: string): boolean {
    const { bytes, length, at } = this;
    if (at + text.length > length) return false;
    for (let i = 0; i < text.length; i++) {
      if (bytes[at + i] !== text.charCodeAt(i)) return false;
    }
    this.at = at + text.length;
    return true;
  }

  endLine(): void {
    if (!this.done && this.peek() !== NEWLINE) this.fail();
  }

  /** Reads up to a space, newline or the end. */
  word(): string {
    const { bytes, length, at: start } = this;
    let at = start;
    while (at < length && bytes[at] !== SPACE && bytes[at] !== NEWLINE) at++;
    this.at = at;
    return this.textFrom(start);
  }

  textFrom(start: number): string {
    return decoder.decode(this.bytes.subarray(start, this.at));
  }

  skipSpaces(): void {
    while (this.peek() === SPACE) this.at++;
  }

  nextLine(): void {
    const { bytes, length } = this;
    let at = this.at;
    while (at < length && bytes[at] !== NEWLINE) at++;
    this.at = at + 1;
  }

  /** @throws {KernfsSyntaxError} with the current line */
  fail(): never {
    const { bytes, length } = this;
    let start = Math.min(this.at, length);
    while (start > 0 && bytes[start - 1] !== NEWLINE) start--;
    let end = start;
    while (end < length && end < start + 200 && bytes[end] !== NEWLINE) end++;
    const line = decoder.decode(bytes.subarray(start, end));
    throw new KernfsSyntaxError(
      this.path,
      `line ${JSON.stringify(line)} has an unexpected format`,
    );
  }

  #digits(): number {
    const { bytes, length, at: first } = this;
    let at = first;
    let value = 0;
    let rest = 0;
    let scale = 1;
    for (; at < length; at++) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      if (at - first < EXACT_DIGITS) value = value * 10 + digit;
      else {
        rest = rest * 10 + digit;
        scale *= 10;
      }
    }
    if (at === first || at - first > MAX_DIGITS) this.fail();
    this.at = at;
    return scale === 1 ? value : value * scale + rest;
  }

  #endWord(): void {
    const byte = this.peek();
    if (byte !== SPACE && byte !== NEWLINE && byte !== -1) this.fail();
  }
}

export interface KeyTarget {
  readonly column: number;
  /** @default 1 */
  readonly scale?: number;
}

interface KnownKey extends KeyTarget {
  readonly bytes: Uint8Array;
}

/**
 * Parses a flat keyed file (`memory.stat`, `cpu.stat`) into a row. Unknown keys
 * are skipped; columns of missing keys are unchanged.
 *
 * ```text
 * anon 110592
 * file 40960
 * ```
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const reader = new FlatKeyed({ anon: { column: 0 }, file: { column: 1 } });
 * const row = new Float64Array(2).fill(NaN);
 * const bytes = new TextEncoder().encode("anon 7\nshmem 9\n");
 * reader.parse(bytes, bytes.length, row, "memory.stat");
 * assertEquals([...row], [7, NaN]);
 * ```
 */
export class FlatKeyed {
  /** Keyed by hash; hashes may collide. */
  readonly #known = new Map<number, KnownKey[]>();

  constructor(keys: Readonly<Record<string, KeyTarget>>) {
    for (const [key, target] of Object.entries(keys)) {
      const bytes = new TextEncoder().encode(key);
      let hash = 0;
      for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0;
      const others = this.#known.get(hash) ?? [];
      this.#known.set(hash, [...others, { ...target, bytes }]);
    }
  }

  /**
   * Columns are relative to `first`.
   *
   * @throws {KernfsSyntaxError} if a known key has no number
   */
  parse(
    bytes: Uint8Array,
    length: number,
    row: Float64Array,
    path: string,
    first = 0,
  ): void {
    let at = 0;
    while (at < length) {
      const start = at;
      let hash = 0;
      let byte = bytes[at] as number;
      while (byte !== SPACE && byte !== NEWLINE) {
        hash = (Math.imul(hash, 31) + byte) | 0;
        if (++at >= length) break;
        byte = bytes[at] as number;
      }
      const target = this.#find(hash, bytes, start, at);
      if (target !== undefined) {
        cursor.reset(bytes, length, path);
        cursor.at = at;
        cursor.expect(SPACE);
        row[first + target.column] = cursor.number() * (target.scale ?? 1);
        cursor.endLine();
        at = cursor.at;
      }
      while (at < length && bytes[at] !== NEWLINE) at++;
      at++;
    }
  }

  #find(
    hash: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): KnownKey | undefined {
    const candidates = this.#known.get(hash);
    if (candidates === undefined) return undefined;
    for (const known of candidates) {
      if (known.bytes.length !== end - start) continue;
      let i = 0;
      while (i < known.bytes.length && bytes[start + i] === known.bytes[i]) i++;
      if (i === known.bytes.length) return known;
    }
    return undefined;
  }
}

/** Shared by all parsers. */
export const cursor: Cursor = new Cursor();

/** Parses the first number of a file (`memory.current`, `cpu.max`). */
export function parseSingle(
  bytes: Uint8Array,
  length: number,
  path: string,
): number {
  cursor.reset(bytes, length, path);
  return cursor.number();
}

/** Counts lines, such as tasks in `cgroup.procs`. */
export function countLines(bytes: Uint8Array, length: number): number {
  let count = 0;
  let at = bytes.indexOf(NEWLINE);
  while (at >= 0 && at < length) {
    count++;
    at = bytes.indexOf(NEWLINE, at + 1);
  }
  const ended = length === 0 || bytes[length - 1] === NEWLINE;
  return ended ? count : count + 1;
}
