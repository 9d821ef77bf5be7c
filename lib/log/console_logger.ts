import type { Clock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { LogFields, Logger } from "../model/logger.ts";

/** In ascending order of severity. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** Severity of a message. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Options of {@linkcode createConsoleLogger}. */
export interface ConsoleLoggerOptions {
  /** Minimum level. */
  readonly level: LogLevel;
  /** Readable lines, or one JSON object per line. */
  readonly format: "text" | "json";
  readonly clock: Clock;
  /** Receives a line with its newline. @default writes to stderr */
  readonly write?: (line: string) => void;
}

/**
 * Logs to stderr, or to `write`. Errors of stderr are ignored: no other place
 * can report them.
 */
export function createConsoleLogger(options: ConsoleLoggerOptions): Logger {
  const { level: least, format, clock, write = writeToStderr } = options;
  const render = format === "json" ? renderJson : renderText;
  const at = (level: LogLevel) => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return () => {};
    return (message: string, fields: LogFields = {}) => {
      const time = new Date(clock.now()).toISOString();
      write(`${render(time, level, message, fields)}\n`);
    };
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

function renderText(
  time: string,
  level: LogLevel,
  message: string,
  fields: LogFields,
): string {
  let text = `${time} ${level.toUpperCase().padEnd(5)} ${message}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${key}=${renderValue(value)}`;
  }
  return text;
}

function renderValue(value: unknown): string {
  const plain = value instanceof Error ? messageOf(value) : value;
  if (typeof plain === "string" && /^[\w./:@%+,~-]+$/.test(plain)) return plain;
  // External text must not control the terminal.
  return toJson(plain).replace(
    /[\x7f-\x9f]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function renderJson(
  time: string,
  level: LogLevel,
  message: string,
  fields: LogFields,
): string {
  const head = { time, level, msg: message };
  // Fields must not override time, level or message.
  const parts = Object.entries({ ...head, ...fields, ...head })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}:${toJson(value)}`);
  return `{${parts.join(",")}}`;
}

/** Errors become their message, unsupported values strings. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, part) => {
      if (part instanceof Error) return messageOf(part);
      return typeof part === "bigint" ? String(part) : part;
    }) ?? JSON.stringify(String(value));
  } catch {
    return JSON.stringify(String(value));
  }
}

const encoder = new TextEncoder();

function writeToStderr(line: string): void {
  let rest = encoder.encode(line);
  try {
    while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
  } catch {
    // Ignored.
  }
}
