import { assertEquals, assertThrows } from "@std/assert";
import { hitsOf, parseWordList } from "../../scripts/words/word_list.ts";
import { extractMarkdown, extractScript } from "../../scripts/words/prose.ts";
import { extractTypeScript, wordsOf } from "../../scripts/words/typescript.ts";

Deno.test("extractTypeScript() returns comments by paragraph, messages and names without code", () => {
  const source = [
    "// One line,",
    "// and another.",
    "",
    "/**",
    " * First `code` here",
    " * goes further.",
    " *",
    " * - item",
    " * @returns a {@linkcode Thing}",
    " */",
    "export function openLog(path: string): string {",
    '  const pattern = /"not a string/;',
    "  return path / 2 / 3 + `Cannot open ${`a ${path}`}: no file`;",
    "}",
    'log("short");',
  ].join("\n");
  assertEquals(extractTypeScript(source, false), [
    { kind: "comment", line: 1, text: "One line, and another." },
    {
      kind: "comment",
      line: 4,
      text: "First `` here goes further.\nitem\n@returns a ``",
    },
    { kind: "message", line: 13, text: "Cannot open X: no file" },
    { kind: "name", line: 11, text: "open log" },
    { kind: "name", line: 12, text: "pattern" },
  ]);
});

Deno.test("extractTypeScript() returns only the names of tests as messages of a test", () => {
  const source = [
    'Deno.test("parse() reads a line", () => {});',
    'Deno.test({ name: "it skips this", fn });',
    'const text = "two words";',
  ].join("\n");
  const messages = extractTypeScript(source, true)
    .filter(({ kind }) => kind === "message").map(({ text }) => text);
  assertEquals(messages, ["parse() reads a line", "it skips this"]);
});

Deno.test("extractMarkdown() returns paragraphs and cells without fences, links and inline code", () => {
  const source = [
    "# Title",
    "",
    "A [link](some/where.md)",
    "on two lines.",
    "",
    "```sh",
    "tell nothing",
    "```",
    "",
    "| a | b `x\\|y` |",
    "| - | - |",
    "| c |   |",
    "",
    "- item",
  ].join("\n");
  assertEquals(
    extractMarkdown(source).map(({ line, text }) => [line, text]),
    [[1, "# Title"], [3, "A [link] on two lines."], [10, "a"], [10, "b ``"], [
      12,
      "c",
    ], [14, "item"]],
  );
});

Deno.test("extractScript() returns comments and quoted messages", () => {
  const source = '#!/bin/sh\n# One\n# two\necho "not found here" "x"\n';
  assertEquals(extractScript(source), [
    { kind: "comment", line: 2, text: "One two" },
    { kind: "message", line: 4, text: "not found here" },
  ]);
});

Deno.test("wordsOf() splits a name into its words", () => {
  assertEquals(wordsOf("openEventLog"), "open event log");
  assertEquals(wordsOf("MAX_URL_LENGTH"), "max url length");
  assertEquals(wordsOf("#seenV2"), "seen v 2");
});

Deno.test("hitsOf() applies a pattern to its kinds of passage only", () => {
  const rules = parseWordList(
    "# comment\n^What\\b\ta noun\tcomment\n\\btells\\b\treports\tcomment,docs\n",
  );
  const text = (kind: "comment" | "docs", text: string) => ({
    kind,
    text,
    area: "lib",
    file: "a.ts",
    line: 1,
  });
  const found = hitsOf([
    text("comment", "What it is.\nSo what: it tells"),
    text("docs", "What Tells"),
  ], rules).map(({ found, replacement }) => [found, replacement]);
  assertEquals(found, [
    ["What", "a noun"],
    ["tells", "reports"],
    ["Tells", "reports"],
  ]);
  assertThrows(() => parseWordList("only one column"), Error, "three columns");
});

Deno.test("scripts/words/words.tsv has valid patterns", () => {
  const url = new URL("../../scripts/words/words.tsv", import.meta.url);
  const rules = parseWordList(Deno.readTextFileSync(url));
  const kinds = new Set(rules.flatMap(({ kinds }) => [...kinds]));
  assertEquals(kinds, new Set(["comment", "message", "docs", "name"] as const));
});
