import { assertEquals, assertStrictEquals } from "@std/assert";
import { JustGone } from "../../lib/sources/just_gone.ts";
import { Tally } from "../../lib/sources/tally.ts";
import { FakeClock } from "../_support/fake_clock.ts";

Deno.test("JustGone gives a tally back once", () => {
  const gone = new JustGone(new FakeClock());
  const tally = new Tally(1);
  gone.keep("/a", tally);
  assertEquals(gone.take("/b"), undefined);
  assertStrictEquals(gone.take("/a"), tally);
  assertEquals(gone.take("/a"), undefined);
});

Deno.test("JustGone forgets after a minute", () => {
  const clock = new FakeClock();
  const gone = new JustGone(clock);
  gone.keep("/a", new Tally(1));
  clock.advance(59_999);
  gone.keep("/b", new Tally(1));
  clock.advance(1);
  gone.forget();
  assertEquals(gone.take("/a"), undefined);
  assertEquals(gone.take("/b") === undefined, false);
});

Deno.test("JustGone counts the minute anew for a name that is kept again", () => {
  const clock = new FakeClock();
  const gone = new JustGone(clock);
  const tally = new Tally(1);
  gone.keep("/a", tally);
  gone.keep("/b", tally);
  clock.advance(40_000);
  gone.keep("/a", tally);
  clock.advance(40_000);
  gone.forget();
  assertEquals(gone.take("/b"), undefined);
  assertStrictEquals(gone.take("/a"), tally);
});

Deno.test("JustGone keeps 65,536 names at most, the newest", () => {
  const gone = new JustGone(new FakeClock());
  const tally = new Tally(1);
  for (let i = 0; i < 65_600; i++) gone.keep(`/${i}`, tally);
  assertEquals(gone.take("/63"), undefined);
  assertStrictEquals(gone.take("/64"), tally);
});
