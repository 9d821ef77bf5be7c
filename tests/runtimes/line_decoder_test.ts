import { assertEquals } from "@std/assert";
import { spy } from "@std/testing/mock";
import { LineDecoder } from "../../lib/runtimes/line_decoder.ts";

/** Returns the lines decoded from chunks of a size, and the number of lost lines. */
function lines(text: string, size: number, maxBytes = 20): [string[], number] {
  const lost = spy();
  const bound = new LineDecoder(maxBytes, lost);
  const bytes = new TextEncoder().encode(text);
  const found: string[] = [];
  for (let i = 0; i < bytes.length; i += size) {
    found.push(...bound.push(bytes.subarray(i, i + size)));
  }
  return [found, lost.calls.length];
}

Deno.test("LineDecoder returns the same lines for any chunk size", () => {
  for (let size = 1; size < 12; size++) {
    assertEquals(lines("é1\n\nzwei\n€3\nrest", size), [
      ["é1", "zwei", "€3"],
      0,
    ]);
  }
});

Deno.test("LineDecoder skips and counts a line that is too long, and continues", () => {
  for (const size of [1, 7, 100]) {
    const text = `a\n${"x".repeat(21)}\n${"y".repeat(20)}\nb\n`;
    assertEquals(lines(text, size), [["a", "y".repeat(20), "b"], 1]);
  }
});

Deno.test("LineDecoder does not buffer an endless line", () => {
  const bound = new LineDecoder(1_000, spy());
  for (let i = 0; i < 100_000; i++) bound.push(new Uint8Array(1_000).fill(120));
  assertEquals(bound.push(new TextEncoder().encode("\nz\n")), ["z"]);
});
