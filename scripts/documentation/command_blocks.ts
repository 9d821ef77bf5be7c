import type { Page } from "./pages.ts";

/** A command with the output that the page shows. */
export interface DocumentedCommand {
  /** `PAGE:LINE`, 1-based. */
  readonly at: string;
  readonly command: string;
  /** Absent for a script without a prompt. */
  readonly output?: readonly string[];
}

/** Commands that run in one shell. */
export interface CommandBlock {
  /** Words after the language, such as `background`. */
  readonly info: readonly string[];
  readonly commands: readonly DocumentedCommand[];
}

const FENCE_REGEXP = /^```(console|sh)(?: ([\w -]+))?\n([^]*?)^```$/gm;
const PROMPT_REGEXP = /^[$#] /;

/**
 * Returns blocks to run on a test machine: `sh` blocks, each one script, and
 * `console` blocks, whose commands follow a prompt `$ ` or `# `. Skips `no-run`
 * blocks.
 */
export function commandBlocks({ path, text }: Page): CommandBlock[] {
  const blocks: CommandBlock[] = [];
  for (const match of text.matchAll(FENCE_REGEXP)) {
    const [, language, infoText = "", body = ""] = match;
    const info = infoText.split(" ").filter(Boolean);
    if (info.includes("no-run")) continue;
    const firstLine = text.slice(0, match.index).split("\n").length + 1;
    blocks.push({
      info,
      commands: language === "sh"
        ? [{ at: `${path}:${firstLine}`, command: body.trimEnd() }]
        : consoleCommands(body, path, firstLine),
    });
  }
  return blocks;
}

function consoleCommands(
  body: string,
  path: string,
  firstLine: number,
): DocumentedCommand[] {
  const commands: { at: string; command: string; output: string[] }[] = [];
  for (const [index, line] of body.trimEnd().split("\n").entries()) {
    const last = commands.at(-1);
    // "# HELP" and "# TYPE" are output, not a prompt.
    if (PROMPT_REGEXP.test(line) && !/^# (?:HELP|TYPE) /.test(line)) {
      commands.push({
        at: `${path}:${firstLine + index}`,
        command: line.slice(2),
        output: [],
      });
    } else if (last === undefined) {
      throw new Error(
        `Cannot read ${path}:${firstLine}: the block starts without a prompt`,
      );
    } else last.output.push(line);
  }
  return commands;
}

/**
 * Returns documented output that is missing: JSON keys, otherwise each line's
 * first word, with 0 for digits. `…` stands for anything.
 */
export function missingOutput(
  documented: readonly string[],
  actual: string,
): string[] {
  const shown = documented.join("\n").trim();
  if (shown === "") return actual.trim() === "" ? [] : ["no output"];
  if (/^[[{]/.test(shown)) {
    const keys = keysOf(actual);
    return [...keysOf(shown)].filter((key) => !keys.has(key));
  }
  const words = new Set(normal(actual).split(/\s+/));
  return documented.map((line) => normal(line).trim().split(/\s+/)[0] ?? "")
    .filter((word) => word !== "" && !word.startsWith("…") && !words.has(word));
}

function keysOf(json: string): Set<string> {
  return new Set(
    [...json.matchAll(/"([^"\\]+)":/g)].map(([, key = ""]) => key),
  );
}

function normal(text: string): string {
  return text.replaceAll(/\d/g, "0");
}
