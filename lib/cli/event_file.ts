import { partOf } from "../log/log_file.ts";
import { UsageError } from "../config/command_line.ts";
import type { Json } from "./output.ts";

/**
 * Reads an event log with its rotated parts, the oldest first.
 *
 * @param tell hears of each event
 * @returns how many lines are none: torn ones, and what others wrote
 * @throws {UsageError} if there is no such file
 */
export async function readEventFile(
  path: string,
  tell: (event: Json) => void,
): Promise<number> {
  const parts: string[] = [];
  while (await isFile(partOf(path, parts.length + 1))) {
    parts.push(partOf(path, parts.length + 1));
  }
  // Between two renames there may be no newest part.
  if (await isFile(path)) parts.unshift(path);
  if (parts.length === 0) {
    throw new UsageError(`--file: There is no event log "${path}"`);
  }
  let unread = 0;
  for (const part of parts.reverse()) {
    const file = await Deno.open(part);
    let rest = "";
    for await (
      const text of file.readable.pipeThrough(new TextDecoderStream())
    ) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (!tellLine(line, tell)) unread++;
    }
    if (rest !== "") unread++;
  }
  return unread;
}

function tellLine(line: string, tell: (event: Json) => void): boolean {
  let event: Json;
  try {
    event = JSON.parse(line);
  } catch {
    return false;
  }
  if (typeof event?.event_type !== "string") return false;
  tell(event);
  return true;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
