import { BadRequestError } from "../model/errors.ts";
import { parseDuration } from "../model/units.ts";

/** Says which form was wanted of a value, for the text of an error. */
class FormError extends Error {}

/** The spellings of Go's `strconv.ParseBool`. */
const TRUE_REGEXP = /^(?:1|t|T|TRUE|true|True)$/;
const FALSE_REGEXP = /^(?:0|f|F|FALSE|false|False)$/;

const TIME_REGEXP =
  /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/** As much of a bad value as an error repeats. */
const SHOWN_LENGTH = 100;

/**
 * The value of a query parameter, the first one where it is repeated;
 * `undefined` where it is not given.
 *
 * @throws {BadRequestError} naming the parameter, its value and the wanted form
 */
export function readParameter<T>(
  query: URLSearchParams,
  key: string,
  parse: (text: string) => T,
): T | undefined {
  const text = query.get(key);
  return text === null
    ? undefined
    : readValue(`parameter "${key}"`, text, parse);
}

/**
 * What `parse` makes of a value that came with a request.
 *
 * @throws {BadRequestError} naming the value, what it is for and the wanted form
 */
export function readValue<V, T>(
  what: string,
  value: V,
  parse: (value: V) => T,
): T {
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof FormError)) throw error;
    const text = JSON.stringify(value);
    const shown = text.length > SHOWN_LENGTH
      ? `${text.slice(0, SHOWN_LENGTH)}…`
      : text;
    throw new BadRequestError(
      `Cannot use ${what}: ${shown} is not ${error.message}`,
      { cause: error },
    );
  }
}

/** What a parser given to {@linkcode readValue} throws: `form` is what the value is not. */
export function notA(form: string): Error {
  return new FormError(form);
}

/** `true`, `false`, and Go's other spellings. */
export function parseBoolean(text: string): boolean {
  if (TRUE_REGEXP.test(text)) return true;
  if (FALSE_REGEXP.test(text)) return false;
  throw notA("true or false");
}

/** How many are wanted; −1 for all. */
export function parseCount(text: string): number {
  const count = Number(text);
  const isWhole = /^[+-]?\d+$/.test(text) && Number.isSafeInteger(count);
  if (!isWhole || count < -1) throw notA("a whole number from -1");
  return count;
}

/** The number of an event. */
export function parseSeq(text: string): number {
  const seq = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seq)) {
    throw notA("the seq of an event, a whole number from 0");
  }
  return seq;
}

/** Milliseconds; Go's durations may be negative. */
export function parseSignedDuration(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  try {
    return sign * parseDuration(sign < 0 ? text.slice(1) : text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw notA("a duration such as 300ms, 10s or 1m30s");
  }
}

/** Milliseconds since the epoch; `undefined` for the year 1, which is Go's unset time. */
export function parseTime(text: string): number | undefined {
  const [, day = "", time = "", fraction = "", zone = ""] =
    TIME_REGEXP.exec(text) ?? [];
  const secondsMs = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(secondsMs) || !isDay(day)) {
    throw notA("a time of RFC 3339 such as 2026-11-23T06:31:13.123Z");
  }
  if (day === "0001-01-01") return undefined;
  return secondsMs + Number(`0${fraction}`) * 1000;
}

/** `Date` takes the 31st of any month, and means the month after. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

/**
 * Refuses a span of time that ends before it starts.
 *
 * @throws {BadRequestError} naming both
 */
export function assertSpan(
  [startName, startMs]: readonly [string, number | undefined],
  [endName, endMs]: readonly [string, number | undefined],
): void {
  if (startMs === undefined || endMs === undefined || startMs <= endMs) return;
  throw new BadRequestError(
    `Cannot use "${startName}" as it is after "${endName}"`,
  );
}
