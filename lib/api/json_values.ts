import { formatTimestamp } from "../model/event.ts";

/** A JSON object; serialization omits keys with the value `undefined`. */
export type JsonObject = { readonly [key: string]: unknown };

/** Go's zero time. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

/** cAdvisor's "max": the largest unsigned 64-bit integer. */
const MAX = rawNumber("18446744073709551615");

/** Returns Go's RFC 3339, in UTC without trailing zeros; the year 1 if absent. */
export function timeJson(timestampMs: number | undefined): string {
  if (timestampMs === undefined) return ZERO_TIME;
  return formatTimestamp(timestampMs).replace(/\.?0+Z$/, "Z");
}

/** Keeps all digits, which `JSON.stringify` would round above 2^53. */
export function integerJson(value: number): number;
export function integerJson(value: number | undefined): number | undefined;
export function integerJson(value: number | undefined): number | undefined {
  if (value === undefined) return undefined;
  const integer = Math.trunc(value);
  return Number.isSafeInteger(integer)
    ? integer
    : rawNumber(`${BigInt(integer)}`);
}

/** Returns a limit; `Infinity` becomes cAdvisor's "max". */
export function limitJson(value: number | undefined): number | undefined {
  return value === Infinity ? MAX : integerJson(value);
}

/**
 * For `JSON.stringify` only. TypeScript's library lacks `JSON.rawJSON`, in V8
 * since 11.4.
 */
function rawNumber(digits: string): number {
  return (JSON as unknown as { rawJSON(text: string): number })
    .rawJSON(digits);
}
