import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  COLUMN,
  FIXED_COLUMNS,
  RowBuilder,
  RowLayout,
} from "../../lib/model/sample.ts";

Deno.test("COLUMN numbers the fixed columns without gaps", () => {
  assertEquals(
    Object.values(COLUMN).toSorted((a, b) => a - b),
    Array.from({ length: FIXED_COLUMNS }, (_, i) => i),
  );
});

Deno.test("RowLayout adds groups after the fixed columns, in order of first use", () => {
  const layout = new RowLayout();
  assertEquals(layout.width, FIXED_COLUMNS);
  assertEquals(layout.offsetOf("cpu", "0"), FIXED_COLUMNS);
  assertEquals(layout.offsetOf("serviced", "8:0"), FIXED_COLUMNS + 1);
  assertEquals(layout.offsetOf("cpu", "1"), FIXED_COLUMNS + 7);
  assertEquals(layout.width, FIXED_COLUMNS + 8);
});

Deno.test("RowLayout finds an existing group, and distinguishes kinds", () => {
  const layout = new RowLayout();
  const first = layout.offsetOf("serviced", "8:0");
  const second = layout.offsetOf("serviceBytes", "8:0");
  assert(first !== second);
  assertEquals(layout.offsetOf("serviced", "8:0"), first);
  assertEquals(layout.groups, [
    { kind: "serviced", key: "8:0", offset: first, width: 6 },
    { kind: "serviceBytes", key: "8:0", offset: second, width: 6 },
  ]);
});

Deno.test("RowLayout limits the number of columns", () => {
  const layout = new RowLayout();
  let disk = 0;
  while (layout.offsetOf("serviced", `8:${disk}`) >= 0) disk++;
  assert(disk > 500);
  assert(layout.width <= 5_000);
  assertEquals(layout.groups.length, disk);
  assertEquals(layout.offsetOf("serviced", "8:0"), FIXED_COLUMNS);
});

Deno.test("RowBuilder starts with empty columns", () => {
  const { row } = new RowBuilder();
  assertEquals(row.length, FIXED_COLUMNS);
  assert(row.every((value) => Number.isNaN(value)));
});

Deno.test("RowBuilder keeps values when it grows", () => {
  const builder = new RowBuilder();
  builder.row[COLUMN.cpuUsageNs] = 7;
  const column = builder.group("cpu", "0");
  assertEquals(builder.row.length, builder.layout.width);
  assertEquals(builder.row[COLUMN.cpuUsageNs], 7);
  assertEquals(builder.row[column], NaN);
  const { row } = builder;
  builder.group("cpu", "0");
  assertStrictEquals(builder.row, row);
});

Deno.test("RowBuilder.clear() clears the values and keeps the groups", () => {
  const builder = new RowBuilder();
  const column = builder.group("cpu", "0");
  builder.row[column] = 7;
  builder.row[0] = 7;
  builder.clear();
  assert(builder.row.every((value) => Number.isNaN(value)));
  assertEquals(builder.group("cpu", "0"), column);
});

Deno.test("RowLayout reuses the columns of a group that was absent for long, if the row is full", () => {
  const builder = new RowBuilder();
  const { layout } = builder;
  const offset = layout.offsetOf("interface", "cali1");
  layout.offsetOf("cpu", "0");
  for (let n = 2; layout.offsetOf("interface", `cali${n}`) >= 0; n++);
  assertEquals(layout.offsetOf("interface", "new"), -1);
  const { width } = layout;
  for (let sample = 0; sample < 4_000; sample++) {
    builder.clear();
    layout.offsetOf("interface", "cali2");
  }
  assertEquals(layout.offsetOf("interface", "new"), offset);
  assertEquals(layout.offsetOf("interface", "new"), offset);
  assertEquals(layout.groups[0], {
    kind: "interface",
    key: "new",
    offset,
    width: 8,
  });
  assert(layout.offsetOf("interface", "cali1") !== offset);
  assertEquals(layout.width, width);
});
