/** One record of the kernel log. */
export interface KmsgRecord {
  /** Syslog level, 0 (emergency) to 7 (debug). */
  readonly priority: number;
  /** 0 is the kernel itself; what user space writes to the device gets another. */
  readonly facility: number;
  /** Grows by one with every record of a boot. */
  readonly sequence: number;
  /** Microseconds of the kernel's log clock, which stands still while the machine is suspended. */
  readonly usecSinceBoot: number;
  /** `-` for a line of its own; `c` and `+` for a piece of one. */
  readonly flag: string;
  /** Who printed it, `T<thread id>` or `C<cpu>`; Linux ≥5.1 with `CONFIG_PRINTK_CALLER` only. */
  readonly caller?: string;
  /** The message, unescaped. */
  readonly text: string;
}

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const LOWER_X = 0x78;

/** Facility and level share a number: the level has the low three bits. */
const LEVEL_BITS = 3;

const CALLER_REGEXP = /,caller=([^,;]*)/;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Parses what one read of `/dev/kmsg` gives (`Documentation/ABI/testing/dev-kmsg`).
 *
 * ```
 * 6,1691,1760246773,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,…
 * 6,339,5140900,-,caller=T1;NET: Registered PF_INET6 protocol family
 *  SUBSYSTEM=net
 * ```
 *
 * Lines after the first are a dictionary that nothing here needs. Fields
 * before the `;` that are not known are passed over, as the kernel asks for.
 *
 * @returns The record, or `undefined` for what is none.
 */
export function parseKmsgRecord(bytes: Uint8Array): KmsgRecord | undefined {
  const head = bytes.indexOf(SEMICOLON);
  if (head < 0) return undefined;
  const firstComma = bytes.indexOf(COMMA);
  const secondComma = bytes.indexOf(COMMA, firstComma + 1);
  if (firstComma < 0 || secondComma < 0 || secondComma > head) return undefined;
  // Linux 3.5 printed no flag, and ended the header after the time.
  const thirdComma = bytes.indexOf(COMMA, secondComma + 1);
  const timeEnd = thirdComma < 0 || thirdComma > head ? head : thirdComma;

  const prefix = parseDecimal(bytes, 0, firstComma);
  const sequence = parseDecimal(bytes, firstComma + 1, secondComma);
  const usecSinceBoot = parseDecimal(bytes, secondComma + 1, timeEnd);
  if (prefix < 0 || sequence < 0 || usecSinceBoot < 0) return undefined;

  const flags = timeEnd === head ? "" : latin1(bytes, timeEnd + 1, head);
  const caller = flags.length > 1 ? CALLER_REGEXP.exec(flags)?.[1] : undefined;
  const newline = bytes.indexOf(NEWLINE, head);
  return {
    priority: prefix & ((1 << LEVEL_BITS) - 1),
    facility: Math.floor(prefix / (1 << LEVEL_BITS)),
    sequence,
    usecSinceBoot,
    flag: flags.charAt(0) || "-",
    ...(caller === undefined ? {} : { caller }),
    text: decodeText(
      bytes.subarray(head + 1, newline < 0 ? bytes.length : newline),
    ),
  };
}

/** The number that the bytes spell, or −1 where they spell none that is exact. */
function parseDecimal(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to) return -1;
  let value = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] ?? 0;
    if (byte < ZERO || byte > NINE) return -1;
    value = value * 10 + (byte - ZERO);
  }
  return Number.isSafeInteger(value) ? value : -1;
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 256)));
}

/**
 * The kernel writes bytes below 0x20, from 0x7f on, and the backslash as
 * `\xNN`, bytewise: a name in UTF-8 comes as several escapes.
 */
function decodeText(escaped: Uint8Array): string {
  const first = escaped.indexOf(BACKSLASH);
  if (first < 0) return decoder.decode(escaped);
  const bytes = new Uint8Array(escaped.length);
  bytes.set(escaped.subarray(0, first));
  let length = first;
  for (let i = first; i < escaped.length; i++) {
    const value = escaped[i] === BACKSLASH && escaped[i + 1] === LOWER_X
      ? hexDigit(escaped[i + 2]) * 16 + hexDigit(escaped[i + 3])
      : NaN;
    if (Number.isNaN(value)) bytes[length++] = escaped[i] ?? 0;
    else {
      bytes[length++] = value;
      i += 3;
    }
  }
  return decoder.decode(bytes.subarray(0, length));
}

/** The value of a hexadecimal digit, `NaN` for any other byte. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return NaN;
  if (byte >= ZERO && byte <= NINE) return byte - ZERO;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : NaN;
}
