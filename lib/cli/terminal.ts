import { escapeControlCharacters } from "../model/text.ts";

/** What a verb writes to, and what it may do there. */
export interface Terminal {
  /** Columns of the terminal; `undefined` if stdout is not one, and lines may have any length. */
  readonly columns: number | undefined;
  /** Lines of the terminal; `undefined` if stdout is not one. */
  readonly rows: number | undefined;
  /** Whether colours may be used. */
  readonly hasColours: boolean;
  /** Writes to stdout; what others named must be {@linkcode printed} before. */
  write(text: string): void;
  /** Writes a line for the person to stderr, which no program parses. */
  note(text: string): void;
}

/** Colours and the like, by what they are for. */
const STYLES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1, reverse: 7 };

/** A way to make a text stand out. */
export type Style = keyof typeof STYLES;

/** The text in a colour, where the terminal has any. */
export function styled(
  terminal: Pick<Terminal, "hasColours">,
  style: Style,
  text: string,
): string {
  return terminal.hasColours ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** Stdout and stderr of this process. */
export function createTerminal(
  env: (name: string) => string | undefined,
): Terminal {
  const size = consoleSize();
  // https://no-color.org: any value that is not empty.
  const isPlain = Boolean(env("NO_COLOR")) || env("TERM") === "dumb";
  return {
    columns: size?.columns,
    rows: size?.rows,
    hasColours: size !== undefined && !isPlain,
    write: (text) => writeAll(Deno.stdout, text),
    note: (text) =>
      writeAll(Deno.stderr, `cgwatch: ${escapeControlCharacters(text)}\n`),
  };
}

/** The size of the terminal of stdout; `undefined` if stdout is not a terminal. */
export function consoleSize():
  | { readonly columns: number; readonly rows: number }
  | undefined {
  if (!Deno.stdout.isTerminal()) return undefined;
  try {
    const { columns, rows } = Deno.consoleSize();
    // A terminal of unknown size, for example a serial line, reports 0.
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
