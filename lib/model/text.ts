/**
 * Formats text for terminals.
 *
 * @module
 */

/**
 * Characters that move the cursor, change the terminal's state or reorder text:
 * controls, format characters such as U+202E, line separators, lone surrogates.
 */
const UNPRINTABLE_REGEXP = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const PLAIN_REGEXP = /^[ -~]*$/;
const WIDE_REGEXP =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
const MARK_REGEXP = /\p{M}/u;

/** Escapes control and format characters: `\x1b`, `\u202e`. */
export function escapeControlCharacters(text: string): string {
  if (PLAIN_REGEXP.test(text)) return text;
  return text.replace(UNPRINTABLE_REGEXP, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Escapes them in JSON, without changing its value. */
export function escapeControlCharactersInJson(json: string): string {
  return PLAIN_REGEXP.test(json) ? json : json.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) =>
      char.split("").map((unit) =>
        `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
      ).join(""),
  );
}

/** Returns the number of columns. */
export function widthOf(text: string): number {
  if (PLAIN_REGEXP.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

function charWidth(char: string): number {
  if (char <= "~") return 1;
  return MARK_REGEXP.test(char) ? 0 : WIDE_REGEXP.test(char) ? 2 : 1;
}

/** Truncates in the middle: both ends distinguish names. */
export function truncateMiddle(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return "";
  const chars = [...text];
  const end = Math.floor((width - 1) / 2);
  return `${takeWidth(chars, width - 1 - end)}…${
    [...takeWidth(chars.toReversed(), end)].toReversed().join("")
  }`;
}

/** Truncates at the end. */
export function truncateEnd(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return width < 1 ? "" : `${takeWidth([...text], width - 1)}…`;
}

function takeWidth(chars: readonly string[], width: number): string {
  let taken = "";
  let left = width;
  for (const char of chars) {
    left -= charWidth(char);
    if (left < 0) break;
    taken += char;
  }
  return taken;
}

/** Pads with spaces. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** Splits at spaces into lines of at most `width` columns. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** Formats `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let at = 0;
  for (; value >= 1000 && at < units.length - 1; at++) value /= 1024;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${
    units[at]
  }`;
}

/** Formats `400 ms`, `58 s`, `12 min`, `5 h`, `3 days`. */
export function formatSpan(ms: number): string {
  const steps = [
    [1000, 1, "ms"],
    [120_000, 1000, "s"],
    [7_200_000, 60_000, "min"],
    [172_800_000, 3_600_000, "h"],
    [Infinity, 86_400_000, "days"],
  ] as const;
  const [, unit, name] = steps.find(([limit]) => ms < limit) ?? steps[4];
  return `${Math.round(ms / unit)} ${name}`;
}

/** Minutes ahead of UTC, at a time in milliseconds since the epoch. */
export type TimeZone = (timestampMs: number) => number;

/** This process's time zone. */
export function localZone(timestampMs: number): number {
  return -new Date(timestampMs).getTimezoneOffset();
}

/** Formats `2026-11-23 07:31:13.123`. */
export function formatLocal(
  timestampMs: number,
  zone: TimeZone = localZone,
): string {
  if (!Number.isFinite(timestampMs)) return "-";
  const local = new Date(timestampMs + zone(timestampMs) * 60_000);
  return local.toISOString().slice(0, 23).replace("T", " ");
}

/** Formats the offset: `UTC+01:00`, `UTC`. */
export function formatZone(
  timestampMs: number,
  zone: TimeZone = localZone,
): string {
  const minutes = zone(timestampMs);
  if (minutes === 0) return "UTC";
  const part = (value: number) =>
    `${Math.floor(Math.abs(value))}`.padStart(2, "0");
  return `UTC${minutes < 0 ? "-" : "+"}${part(minutes / 60)}:${
    part(Math.abs(minutes) % 60)
  }`;
}

/** Draws `▁` for 0 to `█` for `limit`. */
export function sparkline(
  values: readonly number[],
  limit = Math.max(...values),
): string {
  const blocks = "▁▂▃▄▅▆▇█";
  return values.map((value) => {
    const share = limit > 0 ? Math.min(1, Math.max(0, value / limit)) : 0;
    return blocks[Math.round(share * (blocks.length - 1))];
  }).join("");
}
