import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { sleep, SystemClock, systemClock } from "../../lib/model/clock.ts";
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

Deno.test("sleep() resolves after the delay, not before", async () => {
  const clock = new FakeClock();
  const state = watch(sleep(clock, 100));
  clock.advance(99);
  await turn();
  assertEquals(state.done, false);
  clock.advance(1);
  await turn();
  assertEquals(state.done, true);
  assertEquals(clock.pending, 0);
});

Deno.test("sleep() resolves immediately when its signal aborts, and leaves no timer", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const state = watch(sleep(clock, 100, controller.signal));
  assertEquals(clock.pending, 1);
  controller.abort();
  await turn();
  assertEquals(state.done, true);
  assertEquals(clock.pending, 0);
});

Deno.test("sleep() does not start if its signal has aborted", async () => {
  const clock = new FakeClock();
  await sleep(clock, 100, AbortSignal.abort());
  assertEquals(clock.pending, 0);
});

Deno.test("sleep() removes its listener from the signal after the delay", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const state = watch(sleep(clock, 1, controller.signal));
  clock.advance(1);
  await turn();
  assertEquals(state.done, true);
  controller.abort();
});

Deno.test("systemClock.schedule() calls back once, or never if cancelled", async () => {
  const cancelled = spy();
  systemClock.schedule(0, cancelled)();
  const { promise, resolve } = Promise.withResolvers<void>();
  const called = spy(() => resolve());
  systemClock.schedule(0, called);
  await promise;
  assertSpyCalls(called, 1);
  assertSpyCalls(cancelled, 0);
});

Deno.test("SystemClock never calls back early by a fraction of a millisecond", async () => {
  const clock = new SystemClock();
  for (let i = 0; i < 30; i++) {
    const dueMs = clock.monotonic() + 1 + i / 30;
    const calledMs = await new Promise<number>((resolve) =>
      clock.schedule(
        dueMs - clock.monotonic(),
        () => resolve(clock.monotonic()),
      )
    );
    assertGreaterOrEqual(calledMs, dueMs);
  }
});

Deno.test("systemClock returns wall-clock time, and a monotonic time", () => {
  assert(systemClock.now() > Date.UTC(2026, 0));
  const first = systemClock.monotonic();
  assert(systemClock.monotonic() >= first);
});
