import { assertEquals } from "@std/assert";
import { LifetimeCounter } from "../../lib/sources/lifetime_counter.ts";

/** Lives that began and ended after notifications; a capital is a creation for certain. */
function livesAfter(notifications: string): [begun: number, ended: number] {
  const counter = new LifetimeCounter(1);
  for (const letter of notifications) {
    counter.recordNotification(0, letter === "C");
  }
  return [counter.begun(0), counter.ended(0)];
}

Deno.test("LifetimeCounter counts two notifications for a life, whatever they say", () => {
  assertEquals(livesAfter(""), [0, 0]);
  assertEquals(livesAfter("r"), [1, 0]);
  assertEquals(livesAfter("C"), [1, 0]);
  assertEquals(livesAfter("rr"), [1, 1]);
  assertEquals(livesAfter("Cr"), [1, 1]);
  assertEquals(livesAfter("rrr"), [2, 1]);
  assertEquals(livesAfter("CrrrCr"), [3, 3]);
});

Deno.test("LifetimeCounter is set right by a creation that is certain", () => {
  assertEquals(livesAfter("CC"), [2, 1]);
  assertEquals(livesAfter("rC"), [2, 1]);
  assertEquals(livesAfter("rCr"), [2, 2]);
});

Deno.test("LifetimeCounter.limit() takes a hierarchy's last life for no later one than ours", () => {
  const counter = new LifetimeCounter(2);
  counter.adds = 1;
  counter.recordNotification(0, true);
  counter.recordNotification(0, true);
  assertEquals(counter.begun(0), 2);
  counter.limit(0);
  assertEquals([counter.begun(0), counter.ended(0)], [1, 0]);
  counter.limit(1);
  assertEquals([counter.begun(1), counter.ended(1)], [0, 0]);
});

Deno.test("LifetimeCounter keeps hierarchies apart", () => {
  const counter = new LifetimeCounter(2);
  counter.recordNotification(0, true);
  counter.recordNotification(0, false);
  counter.recordNotification(1, true);
  assertEquals([counter.ended(0), counter.ended(1)], [1, 0]);
});
