import { formatTimestamp } from "../model/event.ts";

/** An object to serialize: a key whose value is `undefined` is left out. */
export type JsonObject = { readonly [key: string]: unknown };

/** Go's zero time, which stands for a time that is not known. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

/** cAdvisor's value for "max": the greatest unsigned integer of 64 bits. */
const MAX = rawNumber("18446744073709551615");

/** Returns RFC 3339 in UTC without trailing zeros, as Go formats it; the year 1 if the time is absent. */
export function timeJson(timestampMs: number | undefined): string {
  if (timestampMs === undefined) return ZERO_TIME;
  return formatTimestamp(timestampMs).replace(/\.?0+Z$/, "Z");
}

/** Returns a whole number with all its digits, which `JSON.stringify` would round past 2^53. */
export function wholeJson(value: number | undefined): unknown {
  if (value === undefined) return undefined;
  const whole = Math.trunc(value);
  return Number.isSafeInteger(whole) ? whole : rawNumber(`${BigInt(whole)}`);
}

/** Returns a limit, where `Infinity` is cAdvisor's "max". */
export function limitJson(value: number | undefined): unknown {
  return value === Infinity ? MAX : wholeJson(value);
}

/** TypeScript's library does not have `JSON.rawJSON` yet; V8 has had it since 11.4. */
function rawNumber(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown })
    .rawJSON(digits);
}
