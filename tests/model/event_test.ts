import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  type Event,
  type EventRequest,
  formatTimestamp,
  matches,
  type StoredEvent,
} from "../../lib/model/event.ts";

function kept(parts: Partial<Event> = {}, timestampMs = 1000): StoredEvent {
  const event: Event = {
    "seq": 5,
    "boot_id": "b",
    "node": "n1",
    "timestamp": formatTimestamp(timestampMs),
    "event_type": "oomKill",
    "container_name": "/docker/a",
    "event_data": {},
    ...parts,
  };
  return { event, timestampMs, json: JSON.stringify(event) };
}

Deno.test("matches() takes any event when nothing is asked", () => {
  assert(matches({}, kept()));
});

Deno.test("matches() counts both ends of a time range in", () => {
  assert(matches({ startMs: 1000, endMs: 1000 }, kept()));
  assertFalse(matches({ startMs: 1001 }, kept()));
  assertFalse(matches({ endMs: 999 }, kept()));
});

Deno.test("matches() selects by type and by greater seq", () => {
  assert(matches({ types: new Set(["oom", "oomKill"]) }, kept()));
  assertFalse(matches({ types: new Set(["oom"]) }, kept()));
  assertFalse(matches({ types: new Set() }, kept()));
  assert(matches({ sinceSeq: 4 }, kept()));
  assertFalse(matches({ sinceSeq: 5 }, kept()));
});

Deno.test("matches() takes the container named, and those below only when asked", () => {
  const below: EventRequest = {
    containerName: "/docker",
    includeSubcontainers: true,
  };
  assert(matches({ containerName: "/docker/a" }, kept()));
  assertFalse(matches({ containerName: "/docker" }, kept()));
  assert(matches(below, kept()));
  assert(matches(below, kept({ "container_name": "/docker" })));
  assert(matches({ ...below, containerName: "/" }, kept()));
});

Deno.test("matches() does not take a longer name for one below", () => {
  const request = { containerName: "/root", includeSubcontainers: true };
  assertFalse(matches(request, kept({ "container_name": "/root-x" })));
});

Deno.test("matches() gives a notice of loss to everybody", () => {
  const request = { types: new Set(["oom" as const]), containerName: "/x" };
  assert(matches(request, kept({ "event_type": "lost" })));
});

Deno.test("formatTimestamp() writes UTC with microseconds", () => {
  const ms = Date.UTC(2026, 10, 23, 6, 31, 13, 123);
  assertEquals(formatTimestamp(ms), "2026-11-23T06:31:13.123000Z");
  assertEquals(formatTimestamp(ms + 0.456), "2026-11-23T06:31:13.123456Z");
  assertEquals(formatTimestamp(0), "1970-01-01T00:00:00.000000Z");
});

Deno.test("formatTimestamp() gives each microsecond back that it was given", () => {
  const ms = Date.UTC(2026, 10, 23, 6, 31, 13, 123);
  for (let micros = 0; micros < 1000; micros++) {
    assertEquals(
      formatTimestamp(ms + micros / 1000).slice(-4),
      `${String(micros).padStart(3, "0")}Z`,
    );
  }
});

Deno.test("formatTimestamp() carries what rounds up to the next second", () => {
  const ms = Date.UTC(2026, 0, 1, 0, 0, 59, 999);
  assertEquals(formatTimestamp(ms + 0.9999), "2026-01-01T00:01:00.000000Z");
});
