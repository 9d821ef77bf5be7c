import { assertEquals, assertThrows } from "@std/assert";
import {
  anchorsOf,
  brokenReferences,
} from "../../scripts/documentation/links.ts";
import {
  commandBlocks,
  missingOutput,
} from "../../scripts/documentation/command_blocks.ts";
import {
  formatTable,
  readPages,
  ROOT,
  withTables,
} from "../../scripts/documentation/pages.ts";
import { TABLES } from "../../scripts/documentation/tables.ts";

Deno.test("each page has the current tables of the code (scripts/docs)", () => {
  const stale = readPages()
    .filter(({ text }) => withTables(text, TABLES) !== text);
  assertEquals(stale.map(({ path }) => path), []);
});

Deno.test("each link, anchor and path in the documentation exists", () => {
  assertEquals(brokenReferences(readPages(), ROOT), []);
});

Deno.test("README.md and CONTRIBUTING.md have at most 200 lines", () => {
  const lengths = readPages()
    .filter(({ path }) => path === "README.md" || path === "CONTRIBUTING.md")
    .map(({ path, text }) => [path, text.split("\n").length]);
  assertEquals(lengths.filter(([, length = 0]) => Number(length) > 201), []);
});

Deno.test("withTables() replaces a block by its table, and leaves the rest", () => {
  const text =
    "before\n\n<!-- begin generated: a -->\nold\n<!-- end -->\n\nafter";
  const replaced =
    "before\n\n<!-- begin generated: a -->\n\nnew\n\n<!-- end -->\n\nafter";
  assertEquals(withTables(text, { "a": () => "new" }), replaced);
  assertEquals(withTables(replaced, { "a": () => "new" }), replaced);
});

Deno.test("withTables() throws for an unknown table and for a block without an end", () => {
  const open = "<!-- begin generated: a -->\n";
  assertThrows(() => withTables(open, {}), Error, 'Cannot generate "a"');
  assertThrows(
    () => withTables(open, { "a": () => "" }),
    Error,
    "its block has no end",
  );
  assertThrows(
    () => withTables(`${open}${open}<!-- end -->`, { "a": () => "" }),
    Error,
    "its block has no end",
  );
});

Deno.test("formatTable() aligns columns and escapes bars", () => {
  assertEquals(
    formatTable(["flag", "x"], [["`a|b`", "…"], ["c", ""]]),
    [
      "| flag   | x   |",
      "| ------ | --- |",
      "| `a\\|b` | …   |",
      "| c      |     |",
    ].join("\n"),
  );
});

Deno.test("anchorsOf() returns GitHub's anchors of headings outside of code", () => {
  assertEquals(
    anchorsOf(
      "# How to add …\n\n## `/metrics` & [co](x.md)\n\n```sh\n# no\n```\n\n## A\n\n## A\n",
    ),
    new Set(["how-to-add-", "metrics--co", "a", "a-1"]),
  );
});

Deno.test("brokenReferences() names missing links, anchors and paths", () => {
  const pages = [{
    path: "docs/a.md",
    text: [
      "[page](none.md) [anchor](#none) [other](b.md#none) `lib/none.ts`",
      "[fine](b.md#b) [web](https://example.com) `[code](none.md)` `lib/agent.ts`",
    ].join("\n"),
  }, { path: "docs/b.md", text: "# B\n" }];
  assertEquals(brokenReferences(pages, ROOT), [
    'docs/a.md: broken link "none.md"',
    'docs/a.md: broken link "#none"',
    'docs/a.md: broken link "b.md#none"',
    'docs/a.md: "lib/none.ts" does not exist',
  ]);
});

Deno.test("commandBlocks() returns commands with their output, and scripts", () => {
  const text = [
    "```console",
    "$ a b",
    "out",
    "# curl x",
    "# HELP y",
    "```",
    "```sh no-run",
    "systemctl",
    "```",
    "```sh",
    "one |",
    "  two",
    "```",
    "```json",
    "{}",
    "```",
  ].join("\n");
  assertEquals(commandBlocks({ path: "a.md", text }), [
    {
      info: [],
      commands: [
        { at: "a.md:2", command: "a b", output: ["out"] },
        { at: "a.md:4", command: "curl x", output: ["# HELP y"] },
      ],
    },
    { info: [], commands: [{ at: "a.md:11", command: "one |\n  two" }] },
  ]);
});

Deno.test("missingOutput() compares JSON keys, first words, and absence of output", () => {
  assertEquals(missingOutput(['{"a":1,…,"b":…}'], '{"b":0,"c":1}'), ["a"]);
  assertEquals(missingOutput(["NAME  CPU", "x12 4", "…"], "NAME\nx07"), []);
  assertEquals(missingOutput(["lost: …"], "ok"), ["lost:"]);
  assertEquals(missingOutput([], "out"), ["no output"]);
  assertEquals(missingOutput([], "\n"), []);
});
