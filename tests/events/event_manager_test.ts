import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  EventManager,
  type EventManagerOptions,
} from "../../lib/events/event_manager.ts";
import { parseStoragePolicy } from "../../lib/events/storage_policy.ts";
import { BadRequestError } from "../../lib/model/errors.ts";
import type {
  EventType,
  NewEvent,
  StoredEvent,
} from "../../lib/model/event.ts";
import { FakeClock } from "../_support/fake_clock.ts";

function newManager(
  options:
    & { lastSeq?: number; ages?: string; counts?: string }
    & Pick<EventManagerOptions, "describe"> = {},
): EventManager {
  const { lastSeq = 0, ages = "", counts = "", ...rest } = options;
  return new EventManager({
    node: "n1",
    bootId: "2f5",
    clock: new FakeClock(),
    lastSeq,
    storagePolicy: parseStoragePolicy(ages, counts),
    ...rest,
  });
}

function creation(timestampMs: number, containerName = "/a"): NewEvent {
  return { timestampMs, type: "containerCreation", containerName };
}

function of(type: EventType, timestampMs: number): NewEvent {
  return { timestampMs, type, containerName: "/a" };
}

function seqs(events: readonly StoredEvent[]): number[] {
  return events.map((kept) => kept.event.seq);
}

Deno.test("EventManager serializes the event fields in the documented order", () => {
  const events = newManager({
    lastSeq: 1041,
    describe: ({ containerName }) => ({
      "namespace": "docker",
      "id": containerName.slice("/docker/".length),
    }),
  });
  const kept = events.addEvent({
    timestampMs: Date.UTC(2026, 10, 23, 6, 31, 13, 123) + 0.456,
    type: "oomKill",
    containerName: "/docker/eac18",
    data: { "oom": { "pid": 19801 } },
  });
  assertEquals(
    kept.json,
    '{"seq":1042,"boot_id":"2f5","node":"n1","timestamp":"2026-11-23T06:31:13.123456Z",' +
      '"event_type":"oomKill","container_name":"/docker/eac18",' +
      '"container":{"namespace":"docker","id":"eac18"},"event_data":{"oom":{"pid":19801}}}',
  );
  assertEquals(JSON.parse(kept.json), kept.event);
});

Deno.test("EventManager omits unknown fields, but always includes event_data", () => {
  const { event } = newManager().addEvent(creation(0));
  assertEquals("container" in event, false);
  assertEquals(event.event_data, {});
});

Deno.test("EventManager writes one line per event, for any process name", () => {
  const kept = newManager().addEvent({
    ...of("oomKill", 0),
    data: { "oom": { "process_name": 'a\n"b\u2028\ud800' } },
  });
  assertEquals(kept.json.includes("\n"), false);
  assertEquals(JSON.parse(kept.json), kept.event);
});

Deno.test("EventManager continues the seq of an earlier run without gaps", () => {
  const events = newManager({ lastSeq: 41 });
  assertEquals(events.lastSeq, 41);
  assertEquals(events.addEvent(creation(1)).event.seq, 42);
  assertEquals(events.addEvent(of("oom", 2)).event.seq, 43);
  assertEquals(events.lastSeq, 43);
});

Deno.test("EventManager does not use a seq for an event with an invalid timestamp", () => {
  const events = newManager();
  assertThrows(() => events.addEvent(creation(NaN)), RangeError);
  assertEquals(events.addEvent(creation(1)).event.seq, 1);
  assertEquals(events.counters.totals.containerCreation, 1);
});

Deno.test("EventManager rejects an invalid lastSeq", () => {
  for (const lastSeq of [-1, 0.5, NaN]) {
    assertThrows(() => newManager({ lastSeq }), RangeError, `${lastSeq}`);
  }
});

Deno.test("EventManager counts events by type, and watches", () => {
  const events = newManager();
  events.addEvent(of("oom", 1));
  events.addEvent(of("oomKill", 1));
  events.addEvent(of("oomKill", 2));
  const watch = events.watchEvents({});
  assertEquals(events.counters, {
    totals: {
      oom: 1,
      oomKill: 2,
      containerCreation: 0,
      containerDeletion: 0,
      containerUpdate: 0,
      memoryHigh: 0,
      memoryMax: 0,
      nodeEvent: 0,
    },
    watches: 1,
    lost: 0,
  });
  watch.close();
  assertEquals(events.counters.watches, 0);
});

Deno.test("EventManager.getEvents() returns all types ordered by time, then by seq", () => {
  const events = newManager();
  events.addEvent(of("oom", 30));
  events.addEvent(creation(10));
  events.addEvent(of("oomKill", 30));
  events.addEvent(of("containerDeletion", 20));
  events.addEvent(of("oom", 30));
  assertEquals(seqs(events.getEvents({})), [2, 4, 1, 3, 5]);
});

