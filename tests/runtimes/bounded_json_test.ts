import { assertEquals, assertThrows } from "@std/assert";
import { ByteBuffer } from "../../lib/runtimes/byte_buffer.ts";
import { parseBoundedJson } from "../../lib/runtimes/bounded_json.ts";

Deno.test("parseBoundedJson() parses and throws like JSON.parse()", () => {
  for (
    const value of [
      null,
      7,
      'a,b[{"\\',
      { a: [1, { b: "\\\\" }], "]}": "," },
      [[], {}, "[".repeat(1_000)],
    ]
  ) {
    assertEquals(parseBoundedJson(JSON.stringify(value)), value);
  }
  for (const text of ["", "{", '{"a":"', '"\\', "]]]", "{,}"]) {
    assertThrows(() => parseBoundedJson(text), SyntaxError);
  }
});

Deno.test("parseBoundedJson() rejects too many values and values nested too deeply", () => {
  const list = (count: number) => `[${new Array(count).fill("{}").join()}]`;
  assertEquals((parseBoundedJson(list(60_000)) as unknown[]).length, 60_000);
  assertThrows(() => parseBoundedJson(list(60_001)), RangeError, "values");
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  parseBoundedJson(nested(64));
  assertThrows(() => parseBoundedJson(nested(65)), RangeError, "deep");
  // Commas and brackets in strings are not counted.
  parseBoundedJson(JSON.stringify(list(100_000)));
});

Deno.test("ByteBuffer returns the bytes of several chunks and is empty afterwards", () => {
  const gathered = new ByteBuffer();
  const text = "añ€😀".repeat(5_000);
  for (let round = 0; round < 2; round++) {
    for (const byte of new TextEncoder().encode(text)) {
      gathered.push(Uint8Array.of(byte));
    }
    assertEquals(gathered.takeText(), text);
    assertEquals([gathered.length, gathered.takeText()], [0, ""]);
  }
});
