import { assertEquals, assertThrows } from "@std/assert";
import {
  type EventsQuery,
  parseEventsQuery,
} from "../../lib/api/events_query.ts";
import { BadRequestError } from "../../lib/model/errors.ts";
import { EVENT_TYPES } from "../../lib/model/event.ts";

function parse(
  query: string,
  { name = "/", headers = {} }: {
    name?: string;
    headers?: Record<string, string>;
  } = {},
): EventsQuery {
  return parseEventsQuery(
    { headers: new Headers(headers) },
    new URLSearchParams(query),
    name,
  );
}

Deno.test("parseEventsQuery() without parameters selects all events of all containers", () => {
  assertEquals(parse(""), { request: {}, format: "array" });
  assertEquals(parse("heartbeat=15s&unknown=1"), {
    request: {},
    format: "array",
    heartbeatMs: 15_000,
  });
});

Deno.test("parseEventsQuery() with a container in the path selects only its events", () => {
  assertEquals(parse("", { name: "/a" }).request, { containerName: "/a" });
  assertEquals(parse("subcontainers=true", { name: "/a" }).request, {
    containerName: "/a",
    includeSubcontainers: true,
    maxEvents: 10,
  });
});

Deno.test("parseEventsQuery() with a type follows cAdvisor: ten events of the container without its subtree", () => {
  assertEquals(parse("oom_events=true").request, {
    types: new Set(["oom"] as const),
    containerName: "/",
    maxEvents: 10,
  });
  assertEquals(
    parse("oom_kill_events=1&creation_events=t&deletion_events=T&oom_events=0")
      .request.types,
    new Set(["oomKill", "containerCreation", "containerDeletion"] as const),
  );
});

Deno.test("parseEventsQuery() with all_events selects all types except updates, which have a separate parameter", () => {
  const types = new Set(EVENT_TYPES);
  types.delete("containerUpdate");
  assertEquals(
    parse("all_events=true&oom_events=false&subcontainers=true").request,
    { types, maxEvents: 10 },
  );
  assertEquals(
    parse("update_events=true").request.types,
    new Set(["containerUpdate"] as const),
  );
});

Deno.test("parseEventsQuery() selects warnings and node events by cgwatch's parameters", () => {
  assertEquals(
    parse("pressure_events=true").request.types,
    new Set(["memoryHigh", "memoryMax"] as const),
  );
  assertEquals(
    parse("node_events=true&oom_events=true").request.types,
    new Set(["oom", "nodeEvent"] as const),
  );
});

Deno.test("parseEventsQuery() with all types set to false selects none", () => {
  assertEquals(parse("all_events=false").request.types, new Set());
});

Deno.test("parseEventsQuery() without a type selects all types of all containers", () => {
  assertEquals(parse("max_events=5").request, { maxEvents: 5 });
  assertEquals(parse("subcontainers=true").request, { maxEvents: 10 });
  assertEquals(parse("subcontainers=false").request, {
    containerName: "/",
    includeSubcontainers: false,
    maxEvents: 10,
  });
  assertEquals(parse("start_time=2026-01-01T00:00:00Z").request, {
    startMs: Date.UTC(2026, 0, 1),
    maxEvents: 10,
  });
});

Deno.test("parseEventsQuery() uses the first value of a repeated parameter", () => {
  assertEquals(parse("max_events=-1&max_events=3").request.maxEvents, -1);
});

Deno.test("parseEventsQuery() accepts a zone whose plus was decoded as a space", () => {
  assertEquals(
    parse("end_time=2026-01-01T02:00:00+02:00").request.endMs,
    Date.UTC(2026, 0, 1),
  );
});

Deno.test("parseEventsQuery() with since_seq has no default maximum", () => {
  assertEquals(parse("since_seq=7").request, { sinceSeq: 7 });
  assertEquals(parse("since_seq=7&oom_events=true").request, {
    types: new Set(["oom"] as const),
    containerName: "/",
    sinceSeq: 7,
  });
  assertEquals(parse("since_seq=7&max_events=2").request, {
    sinceSeq: 7,
    maxEvents: 2,
  });
});

Deno.test("parseEventsQuery() selects NDJSON with stream, and SSE with Accept", () => {
  assertEquals(parse("stream=true").format, "ndjson");
  assertEquals(parse("stream=false").format, "array");
  const headers = { accept: "text/event-stream" };
  assertEquals(parse("", { headers }).format, "sse");
  assertEquals(parse("stream=true", { headers }).format, "sse");
  assertEquals(
    parse("stream=true", { headers: { accept: "*/*" } }).format,
    "ndjson",
  );
  assertEquals(parse("", { headers: { accept: "text/html" } }).format, "array");
});

Deno.test("parseEventsQuery() prefers Last-Event-ID of an SSE client to since_seq", () => {
  const headers = { accept: "text/event-stream", "last-event-id": "42" };
  assertEquals(parse("since_seq=7", { headers }).request.sinceSeq, 42);
  assertEquals(
    parse("since_seq=7", { headers: { ...headers, "last-event-id": "" } })
      .request.sinceSeq,
    7,
  );
  assertEquals(
    parse("since_seq=7", { headers: { "last-event-id": "42" } }).request
      .sinceSeq,
    7,
  );
});

Deno.test("parseEventsQuery() rejects an invalid value with its name and the expected format", () => {
  for (
    const [query, message] of [
      ["stream=yes", '"stream": "yes" is invalid, expected true or false'],
      ["all_events", '"all_events": "" is invalid, expected true or false'],
      [
        "max_events=-2",
        '"max_events": "-2" is invalid, expected an integer from -1',
      ],
      [
        "start_time=now",
        '"start_time": "now" is invalid, expected an RFC 3339 time',
      ],
      [
        "since_seq=-1",
        '"since_seq": "-1" is invalid, expected the seq of an event',
      ],
      [
        "heartbeat=1ms",
        '"heartbeat": "1ms" is invalid, expected a duration from 100ms',
      ],
      [
        "heartbeat=x",
        '"heartbeat": "x" is invalid, expected a duration such as',
      ],
      [
        "start_time=2026-01-02T00:00:00Z&end_time=2026-01-01T00:00:00Z",
        'Cannot use "start_time": it is later than "end_time"',
      ],
      [
        "stream=true&end_time=2026-01-01T00:00:00Z",
        'Cannot use "start_time" or "end_time" with a stream',
      ],
    ] as const
  ) assertThrows(() => parse(query), BadRequestError, message);
  const headers = { accept: "text/event-stream", "last-event-id": "x" };
  assertThrows(
    () => parse("", { headers }),
    BadRequestError,
    'header "Last-Event-ID": "x" is invalid, expected the seq',
  );
});
