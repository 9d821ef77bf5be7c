import { assert, assertEquals } from "@std/assert";
import {
  type Column,
  layOut,
  renderRow,
  renderTable,
} from "../../lib/cli/table.ts";

const COLUMNS: readonly Column[] = [
  { title: "NAME", shrinks: true },
  { title: "SIZE", isNumber: true },
];

Deno.test("renderTable() aligns strings to the left and numbers to the right", () => {
  assertEquals(renderTable(COLUMNS, [["a", "1"], ["abcdef", "1000"]]), [
    "NAME    SIZE",
    "a          1",
    "abcdef  1000",
  ]);
});

Deno.test("renderTable() fits the terminal, and keeps the ends of shortened names", () => {
  const rows = [["/kubepods/burstable/pod12345/abcdef", "12345"]];
  for (let width = 1; width < 60; width++) {
    for (const line of renderTable(COLUMNS, rows, width)) {
      assert(line.length <= width, `${width}: ${line}`);
    }
  }
  const [, line] = renderTable(COLUMNS, rows, 30);
  assertEquals(line, "/kubepods/b…2345/abcdef  12345");
});

Deno.test("renderTable() omits columns in the order of `drops` before names become unreadable", () => {
  const columns: readonly Column[] = [
    { title: "NAME", shrinks: true },
    { title: "FIRST", drops: 1 },
    { title: "SECOND", drops: 2 },
    { title: "STAYS" },
  ];
  const rows = [["a".repeat(40), "1", "2", "3"]];
  const titlesAt = (width: number) =>
    renderTable(columns, rows, width)[0]?.split(/ +/);
  assertEquals(titlesAt(80), ["NAME", "FIRST", "SECOND", "STAYS"]);
  assertEquals(titlesAt(46), ["NAME", "FIRST", "SECOND", "STAYS"]);
  assertEquals(titlesAt(45), ["NAME", "FIRST", "STAYS"]);
  assertEquals(titlesAt(36), ["NAME", "STAYS"]);
});

Deno.test("renderTable() aligns wide characters, and prints no control characters", () => {
  assertEquals(
    renderTable(COLUMNS, [["容器", "1"], ["a\x1b[2J", "22"], ["e\u0301", "3"]]),
    [
      "NAME      SIZE",
      "容器         1",
      "a\\x1b[2J    22",
      "e\u0301            3",
    ],
  );
});

Deno.test("renderTable() shortens a column with `minWidth` up to this width", () => {
  const columns = [
    { title: "NAME", shrinks: true },
    { title: "WHY", shrinks: true, minWidth: 30 },
  ];
  const rows = [["a".repeat(60), "b".repeat(40)]];
  const widths = renderTable(columns, rows, 42)[1]?.split("  ").map((cell) =>
    cell.length
  );
  assertEquals(widths, [10, 30]);
});

Deno.test("renderRow() shortens to a width set in advance on a terminal only", () => {
  const columns = [{ title: "NAME", shrinks: true, width: 8 }];
  const name = "/docker/abcdef";
  assertEquals(renderRow(layOut(columns, [], 80), [name]), "/doc…def");
  assertEquals(renderRow(layOut(columns, []), [name]), name);
});