Deno.test("EventManager.getEvents() returns the stored objects themselves", () => {
  const events = newManager();
  const kept = events.addEvent(creation(1));
  assertStrictEquals(events.getEvents({})[0], kept);
});

Deno.test("EventManager.getEvents() selects by type, time and container together", () => {
  const events = newManager();
  for (let time = 1; time <= 6; time++) {
    events.addEvent(creation(time, time % 2 === 0 ? "/a/b" : "/c"));
    events.addEvent(of("oom", time));
  }
  const found = events.getEvents({
    types: new Set(["containerCreation"]),
    startMs: 2,
    endMs: 5,
    containerName: "/a",
    includeSubcontainers: true,
  });
  assertEquals(found.map((kept) => kept.timestampMs), [2, 4]);
});

Deno.test("EventManager.getEvents() applies maxEvents after all other conditions", () => {
  const events = newManager();
  events.addEvent(creation(1, "/rare"));
  events.addEvent(creation(2, "/rare"));
  events.addEvent(creation(3, "/rare"));
  for (let time = 4; time < 1000; time++) {
    events.addEvent(creation(time, "/busy"));
  }
  const found = events.getEvents({ containerName: "/rare", maxEvents: 2 });
  assertEquals(seqs(found), [2, 3]);
});

Deno.test("EventManager.getEvents() returns the newest by time across types", () => {
  const events = newManager();
  for (let time = 1; time <= 10; time++) {
    events.addEvent(of(time % 2 === 0 ? "oom" : "oomKill", time));
  }
  const found = events.getEvents({ maxEvents: 3 });
  assertEquals(found.map((kept) => kept.timestampMs), [8, 9, 10]);
});

Deno.test("EventManager.getEvents() returns none for 0, all for -1, and rejects less than -1", () => {
  const events = newManager();
  events.addEvent(creation(1));
  assertEquals(events.getEvents({ maxEvents: 0 }), []);
  assertEquals(events.getEvents({ maxEvents: 0, sinceSeq: 0 }), []);
  assertEquals(events.getEvents({ maxEvents: -1 }).length, 1);
  for (const maxEvents of [-2, 1.5, NaN]) {
    assertThrows(() => events.getEvents({ maxEvents }), BadRequestError);
  }
});

Deno.test("EventManager.getEvents() returns nothing if the start is after the end or no type is requested", () => {
  const events = newManager();
  events.addEvent(creation(5));
  assertEquals(events.getEvents({ startMs: 6, endMs: 4 }), []);
  assertEquals(events.getEvents({ types: new Set() }), []);
});

Deno.test("EventManager.getEvents() with sinceSeq selects by seq, also for old timestamps", () => {
  const events = newManager();
  events.addEvent(of("oom", 1000));
  events.addEvent(of("oom", 1001));
  events.addEvent(creation(3));
  events.addEvent(of("oom", 1002));
  events.addEvent(creation(2));
  assertEquals(seqs(events.getEvents({ sinceSeq: 2 })), [3, 4, 5]);
  assertEquals(seqs(events.getEvents({ sinceSeq: 2, maxEvents: 2 })), [4, 5]);
  assertEquals(
    seqs(events.getEvents({ sinceSeq: 1, types: new Set(["oom"]) })),
    [2, 4],
  );
  assertEquals(events.getEvents({ sinceSeq: 5 }), []);
  assertEquals(events.getEvents({ sinceSeq: 99 }), []);
});

Deno.test("EventManager applies a storage policy per type", () => {
  const events = newManager({
    ages: "default=24h,oom=1s",
    counts: "default=2,oom=-1,deletion=0",
  });
  for (let time = 1; time <= 3; time++) {
    events.addEvent(creation(time));
    events.addEvent(of("oom", time * 600));
    events.addEvent(of("containerDeletion", time));
  }
  const times = (type: EventType) =>
    events.getEvents({ types: new Set([type]) }).map((kept) =>
      kept.timestampMs
    );
  assertEquals(times("containerCreation"), [2, 3]);
  assertEquals(times("oom"), [1200, 1800]);
  assertEquals(times("containerDeletion"), []);
});

Deno.test("EventManager sends an event that is not stored to watches", () => {
  const events = newManager({ counts: "default=0" });
  const watch = events.watchEvents({});
  events.addEvent(creation(1));
  assertEquals(seqs(watch.take()), [1]);
  assertEquals(events.getEvents({}), []);
});

Deno.test("EventManager.watchEvents() without sinceSeq returns only new events that match", () => {
  const events = newManager();
  events.addEvent(creation(1));
  const watch = events.watchEvents({ types: new Set(["oom"]) });
  events.addEvent(creation(2));
  events.addEvent(of("oom", 3));
  assertEquals(seqs(watch.take()), [3]);
});

Deno.test("EventManager.watchEvents() shares one object and one line among all watches", () => {
  const events = newManager();
  const watches = [events.watchEvents({}), events.watchEvents({})];
  const kept = events.addEvent(creation(1));
  for (const watch of watches) assertStrictEquals(watch.take()[0], kept);
});

