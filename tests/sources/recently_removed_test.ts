import { assertEquals, assertStrictEquals } from "@std/assert";
import { RecentlyRemoved } from "../../lib/sources/recently_removed.ts";
import { LifetimeCounter } from "../../lib/sources/lifetime_counter.ts";
import { FakeClock } from "../_support/fake_clock.ts";

Deno.test("RecentlyRemoved returns a counter once", () => {
  const gone = new RecentlyRemoved(new FakeClock());
  const counter = new LifetimeCounter(1);
  gone.keep("/a", counter);
  assertEquals(gone.take("/b"), undefined);
  assertStrictEquals(gone.take("/a"), counter);
  assertEquals(gone.take("/a"), undefined);
});

Deno.test("RecentlyRemoved forgets after a minute", () => {
  const clock = new FakeClock();
  const gone = new RecentlyRemoved(clock);
  gone.keep("/a", new LifetimeCounter(1));
  clock.advance(59_999);
  gone.keep("/b", new LifetimeCounter(1));
  clock.advance(1);
  gone.forget();
  assertEquals(gone.take("/a"), undefined);
  assertEquals(gone.take("/b") === undefined, false);
});

Deno.test("RecentlyRemoved restarts the minute for a name that is kept again", () => {
  const clock = new FakeClock();
  const gone = new RecentlyRemoved(clock);
  const counter = new LifetimeCounter(1);
  gone.keep("/a", counter);
  gone.keep("/b", counter);
  clock.advance(40_000);
  gone.keep("/a", counter);
  clock.advance(40_000);
  gone.forget();
  assertEquals(gone.take("/b"), undefined);
  assertStrictEquals(gone.take("/a"), counter);
});

Deno.test("RecentlyRemoved keeps 65,536 names at most, the newest", () => {
  const gone = new RecentlyRemoved(new FakeClock());
  const counter = new LifetimeCounter(1);
  for (let i = 0; i < 65_600; i++) gone.keep(`/${i}`, counter);
  assertEquals(gone.take("/63"), undefined);
  assertStrictEquals(gone.take("/64"), counter);
});
