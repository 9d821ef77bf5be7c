import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventStreams, type StreamQuery } from "../../lib/api/event_stream.ts";
import { HttpError } from "../../lib/api/json_response.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import type { StoredEvent } from "../../lib/model/event.ts";
import { FakeClock } from "../_support/fake_clock.ts";

const NDJSON: StreamQuery = { format: "ndjson", request: {} };

/** Event streams of a real event manager, with a fake clock. */
class Setup {
  readonly clock = new FakeClock();
  readonly events = new EventManager({
    node: "n1",
    bootId: "b1",
    clock: this.clock,
  });
  readonly streams: EventStreams;

  constructor(limits: { maxStreams?: number; queueLimit?: number } = {}) {
    const { events, clock } = this;
    this.streams = new EventStreams({ events, clock, ...limits });
  }

  add(containerName: string): StoredEvent {
    return this.events.addEvent({
      timestampMs: this.clock.now(),
      type: "containerCreation",
      containerName,
    });
  }

  open(query: StreamQuery = NDJSON): TestClient {
    return new TestClient(this.streams.respond(query));
  }
}

/** Reads a stream chunk by chunk. */
class TestClient {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    this.response = response;
    assert(response.body !== null);
    this.#reader = response.body.getReader();
  }

  /** The next chunk; `undefined` at the end. */
  async read(): Promise<string | undefined> {
    const { value } = await this.#reader.read();
    return value && new TextDecoder().decode(value);
  }

  async leave(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** Runs all pending microtasks. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("EventStreams sends each event as a line immediately", async () => {
  const setup = new Setup();
  const client = setup.open();
  assertEquals(
    client.response.headers.get("content-type"),
    "application/x-ndjson",
  );
  const read = client.read();
  await settle();
  const first = setup.add("/a");
  assertEquals(await read, `${first.json}\n`);
  const second = setup.add("/b");
  const third = setup.add("/c");
  assertEquals(await client.read(), `${second.json}\n${third.json}\n`);
  await client.leave();
});

Deno.test("EventStreams sends server-sent events with type, data and id", async () => {
  const setup = new Setup();
  const client = setup.open({ format: "sse", request: {} });
  assertEquals(
    client.response.headers.get("content-type"),
    "text/event-stream",
  );
  const { json } = setup.add("/a");
  assertEquals(
    await client.read(),
    `event:containerCreation\ndata:${json}\nid:1\n\n`,
  );
  await client.leave();
});

Deno.test("EventStreams resumes after a seq: stored events, then new ones", async () => {
  const setup = new Setup();
  setup.add("/a");
  const second = setup.add("/b");
  const client = setup.open({ ...NDJSON, request: { sinceSeq: 1 } });
  assertEquals(await client.read(), `${second.json}\n`);
  const third = setup.add("/c");
  assertEquals(await client.read(), `${third.json}\n`);
  await client.leave();
});

Deno.test("EventStreams sends many events in chunks of bounded size", async () => {
  const setup = new Setup();
  for (let i = 0; i < 500; i++) setup.add(`/${i}`);
  const client = setup.open({ ...NDJSON, request: { sinceSeq: 0 } });
  let lines = 0;
  while (lines < 500) {
    const piece = await client.read() ?? "";
    assert(piece.length < 64 * 1024);
    lines += piece.split("\n").length - 1;
  }
  assertEquals(lines, 500);
  await client.leave();
});

Deno.test("EventStreams sends a heartbeat after each idle interval", async () => {
  for (
    const [format, heartbeat] of [["ndjson", "\n"], ["sse", ":\n\n"]] as const
  ) {
    const setup = new Setup();
    const client = setup.open({ format, request: {}, heartbeatMs: 15_000 });
    for (let i = 0; i < 3; i++) {
      const read = client.read();
      await settle();
      setup.clock.advance(14_999);
      await settle();
      setup.clock.advance(1);
      assertEquals(await read, heartbeat);
    }
    const read = client.read();
    await settle();
    setup.clock.advance(10_000);
    setup.add("/a");
    assert((await read)?.includes("/a"));
    await client.leave();
    assertEquals(setup.clock.pending, 0);
  }
});

Deno.test("EventStreams takes no events for a client that does not read, and reports its losses", async () => {
  const setup = new Setup({ queueLimit: 4 });
  const stalled = setup.open();
  const other = setup.open();
  for (let i = 0; i < 100; i++) {
    setup.add(`/${i}`);
    assert((await other.read())?.includes(`"/${i}"`));
  }
  const lines = (await stalled.read())?.trim().split("\n") ?? [];
  const [lost, ...rest] = lines.map((line) => JSON.parse(line));
  assertEquals(lost.event_type, "lost");
  assertEquals(lost.event_data.lost.count, 96);
  assertEquals(rest.map((event) => event.seq), [97, 98, 99, 100]);
  await stalled.leave();
  await other.leave();
});

Deno.test("EventStreams ends the watch of a client that disconnects, reading or not", async () => {
  const setup = new Setup();
  const idle = setup.open();
  const waiting = setup.open();
  const read = waiting.read();
  await settle();
  assertEquals(setup.events.counters.watches, 2);
  await idle.leave();
  await waiting.leave();
  assertEquals(await read, undefined);
  assertEquals(setup.events.counters.watches, 0);
  assertEquals(setup.streams.open, 0);
});

Deno.test("EventStreams throws 503 if the maximum number of streams is open", async () => {
  const setup = new Setup({ maxStreams: 1 });
  const client = setup.open();
  const error = assertThrows(
    () => setup.open(),
    HttpError,
    "maximum of 1 is open",
  );
  assertEquals(error.status, 503);
  assertEquals(Object.keys(error.headers), ["retry-after"]);
  assertThrows(() => setup.streams.respondHead(NDJSON), HttpError);
  await client.leave();
  await setup.open().leave();
});

Deno.test("EventStreams.close() ends every stream and rejects new ones", async () => {
  const setup = new Setup();
  const idle = setup.open();
  const waiting = setup.open({ ...NDJSON, heartbeatMs: 1000 });
  const read = waiting.read();
  await settle();
  setup.streams.close();
  assertEquals(await read, undefined);
  assertEquals(await idle.read(), undefined);
  assertEquals(setup.streams.open, 0);
  assertEquals(setup.events.counters.watches, 0);
  await settle();
  assertEquals(setup.clock.pending, 0);
  assertThrows(() => setup.open(), HttpError, "stopping");
});

Deno.test("EventStreams.respondHead() has the same headers and opens no stream", () => {
  const setup = new Setup();
  const head = setup.streams.respondHead(NDJSON);
  assertEquals(head.headers.get("content-type"), "application/x-ndjson");
  assertEquals(head.body, null);
  assertEquals(setup.events.counters.watches, 0);
});
