import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../lib/model/clock.ts";
import { DEFAULT_CONFIG } from "../../lib/config/config.ts";
import { openRuntimes } from "../../lib/open_runtimes.ts";
import { ContainerdEngine } from "../../lib/runtimes/containerd_engine.ts";
import type { EngineEvent } from "../../lib/runtimes/engine.ts";
import { EngineSocket } from "../../lib/runtimes/engine_socket.ts";
import {
  engineStates,
  EngineWatcher,
} from "../../lib/runtimes/engine_watcher.ts";
import { parseCgroupOrigin } from "../../lib/runtimes/cgroup_origin.ts";
import { encodeGrpcMessage } from "../../lib/runtimes/grpc_messages.ts";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";
import {
  envelope,
  FakeContainerd,
  grpcFailure,
  type GrpcResponse,
  grpcResponse,
  joined,
  proto,
} from "../_support/fake_containerd.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";
import { until as comes } from "./_agent.ts";

const ID = "3c1b7f0a5d8e4f2b9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";
const WEB = {
  namespace: "shop",
  id: "web",
  image: "nginx:1",
  labels: { team: "a", secret: "s3cret" },
  spec: {
    process: { env: ["TOKEN=s3cret"] },
    linux: { cgroupsPath: "/shop/web" },
  },
};
const POD = {
  namespace: "k8s.io",
  id: ID,
  image: "nginx:1",
  labels: {
    team: "b",
    "io.kubernetes.container.name": "app",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
  },
  spec: { linux: { cgroupsPath: `/kubepods/pod1/${ID}` } },
};

/** Reached only by requests that hang. */
const TIMEOUT_MS = 10_000;

function engineOf(
  { socketPath }: { socketPath: string },
  timeoutMs = TIMEOUT_MS,
): ContainerdEngine {
  return new ContainerdEngine({
    socket: new EngineSocket({
      paths: () => [socketPath],
      timeoutMs,
      isHttp2: true,
    }),
    labels: new LabelFilter({ allowed: ["team"] }),
  });
}

/** A watcher of containerd and its updates. */
class Watched implements AsyncDisposable {
  readonly events: EngineEvent[] = [];
  readonly watcher: EngineWatcher;
  readonly #done: Promise<void>;

