/**
 * Names of containers on real cgroups, with runtime state written by the test:
 * many at the same time, and with a faulty engine.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  FakeContainerd,
  grpcFailure,
  grpcResponse,
  proto,
} from "../_support/fake_containerd.ts";
import { FakeEngine } from "../_support/fake_engine.ts";
import { AgentProcess, delay, until, type WireEvent } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";

const CONTAINERS = 500;

/** Each event would be later if it waited for an engine that hangs. */
const ENGINE_TIMEOUT_MS = 2_000;

/** containerd namespace. */
const GROUP = "cgwatch-names";

function idOf(i: number): string {
  return i.toString(16).padStart(64, "0");
}

/**
 * State of a Docker and a containerd whose containers a test creates, and an
 * agent that reads it.
 */
class Node implements AsyncDisposable {
  readonly root = Deno.makeTempDirSync({ dir: "/tmp" });
  readonly events: WireEvent[] = [];
  readonly engine = FakeEngine.start();
  readonly containerd = FakeContainerd.start();
  readonly cgroups: TestCgroups;
  readonly #ending = new AbortController();
  #agent: AgentProcess | undefined;

  constructor(label: string) {
    this.cgroups = new TestCgroups(label);
  }

  get agent(): AgentProcess {
    assert(this.#agent !== undefined);
    return this.#agent;
  }

  async start(): Promise<void> {
    this.#agent = await AgentProcess.start([
      `--docker=unix://${this.engine.socketPath}`,
      `--docker-root=${this.root}`,
      `--containerd=unix://${this.containerd.socketPath}`,
      "--event-log=none",
    ]);
    await this.#agent.follow("", this.events, this.#ending.signal);
  }

  /** Writes what Docker writes before it creates the cgroup. */
  write(id: string, name: string): void {
    const directory = `${this.root}/containers/${id}`;
    Deno.mkdirSync(directory, { recursive: true });
    Deno.writeTextFileSync(
      `${directory}/config.v2.json`,
      JSON.stringify({
        ID: id,
        Name: `/${name}`,
        Config: {
          Image: "nginx:1",
          Env: ["TOKEN=s3cret"],
          Labels: { "com.docker.compose.service": "shop", note: "s3cret" },
        },
        State: { Running: true },
      }),
    );
  }

  /** Writes what containerd writes before it creates the cgroup. */
  writeTask(id: string, name: string): void {
    const state = this.containerd.socketPath.replace(/[^/]+$/, "");
    const directory = `${state}/io.containerd.runtime.v2.task/${GROUP}/${id}`;
    Deno.mkdirSync(directory, { recursive: true });
    Deno.writeTextFileSync(
      `${directory}/config.json`,
      JSON.stringify({ annotations: { "nerdctl/name": name } }),
    );
  }

  /** Creates the cgroup in one hierarchy. */
  make(id: string, parent = "/docker"): string {
    return this.cgroups.make(
      `${parent}/${id}`,
      this.cgroups.paths(["memory"]).length > 0 ? ["memory"] : ["unified"],
    );
  }

  of(name: string): WireEvent[] {
    return this.events.filter((event) => event.container_name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#agent?.stop();
    await this.cgroups[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
    await this.containerd[Symbol.asyncDispose]();
    Deno.removeSync(this.root, { recursive: true });
  }
}

Deno.test({
  name: "500 containers that start together have their names, without secrets",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using node = new Node("names");
    await node.start();
    const made: string[] = [];
    for (let i = 0; i < CONTAINERS; i++) {
      node.write(idOf(i), `web-${i}`);
      made.push(node.make(idOf(i)));
      if (i % 10 === 0) await delay(1);
    }
    const isNamed = (event: WireEvent) => event.container?.name !== undefined;
    const named = () =>
      new Set(
        node.events.filter(isNamed).map((event) => event.container_name)
          .filter((name) => made.includes(name)),
      ).size;
    await until(() => named() >= CONTAINERS);
    assertEquals(named(), CONTAINERS);
    for (const name of made) {
      const first = node.of(name).find(isNamed);
      assertEquals(
        first.container.aliases,
        [first.container.name, first.container.id],
      );
      assertEquals(
        idOf(Number(first.container.name.slice(4))),
        first.container.id,
      );
    }
    const spec = await node.agent.json(
      "/api/v2.1/spec/?type=docker&recursive=true",
    );
    const own = Object.keys(spec).filter((name) => made.includes(name));
    assertEquals(own.length, CONTAINERS);
    const all = JSON.stringify([spec, node.events]);
    assert(all.includes('"com.docker.compose.service":"shop"'));
    assert(!all.includes("s3cret"), "a secret was reported");
  },
});

