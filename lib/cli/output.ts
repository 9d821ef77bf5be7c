import { escapeControlCharactersInJson } from "../model/text.ts";
import type { Terminal } from "./terminal.ts";

/** An object of the API's; what is not there is not shown. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** Numbers of more digits than a double has stay as they were written. */
export function parseExactly(text: string): Json {
  return JSON.parse(
    text,
    ((_key: string, value: unknown, context?: { source?: string }) =>
      typeof value === "number" && !Number.isSafeInteger(value) &&
        /^-?\d+$/.test(context?.source ?? "")
        ? rawJson(context?.source ?? "")
        : value) as (key: string, value: unknown) => unknown,
  );
}

function rawJson(source: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(
    source,
  );
}

/** Writes the agent's response with its values unchanged: as JSON of many lines, or each element of an array on a line. */
export function writeJson(
  terminal: Terminal,
  output: "json" | "ndjson",
  text: string,
): void {
  const value = parseExactly(text);
  const lines = output === "json"
    ? JSON.stringify(value, null, 2).split("\n")
    : (Array.isArray(value) ? value : [value]).map((item) =>
      JSON.stringify(item)
    );
  terminal.write(
    lines.map((line) => `${escapeControlCharactersInJson(line)}\n`).join(""),
  );
}
