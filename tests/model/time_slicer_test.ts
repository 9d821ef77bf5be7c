import { assertEquals } from "@std/assert";
import { TimeSlicer } from "../../lib/model/time_slicer.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** Runs pending promise callbacks. */
async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** Records when a promise is fulfilled. */
function watch(promise: Promise<void>): { done: boolean } {
  const state = { done: false };
  promise.then(() => state.done = true);
  return state;
}

Deno.test("TimeSlicer.isExpired is true after the slice", () => {
  const clock = new FakeClock();
  const slicer = new TimeSlicer(clock);
  slicer.begin();
  clock.advance(3.9);
  assertEquals(slicer.isExpired, false);
  clock.advance(0.1);
  assertEquals(slicer.isExpired, true);
  slicer.begin();
  assertEquals(slicer.isExpired, false);
});

Deno.test("TimeSlicer.yieldToEventLoop() runs other tasks", async () => {
  const clock = new FakeClock();
  const state = watch(new TimeSlicer(clock).yieldToEventLoop());
  await turn();
  assertEquals(state.done, false);
  clock.advance(0);
  await turn();
  assertEquals(state.done, true);
});

Deno.test("TimeSlicer.yieldToEventLoop() starts a new slice afterwards", async () => {
  const clock = new FakeClock();
  const slicer = new TimeSlicer(clock);
  slicer.yieldToEventLoop();
  clock.advance(5);
  await turn();
  assertEquals(slicer.isExpired, false);
  clock.advance(4);
  assertEquals(slicer.isExpired, true);
});

Deno.test("TimeSlicer.waitForWake() resolves on a wake-up or after the delay", async () => {
  for (const isWoken of [true, false]) {
    const clock = new FakeClock();
    const slicer = new TimeSlicer(clock);
    const state = watch(slicer.waitForWake(100));
    clock.advance(99);
    await turn();
    assertEquals(state.done, false);
    if (isWoken) slicer.wake();
    else clock.advance(1);
    await turn();
    assertEquals(state.done, true);
    assertEquals(clock.pending, 0);
  }
});

Deno.test("TimeSlicer.waitForWake() resolves immediately if woken since the last wait, once", async () => {
  const clock = new FakeClock();
  const slicer = new TimeSlicer(clock);
  slicer.wake();
  slicer.wake();
  const first = watch(slicer.waitForWake(100));
  await turn();
  assertEquals(first.done, true);
  const second = watch(slicer.waitForWake(100));
  await turn();
  assertEquals(second.done, false);
  slicer.wake();
  await turn();
  assertEquals(second.done, true);
});

Deno.test("TimeSlicer.waitForWake() waits indefinitely for an infinite delay", async () => {
  const clock = new FakeClock();
  const slicer = new TimeSlicer(clock);
  const state = watch(slicer.waitForWake(Infinity));
  assertEquals(clock.pending, 0);
  slicer.wake();
  await turn();
  assertEquals(state.done, true);
});
