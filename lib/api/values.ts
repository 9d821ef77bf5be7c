import { BadRequestError } from "../model/errors.ts";
import { parseDuration } from "../model/units.ts";
import type { JsonObject } from "./json_values.ts";

/** A kind of value: its parser, and the JSON Schema of accepted values. */
export interface ValueType<T> {
  readonly schema: JsonObject;
  /** @throws {InvalidValueError} by {@linkcode throwInvalidValue} */
  parse(text: string): T;
}

/** The message is the expected format. */
class InvalidValueError extends Error {}

/** Characters of an invalid value in errors. */
const SHOWN_LENGTH = 100;

/** Further spellings of Go's `strconv.ParseBool`. */
const TRUE_SPELLINGS = ["1", "t", "T", "TRUE", "True"];
const FALSE_SPELLINGS = ["0", "f", "F", "FALSE", "False"];

const TIME_REGEXP =
  /^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d+)?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Go's `time.ParseDuration`. Micro sign and Greek letter differ. */
const DURATION_REGEXP =
  /^[+-]?(?:0+|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$/;

/** `true`, `false`, and Go's other spellings. */
export const BOOLEAN: ValueType<boolean> = {
  schema: {
    "anyOf": [
      { "type": "boolean" },
      // Not an enum: client generators fail on keys that differ only in case.
      {
        "type": "string",
        "pattern": `^(${[...TRUE_SPELLINGS, ...FALSE_SPELLINGS].join("|")})$`,
      },
    ],
  },
  parse(text) {
    if (text === "true" || TRUE_SPELLINGS.includes(text)) return true;
    if (text === "false" || FALSE_SPELLINGS.includes(text)) return false;
    throwInvalidValue("true or false");
  },
};

/** A maximum; -1 is unlimited. */
export const COUNT: ValueType<number> = {
  schema: integerSchema(-1),
  parse(text) {
    const count = Number(text);
    const isInteger = /^[+-]?\d+$/.test(text) && Number.isSafeInteger(count);
    if (!isInteger || count < -1) throwInvalidValue("an integer from -1");
    return count;
  },
};

/** An event's `seq`. */
export const SEQ: ValueType<number> = {
  schema: integerSchema(0),
  parse(text) {
    const seq = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(seq)) {
      throwInvalidValue("the seq of an event, an integer from 0");
    }
    return seq;
  },
};

/** Go's duration in milliseconds, possibly negative; at most the largest safe integer. */
export const DURATION: ValueType<number> = {
  schema: { "type": "string", "pattern": DURATION_REGEXP.source },
  parse(text) {
    if (!DURATION_REGEXP.test(text)) {
      throwInvalidValue("a duration such as 300ms, 10s or 1m30s");
    }
    const sign = text.startsWith("-") ? -1 : 1;
    try {
      return sign * parseDuration(text.replace("-", ""));
    } catch (error) {
      if (error instanceof RangeError) {
        return sign * Number.MAX_SAFE_INTEGER;
      }
      throw error;
    }
  },
};

/** Milliseconds since the epoch; `undefined` for Go's zero time. */
export const TIME: ValueType<number | undefined> = {
  schema: {
    "type": "string",
    "format": "date-time",
    "pattern": TIME_REGEXP.source,
  },
  parse(text) {
    const [, day = "", time = "", fraction = "", zone = ""] =
      TIME_REGEXP.exec(text) ?? [];
    const secondsMs = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
    if (Number.isNaN(secondsMs) || !isDay(day)) {
      throwInvalidValue("an RFC 3339 time such as 2026-11-23T06:31:13.123Z");
    }
    if (day === "0001-01-01") return undefined;
    return secondsMs + Number(`0${fraction}`) * 1000;
  },
};

/**
 * Parses a request's value.
 *
 * @param what names the value in errors
 * @throws {BadRequestError} if `parse` calls {@linkcode throwInvalidValue}
 */
export function readValue<V, T>(
  what: string,
  value: V,
  parse: (value: V) => T,
): T {
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    const text = JSON.stringify(value);
    const shown = text.length > SHOWN_LENGTH
      ? `${text.slice(0, SHOWN_LENGTH)}…`
      : text;
    throw new BadRequestError(
      `Cannot use ${what}: ${shown} is invalid, expected ${error.message}`,
      { cause: error },
    );
  }
}

/** Rejects a value in {@linkcode readValue}. */
export function throwInvalidValue(expected: string): never {
  throw new InvalidValueError(expected);
}

/** @throws {BadRequestError} if the span ends before it starts */
export function assertSpan(
  [startName, startMs]: readonly [string, number | undefined],
  [endName, endMs]: readonly [string, number | undefined],
): void {
  if (startMs === undefined || endMs === undefined || startMs <= endMs) return;
  throw new BadRequestError(
    `Cannot use "${startName}": it is later than "${endName}"`,
  );
}

function integerSchema(minimum: number): JsonObject {
  return {
    "type": "integer",
    "format": "int64",
    minimum,
    "maximum": Number.MAX_SAFE_INTEGER,
  };
}

/** `Date` accepts the 31st of any month, as the next month. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}
