/** A number, or the bytes of a string or message. */
type Value = number | Uint8Array;

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

/** One per container label. An empty field takes 2 bytes, but 200 of memory. */
const MAX_FIELDS = 4_096;

/**
 * A message by field number. Absent fields are 0 or empty. Nested messages are
 * parsed on access: the caller limits the depth.
 */
export class ProtoMessage {
  readonly #fields = new Map<number, Value[]>();

  /**
   * @throws {SyntaxError} if the bytes are not a message
   * @throws {RangeError} if there are too many fields
   */
  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    for (let fields = 0; reader.hasMore; fields++) {
      if (fields === MAX_FIELDS) {
        throw new RangeError(
          `Cannot parse a message: it has more than ${MAX_FIELDS} fields`,
        );
      }
      const tag = reader.varint();
      const value = reader.value(tag % 8);
      if (value === undefined) continue;
      const field = Math.floor(tag / 8);
      const values = this.#fields.get(field);
      if (values === undefined) this.#fields.set(field, [value]);
      else values.push(value);
    }
  }

  number(field: number): number {
    const value = this.#fields.get(field)?.at(-1);
    return typeof value === "number" ? value : 0;
  }

  bytes(field: number): Uint8Array {
    return this.#all(field).at(-1) ?? new Uint8Array();
  }

  string(field: number): string {
    return decode(this.bytes(field));
  }

  message(field: number): ProtoMessage {
    return new ProtoMessage(this.bytes(field));
  }

  messages(field: number): ProtoMessage[] {
    return this.#all(field).map((bytes) => new ProtoMessage(bytes));
  }

  /** Returns a `map<string, string>`. */
  stringMap(field: number): Record<string, string> {
    return Object.fromEntries(
      this.messages(field).map((entry) => [entry.string(1), entry.string(2)]),
    );
  }

  #all(field: number): Uint8Array[] {
    return (this.#fields.get(field) ?? [])
      .filter((value) => value instanceof Uint8Array);
  }
}

/** Encodes a string field. */
export function encodeStringField(field: number, string: string): Uint8Array {
  const bytes = new TextEncoder().encode(string);
  return Uint8Array.of(field * 8 + BYTES, ...varint(bytes.length), ...bytes);
}

function varint(value: number): number[] {
  return value < 128
    ? [value]
    : [value % 128 + 128, ...varint(Math.floor(value / 128))];
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

class Reader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#offset < this.#bytes.length;
  }

  /** Not exact above 2^53, which no field reaches. */
  varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = this.#take(1)[0] ?? 0;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
    throw new SyntaxError("Cannot parse a message: a varint is too long");
  }

  /** Returns `undefined` for unused wire types. */
  value(kind: number): Value | undefined {
    switch (kind) {
      case VARINT:
        return this.varint();
      case BYTES:
        return this.#take(this.varint());
      case FIXED_64:
        this.#take(8);
        return undefined;
      case FIXED_32:
        this.#take(4);
        return undefined;
      default:
        throw new SyntaxError(
          `Cannot parse a message: wire type "${kind}", expected 0, 1, 2 or 5`,
        );
    }
  }

  #take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) {
      throw new SyntaxError(
        `Cannot parse a message: ${end - this.#bytes.length} bytes are missing`,
      );
    }
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }
}
