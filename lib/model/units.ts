/** In milliseconds. */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  // The micro sign and the Greek letter.
  ["\u00b5s", 1e-3],
  ["\u03bcs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** In bytes; names in lower case. */
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

const DURATION_EXAMPLES = "300ms, 10s, 1m30s or 24h";
const SIZE_EXAMPLES = "64MiB, 10MB or a plain number of bytes";

const NUMBER = String.raw`\d+(?:\.\d*)?|\.\d+`;
const DURATION_REGEXP = new RegExp(
  `^\\+?(?:(?:${NUMBER})[a-z\u00b5\u03bc]+)+$`,
);
const DURATION_PART_REGEXP = new RegExp(`(${NUMBER})([a-z\u00b5\u03bc]+)`, "g");
const SIZE_REGEXP = new RegExp(`^(${NUMBER}) ?([a-z]*)$`, "i");

function invalid(what: string, text: string, why: string): RangeError {
  return new RangeError(`Cannot parse ${what} "${text}": ${why}`);
}

/**
 * Parses a duration in Go's syntax, or `0`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseDuration("1m30s"), 90_000);
 * ```
 *
 * @returns milliseconds, possibly with a fraction
 * @throws {RangeError} if the format is invalid, or the value negative or too
 * large
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (/^\+?0+$/.test(trimmed)) return 0;
  if (trimmed.startsWith("-")) {
    throw invalid("duration", text, "must not be negative");
  }
  if (!DURATION_REGEXP.test(trimmed)) {
    throw invalid(
      "duration",
      text,
      `expected a duration such as ${DURATION_EXAMPLES}`,
    );
  }
  let total = 0;
  for (const [, count, unit = ""] of trimmed.matchAll(DURATION_PART_REGEXP)) {
    const factor = DURATION_UNITS.get(unit);
    if (factor === undefined) {
      throw invalid(
        "duration",
        text,
        `"${unit}" is not a unit, expected a duration such as ${DURATION_EXAMPLES}`,
      );
    }
    total += Number(count) * factor;
  }
  if (total > Number.MAX_SAFE_INTEGER) {
    throw invalid("duration", text, "too long");
  }
  return total;
}

/**
 * Parses bytes, or a number with a unit of 1000 (`kB`, `MB`, `GB`, `TB`) or
 * 1024 (`KiB`, `MiB`, `GiB`, `TiB`), in any case. A lone `M` is rejected: tools
 * differ.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseSize("64MiB"), 67_108_864);
 * ```
 *
 * @returns an integer number of bytes
 * @throws {RangeError} if the format is invalid, or the value negative or too
 * large
 */
export function parseSize(text: string): number {
  const trimmed = text.trim();
  if (trimmed.startsWith("-")) {
    throw invalid("size", text, "must not be negative");
  }
  const [, count, unit = ""] = SIZE_REGEXP.exec(trimmed) ?? [];
  const factor = SIZE_UNITS.get(unit.toLowerCase());
  if (count === undefined || factor === undefined) {
    throw invalid("size", text, `expected a size such as ${SIZE_EXAMPLES}`);
  }
  const bytes = Math.round(Number(count) * factor);
  if (bytes > Number.MAX_SAFE_INTEGER) {
    throw invalid("size", text, "too large");
  }
  return bytes;
}
