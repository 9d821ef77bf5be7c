/** Milliseconds of each unit of a duration. */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  // The micro sign and the Greek letter look the same and are both typed.
  ["\u00b5s", 1e-3],
  ["\u03bcs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** Bytes of each unit of a size, in small letters. */
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

const DURATION_FORM = "300ms, 10s, 1m30s or 24h";
const SIZE_FORM = "64MiB, 10MB or a plain number of bytes";

const NUMBER = String.raw`\d+(?:\.\d*)?|\.\d+`;
const DURATION_REGEXP = new RegExp(
  `^\\+?(?:(?:${NUMBER})[a-z\u00b5\u03bc]+)+$`,
);
const DURATION_PART_REGEXP = new RegExp(`(${NUMBER})([a-z\u00b5\u03bc]+)`, "g");
const SIZE_REGEXP = new RegExp(`^(${NUMBER}) ?([a-z]*)$`, "i");

function refuse(what: string, text: string, why: string): RangeError {
  return new RangeError(`Cannot parse ${what} "${text}": ${why}`);
}

/**
 * A duration as Go writes it: numbers with units, one after the other, and a
 * bare `0`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseDuration("1m30s"), 90_000);
 * ```
 *
 * @returns milliseconds, with a fraction where the text has one
 * @throws {RangeError} if the text has another form, is negative, or is too long to count
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (/^\+?0+$/.test(trimmed)) return 0;
  if (trimmed.startsWith("-")) {
    throw refuse("duration", text, "it must not be negative");
  }
  if (!DURATION_REGEXP.test(trimmed)) {
    throw refuse("duration", text, `wanted is a form such as ${DURATION_FORM}`);
  }
  let total = 0;
  for (const [, count, unit = ""] of trimmed.matchAll(DURATION_PART_REGEXP)) {
    const factor = DURATION_UNITS.get(unit);
    if (factor === undefined) {
      throw refuse(
        "duration",
        text,
        `"${unit}" is not a unit, wanted is a form such as ${DURATION_FORM}`,
      );
    }
    total += Number(count) * factor;
  }
  if (total > Number.MAX_SAFE_INTEGER) {
    throw refuse("duration", text, "it is too long");
  }
  return total;
}

/**
 * A size: a number of bytes, or a number with a unit of 1000 (`kB`, `MB`,
 * `GB`, `TB`) or of 1024 (`KiB`, `MiB`, `GiB`, `TiB`), whatever the case.
 *
 * A lone `M` is refused, since tools do not agree on what it stands for.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseSize("64MiB"), 67_108_864);
 * ```
 *
 * @returns whole bytes
 * @throws {RangeError} if the text has another form, is negative, or is too large to count
 */
export function parseSize(text: string): number {
  const trimmed = text.trim();
  if (trimmed.startsWith("-")) {
    throw refuse("size", text, "it must not be negative");
  }
  const [, count, unit = ""] = SIZE_REGEXP.exec(trimmed) ?? [];
  const factor = SIZE_UNITS.get(unit.toLowerCase());
  if (count === undefined || factor === undefined) {
    throw refuse("size", text, `wanted is a form such as ${SIZE_FORM}`);
  }
  const bytes = Math.round(Number(count) * factor);
  if (bytes > Number.MAX_SAFE_INTEGER) {
    throw refuse("size", text, "it is too large");
  }
  return bytes;
}
