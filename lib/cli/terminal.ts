import { escapeControlCharacters, wrap } from "../model/text.ts";

/** A verb's output. */
export interface Terminal {
  /** `undefined` if stdout is not a terminal: lines may have any length. */
  readonly columns: number | undefined;
  /** `undefined` if stdout is not a terminal. */
  readonly rows: number | undefined;
  readonly hasColors: boolean;
  /** Writes to stdout. Escape external text with {@linkcode escapeControlCharacters}. */
  write(text: string): void;
  /** Writes a line to stderr. */
  note(text: string): void;
}

const STYLES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1, reverse: 7 };

/** Style of a string. */
export type Style = keyof typeof STYLES;

/** Returns unchanged text without colors. */
export function styled(
  terminal: Pick<Terminal, "hasColors">,
  style: Style,
  text: string,
): string {
  return terminal.hasColors ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** This process's terminal. */
export function createTerminal(
  env: (name: string) => string | undefined,
): Terminal {
  const size = consoleSize();
  // https://no-color.org: any non-empty value.
  const isPlain = Boolean(env("NO_COLOR")) || env("TERM") === "dumb";
  return {
    columns: size?.columns,
    rows: size?.rows,
    hasColors: size !== undefined && !isPlain,
    write: (text) => writeAll(Deno.stdout, text),
    note: (text) => writeMessage(`cgwatch: ${text}`),
  };
}

/**
 * Writes lines to stderr, wrapped on a terminal. External text, such as a
 * container name, cannot control the terminal.
 */
export function writeMessage(text: string): void {
  const columns = Deno.stderr.isTerminal()
    ? sizeOfTerminal()?.columns ?? Infinity
    : Infinity;
  const lines = text.split("\n").flatMap((line) => {
    const [, indent = "", rest = ""] = /^( *)(.*)$/s.exec(line) ?? [];
    return wrap(escapeControlCharacters(rest), columns - indent.length)
      .map((part) => indent + part);
  });
  writeAll(Deno.stderr, `${lines.join("\n")}\n`);
}

/** Returns `undefined` if stdout is not a terminal. */
export function consoleSize():
  | { readonly columns: number; readonly rows: number }
  | undefined {
  return Deno.stdout.isTerminal() ? sizeOfTerminal() : undefined;
}

function sizeOfTerminal():
  | { readonly columns: number; readonly rows: number }
  | undefined {
  try {
    const { columns, rows } = Deno.consoleSize();
    // A serial line, for example, has no known size.
    return columns > 0 && rows > 0 ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

function writeAll(
  to: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
