import { assert, assertEquals, assertRejects } from "@std/assert";
import { EventStreams } from "../../lib/api/event_stream.ts";
import { serve, type ServeOptions, type Server } from "../../lib/api/server.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { parseListenAddress } from "../../lib/model/listen_address.ts";
import {
  type LogFields,
  type Logger,
  silentLogger,
} from "../../lib/model/logger.ts";

const LOOPBACK = [parseListenAddress("127.0.0.1:0")];

function start(
  handler: (request: Request) => Response | Promise<Response>,
  options: Partial<ServeOptions> = {},
): Promise<Server> {
  return serve(handler, {
    listen: LOOPBACK,
    logger: silentLogger,
    ...options,
  });
}

function createStreams(): [EventManager, EventStreams] {
  const clock = systemClock;
  const events = new EventManager({ node: "n1", bootId: "b1", clock });
  return [events, new EventStreams({ events, clock })];
}

/** Measures a duration, milliseconds. */
async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

Deno.test("serve() listens on every address, and returns the addresses", async () => {
  const listen = [...LOOPBACK, ...LOOPBACK];
  const server = await start((request) => new Response(request.url), {
    listen,
  });
  assertEquals(server.addresses.length, 2);
  for (const address of server.addresses) {
    assert(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/.test(address), address);
    const response = await fetch(`${address}/x`);
    assertEquals(await response.text(), `${address}/x`);
  }
  await server.shutdown();
});

Deno.test("serve() rejects with address and reason, and listens on no address", async () => {
  const first = await start(() => new Response());
  const taken = parseListenAddress(first.addresses[0]?.slice(7) ?? "");
  await assertRejects(
    () => start(() => new Response(), { listen: [...LOOPBACK, taken] }),
    Error,
    `Cannot listen on "${first.addresses[0]}": Address already in use`,
  );
  await first.shutdown();
});

Deno.test("serve() responds with 500 if the handler throws, logs it once and leaks nothing", async () => {
  const errors: (LogFields | undefined)[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (_, fields) => errors.push(fields),
  };
  const server = await start(() => {
    throw new Error("secret");
  }, { logger });
  const response = await fetch(`${server.addresses[0]}/`);
  assertEquals(response.status, 500);
  assert(!(await response.text()).includes("secret"));
  assertEquals(errors.length, 1);
  assert(`${errors[0]?.["error"]}`.includes("secret"));
  await server.shutdown();
});

Deno.test("serve() sends the headers of a stream before its first event", async () => {
  const [events, streams] = createStreams();
  const server = await start(
    () => streams.respond({ format: "ndjson", request: {} }),
    { streams },
  );
  const response = await fetch(`${server.addresses[0]}/`);
  assertEquals(
    response.headers.get("content-type"),
    "application/x-ndjson",
  );
  const { json } = events.addEvent({
    timestampMs: 0,
    type: "oom",
    containerName: "/",
  });
  const reader = response.body?.getReader();
  const { value } = await reader?.read() ?? {};
  assertEquals(new TextDecoder().decode(value), `${json}\n`);
  await server.shutdown();
  assertEquals((await reader?.read())?.done, true);
});

Deno.test("serve() ends the watch of a client that disconnects", async () => {
  const [events, streams] = createStreams();
  const server = await start(
    () => streams.respond({ format: "ndjson", request: {} }),
    { streams },
  );
  const response = await fetch(`${server.addresses[0]}/`);
  assertEquals(streams.open, 1);
  await response.body?.cancel();
  while (streams.open > 0) await new Promise((done) => setTimeout(done, 5));
  assertEquals(events.counters.watches, 0);
  await server.shutdown();
});

Deno.test("Server.shutdown() waits for responses in progress", async () => {
  const server = await start(async () => {
    await new Promise((done) => setTimeout(done, 100));
    return new Response("late");
  });
  const response = fetch(`${server.addresses[0]}/`);
  await new Promise((done) => setTimeout(done, 30));
  const shutdown = server.shutdown();
  assertEquals(await (await response).text(), "late");
  await shutdown;
});

Deno.test("Server.shutdown() is quick after responses of every kind", async () => {
  const server = await start((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/empty") return new Response(null, { status: 204 });
    if (pathname === "/text") return new Response("x");
    return new Response(new Blob(["x".repeat(1e6)]).stream());
  });
  for (const path of ["/empty", "/text", "/stream"]) {
    for (const method of ["GET", "HEAD"]) {
      const response = await fetch(`${server.addresses[0]}${path}`, { method });
      await response.bytes();
    }
  }
  const gone = await fetch(`${server.addresses[0]}/stream`);
  await gone.body?.cancel();
  const elapsedMs = await timed(() => server.shutdown());
  assert(elapsedMs < 250, `${elapsedMs} ms`);
});

Deno.test("Server.shutdown() ends in time with clients that do not read, and one without a response", async () => {
  const server = await start((request) => {
    if (request.url.endsWith("/never")) return new Promise(() => {});
    return new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      }),
    );
  });
  const never = fetch(`${server.addresses[0]}/never`).catch(() => "cut");
  const stalled = await fetch(`${server.addresses[0]}/flood`);
  const elapsedMs = await timed(() => server.shutdown());
  assert(elapsedMs < 600, `${elapsedMs} ms`);
  assertEquals(await never, "cut");
  await assertRejects(() => stalled.bytes());
  await assertRejects(() => fetch(`${server.addresses[0]}/`));
  await server.shutdown();
});
