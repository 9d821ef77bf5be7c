/**
 * Names of containers on real cgroups, with the state of a runtime that a test
 * wrote: many at once, and beside an engine that does all it can to disturb.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FakeEngine } from "../_support/fake_engine.ts";
import { AgentProcess, delay, until, type WireEvent } from "./_agent.ts";
import { CAN_MAKE_CGROUPS, TestCgroups } from "./_cgroups.ts";

const CONTAINERS = 500;
const CREATED_WITHIN_MS = 2_000;
const NAMED_WITHIN_MS = 2_000;

function idOf(i: number): string {
  return i.toString(16).padStart(64, "0");
}

/** The state of a Docker whose containers a test makes, and an agent that reads it. */
class Node implements AsyncDisposable {
  readonly root = Deno.makeTempDirSync({ dir: "/tmp" });
  readonly events: WireEvent[] = [];
  readonly engine = FakeEngine.start();
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
      "--event-log=none",
    ]);
    await this.#agent.follow("", this.events, this.#ending.signal);
  }

  /** What Docker writes before it makes the cgroup. */
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

  /** The cgroup in one hierarchy. */
  make(id: string): string {
    return this.cgroups.make(
      `/docker/${id}`,
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
    Deno.removeSync(this.root, { recursive: true });
  }
}

Deno.test({
  name:
    "500 containers that start within 2 s are named within 2 s each, and no secret is told",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using node = new Node("names");
    await node.start();
    const startMs = performance.now();
    const madeMs = new Map<string, number>();
    for (let i = 0; i < CONTAINERS; i++) {
      node.write(idOf(i), `web-${i}`);
      madeMs.set(node.make(idOf(i)), Date.now());
      if (i % 10 === 0) await delay(1);
    }
    assert(performance.now() - startMs < CREATED_WITHIN_MS, "made in time");
    const isNamed = (event: WireEvent) => event.container?.name !== undefined;
    const named = () =>
      new Set(
        node.events.filter(isNamed).map((event) => event.container_name),
      ).size;
    await until(() => named() >= CONTAINERS, { timeoutMs: 10_000 });
    assertEquals(named(), CONTAINERS);
    for (const [name, ms] of madeMs) {
      const first = node.of(name).find(isNamed);
      assert(first.arrivedMs - ms < NAMED_WITHIN_MS, name);
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
    assertEquals(Object.keys(spec).length, CONTAINERS);
    const all = JSON.stringify([spec, node.events]);
    assert(all.includes('"com.docker.compose.service":"shop"'));
    assert(!all.includes("s3cret"), "a secret was told");
  },
});

/** What an engine may do to whoever asks it anything. */
const HOSTILITIES:
  readonly (readonly [string, (engine: FakeEngine) => void])[] = [
    ["hangs", (engine) => {
      const hang = () => new Response(new ReadableStream());
      for (const path of ["/events", "/containers/json", "/_ping"]) {
        engine.answers.set(path, hang);
      }
    }],
    ["answers 500", (engine) => {
      const fail = () => new Response("no", { status: 500 });
      for (const path of ["/events", "/containers/json"]) {
        engine.answers.set(path, fail);
      }
    }],
    ["answers garbage", (engine) => {
      engine.answers.set("/containers/json", () => new Response("\0<html>"));
      engine.answers.set("/events", () => new Response("\xff\n{]\n".repeat(9)));
    }],
    ["answers half a JSON", (engine) => {
      engine.answers.set("/containers/json", () => new Response('[{"Id":"'));
    }],
    ["answers 100 MB of labels", (engine) => {
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
      engine.answers.set(
        "/containers/json",
        flood('[{"Id":"1","Labels":{"a":"'),
      );
      engine.answers.set(
        "/events",
        flood(
          '{"Type":"container","Action":"start","Actor":{"Attributes":{"a":"',
        ),
      );
    }],
  ];

for (const [does, disturb] of HOSTILITIES) {
  Deno.test({
    name:
      `Events come at once, and named by files, while the engine ${does}; /readyz says it`,
    ignore: !CAN_MAKE_CGROUPS,
    async fn() {
      await using node = new Node("hostile");
      disturb(node.engine);
      await node.start();
      const state = async () => {
        const { sources } = await node.agent.json("/readyz");
        return sources.find(({ name }: { name: string }) => name === "docker");
      };
      assert(await until(async () => (await state()).state === "degraded"));
      assert((await state()).detail !== "");
      for (let i = 0; i < 5; i++) {
        const id = idOf(i);
        node.write(id, `web-${i}`);
        const beforeMs = Date.now();
        const name = node.make(id);
        assert(
          await until(() =>
            node.of(name).some(({ container }) =>
              container?.name === `web-${i}`
            )
          ),
          "named",
        );
        const [created] = node.of(name);
        assertEquals(created.event_type, "containerCreation");
        assertEquals(created.container.id, id);
        assert(created.arrivedMs - beforeMs < 500, "at once");
        const goneMs = Date.now();
        node.cgroups.remove(`/docker/${id}`);
        const isGone = ({ event_type }: WireEvent) =>
          event_type === "containerDeletion";
        assert(await until(() => node.of(name).some(isGone)), "gone");
        const deleted = node.of(name).find(isGone);
        assertEquals(deleted.container.name, `web-${i}`);
        assert(deleted.arrivedMs - goneMs < 500, "gone at once");
      }
      assertEquals((await state()).state, "degraded");
      assertEquals((await node.agent.json("/readyz")).ready, true);
    },
  });
}

Deno.test({
  name:
    "A container shorter than a beat has both events with its name where the engine told it",
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
