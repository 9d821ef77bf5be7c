import { assertEquals } from "@std/assert";
import { spy } from "@std/testing/mock";
import { TextLineBound } from "../../lib/runtimes/text_line_bound.ts";

/** The lines of some bytes that come in pieces of a size, and how many were lost. */
function lines(text: string, size: number, maxBytes = 20): [string[], number] {
  const lost = spy();
  const bound = new TextLineBound(maxBytes, lost);
  const bytes = new TextEncoder().encode(text);
  const found: string[] = [];
  for (let i = 0; i < bytes.length; i += size) {
    found.push(...bound.push(bytes.subarray(i, i + size)));
  }
  return [found, lost.calls.length];
}

Deno.test("TextLineBound gives the same lines however the bytes come", () => {
  for (let size = 1; size < 12; size++) {
    assertEquals(lines("é1\n\nzwei\n€3\nrest", size), [
      ["é1", "zwei", "€3"],
      0,
    ]);
  }
});

Deno.test("TextLineBound passes over a line that is too long, counts it, and goes on", () => {
  for (const size of [1, 7, 100]) {
    const text = `a\n${"x".repeat(21)}\n${"y".repeat(20)}\nb\n`;
    assertEquals(lines(text, size), [["a", "y".repeat(20), "b"], 1]);
  }
});

Deno.test("TextLineBound keeps nothing of a line without end", () => {
  const bound = new TextLineBound(1_000, spy());
  for (let i = 0; i < 100_000; i++) bound.push(new Uint8Array(1_000).fill(120));
  assertEquals(bound.push(new TextEncoder().encode("\nz\n")), ["z"]);
});
