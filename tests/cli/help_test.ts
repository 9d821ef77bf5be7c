import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { completion, SHELLS } from "../../lib/cli/completion.ts";
import { flagsOf, groupsOf, helpText } from "../../lib/cli/help.ts";
import { manPage } from "../../lib/cli/man_page.ts";
import { FLAG_GROUPS, FLAGS } from "../../lib/config/flags.ts";
import { VERBS } from "../../lib/config/verbs.ts";

/** Help fits a terminal of this size; `serve` has too many flags. */
const SCREEN = { columns: 80, rows: 30, rowsOfServe: 90 };

Deno.test("helpText() of every verb lists its flags and fits the screen", () => {
  for (const { name, example } of VERBS) {
    const lines = helpText(name).split("\n");
    const text = lines.map((line) => line.trim()).join(" ");
    for (const flag of flagsOf(name).filter(({ minor }) => !minor)) {
      assert(lines.some((line) => line.includes(`--${flag.name}`)), flag.name);
      assert(text.includes(flag.help), flag.name);
    }
    assertStringIncludes(lines.at(-1) ?? "", example);
    const rows = name === "serve" ? SCREEN.rowsOfServe : SCREEN.rows;
    assert(lines.length <= rows, `${name}: ${lines.length} lines`);
    for (const line of lines) assert(line.length <= SCREEN.columns, line);
  }
});

Deno.test("helpText() without a verb starts with the verbs, has two examples and fits the screen", () => {
  const lines = helpText().split("\n");
  for (const { name, help } of VERBS) {
    const line = lines.find((line) => line.startsWith(`  ${name} `));
    assert(line?.includes(help), name);
  }
  assertEquals(
    lines.filter((line) => line.startsWith("  cgwatch ")).length,
    2,
  );
  assertStringIncludes(lines.join("\n"), "cgwatch serve --help");
  // One line is left for the prompt.
  assert(lines.length < 24, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= SCREEN.columns, line);
});

Deno.test("groupsOf() returns each flag of a verb once, in groups that start with existing flags", () => {
  const names: readonly string[] = FLAGS.map(({ name }) => name);
  for (const name of FLAG_GROUPS.keys()) assert(names.includes(name), name);
  for (const { name } of VERBS) {
    const grouped = [...groupsOf(name).values()].flat().map(({ name }) => name);
    assertEquals(
      grouped.toSorted(),
      flagsOf(name).map(({ name }) => name).toSorted(),
    );
  }
  assertEquals([...groupsOf("list").keys()], ["", "Connection"]);
});

Deno.test("manPage() and completion() include every verb and every flag", () => {
  const page = manPage("1.2.3").replaceAll("\\-", "-");
  assertStringIncludes(page, '"cgwatch 1.2.3"');
  for (const text of [page, ...SHELLS.map(completion)]) {
    for (const { name } of VERBS) {
      assertStringIncludes(text, name);
      for (const flag of flagsOf(name)) {
        const spelling = text === completion("fish")
          ? `-l ${flag.name}`
          : `--${flag.name}`;
        assertStringIncludes(text, spelling);
      }
    }
  }
});
