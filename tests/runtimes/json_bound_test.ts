import { assertEquals, assertThrows } from "@std/assert";
import { GatheredBytes } from "../../lib/runtimes/gathered_bytes.ts";
import { parseJsonBound } from "../../lib/runtimes/json_bound.ts";

Deno.test("parseJsonBound() parses what JSON.parse() does, and throws as that does", () => {
  for (
    const value of [
      null,
      7,
      'a,b[{"\\',
      { a: [1, { b: "\\\\" }], "]}": "," },
      [[], {}, "[".repeat(1_000)],
    ]
  ) {
    assertEquals(parseJsonBound(JSON.stringify(value)), value);
  }
  for (const text of ["", "{", '{"a":"', '"\\', "]]]", "{,}"]) {
    assertThrows(() => parseJsonBound(text), SyntaxError);
  }
});

Deno.test("parseJsonBound() refuses too many values, and values that are nested too deep", () => {
  const list = (count: number) => `[${new Array(count).fill("{}").join()}]`;
  assertEquals((parseJsonBound(list(60_000)) as unknown[]).length, 60_000);
  assertThrows(() => parseJsonBound(list(60_001)), RangeError, "values");
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  parseJsonBound(nested(64));
  assertThrows(() => parseJsonBound(nested(65)), RangeError, "deep");
  // What stands in a text is not counted.
  parseJsonBound(JSON.stringify(list(100_000)));
});

Deno.test("GatheredBytes gives back what came in parts, and begins anew", () => {
  const gathered = new GatheredBytes();
  const text = "añ€😀".repeat(5_000);
  for (let round = 0; round < 2; round++) {
    for (const byte of new TextEncoder().encode(text)) {
      gathered.push(Uint8Array.of(byte));
    }
    assertEquals(gathered.takeText(), text);
    assertEquals([gathered.length, gathered.takeText()], [0, ""]);
  }
});