/** Faults of an engine that is queried. */
const HOSTILITIES:
  readonly (readonly [string, (engine: FakeEngine) => void])[] = [
    ["hangs", (engine) => {
      const hang = () => new Response(new ReadableStream());
      for (const path of ["/events", "/containers/json", "/_ping"]) {
        engine.responses.set(path, hang);
      }
    }],
    ["responds with 500", (engine) => {
      const fail = () => new Response("no", { status: 500 });
      for (const path of ["/events", "/containers/json"]) {
        engine.responses.set(path, fail);
      }
    }],
    ["sends garbage", (engine) => {
      engine.responses.set("/containers/json", () => new Response("\0<html>"));
      engine.responses.set(
        "/events",
        () => new Response("\xff\n{]\n".repeat(9)),
      );
    }],
    ["sends incomplete JSON", (engine) => {
      engine.responses.set("/containers/json", () => new Response('[{"Id":"'));
    }],
    ["sends 100 MB of labels", (engine) => {
      const chunk = new Uint8Array(2 ** 20).fill(120);
      const flood = (head: string) => () => {
        let left = 100;
        return new Response(
          new ReadableStream({
            start: (c) => c.enqueue(new TextEncoder().encode(head)),
            pull: (c) => left-- > 0 ? c.enqueue(chunk) : c.close(),
          }),
        );
      };
      engine.responses.set(
        "/containers/json",
        flood('[{"Id":"1","Labels":{"a":"'),
      );
      engine.responses.set(
        "/events",
        flood(
          '{"Type":"container","Action":"start","Actor":{"Attributes":{"a":"',
        ),
      );
    }],
  ];

/** Faults of containerd. */
const CONTAINERD_HOSTILITIES:
  readonly (readonly [string, (containerd: FakeContainerd) => void])[] = [
    ["hangs", ({ responses }) => {
      for (const method of responses.keys()) {
        responses.set(method, () => new Response(new ReadableStream()));
      }
    }],
    ["fails", ({ responses }) => {
      for (const method of responses.keys()) {
        responses.set(method, () => grpcFailure(13, "broken"));
      }
    }],
    ["sends garbage", ({ responses }) => {
      for (const method of responses.keys()) {
        responses.set(
          method,
          () => grpcResponse(crypto.getRandomValues(new Uint8Array(999))),
        );
      }
    }],
    ["sends an incomplete message", ({ responses }) => {
      for (const method of responses.keys()) {
        responses.set(
          method,
          () => new Response(Uint8Array.of(0, 0, 0, 9, 9, 9)),
        );
      }
    }],
    ["sends messages of 100 MB", ({ responses }) => {
      const chunk = new Uint8Array(2 ** 20);
      for (const method of responses.keys()) {
        responses.set(method, () => {
          let left = 100;
          return new Response(
            new ReadableStream({
              start: (c) => c.enqueue(Uint8Array.of(0, 6, 64, 0, 0)),
              pull: (c) => left-- > 0 ? c.enqueue(chunk) : c.close(),
            }),
          );
        });
      }
    }],
  ];

/**
 * Asserts that containers are created and removed without delay and with their
 * names while a source is degraded.
 */