  constructor(containerd: { socketPath: string }, timeoutMs?: number) {
    this.watcher = new EngineWatcher({
      engine: engineOf(containerd, timeoutMs),
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

Deno.test("ContainerdEngine reports all containers except Docker's, in any namespace, and their changes", async () => {
  await using containerd = FakeContainerd.start();
  containerd.containers.push(WEB, { namespace: "moby", id: ID });
  await using watched = new Watched(containerd);
  const { events, watcher } = watched;
  await until(() => watcher.state.state === "ok", "ok");
  await until(() => containerd.followers === 1, "followed");
  containerd.create(POD);
  containerd.emit("shop", "/tasks/start", proto(1, "web"), proto(2, 77));
  const exit = (id: string, process: string, code: number) =>
    containerd.emit(
      "shop",
      "/tasks/exit",
      ...[proto(1, id), proto(2, process), proto(3, 77), proto(4, code)],
    );
  exit("web", "exec-1", 1);
  exit("web", "web", 137);
  containerd.emit("moby", "/containers/create", proto(1, ID));
  containerd.emit("shop", "/tasks/oom", proto(1, "web"));
  containerd.emit("shop", "/containers/delete", proto(1, "web"));
  await until(() => events.length === 5, "5 events");
  const runtime = "containerd";
  const createdMs = 1_795_416_465_930.2075;
  const quiet = { isRemoved: false, isStarted: false };
  const web = { runtime, id: "web" };
  const cgroup = "/shop/web";
  assertEquals<unknown>(
    events,
    [
      {
        metadata: {
          ...web,
          ...{ name: "web", image: "nginx:1", labels: { team: "a" } },
          createdMs,
          isStored: true,
        },
        cgroup,
        ...quiet,
      },
      {
        metadata: {
          ...{ runtime, id: ID, name: "app", image: "nginx:1" },
          labels: { team: "b" },
          pod: { namespace: "shop", name: "web-0", container: "app" },
          createdMs,
          isStored: true,
        },
        ...quiet,
      },
      { metadata: { ...web, pid: 77 }, cgroup, ...quiet, isStarted: true },
      { metadata: { ...web, exitCode: 137 }, cgroup, ...quiet },
      { metadata: web, cgroup, ...quiet, isRemoved: true },
    ],
  );
  assert(!JSON.stringify(events).includes("s3cret"));
});

Deno.test("ContainerdEngine reports simultaneous events in order, with their cgroup", async () => {
  await using containerd = FakeContainerd.start();
  await using watched = new Watched(containerd);
  await until(() => containerd.followers === 1, "followed");
  containerd.containers.push(WEB);
  const id = proto(1, "web");
  containerd.send(joined(...[
    envelope("shop", "/tasks/exit", id, proto(2, "web"), proto(4, 1)),
    envelope("shop", "/containers/create", id),
    envelope("shop", "/tasks/start", id, proto(2, 77)),
    envelope("shop", "/tasks/exit", id, proto(2, "web"), proto(4, 3)),
  ].map(encodeGrpcMessage)));
  const { events } = watched;
  await until(() => events.length === 3, "events");
  assertEquals(
    events.map(({ cgroup, metadata, isStarted }) => [
      cgroup,
      metadata.exitCode,
      isStarted,
    ]),
    [
      ["/shop/web", undefined, false],
      ["/shop/web", undefined, true],
      ["/shop/web", 3, false],
    ],
  );
});

Deno.test("ContainerdEngine.inspect() returns a container of the namespace, and nothing without one", async () => {
  await using containerd = FakeContainerd.start();
  containerd.containers.push(POD);
  const engine = engineOf(containerd);
  const find = async (cgroup: string) => {
    const origin = parseCgroupOrigin(cgroup);
    assert(origin?.kind === "container");
    return (await engine.inspect(origin))?.name;
  };
  assertEquals(await find(`/kubepods/pod1/${ID}`), "app");
  assertEquals(await find(`/kubepods/pod1/${ID.replace("3", "4")}`), undefined);
  assertEquals(await find(`/other/${ID}`), undefined);
  assertEquals(await find(`/a/b/c/${ID}`), undefined);
  engine.close();
});

Deno.test("EngineWatcher of containerd is off without a socket, and reconnects after a restart of containerd", async () => {
  await using containerd = FakeContainerd.start();
  await using watched = new Watched(containerd);
  const { watcher, events } = watched;
  await until(() => containerd.followers === 1, "followed");
  await containerd.kill();
  await until(() => watcher.state.state !== "ok", "not ok");
  await until(
    () => watcher.state.detail === `no socket at ${containerd.socketPath}`,
    "off",
  );
  containerd.listen();
  await until(() => containerd.followers === 1, "followed again");
  await until(() => watcher.state.state === "ok", "ok again");
  containerd.create(WEB);
  await until(() => events.length === 1, "events");
});

const hang = () => new Response(new ReadableStream());

/** Faults of containerd: method, response, and the expected detail. */
const BAD_RESPONSES:
  readonly (readonly [string, string, GrpcResponse, string])[] = [
    ["hangs at the list", "List", hang, "timed out after 200 ms"],
    [
      "hangs in the middle",
      "ListStream",
      () =>
        new Response(
          new ReadableStream({
            start: (controller) =>
              controller.enqueue(Uint8Array.of(0, 0, 0, 0, 9)),
          }),
        ),
      "timed out after 200 ms",
    ],
    [
      "responds with 500",
      "List",
      () => new Response("no", { status: 500 }),
      "500",
    ],
    [
      "fails",
      "List",
      () => grpcFailure(13, "broken"),
      "gRPC status 13: broken",
    ],
    [
      "sends garbage",
      "ListStream",
      () => grpcResponse(new TextEncoder().encode("\0<html>")),
      "Cannot parse a message",
    ],
    [
      "sends an incomplete message",
      "List",
      () => new Response(Uint8Array.of(0, 0, 0, 0, 9, 1)),
      "it is incomplete",
    ],
    ["sends nothing", "List", () => grpcResponse(), "it is empty"],
  ];

for (const [does, method, response, detail] of BAD_RESPONSES) {
  Deno.test(`EngineWatcher is degraded with the reason while containerd ${does}`, async () => {
    await using containerd = FakeContainerd.start();
    containerd.containers.push(WEB);
    const good = containerd.responses.get(method);
    assert(good !== undefined);
    containerd.responses.set(method, response);
    await using watched = new Watched(
      containerd,
      does.startsWith("hangs") ? 200 : TIMEOUT_MS,
    );
    const { watcher, events } = watched;
    await until(() => watcher.state.state === "degraded", "degraded");
    assert(watcher.state.detail.includes(detail), watcher.state.detail);
    // Restore the valid response.
    containerd.responses.set(method, good);
    await until(() => watcher.state.state === "ok", "ok");
    await until(() => events.length > 0, "events");
    assertEquals(events[0]?.metadata.id, "web");
  });
}

Deno.test("EngineWatcher of containerd continues with events if a container is too long, and is degraded", async () => {
  await using containerd = FakeContainerd.start();
  const big = { ...WEB, id: "big", labels: { team: "x".repeat(2 ** 21) } };
  containerd.containers.push(big, WEB);
  await using watched = new Watched(containerd);
  const { watcher, events } = watched;
  await until(() => watcher.state.state === "degraded", "degraded");
  assertEquals(watcher.lost, 1);
  await until(() => containerd.followers === 1, "followed");
  containerd.emit("shop", "/containers/update", proto(1, "big"));
  containerd.create({ ...WEB, id: "job" });
  await until(() => events.length === 2, "events");
  assertEquals(events.map(({ metadata }) => metadata.id), ["web", "job"]);
  assertEquals(watcher.lost, 2);
});

Deno.test("EngineWatcher of containerd continues with events if the list has 100 MB, and is degraded", async () => {
  await using containerd = FakeContainerd.start();
  const chunk = new Uint8Array(2 ** 20);
  containerd.containers.push(WEB);
  containerd.responses.set("ListStream", () => {
    let left = 100;
    return new Response(
      new ReadableStream({
        start: (controller) =>
          controller.enqueue(Uint8Array.of(0, 6, 64, 0, 0)),
        pull: (controller) =>
          left-- > 0 ? controller.enqueue(chunk) : controller.close(),
      }),
    );
  });
  await using watched = new Watched(containerd);
  const { watcher, events } = watched;
  await until(() => watcher.state.state === "degraded", "degraded");
  await until(() => containerd.followers === 1, "followed");
  containerd.create(WEB);
  await until(() => events.length > 0, "events");
});

Deno.test("ContainerdEngine.ping() throws if containerd does not respond in time", async () => {
  await using containerd = FakeContainerd.start();
  const engine = engineOf(containerd, 500);
  await engine.ping();
  containerd.responses.set("Version", hang);
  await assertRejects(() => engine.ping(), Error, "timed out after 500 ms");
  engine.close();
});

Deno.test("EngineWatcher of containerd skips and counts messages that are too long or invalid", async () => {
  await using containerd = FakeContainerd.start();
  await using watched = new Watched(containerd);
  const { watcher, events } = watched;
  await until(() => containerd.followers === 1, "followed");
  const image = "x".repeat(3 * 2 ** 20);
  containerd.emit("shop", "/containers/create", proto(2, image));
  containerd.send(Uint8Array.of(0, 0, 0, 0, 2, 255, 255));
  containerd.send(Uint8Array.of(1, 0, 0, 0, 1, 0));
  containerd.create(WEB);
  await until(() => events.length === 1, "events");
  assertEquals(watcher.lost, 3);
});

/** Bytes that are not HTTP/2. */
const NO_HTTP2: readonly (readonly [string, Uint8Array])[] = [
  ["garbage", crypto.getRandomValues(new Uint8Array(10_000))],
  ["HTTP/1.1", new TextEncoder().encode("HTTP/1.1 400 no\r\n\r\n")],
  ["half a frame", Uint8Array.of(0, 0, 18, 4, 0)],
  ["a frame of 16 MiB", Uint8Array.of(255, 255, 255, 0, 0, 0, 0, 0, 1)],
];

for (const [what, bytes] of NO_HTTP2) {
  Deno.test(`EngineWatcher is degraded while containerd sends ${what}, and closes`, async () => {
    const directory = await Deno.makeTempDir({ dir: "/tmp" });
    const socketPath = `${directory}/containerd.sock`;
    const listener = Deno.listen({ transport: "unix", path: socketPath });
    const serving = (async () => {
      for await (const connection of listener) {
        try {
          await connection.write(bytes);
        } catch {
          // Closed in the meantime.
        }
        connection.close();
      }
    })();
    {
      await using watched = new Watched({ socketPath }, 200);
      await until(() => watched.watcher.state.state === "degraded", "degraded");
      assert(watched.watcher.state.detail !== "");
      assertEquals(watched.events, []);
    }
    listener.close();
    await serving;
    await Deno.remove(directory, { recursive: true });
  });
}

Deno.test("openRuntimes() watches every containerd of a host, and continues with one while another is down", async () => {
  await using one = FakeContainerd.start();
  await using other = FakeContainerd.start();
  using host = TestCgroup.create();
  for (
    const [state, { socketPath }] of [
      ["run/containerd", one],
      ["run/k3s/containerd", other],
    ] as const
  ) {
    await Deno.symlink(
      socketPath,
      `${host.child(state).path}/containerd.sock`,
    );
  }
  one.containers.push({ namespace: "k8s.io", id: ID, image: "one:1" });
  other.containers.push({
    namespace: "k8s.io",
    id: ID.replace("3", "4"),
    image: "other:1",
  });
  const { engineWatchers } = openRuntimes(DEFAULT_CONFIG, {
    fs: host.hostFs(),
    hierarchies: { mode: "unified", all: [] },
    clock: systemClock,
  });
  const images = new Set<string | undefined>();
  const follows = engineWatchers.map(async (watcher) => {
    for await (const batch of watcher.updates()) {
      for (const { metadata } of batch) images.add(metadata.image);
    }
  });
  const stateOf = () =>
    engineStates(engineWatchers).filter(({ name }) => name === "containerd");
  await until(
    () => images.size === 2 && one.followers > 0,
    "both are reported",
  );
  assertEquals([...images].toSorted(), ["one:1", "other:1"]);
  await until(() => stateOf()[0]?.state === "ok", "ok");
  assertEquals(stateOf().length, 1);
  await one.kill();
  await until(() => other.followers > 0, "the other is followed");
  other.create({
    namespace: "k8s.io",
    id: ID.replace("3", "5"),
    image: "third:1",
  });
  await until(() => images.has("third:1"), "the other continues");
  for (const watcher of engineWatchers) watcher.close();
  await Promise.all(follows);
});
