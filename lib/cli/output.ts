import {
  escapeControlCharacters,
  escapeControlCharactersInJson,
} from "../model/text.ts";
import type { Terminal } from "./terminal.ts";

/** JSON of the API. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** Quotes a word of a command for copying, if necessary. */
export function quote(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word)
    ? word
    : `'${escapeControlCharacters(word).replaceAll("'", "'\\''")}'`;
}

/** Keeps integers beyond a double's precision as written. */
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

/** Writes exact numbers, as indented JSON or one line per array element. */
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
