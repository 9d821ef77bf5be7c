import { assertEquals } from "@std/assert";
import { LifetimeCounter } from "../../lib/sources/lifetime_counter.ts";

/** Returns the lifetimes started and ended after notifications; upper case is a certain creation. */
function lifetimesAfter(notifications: string): [begun: number, ended: number] {
  const counter = new LifetimeCounter(1);
  for (const letter of notifications) {
    counter.recordNotification(0, letter === "C");
  }
  return [counter.begun(0), counter.ended(0)];
}

Deno.test("LifetimeCounter counts two notifications of any kind per lifetime", () => {
  assertEquals(lifetimesAfter(""), [0, 0]);
  assertEquals(lifetimesAfter("r"), [1, 0]);
  assertEquals(lifetimesAfter("C"), [1, 0]);
  assertEquals(lifetimesAfter("rr"), [1, 1]);
  assertEquals(lifetimesAfter("Cr"), [1, 1]);
  assertEquals(lifetimesAfter("rrr"), [2, 1]);
  assertEquals(lifetimesAfter("CrrrCr"), [3, 3]);
});

Deno.test("LifetimeCounter is corrected by a certain creation", () => {
  assertEquals(lifetimesAfter("CC"), [2, 1]);
  assertEquals(lifetimesAfter("rC"), [2, 1]);
  assertEquals(lifetimesAfter("rCr"), [2, 2]);
});

Deno.test("LifetimeCounter.limit() limits a hierarchy's lifetimes to those reported", () => {
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
