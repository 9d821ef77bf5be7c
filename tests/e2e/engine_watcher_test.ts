import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../lib/model/clock.ts";
import { DockerEngine } from "../../lib/runtimes/docker_engine.ts";
import type { EngineEvent } from "../../lib/runtimes/engine.ts";
import { EngineClient } from "../../lib/runtimes/engine_client.ts";
import { EngineSocket } from "../../lib/runtimes/engine_socket.ts";
import { EngineWatcher } from "../../lib/runtimes/engine_watcher.ts";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";
import { FakeEngine } from "../_support/fake_engine.ts";
import { until as comes } from "./_agent.ts";

const ID = "3c1b7f0a5d8e4f2b9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";

/** Reached only by requests that hang. */
const TIMEOUT_MS = 10_000;

function socketOf(engine: FakeEngine, timeoutMs = TIMEOUT_MS): EngineSocket {
  return new EngineSocket({ paths: () => [engine.socketPath], timeoutMs });
}

/** A watcher of an engine and its updates. */
class Watched implements AsyncDisposable {
  readonly events: EngineEvent[] = [];
  readonly watcher: EngineWatcher;
  readonly #done: Promise<void>;

  constructor(engine: FakeEngine, timeoutMs = TIMEOUT_MS) {
    this.watcher = new EngineWatcher({
      engine: new DockerEngine({
        runtime: "docker",
        socket: socketOf(engine, timeoutMs),
        labels: new LabelFilter({ allowed: ["team"] }),
        maxBytes: 100_000,
      }),
      clock: systemClock,
    });
    this.#done = this.#follow();
  }

  async #follow(): Promise<void> {
    for await (const batch of this.watcher.updates()) {
      this.events.push(...batch);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watcher.close();
    await this.#done;
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  assert(await comes(holds), what);
}

Deno.test("EngineWatcher reports all existing containers, and then their changes", async () => {
  await using engine = FakeEngine.start();
  engine.responses.set(
    "/containers/json",
    () => Response.json([{ Id: ID, Names: ["/web"], Labels: { team: "a" } }]),
  );
  await using watched = new Watched(engine);
  const { events, watcher } = watched;
  await until(() => watcher.state.state === "ok", "ok");
  await until(() => engine.followers === 1, "followed");
  engine.act("rename", ID, { name: "shop", oldName: "/web", secret: "s" });
  engine.act("die", ID, { name: "shop", exitCode: "137" });
  engine.act("destroy", ID, { name: "shop" });
  await until(() => events.length === 4, "4 events");
  assertEquals(
    events.map(({ metadata, isRemoved }) => [
      metadata.name,
      metadata.labels,
      metadata.exitCode,
      isRemoved,
    ]),
    [
      ["web", { team: "a" }, undefined, false],
      ["shop", undefined, undefined, false],
      ["shop", undefined, 137, false],
      ["shop", undefined, undefined, true],
    ],
  );
});

Deno.test("EngineWatcher is off without a socket, which is not a failure", async () => {
  await using engine = FakeEngine.start();
  await engine.kill();
  await using watched = new Watched(engine);
  await until(
    () => watched.watcher.state.detail === `no socket at ${engine.socketPath}`,
    "off",
  );
  assertEquals(watched.watcher.state.state, "off");
});

Deno.test("EngineWatcher reconnects after a restart of the engine", async () => {
  await using engine = FakeEngine.start();
  await using watched = new Watched(engine);
  const { watcher } = watched;
  await until(() => engine.followers === 1, "followed");
  await engine.kill();
  await until(() => watcher.state.state !== "ok", "not ok");
  engine.listen();
  // A missing engine is checked every 5 s.
  assert(await comes(() => engine.followers === 1));
  await until(() => watcher.state.state === "ok", "ok again");
  engine.act("start", ID, { name: "web" });
  await until(
    () => watched.events.some(({ isStarted }) => isStarted),
    "events",
  );
});

const BAD_LISTS: readonly (readonly [string, () => Response, string])[] = [
  ["hangs", () => hanging(""), "timed out after 200 ms"],
  [
    "hangs in the middle",
    () => hanging('[{"Id":"3c'),
    "timed out after 200 ms",
  ],
  [
    "responds with 500",
    () => new Response("no", { status: 500 }),
    "status 500",
  ],
  ["sends garbage", () => new Response("\0\xff<html>"), "not valid JSON"],
  ["sends incomplete JSON", () => new Response('[{"Id":"3c1b'), "JSON"],
  ["sends no list", () => Response.json({}), "it is not an array"],
];

function hanging(text: string): Response {
  return new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    }),
  );
}

