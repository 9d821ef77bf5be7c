import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { completion } from "../../lib/cli/completion.ts";
import { flagsOf, helpText, wrap } from "../../lib/cli/help.ts";
import { manPage } from "../../lib/cli/man_page.ts";
import { VERBS } from "../../lib/config/verbs.ts";

/** A terminal of this size shows it whole: a laptop's, and for `serve` with its many flags a tall one. */
const SCREEN = { columns: 92, rows: 30, rowsOfServe: 50 };

Deno.test("helpText() of every verb names its flags, and fits a screen", () => {
  for (const { name, example } of VERBS) {
    const lines = helpText(name).split("\n");
    for (const flag of flagsOf(name).filter(({ minor }) => !minor)) {
      assert(lines.some((line) => line.includes(`--${flag.name}`)), flag.name);
      assert(lines.some((line) => line.includes(flag.help)), flag.name);
    }
    assertStringIncludes(lines.at(-1) ?? "", example);
    const rows = name === "serve" ? SCREEN.rowsOfServe : SCREEN.rows;
    assert(lines.length <= rows, `${name}: ${lines.length} lines`);
    for (const line of lines) assert(line.length <= SCREEN.columns, line);
  }
});

Deno.test("helpText() without a verb names all verbs and the flags of serve, and fits a screen", () => {
  const lines = helpText().split("\n");
  for (const { name } of VERBS) {
    assert(lines.some((line) => line.startsWith(`  ${name} `)), name);
  }
  for (const { name, minor } of flagsOf("serve")) {
    assertEquals(helpText().includes(`--${name}`), !minor, name);
  }
  assert(lines.length <= SCREEN.rows, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= SCREEN.columns, line);
});

Deno.test("wrap() breaks at blanks alone", () => {
  assertEquals(wrap("aa bb cc", 5), ["aa bb", "cc"]);
  assertEquals(wrap("aaaaaaa b", 5), ["aaaaaaa", "b"]);
});

Deno.test("manPage() and completion() have every verb and every flag", () => {
  const page = manPage("1.2.3").replaceAll("\\-", "-");
  assertStringIncludes(page, '"cgwatch 1.2.3"');
  for (const text of [page, completion("bash"), completion("zsh")]) {
    for (const { name } of VERBS) {
      assertStringIncludes(text, name);
      for (const flag of flagsOf(name)) {
        assertStringIncludes(text, `--${flag.name}`);
      }
    }
  }
});
