import { assert, assertEquals, assertFalse } from "@std/assert";
import { EventManager } from "../../lib/events/event_manager.ts";
import type { EventWatch } from "../../lib/events/event_watch.ts";
import type { StoredEvent } from "../../lib/model/event.ts";
import { FakeClock } from "../_support/fake_clock.ts";

function newManager(): EventManager {
  return new EventManager({ node: "n1", bootId: "b", clock: new FakeClock() });
}

function add(events: EventManager, count = 1): void {
  for (let n = 0; n < count; n++) {
    events.addEvent({ timestampMs: n, type: "oom", containerName: "/" });
  }
}

/** Returns the `seq` of events; for a loss notice, its negative count. */
function seqsOf(batch: readonly StoredEvent[]): number[] {
  return batch.map(({ event }) =>
    event.event_data.lost ? -event.event_data.lost.count : event.seq
  );
}

async function readAll(watch: EventWatch): Promise<number[]> {
  const all: number[] = [];
  for await (const batch of watch) all.push(...seqsOf(batch));
  return all;
}

Deno.test("EventWatch wakes a waiting reader immediately with all queued events", async () => {
  const events = newManager();
  const watch = events.watchEvents({});
  const next = watch.next();
  add(events, 3);
  assertEquals(seqsOf(await next), [1, 2, 3]);
});

Deno.test("EventWatch.next() does not wait if events are queued", async () => {
  const events = newManager();
  const watch = events.watchEvents({});
  add(events, 3);
  assertEquals(seqsOf(await watch.next(2)), [1, 2]);
  assertEquals(seqsOf(await watch.next(2)), [3]);
});

Deno.test("EventWatch.take() returns queued events or an empty batch", () => {
  const events = newManager();
  const watch = events.watchEvents({});
  assertEquals(watch.take(), []);
  add(events, 2);
  assertEquals(watch.size, 2);
  assertEquals(seqsOf(watch.take(1)), [1]);
  assertEquals(seqsOf(watch.take()), [2]);
  assertEquals(watch.size, 0);
});

Deno.test("EventWatch drops the oldest events when full, and reports the loss instead", () => {
  const events = newManager();
  const watch = events.watchEvents({}, { queueLimit: 3 });
  add(events, 10);
  assertEquals(watch.size, 3);
  assertEquals(watch.lost, 7);
  const batch = watch.take();
  assertEquals(seqsOf(batch), [-7, 8, 9, 10]);
  assertEquals(batch[0]?.event, {
    "seq": 7,
    "boot_id": "b",
    "node": "n1",
    "timestamp": "2026-11-23T06:31:13.123000Z",
    "event_type": "lost",
    "container_name": "/",
    "event_data": { "lost": { "count": 7, "reason": "queue full" } },
  });
  assertEquals(JSON.parse(batch[0]?.json ?? ""), batch[0]?.event);
});

Deno.test("EventWatch reports each loss once, between the events before and after it", () => {
  const events = newManager();
  const watch = events.watchEvents({}, { queueLimit: 3 });
  add(events, 4);
  assertEquals(seqsOf(watch.take(2)), [-1, 2]);
  add(events, 3);
  assertEquals(seqsOf(watch.take()), [-2, 5, 6, 7]);
  add(events, 2);
  assertEquals(seqsOf(watch.take()), [8, 9]);
  assertEquals(watch.lost, 3);
});

Deno.test("EventWatch keeps count and order while its ring buffer wraps around", () => {
  const events = newManager();
  const watch = events.watchEvents({}, { queueLimit: 7 });
  let next = 1;
  for (let turn = 0; turn < 500; turn++) {
    add(events, turn % 11);
    for (const number of seqsOf(watch.take(turn % 5))) {
      if (number < 0) next -= number;
      else assertEquals(number, next++);
    }
  }
  for (const number of seqsOf(watch.take())) {
    if (number < 0) next -= number;
    else assertEquals(number, next++);
  }
  assertEquals(next - 1, events.lastSeq);
});

Deno.test("EventWatch reports a loss after the backlog", () => {
  const events = newManager();
  add(events, 3);
  const watch = events.watchEvents({ sinceSeq: 0 }, { queueLimit: 2 });
  add(events, 4);
  assertEquals(seqsOf(watch.take()), [1, 2, 3, -2, 6, 7]);
});

Deno.test("EventWatch as an iterable yields batches until it is closed", async () => {
  const events = newManager();
  const watch = events.watchEvents({});
  add(events, 2);
  const read = readAll(watch);
  await Promise.resolve();
  watch.close();
  add(events);
  assertEquals(await read, [1, 2]);
});

Deno.test("EventWatch.finish() leaves queued events readable and accepts no more", async () => {
  const events = newManager();
  const watch = events.watchEvents({}, { queueLimit: 3 });
  add(events, 5);
  watch.finish();
  add(events);
  assertFalse(watch.ended);
  assertEquals(events.counters.watches, 0);
  assertEquals(await readAll(watch), [-2, 3, 4, 5]);
  assert(watch.ended);
  assertEquals(await watch.next(), []);
});

Deno.test("EventWatch.finish() and close() wake a waiting reader", async () => {
  for (const end of ["finish", "close"] as const) {
    const watch = newManager().watchEvents({});
    const next = watch.next();
    watch[end]();
    assertEquals(await next, []);
  }
});

Deno.test("EventWatch.close() discards queued events and may be called twice", async () => {
  const events = newManager();
  const watch = events.watchEvents({}, { queueLimit: 2 });
  add(events, 5);
  watch.close();
  watch.close();
  assert(watch.ended);
  assertEquals(watch.size, 0);
  assertEquals(await readAll(watch), []);
  assertEquals(watch.lost, 3);
});

Deno.test("EventWatch is closed when its reader leaves or throws in the loop", async () => {
  const events = newManager();
  const leaving = events.watchEvents({});
  const failing = events.watchEvents({});
  add(events);
  for await (const _batch of leaving) break;
  try {
    for await (const _batch of failing) throw new Error("gone");
  } catch {
    // Expected.
  }
  assertEquals(events.counters.watches, 0);
  assert(leaving.ended && failing.ended);
});

Deno.test("EventWatch returns a long backlog in several batches", async () => {
  const events = newManager();
  add(events, 3000);
  const watch = events.watchEvents({ sinceSeq: 0 });
  const sizes = [];
  for (let n = 0; n < 3; n++) sizes.push((await watch.next()).length);
  assertEquals(sizes, [1024, 1024, 952]);
});