Deno.test("EventManager.watchEvents() resumes in seq order without gaps or duplicates", () => {
  const events = newManager();
  for (let n = 0; n < 50; n++) {
    events.addEvent(n % 3 === 0 ? creation(1000 - n) : of("oom", 1000 + n));
  }
  const watch = events.watchEvents({ sinceSeq: 20 }, { queueLimit: 5 });
  events.addEvent(creation(1));
  assertEquals(
    seqs(watch.take()),
    Array.from({ length: 31 }, (_, n) => 21 + n),
  );
  assertEquals(watch.lost, 0);
});

Deno.test("EventManager.watchEvents() first reports the number of events that are no longer stored", () => {
  const events = newManager({ counts: "default=2" });
  for (let time = 1; time <= 10; time++) events.addEvent(creation(time));
  const [notice, ...rest] = events.watchEvents({ sinceSeq: 3 }).take();
  assertEquals(notice?.event, {
    "seq": 8,
    "boot_id": "2f5",
    "node": "n1",
    "timestamp": "2026-11-23T06:31:13.123000Z",
    "event_type": "lost",
    "container_name": "/",
    "event_data": { "lost": { "count": 5, "reason": "no longer kept" } },
  });
  assertEquals(seqs(rest), [9, 10]);
});

Deno.test("EventManager.watchEvents() reports events lost across a restart", () => {
  const events = newManager({ lastSeq: 100 });
  const [notice] = events.watchEvents({ sinceSeq: 90 }).take();
  assertEquals(notice?.event.event_data.lost?.count, 10);
  assertEquals(notice?.event.seq, 100);
});

Deno.test("EventManager.watchEvents() can resume from a lost notice without missing events", () => {
  const events = newManager({ counts: "default=9,oom=1" });
  for (let time = 1; time <= 3; time++) {
    events.addEvent(creation(time));
    events.addEvent(of("oom", time));
  }
  const [notice, ...rest] = events.watchEvents({ sinceSeq: 0 }).take();
  assertEquals(seqs(rest), [1, 3, 5, 6]);
  assertEquals(notice?.event.event_data.lost?.count, 2);
  assertEquals(notice?.event.seq, 0);
});

Deno.test("EventManager.watchEvents() reports no loss if the request has a filter", () => {
  const events = newManager({ counts: "default=2" });
  for (let time = 1; time <= 10; time++) events.addEvent(creation(time));
  const some = { sinceSeq: 3, containerName: "/a" };
  assertEquals(seqs(events.watchEvents(some).take()), [9, 10]);
});

Deno.test("EventManager.watchEvents() treats a seq from a deleted log as a request for new events", () => {
  const events = newManager();
  events.addEvent(creation(1));
  const watch = events.watchEvents({ sinceSeq: 500 });
  events.addEvent(creation(2));
  assertEquals(seqs(watch.take()), [2]);
});

Deno.test("EventManager.watchEvents() rejects a time range and an empty queue", () => {
  const events = newManager();
  for (const request of [{ startMs: 1 }, { endMs: 1 }]) {
    assertThrows(
      () => events.watchEvents(request),
      BadRequestError,
      "a watch has no time range",
    );
  }
  for (const queueLimit of [0, -1, 1.5, Infinity]) {
    assertThrows(
      () => events.watchEvents({}, { queueLimit }),
      RangeError,
      `Cannot use queueLimit "${queueLimit}": expected an integer of at least 1`,
    );
  }
  assertEquals(events.counters.watches, 0);
});

Deno.test("EventManager.stopWatch() ends a watch, and returns false for an unknown ID", () => {
  const events = newManager();
  const watch = events.watchEvents({});
  assert(events.stopWatch(watch.id));
  assert(watch.ended);
  assertEquals(events.stopWatch(watch.id), false);
  assertEquals(events.stopWatch(77), false);
});

Deno.test("EventManager keeps the losses of a closed watch in its counters", () => {
  const events = newManager();
  const watch = events.watchEvents({}, { queueLimit: 2 });
  for (let time = 1; time <= 5; time++) events.addEvent(creation(time));
  assertEquals(events.counters.lost, 3);
  watch.close();
  assertEquals(events.counters.lost, 3);
});

Deno.test("EventManager adds events while a watch is not read or is closed", async () => {
  const events = newManager();
  const stuck = events.watchEvents({}, { queueLimit: 3 });
  const leaving = events.watchEvents({});
  const reading = events.watchEvents({});
  events.addEvent(creation(1));
  for await (const _batch of leaving) break;
  for (let time = 2; time <= 10; time++) events.addEvent(creation(time));
  assertEquals(seqs(reading.take()).length, 10);
  assertEquals(stuck.lost, 7);
  assertEquals(events.counters.watches, 2);
});