async function isUndisturbed(node: Node, source: string): Promise<void> {
  const isOfDocker = source === "docker";
  const parent = isOfDocker ? "/docker" : `/${GROUP}`;
  const state = async () => {
    const { sources } = await node.agent.json("/readyz");
    return sources.find(({ name }: { name: string }) => name === source);
  };
  assert(await until(async () => (await state()).state === "degraded"));
  assert((await state()).detail !== "");
  const delaysMs: number[] = [];
  for (let i = 0; i < 5; i++) {
    const id = idOf(i);
    if (isOfDocker) node.write(id, `web-${i}`);
    else node.writeTask(id, `web-${i}`);
    const beforeMs = Date.now();
    const name = node.make(id, parent);
    assert(
      await until(() =>
        node.of(name).some(({ container }) => container?.name === `web-${i}`)
      ),
      "named",
    );
    const [created] = node.of(name);
    assertEquals(created.event_type, "containerCreation");
    assertEquals(created.container.id, id);
    delaysMs.push(created.arrivedMs - beforeMs);
    const goneMs = Date.now();
    node.cgroups.remove(`${parent}/${id}`);
    const isGone = ({ event_type }: WireEvent) =>
      event_type === "containerDeletion";
    assert(await until(() => node.of(name).some(isGone)), "gone");
    const deleted = node.of(name).find(isGone);
    assertEquals(deleted.container.name, `web-${i}`);
    delaysMs.push(deleted.arrivedMs - goneMs);
  }
  // A busy machine delays some.
  assertLess(Math.min(...delaysMs), ENGINE_TIMEOUT_MS);
  assertEquals((await state()).state, "degraded");
  assertEquals((await node.agent.json("/readyz")).ready, true);
}

for (const [does, disturb] of HOSTILITIES) {
  Deno.test({
    name:
      `events are immediate and have names from files while the engine ${does}, and /readyz reports it`,
    ignore: !CAN_MAKE_CGROUPS,
    async fn() {
      await using node = new Node("hostile");
      disturb(node.engine);
      await node.start();
      await isUndisturbed(node, "docker");
    },
  });
}

for (const [does, disturb] of CONTAINERD_HOSTILITIES) {
  Deno.test({
    name:
      `events are immediate and have names from files while containerd ${does}, and /readyz reports it`,
    ignore: !CAN_MAKE_CGROUPS,
    async fn() {
      await using node = new Node("hostile");
      disturb(node.containerd);
      await node.start();
      await isUndisturbed(node, "containerd");
    },
  });
}

Deno.test({
  name:
    "events are immediate while the engines are down, and /readyz reports it until they return",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using node = new Node("dead");
    const { engine, containerd } = node;
    await node.start();
    const states = async () => {
      const { sources } = await node.agent.json("/readyz");
      return ["docker", "containerd"].map((wanted) =>
        sources.find(({ name }: { name: string }) => name === wanted).state
      );
    };
    const areOk = async () => (await states()).every((state) => state === "ok");
    assert(await until(areOk), "ok");
    await Promise.all([engine.kill(), containerd.kill()]);
    for (let i = 0; i < 3; i++) {
      node.write(idOf(i), `web-${i}`);
      const beforeMs = Date.now();
      const name = node.make(idOf(i));
      assert(await until(() => node.of(name).length > 0), "reported");
      assert(node.of(name)[0].arrivedMs - beforeMs < 500, "at once");
    }
    const areGone = async () => !(await states()).includes("ok");
    assert(await until(areGone), "not ok");
    engine.listen();
    containerd.listen();
    // A missing engine is checked every 5 s.
    assert(await until(areOk), "ok again");
    engine.act("rename", idOf(0), { name: "shop", oldName: "/web-0" });
    containerd.emit("moby", "/tasks/start");
    assert(
      await until(() =>
        node.events.some(({ container }) => container?.name === "shop")
      ),
      "renamed",
    );
  },
});

