import { rotatedPath } from "../log/log_file.ts";
import { UsageError } from "../config/command_line.ts";
import type { Json } from "./output.ts";

/** Initial read buffer; doubles for longer lines. */
const CHUNK_BYTES = 2 ** 16;
/** Longer lines, which no agent writes, lose their start. */
const MAX_LINE_BYTES = 2 ** 24;
const NEWLINE = 10;

/**
 * Reads an event log with its rotated parts, oldest first.
 *
 * @param needle only lines with this string are parsed, for speed
 * @param visit `enough` stops reading
 * @returns the number of lines that are not events
 * @throws {UsageError} if no such file exists
 */
export async function readEventFile(
  path: string,
  needle: string,
  visit: (event: Json) => void | "enough",
): Promise<number> {
  let unread = 0;
  for (const part of await partsOf(path)) {
    for (const text of completeLines(part)) {
      for (const line of linesWith(text, needle)) {
        const event = parseLine(line);
        if (event === undefined) unread++;
        else if (visit(event) === "enough") return unread;
      }
    }
  }
  return unread;
}

/** @throws {UsageError} with the flag, for an event log as a container's name */
export function rejectLogName(argument: string | undefined): void {
  if (!/\.ndjson(?:\.\d+)?$/.test(argument ?? "")) return;
  throw new UsageError(
    `"${argument}" is not the name of a container: an event log is read with --file=${argument}`,
  );
}

/** Oldest first. */
async function partsOf(path: string): Promise<string[]> {
  const parts: string[] = [];
  while (await isFile(rotatedPath(path, parts.length + 1))) {
    parts.push(rotatedPath(path, parts.length + 1));
  }
  // Missing during a rotation.
  if (await isFile(path)) parts.unshift(path);
  if (parts.length === 0) {
    throw new UsageError(
      `--file: Cannot find the event log "${path}": expected the path in the agent's --event-log`,
    );
  }
  return parts.reverse();
}

/** Yields blocks of complete lines, then an unterminated last line. */
function* completeLines(path: string): Generator<string> {
  using file = Deno.openSync(path);
  const decoder = new TextDecoder();
  let bytes = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for (;;) {
    if (filled === bytes.length) {
      if (filled >= MAX_LINE_BYTES) filled = 0;
      else {
        const larger = new Uint8Array(filled * 2);
        larger.set(bytes);
        bytes = larger;
      }
    }
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
    const end = bytes.lastIndexOf(NEWLINE, filled - 1) + 1;
    if (end === 0) continue;
    yield decoder.decode(bytes.subarray(0, end));
    bytes.copyWithin(0, end, filled);
    filled -= end;
  }
  if (filled > 0) yield `${decoder.decode(bytes.subarray(0, filled))}\n`;
}

/** Yields lines with the needle, all for an empty one. */
function* linesWith(text: string, needle: string): Generator<string> {
  for (let at = text.indexOf(needle); at >= 0;) {
    const end = text.indexOf("\n", at);
    yield text.slice(text.lastIndexOf("\n", at - 1) + 1, end);
    at = end + 1 < text.length ? text.indexOf(needle, end + 1) : -1;
  }
}

function parseLine(line: string): Json | undefined {
  try {
    const event: Json = JSON.parse(line);
    return typeof event?.event_type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
