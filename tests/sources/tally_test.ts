import { assertEquals } from "@std/assert";
import { Tally } from "../../lib/sources/tally.ts";

/** Lives that began and ended after notifications, creations and removals. */
function livesAfter(notifications: string): [begun: number, ended: number] {
  const tally = new Tally(1);
  for (const letter of notifications) tally.hear(0, letter === "c");
  return [tally.begun(0), tally.ended(0)];
}

Deno.test("Tally counts two notifications for a life", () => {
  assertEquals(livesAfter(""), [0, 0]);
  assertEquals(livesAfter("c"), [1, 0]);
  assertEquals(livesAfter("cr"), [1, 1]);
  assertEquals(livesAfter("crc"), [2, 1]);
  assertEquals(livesAfter("crcrcr"), [3, 3]);
});

Deno.test("Tally counts a notification that was lost by the one that follows", () => {
  assertEquals(livesAfter("r"), [1, 1]);
  assertEquals(livesAfter("cc"), [2, 1]);
  assertEquals(livesAfter("rr"), [2, 2]);
  assertEquals(livesAfter("rc"), [2, 1]);
  assertEquals(livesAfter("ccr"), [2, 2]);
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