Deno.test({
  name:
    "a container with a lifetime below the interval has its name in both events, if the engine reports it",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using node = new Node("short");
    await node.start();
    assert(await until(() => node.engine.followers === 1));
    node.cgroups.make("/docker");
    await delay(100);
    for (let i = 0; i < 10; i++) {
      const id = idOf(i);
      node.engine.act("create", id, { name: `job-${i}`, image: "busybox:1" });
      await delay(20);
      const name = node.make(id);
      await delay(30);
      node.engine.act("die", id, { name: `job-${i}`, exitCode: "3" });
      await delay(20);
      node.cgroups.remove(`/docker/${id}`);
      assert(await until(() => node.of(name).length >= 2), name);
      assertEquals(
        node.of(name).map(({ event_type, container, event_data }) => [
          event_type,
          container.name,
          container.image,
          event_data.container_deletion?.exit_code,
        ]),
        [
          ["containerCreation", `job-${i}`, "busybox:1", undefined],
          ["containerDeletion", `job-${i}`, "busybox:1", 3],
        ],
      );
    }
  },
});

Deno.test({
  name: "a deletion waits for the exit code that the engine reports after it",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using node = new Node("exit");
    await node.start();
    assert(await until(() => node.engine.followers === 1));
    node.cgroups.make("/docker");
    const codes: number[] = [];
    for (let i = 0; i < 5; i++) {
      const id = idOf(i);
      node.engine.act("create", id, { name: `job-${i}`, image: "busybox:1" });
      await delay(20);
      const name = node.make(id);
      assert(await until(() => node.of(name).length >= 1), name);
      node.cgroups.remove(`/docker/${id}`);
      await delay(33);
      node.engine.act("die", id, { name: `job-${i}`, exitCode: `${i}` });
      const ended = () =>
        node.of(name).find(({ event_type: type }) =>
          type === "containerDeletion"
        );
      assert(await until(() => ended() !== undefined), name);
      codes.push(ended()?.event_data.container_deletion.exit_code);
    }
    await delay(300);
    // On a busy machine a name may arrive after the wait, as an update.
    const later = node.events.flatMap(({ event_data: data }) =>
      data.container_update?.exit_code ?? []
    );
    assert(codes.filter((code) => code !== -1).length > 0, `${codes}`);
    assertEquals(
      codes.filter((code) => code !== -1).concat(later).toSorted(),
      [0, 1, 2, 3, 4],
    );
  },
});

Deno.test({
  name:
    "a containerd container with a lifetime below the interval has name, image and exit code in its events",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using node = new Node("short-task");
    const { containerd } = node;
    await node.start();
    assert(await until(() => containerd.followers === 1));
    const lookedUp = new Set<string>();
    const get = containerd.responses.get("Get");
    containerd.responses.set("Get", (message, namespace) => {
      lookedUp.add(new TextDecoder().decode(message.subarray(2)));
      return get?.(message, namespace) ?? new Response(null, { status: 500 });
    });
    node.cgroups.make("");
    await delay(100);
    for (let i = 0; i < 5; i++) {
      const id = `job-${i}`;
      const cgroup = `${node.cgroups.name}/${id}`;
      const spec = { linux: { cgroupsPath: cgroup } };
      containerd.create({ namespace: GROUP, id, image: "busybox:1", spec });
      // The lookup runs before the task starts, as with ctr.
      assert(await until(() => lookedUp.has(id)), id);
      await delay(50);
      const name = node.make(id, "");
      assert(await until(() => node.of(name).length > 0), name);
      const exit = [proto(1, id), proto(2, id), proto(4, 3)];
      containerd.emit(GROUP, "/tasks/exit", ...exit);
      await delay(50);
      node.cgroups.remove(`/${id}`);
      assert(await until(() => node.of(name).length >= 2), name);
      assertEquals(
        node.of(name).map(({ event_type, container, event_data }) => [
          event_type,
          container.name,
          container.image,
          event_data.container_deletion?.exit_code,
        ]),
        [
          ["containerCreation", id, "busybox:1", undefined],
          ["containerDeletion", id, "busybox:1", 3],
        ],
      );
    }
  },
});
