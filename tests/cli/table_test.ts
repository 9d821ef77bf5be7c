import { assert, assertEquals } from "@std/assert";
import {
  type Column,
  cut,
  formatBytes,
  printed,
  renderTable,
} from "../../lib/cli/table.ts";

const COLUMNS: readonly Column[] = [
  { title: "NAME", shrinks: true },
  { title: "SIZE", isNumber: true },
];

Deno.test("renderTable() lines up texts at the left and numbers at the right", () => {
  assertEquals(renderTable(COLUMNS, [["a", "1"], ["abcdef", "1000"]]), [
    "NAME    SIZE",
    "a          1",
    "abcdef  1000",
  ]);
});

Deno.test("renderTable() has no line longer than the terminal, and keeps the ends of names", () => {
  const rows = [["/kubepods/burstable/pod12345/abcdef", "12345"]];
  for (let width = 1; width < 60; width++) {
    for (const line of renderTable(COLUMNS, rows, width)) {
      assert(line.length <= width, `${width}: ${line}`);
    }
  }
  const [, line] = renderTable(COLUMNS, rows, 30);
  assertEquals(line, "/kubepods/b…2345/abcdef  12345");
});

Deno.test("cut() leaves out the middle", () => {
  assertEquals(cut("abcdef", 6), "abcdef");
  assertEquals(cut("abcdef", 5), "ab…ef");
  assertEquals(cut("abcdef", 2), "a…");
  assertEquals(cut("abcdef", 1), "…");
});

Deno.test("printed() lets no text move the cursor", () => {
  assertEquals(printed("a\x1b[2J\n\x9b"), "a\\x1b[2J\\x0a\\x9b");
});

Deno.test("formatBytes() has three digits or so", () => {
  for (
    const [bytes, wanted] of [
      [0, "0 B"],
      [999, "999 B"],
      [1000, "1.0 KiB"],
      [1536, "1.5 KiB"],
      [16 * 2 ** 20, "16.0 MiB"],
      [500 * 2 ** 20, "500 MiB"],
      [3 * 2 ** 40, "3.0 TiB"],
    ] as const
  ) assertEquals(formatBytes(bytes), wanted);
});
