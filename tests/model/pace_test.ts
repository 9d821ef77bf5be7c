import { assertEquals } from "@std/assert";
import { Pace } from "../../lib/model/pace.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** Lets promises that are settled call back. */
async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** Notes when a promise is fulfilled. */
function watch(promise: Promise<void>): { done: boolean } {
  const state = { done: false };
  promise.then(() => state.done = true);
  return state;
}

Deno.test("Pace.spent tells when a slice is used up", () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  pace.begin();
  clock.advance(3.9);
  assertEquals(pace.spent, false);
  clock.advance(0.1);
  assertEquals(pace.spent, true);
  pace.begin();
  assertEquals(pace.spent, false);
});

Deno.test("Pace.rest() lets others have their turn", async () => {
  const clock = new FakeClock();
  const state = watch(new Pace(clock).rest());
  await turn();
  assertEquals(state.done, false);
  clock.advance(0);
  await turn();
  assertEquals(state.done, true);
});

Deno.test("Pace.rest() starts a slice when it is over", async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  pace.rest();
  clock.advance(5);
  await turn();
  assertEquals(pace.spent, false);
  clock.advance(4);
  assertEquals(pace.spent, true);
});

Deno.test("Pace.until() waits for a wake-up, or until its time is up", async () => {
  for (const isWoken of [true, false]) {
    const clock = new FakeClock();
    const pace = new Pace(clock);
    const state = watch(pace.until(100));
    clock.advance(99);
    await turn();
    assertEquals(state.done, false);
    if (isWoken) pace.wake();
    else clock.advance(1);
    await turn();
    assertEquals(state.done, true);
    assertEquals(clock.pending, 0);
  }
});

Deno.test("Pace.until() does not wait where it was woken since the last wait, once", async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  pace.wake();
  pace.wake();
  const first = watch(pace.until(100));
  await turn();
  assertEquals(first.done, true);
  const second = watch(pace.until(100));
  await turn();
  assertEquals(second.done, false);
  pace.wake();
  await turn();
  assertEquals(second.done, true);
});

Deno.test("Pace.until() waits for ever where there is no time", async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  const state = watch(pace.until(Infinity));
  assertEquals(clock.pending, 0);
  pace.wake();
  await turn();
  assertEquals(state.done, true);
});
