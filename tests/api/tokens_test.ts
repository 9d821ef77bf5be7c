import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseTokens, Tokens } from "../../lib/api/tokens.ts";

Deno.test("parseTokens() reads one token per line, without comments", () => {
  assertEquals(parseTokens("# ours\nabc\n\n  d-e.f= \n"), ["abc", "d-e.f="]);
});

Deno.test("parseTokens() rejects a file without tokens, and leaks no token", () => {
  assertThrows(() => parseTokens("# nothing\n"), RangeError, "no token");
  const error = assertThrows(() => parseTokens("ok\nse cret\n"), RangeError);
  assert(error instanceof Error && !error.message.includes("cret"));
  assertThrows(() => parseTokens("x".repeat(5000)), RangeError);
});

Deno.test("Tokens.authorizes() accepts each of its tokens, and nothing similar", () => {
  const tokens = new Tokens(["abc", "x".repeat(4096)]);
  for (
    const good of ["Bearer abc", "bearer  abc", `Bearer ${"x".repeat(4096)}`]
  ) {
    assert(tokens.authorizes(good), good);
  }
  for (
    const bad of [
      null,
      "",
      "Bearer",
      "Bearer ",
      "abc",
      "Basic abc",
      "Bearer ab",
      "Bearer abcd",
      "Bearer abc abc",
      "Bearer ABC",
      `Bearer ${"x".repeat(4095)}`,
      `Bearer ${"x".repeat(4097)}`,
    ]
  ) assertEquals(tokens.authorizes(bad), false, String(bad));
  assertEquals(new Tokens([]).authorizes("Bearer "), false);
});