for (const [does, response, detail] of BAD_LISTS) {
  Deno.test(`EngineWatcher is degraded with the reason while the engine ${does}`, async () => {
    await using engine = FakeEngine.start();
    engine.responses.set("/containers/json", response);
    await using watched = new Watched(
      engine,
      does.startsWith("hangs") ? 200 : TIMEOUT_MS,
    );
    const { watcher, events } = watched;
    await until(() => watcher.state.state === "degraded", "degraded");
    assert(watcher.state.detail.includes(detail), watcher.state.detail);
    // Restore the valid response.
    engine.responses.set("/containers/json", () => Response.json([{ Id: ID }]));
    await until(() => watcher.state.state === "ok", "ok");
    await until(() => events.length > 0, "events");
    assertEquals(events[0]?.metadata.id, ID);
  });
}

Deno.test("EngineWatcher continues with events if the list is too long, and is degraded", async () => {
  await using engine = FakeEngine.start();
  engine.responses.set(
    "/containers/json",
    () => Response.json([{ Id: ID, Labels: { big: "x".repeat(200_000) } }]),
  );
  await using watched = new Watched(engine);
  const { watcher, events } = watched;
  await until(() => engine.followers === 1, "followed");
  await until(() => watcher.state.detail.includes("exceeds 100000"), "big");
  engine.act("start", ID, { name: "web" });
  await until(() => events.length === 1, "events");
});

Deno.test("EngineWatcher skips and counts messages that are too long or not JSON", async () => {
  await using engine = FakeEngine.start();
  await using watched = new Watched(engine);
  const { watcher, events } = watched;
  await until(() => engine.followers === 1, "followed");
  engine.act("start", ID, { name: "web", big: "x".repeat(3 * 2 ** 20) });
  engine.emit("garbage\n");
  engine.emit('{"Type":"container","Action":"sta');
  engine.emit("\n");
  engine.act("start", ID, { name: "web" });
  await until(() => events.length === 1, "events");
  assertEquals(watcher.lost, 3);
  assertEquals(watcher.state, {
    name: "docker",
    state: "degraded",
    detail: "3 messages could not be read",
  });
});

Deno.test("EngineClient.get() returns undefined for 404, and limits time and size", async () => {
  await using engine = FakeEngine.start();
  const socket = socketOf(engine, 500);
  const client = new EngineClient(socket, 1_000);
  assertEquals(await socket.exists(), true);
  assertEquals(await client.get("/containers/x/json"), undefined);
  engine.responses.set("/long", () => Response.json("x".repeat(2_000)));
  await assertRejects(() => client.get("/long"), RangeError, "exceeds 1000");
  engine.responses.set("/slow", () => hanging('"'));
  await assertRejects(() => client.get("/slow"), Error, "500 ms");
  socket.close();
});

Deno.test("DockerEngine.dataRoot() returns Docker's data directory if it is an absolute path", async () => {
  await using engine = FakeEngine.start();
  const docker = new DockerEngine({
    runtime: "docker",
    socket: socketOf(engine),
    labels: new LabelFilter({ allowed: [] }),
  });
  for (
    const [info, root] of [
      [{ DockerRootDir: "/data/docker" }, "/data/docker"],
      [{ DockerRootDir: "" }, undefined],
      [{}, undefined],
    ] as const
  ) {
    engine.responses.set("/info", () => Response.json(info));
    assertEquals(await docker.dataRoot(), root);
  }
  docker.close();
});
