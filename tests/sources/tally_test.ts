import { assertEquals } from "@std/assert";
import { Tally } from "../../lib/sources/tally.ts";

/** Lives that began and ended after notifications; a capital is a creation for certain. */
function livesAfter(notifications: string): [begun: number, ended: number] {
  const tally = new Tally(1);
  for (const letter of notifications) tally.hear(0, letter === "C");
  return [tally.begun(0), tally.ended(0)];
}

Deno.test("Tally counts two notifications for a life, whatever they say", () => {
  assertEquals(livesAfter(""), [0, 0]);
  assertEquals(livesAfter("r"), [1, 0]);
  assertEquals(livesAfter("C"), [1, 0]);
  assertEquals(livesAfter("rr"), [1, 1]);
  assertEquals(livesAfter("Cr"), [1, 1]);
  assertEquals(livesAfter("rrr"), [2, 1]);
  assertEquals(livesAfter("CrrrCr"), [3, 3]);
});

Deno.test("Tally is set right by a creation that is certain", () => {
  assertEquals(livesAfter("CC"), [2, 1]);
  assertEquals(livesAfter("rC"), [2, 1]);
  assertEquals(livesAfter("rCr"), [2, 2]);
});

Deno.test("Tally.limit() takes a hierarchy's last life for no later one than ours", () => {
  const tally = new Tally(2);
  tally.adds = 1;
  tally.hear(0, true);
  tally.hear(0, true);
  assertEquals(tally.begun(0), 2);
  tally.limit(0);
  assertEquals([tally.begun(0), tally.ended(0)], [1, 0]);
  tally.limit(1);
  assertEquals([tally.begun(1), tally.ended(1)], [0, 0]);
});

Deno.test("Tally keeps hierarchies apart", () => {
  const tally = new Tally(2);
  tally.hear(0, true);
  tally.hear(0, false);
  tally.hear(1, true);
  assertEquals([tally.ended(0), tally.ended(1)], [1, 0]);
});
