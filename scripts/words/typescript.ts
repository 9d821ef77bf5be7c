import { isMessage, paragraphs } from "./prose.ts";
import type { FoundPassage } from "./passages.ts";

/** A relevant token. */
interface Token {
  readonly type: "comment" | "text" | "regexp" | "word" | "sign";
  /** Expressions in a template are `X`. */
  readonly value: string;
  readonly line: number;
}

const TOKEN_REGEXP =
  /(?<space>\s+)|(?<comment>\/\/[^\n]*|\/\*[^]*?\*\/)|(?<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<word>#?[\p{ID_Start}$_][\p{ID_Continue}$]*|\d[\w.]*)|(?<sign>[^])/uy;
const REGEXP_REGEXP =
  /\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
/** After these, a slash starts a regular expression. */
const OPERATOR_REGEXP =
  /^(?:[^\w$)\]}"'`#]|return|typeof|case|in|of|new|delete|void|throw|else|do|yield|await)$/;

/** Includes the tokens of template expressions. */
function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;

  function push(type: Token["type"], value: string, raw = value): void {
    tokens.push({ type, value, line });
    line += raw.split("\n").length - 1;
    at += raw.length;
  }

  /** Reads to a template's closing backtick. */
  function template(): void {
    const firstLine = line;
    let text = "";
    for (at++; at < source.length && source[at] !== "`";) {
      if (source.startsWith("${", at)) {
        at += 2;
        text += "X";
        code("}");
        at++;
        continue;
      }
      if (source[at] === "\\") text += source[at++];
      if (source[at] === "\n") line++;
      text += source[at++];
    }
    at++;
    tokens.push({ type: "text", value: text, line: firstLine });
  }

  /** Reads to a sign on this level of braces. */
  function code(end?: string): void {
    let depth = 0;
    while (at < source.length) {
      const char = source[at];
      if (char === end && depth === 0) return;
      if (char === "{") depth++;
      if (char === "}") depth--;
      if (char === "`") {
        template();
        continue;
      }
      const last = tokens.findLast(({ type }) => type !== "comment");
      REGEXP_REGEXP.lastIndex = at;
      const isOperator = last === undefined ||
        (last.type !== "text" && OPERATOR_REGEXP.test(last.value));
      const regexp = isOperator ? REGEXP_REGEXP.exec(source)?.[0] : undefined;
      if (regexp !== undefined) {
        push("regexp", regexp);
        continue;
      }
      TOKEN_REGEXP.lastIndex = at;
      const groups = TOKEN_REGEXP.exec(source)?.groups ?? {};
      const { space, comment, text, word, sign = "" } = groups;
      if (space !== undefined) {
        line += space.split("\n").length - 1;
        at += space.length;
      } else if (comment !== undefined) push("comment", comment);
      else if (text !== undefined) push("text", text.slice(1, -1), text);
      else if (word !== undefined) push("word", word);
      else push("sign", sign);
    }
  }

  code();
  return tokens;
}

/**
 * Returns comments, messages and declared names. The messages of a test are its
 * test names.
 */
export function extractTypeScript(
  source: string,
  isTest: boolean,
): FoundPassage[] {
  const tokens = tokensOf(source);
  const found = commentsOf(tokens);
  for (const [index, { type, value, line }] of tokens.entries()) {
    if (type !== "text" || !isMessage(value)) continue;
    if (isTest && !isTestName(tokens, index)) continue;
    const text = value.replaceAll(/\\n/g, " ").replaceAll(/\s+/g, " ");
    found.push({ kind: "message", line, text: withoutQuoted(text) });
  }
  for (const name of namesOf(tokens, source)) found.push(name);
  return found;
}

function withoutQuoted(text: string): string {
  return text.replaceAll(/`[^`]*`/g, "``").trim();
}

/** Joins `//` comments of consecutive lines. */
function commentsOf(tokens: readonly Token[]): FoundPassage[] {
  const comments: { line: number; end: number; text: string }[] = [];
  for (const { type, value, line } of tokens) {
    if (type !== "comment" || /deno-(?:lint|fmt)-ignore/.test(value)) continue;
    const last = comments.at(-1);
    if (value.startsWith("//")) {
      const text = value.slice(2);
      if (last?.end === line - 1) {
        last.text += `\n${text}`;
        last.end = line;
      } else comments.push({ line, end: line, text });
    } else {
      const text = value.replace(/^\/\*+/, "").replace(/\*\/$/, "")
        .replaceAll(/^\s*\* ?/gm, "");
      comments.push({ line, end: NaN, text });
    }
  }
  return comments.map(({ line, text }) => ({
    kind: "comment",
    line,
    text: paragraphs(text),
  }));
}

/** Whether a string names a test: `test("…"`, `step("…"` or `name: "…"`. */
function isTestName(tokens: readonly Token[], index: number): boolean {
  const [before, sign] = [tokens[index - 2]?.value, tokens[index - 1]?.value];
  return sign === "(" && /^(?:test|step|it|describe)$/.test(before ?? "") ||
    sign === ":" && before === "name";
}

const DECLARATIONS: ReadonlySet<string> = new Set([
  "function",
  "class",
  "interface",
  "type",
  "const",
  "let",
]);
const MEMBER_REGEXP =
  /^ {2}(?:(?:static|readonly|async|get|set) |\*)*(#?[A-Za-z_$][\w$]*)\??[(<:]/gm;
const KEYWORD_REGEXP = /^(?:if|for|while|switch|return|catch|constructor)$/;

function namesOf(tokens: readonly Token[], source: string): FoundPassage[] {
  const names = new Map<string, number>();
  for (const [index, { type, value, line }] of tokens.entries()) {
    const before = tokens[index - (tokens[index - 1]?.value === "*" ? 2 : 1)];
    if (type !== "word" || !DECLARATIONS.has(before?.value ?? "")) continue;
    if (!names.has(value)) names.set(value, line);
  }
  for (const { 1: name = "", index } of source.matchAll(MEMBER_REGEXP)) {
    if (KEYWORD_REGEXP.test(name) || names.has(name)) continue;
    names.set(name, source.slice(0, index).split("\n").length);
  }
  return [...names].map(([name, line]) => ({
    kind: "name",
    line,
    text: wordsOf(name),
  }));
}

/** Splits a name: `openEventLog` is `open event log`. */
export function wordsOf(name: string): string {
  return (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? []).join(" ")
    .toLowerCase();
}
