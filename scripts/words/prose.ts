import type { FoundPassage } from "./passages.ts";

/**
 * Returns a comment or Markdown without code: one paragraph, list item or tag
 * per line.
 */
export function paragraphs(text: string): string {
  return withoutCode(text)
    .split(/\n\s*\n|\n(?=\s*(?:@|[-*] |\d+\. ))/)
    .map((paragraph) =>
      paragraph.replaceAll(/\s+/g, " ").trim().replace(/^(?:[-*]|\d+\.) /, "")
    )
    .filter((paragraph) => paragraph !== "")
    .join("\n");
}

/** Inline code becomes two backticks, which no pattern spans. */
function withoutCode(text: string): string {
  return text.replaceAll(/```[^]*?```/g, " ")
    .replaceAll(/\{@\w+ [^}]*\}/g, "``")
    .replaceAll(/`[^`]*`/g, "``")
    .replaceAll(/\]\([^)]*\)/g, "]");
}

/** Returns Markdown's paragraphs and table cells outside of fences. */
export function extractMarkdown(source: string): FoundPassage[] {
  const found: FoundPassage[] = [];
  const blank = (block: string) => block.replaceAll(/[^\n]/g, "");
  const prose = source.replaceAll(/^ *```[^]*?^ *```$/gm, blank)
    .replaceAll(/<!--[^]*?-->/g, blank);
  let line = 1;
  for (const block of prose.split(/(\n\s*\n|\n(?=\|| *(?:[-*]|\d+\.) ))/)) {
    const cells = block.startsWith("|")
      ? block.split(/(?<!\\)\|/).filter((cell) => !/^[\s-]*$/.test(cell))
      : [block];
    for (const cell of cells) {
      const text = paragraphs(cell);
      if (text !== "") found.push({ kind: "docs", line, text });
    }
    line += block.split("\n").length - 1;
  }
  return found;
}

/** Returns `#` comments and quoted messages of shell, YAML or configuration files. */
export function extractScript(source: string): FoundPassage[] {
  const found: FoundPassage[] = [];
  const lines = source.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1;
    const comment: string[] = [];
    for (; i < lines.length; i++) {
      const text = /^\s*#(?!!)(.*)$/.exec(lines[i] ?? "")?.[1];
      if (text === undefined) break;
      comment.push(text);
    }
    if (comment.length > 0) {
      found.push({
        kind: "comment",
        line,
        text: paragraphs(comment.join("\n")),
      });
    }
    for (const [, quoted = ""] of (lines[i] ?? "").matchAll(/"([^"]*)"/g)) {
      if (isMessage(quoted)) {
        found.push({ kind: "message", line: i + 1, text: quoted });
      }
    }
  }
  return found;
}

/** Whether a string has several words. */
export function isMessage(text: string): boolean {
  return text.split(/\s+/).filter((word) => /[a-z]{2}/.test(word)).length >= 2;
}
