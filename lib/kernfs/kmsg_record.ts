/** One record of the kernel log. */
export interface KmsgRecord {
  /** Syslog level, 0 (emergency) to 7 (debug). */
  readonly priority: number;
  /** 0: the kernel; user space has others. */
  readonly facility: number;
  /** Increases by one per record of a boot. */
  readonly sequence: number;
  /** Microseconds of the log's clock, which stops during a suspend. */
  readonly usecSinceBoot: number;
  /** `-` for a complete line; `c` or `+` for a fragment. */
  readonly flag: string;
  /** Printing context, `T<thread id>` or `C<cpu>`; Linux ≥5.1 with `CONFIG_PRINTK_CALLER`. */
  readonly caller?: string;
  /** Unescaped. */
  readonly text: string;
}

/** The prefix is the facility times this, plus the level. */
const LEVELS = 8;

/** Linux 3.5 prints no flag. No kernel prints numbers above 2^53. */
const RECORD_REGEXP = /^(\d{1,15}),(\d{1,15}),(\d{1,15})(?:,([^;]*))?;([^\n]*)/;
const CALLER_REGEXP = /,caller=([^,]*)/;
const ESCAPES_REGEXP = /(?:\\x[0-9a-fA-F]{2})+/g;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Parses one read of `/dev/kmsg` (`Documentation/ABI/testing/dev-kmsg`).
 *
 * ```
 * 6,1691,1760246773,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,…
 * 6,339,5140900,-,caller=T1;NET: Registered PF_INET6 protocol family
 *  SUBSYSTEM=net
 * ```
 *
 * The other lines are a dictionary, which is ignored. Unknown fields before the
 * `;` are skipped, as the kernel requires.
 *
 * @returns `undefined` for invalid input
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
 * The kernel escapes the backslash and bytes below 0x20 or from 0x7f on: a
 * UTF-8 character is several `\xNN`.
 */
function unescape(text: string): string {
  return text.replaceAll(ESCAPES_REGEXP, (escapes) => {
    const codes = escapes.slice(2).split("\\x");
    return decoder.decode(
      Uint8Array.from(codes, (code) => parseInt(code, 16)),
    );
  });
}
