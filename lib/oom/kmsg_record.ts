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

/** Facility and level share a number: the level has the low three bits. */
const LEVELS = 8;

/** Linux 3.5 printed no flag. Numbers above 2^53 are none that a kernel prints. */
const RECORD_REGEXP = /^(\d{1,15}),(\d{1,15}),(\d{1,15})(?:,([^;]*))?;([^\n]*)/;
const CALLER_REGEXP = /,caller=([^,]*)/;
const ESCAPES_REGEXP = /(?:\\x[0-9a-fA-F]{2})+/g;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Parses what one read of `/dev/kmsg` returns (`Documentation/ABI/testing/dev-kmsg`).
 *
 * ```
 * 6,1691,1760246773,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,…
 * 6,339,5140900,-,caller=T1;NET: Registered PF_INET6 protocol family
 *  SUBSYSTEM=net
 * ```
 *
 * Lines after the first are a dictionary that is not used here. Unknown fields
 * before the `;` are skipped, as the kernel requires.
 *
 * @returns The record, or `undefined` for what is none.
 */
export function parseKmsgRecord(bytes: Uint8Array): KmsgRecord | undefined {
  const match = RECORD_REGEXP.exec(decoder.decode(bytes));
  if (match === null) return undefined;
  const [, prefix, sequence, usec, flags = "", text = ""] = match;
  const caller = CALLER_REGEXP.exec(flags)?.[1];
  return {
    priority: Number(prefix) % LEVELS,
    facility: Math.floor(Number(prefix) / LEVELS),
    sequence: Number(sequence),
    usecSinceBoot: Number(usec),
    flag: flags.charAt(0) || "-",
    ...(caller === undefined ? {} : { caller }),
    text: text.includes("\\") ? unescape(text) : text,
  };
}

/**
 * The kernel writes bytes below 0x20, from 0x7f on, and the backslash as
 * `\xNN`, bytewise: a name in UTF-8 comes as several escapes.
 */
function unescape(text: string): string {
  return text.replaceAll(ESCAPES_REGEXP, (escapes) => {
    const codes = escapes.slice(2).split("\\x");
    return decoder.decode(
      Uint8Array.from(codes, (code) => parseInt(code, 16)),
    );
  });
}
