import { assert, assertEquals } from "@std/assert";
import type { ContainerMetadata } from "../../lib/model/container_metadata.ts";
import type { EngineEvent } from "../../lib/runtimes/engine.ts";
import {
  Identities,
  type IdentityUpdate,
} from "../../lib/runtimes/identities.ts";
import { FakeClock } from "../_support/fake_clock.ts";

const ID = "3c1b7f0a5d8e4f2b9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";
const INNER =
  "f9f4d78142fd15e4683ea8459fa3410f2a6ce692f3a594ce63e8641602d7d198";
const DOCKER = `/docker/${ID}`;
const POD_UID = "0f1e2d3c-1111-2222-3333-444455556666";
const POD = `/kubepods/burstable/pod${POD_UID}`;

/** Identities whose runtimes answer what a test says, when it says. */
class Known implements Disposable {
  readonly clock = new FakeClock();
  readonly updates: IdentityUpdate[] = [];
  /** Answers by id; a promise is waited for. */
  readonly answers = new Map<
    string,
    Promise<ContainerMetadata | undefined> | ContainerMetadata
  >();
  readonly asked: { id: string; outerPid?: number }[] = [];
  readonly identities: Identities;

  constructor() {
    this.identities = new Identities({
      clock: this.clock,
      lookup: {
        find: ({ id }, { outerPid }) => {
          this.asked.push({ id, ...(outerPid !== undefined && { outerPid }) });
          return Promise.resolve(this.answers.get(id));
        },
      },
      firstPid: (cgroup) => cgroup === DOCKER ? 77 : undefined,
    });
    this.identities.start((update) => this.updates.push(update));
  }

  /** Lets answers come. */
  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  [Symbol.dispose](): void {
    this.identities.close();
    assertEquals(this.clock.pending, 0);
  }
}

function facts(more: Partial<ContainerMetadata> = {}): ContainerMetadata {
  return { runtime: "docker", id: ID, name: "web", image: "nginx:1", ...more };
}

function told(
  more: Partial<ContainerMetadata> = {},
  event: Partial<EngineEvent> = {},
): EngineEvent {
  return { facts: facts(more), isStarted: false, isRemoved: false, ...event };
}

Deno.test("Identities tells what the name says at once, the rest in an update, and all of it then", async () => {
  using known = new Known();
  known.answers.set(ID, facts());
  known.identities.open(DOCKER);
  assertEquals(known.identities.describe(DOCKER), {
    namespace: "docker",
    id: ID,
    aliases: [ID],
  });
  await known.settle();
  assertEquals(known.updates, [
    { cgroup: DOCKER, data: { changed: ["name", "image"] } },
  ]);
  assertEquals(known.identities.describe(DOCKER), {
    namespace: "docker",
    id: ID,
    name: "web",
    image: "nginx:1",
    aliases: ["web", ID],
  });
  assertEquals(known.identities.referenceOf(DOCKER), {
    name: DOCKER,
    id: ID,
    namespace: "docker",
    aliases: ["web", ID],
  });
});

Deno.test("Identities asks again where the runtime does not know it yet, and gives up", async () => {
  using known = new Known();
  known.identities.open(DOCKER);
  await known.settle();
  for (const ms of [50, 100, 300, 1_000, 5_000, 30_000]) {
    assertEquals(known.identities.state.state, "ok");
    await known.advance(ms);
  }
  assertEquals(known.asked.length, 7);
  assertEquals(known.identities.state, {
    name: "names",
    state: "degraded",
    detail: "1 containers unnamed",
  });
});

Deno.test("Identities knows the name at once where the runtime told it before the cgroup came", () => {
  using known = new Known();
  known.identities.learn(told());
  known.identities.open(DOCKER);
  assertEquals(known.identities.describe(DOCKER)?.name, "web");
  assertEquals(known.updates, []);
});

Deno.test("Identities tells a rename, a health and a restart, each once", async () => {
  using known = new Known();
  known.answers.set(ID, facts({ restartCount: 0 }));
  known.identities.open(DOCKER);
  await known.settle();
  known.updates.length = 0;
  known.identities.learn(told({ name: "shop" }));
  known.identities.learn(told({ name: "shop" }));
  known.identities.learn(told({ name: "shop", health: "unhealthy" }));
  known.answers.set(ID, facts({ name: "shop", restartCount: 1 }));
  known.identities.end(DOCKER);
  known.identities.open(DOCKER);
  await known.settle();
  known.identities.learn(told({ name: "shop" }, { isStarted: true }));
  await known.settle();
  assertEquals(known.updates.map(({ data }) => data), [
    { changed: ["name"] },
    { changed: ["health"], health: "unhealthy" },
    { changed: ["restart_count"], restart_count: 1 },
  ]);
  assertEquals(known.identities.describe(DOCKER)?.name, "shop");
});

Deno.test("Identities does not take back what an engine told while a look-up was under way", async () => {
  using known = new Known();
  const answer = Promise.withResolvers<ContainerMetadata>();
  known.answers.set(ID, answer.promise);
  known.identities.open(DOCKER);
  known.identities.learn(told({ name: "shop" }));
  answer.resolve(facts({ name: "web", image: "old" }));
  await known.settle();
  assertEquals(known.identities.describe(DOCKER)?.name, "shop");
  known.answers.set(ID, facts({ name: "shop", pid: 5 }));
  await known.advance(50);
  assertEquals(known.identities.initPidOf(DOCKER), 5);
});

Deno.test("Identities gives the exit code to the end of the container where it is known by then", () => {
  using known = new Known();
  known.identities.learn(told());
  known.identities.open(DOCKER);
  known.identities.learn(told({ exitCode: 137 }));
  assertEquals(known.updates, []);
  assertEquals(known.identities.end(DOCKER), 137);
});

Deno.test("Identities tells an exit code that comes after the end in an update, once", async () => {
  using known = new Known();
  known.answers.set(ID, facts());
  known.identities.open(DOCKER);
  await known.settle();
  known.updates.length = 0;
  assertEquals(known.identities.end(DOCKER), undefined);
  await known.settle();
  known.answers.set(ID, facts({ exitCode: 3 }));
  await known.advance(30);
  known.identities.learn(told({ exitCode: 3 }));
  assertEquals(known.updates, [
    { cgroup: DOCKER, data: { changed: ["exit_code"], exit_code: 3 } },
  ]);
});

Deno.test("Identities does not take the end of one life for that of the next", async () => {
  using known = new Known();
  known.answers.set(ID, facts());
  known.identities.learn(told({ exitCode: 3, health: "unhealthy", pid: 7 }));
  known.identities.open(DOCKER);
  await known.settle();
  assertEquals(known.identities.initPidOf(DOCKER), undefined);
  // The end of the life before may be told after the next has begun.
  known.identities.learn(told({ exitCode: 3 }));
  known.identities.learn(told({}, { isStarted: true }));
  assertEquals(known.identities.end(DOCKER), undefined);
});

Deno.test("Identities knows who it was for five minutes after the end", async () => {
  using known = new Known();
  known.identities.learn(told());
  known.identities.open(DOCKER);
  known.identities.end(DOCKER);
  known.identities.learn(told({ exitCode: 0 }, { isRemoved: true }));
  await known.advance(299_000);
  known.identities.refresh();
  assertEquals(known.identities.describe(DOCKER)?.name, "web");
  await known.advance(2_000);
  known.identities.refresh();
  assertEquals(known.identities.describe(DOCKER)?.name, undefined);
});

Deno.test("Identities keeps no more than 10,000 that have ended", () => {
  using known = new Known();
  const nameOf = (i: number) => `/docker/${i.toString(16).padStart(64, "0")}`;
  for (let i = 0; i < 10_500; i++) {
    const id = nameOf(i).slice("/docker/".length);
    known.identities.learn(told({ id }));
    known.identities.open(nameOf(i));
    known.identities.learn(told({ id, exitCode: 0 }, { isRemoved: true }));
    known.identities.end(nameOf(i));
  }
  assertEquals(known.identities.describe(nameOf(499))?.name, undefined);
  assertEquals(known.identities.describe(nameOf(500))?.name, "web");
});

Deno.test("Identities names a kill by the victim's container, also from within it and after it", () => {
  using known = new Known();
  known.identities.learn(told());
  known.identities.open(DOCKER);
  const of = (victim?: string, limit?: string) =>
    known.identities.describeEvent({
      timestampMs: 0,
      type: "oomKill",
      containerName: limit ?? "/",
      data: {
        oom: {
          ...(victim !== undefined && { "victim_cgroup": victim }),
          ...(limit !== undefined && { "limit_cgroup": limit }),
        },
      },
    });
  assertEquals(of(`${DOCKER}/init.scope/sub`, "/docker")?.name, "web");
  assertEquals(of(undefined, DOCKER)?.name, "web");
  assertEquals(of("/system.slice/my\\x2dapp.service/sub", "/system.slice"), {
    namespace: "systemd",
    name: "my\\x2dapp.service",
  });
  assertEquals(of("/plain", "/plain"), undefined);
  assertEquals(of(undefined, undefined), undefined);
  known.identities.end(DOCKER);
  assertEquals(of(DOCKER, DOCKER)?.name, "web");
});

Deno.test("Identities tells a pod by its uid, and by its name once a container of it is known", async () => {
  using known = new Known();
  const name = `${POD}/${ID}`;
  const pod = { namespace: "shop", name: "web-0", uid: POD_UID };
  assertEquals(known.identities.describe(POD), { pod: { uid: POD_UID } });
  known.answers.set(
    ID,
    facts({ runtime: "containerd", pod: { ...pod, container: "web" } }),
  );
  known.identities.open(name);
  assertEquals(known.identities.describe(name), {
    id: ID,
    pod: { uid: POD_UID },
  });
  await known.settle();
  assertEquals(known.identities.describe(POD), { pod });
  assertEquals(known.identities.describe(name), {
    namespace: "containerd",
    id: ID,
    name: "web",
    image: "nginx:1",
    aliases: [ID, name],
    pod: { ...pod, container: "web" },
  });
  assertEquals(known.updates[0]?.data.changed, [
    "namespace",
    "name",
    "image",
    "pod",
  ]);
});

Deno.test("Identities keeps the container around a nested one, and looks for it there", async () => {
  using known = new Known();
  const inner = `${DOCKER}/docker/${INNER}`;
  known.identities.learn(told({ name: "dind" }));
  known.identities.open(DOCKER);
  known.answers.set(INNER, facts({ id: INNER }));
  known.identities.open(inner);
  await known.settle();
  assertEquals(known.asked.at(-1), { id: INNER, outerPid: 77 });
  assertEquals(known.identities.describe(inner)?.name, "web");
  assertEquals(known.identities.describe(inner)?.parent?.name, "dind");
});

Deno.test("Identities says nothing of what only might be a container, until its runtime knows it", async () => {
  using known = new Known();
  known.identities.open("/default/x1");
  assertEquals(known.identities.describe("/default/x1"), undefined);
  assertEquals(known.identities.referenceOf("/default/x1"), {
    name: "/default/x1",
  });
  known.answers.set(
    "x1",
    facts({ runtime: "containerd", id: "x1", name: "x1" }),
  );
  await known.settle();
  await known.advance(200);
  assertEquals(
    known.identities.describe("/default/x1")?.namespace,
    "containerd",
  );
  known.identities.open("/plain");
  await known.settle();
  await known.advance(200);
  await known.advance(1_000);
  assertEquals(known.identities.state.state, "ok");
});

Deno.test("Identities says whose network a container has", async () => {
  using known = new Known();
  const sandbox = `${POD}/${INNER}`;
  const container = `${POD}/${ID}`;
  known.answers.set(
    INNER,
    facts({
      runtime: "crio",
      id: INNER,
      isSandbox: true,
      pod: { uid: POD_UID },
    }),
  );
  known.answers.set(ID, facts({ runtime: "crio", pid: 5_001 }));
  known.identities.open(sandbox);
  known.identities.open(container);
  assertEquals(known.identities.tellsNetwork(container), false);
  await known.settle();
  assertEquals(known.identities.tellsNetwork(sandbox), true);
  assertEquals(known.identities.tellsNetwork(container), false);
  // CRI-O's sandbox without a process of its own is told by one of its pod.
  assertEquals(known.identities.initPidOf(sandbox), 5_001);
  known.identities.open(DOCKER);
  assertEquals(known.identities.tellsNetwork(DOCKER), true);
  known.identities.learn(told({ network: { kind: "shared" } }));
  assertEquals(known.identities.tellsNetwork(DOCKER), false);
});

Deno.test("Identities is degraded while look-ups hang, and asks no more than 4 at once", async () => {
  using known = new Known();
  const hanging = Promise.withResolvers<undefined>();
  for (let i = 0; i < 10; i++) {
    const id = i.toString(16).padStart(64, "0");
    known.answers.set(id, hanging.promise);
    known.identities.open(`/docker/${id}`);
  }
  await known.settle();
  assertEquals(known.asked.length, 4);
  await known.advance(2_000);
  assert(known.identities.state.detail.startsWith("4 look-ups do not end"));
  // Whoever is told of by an engine is named all the same.
  known.identities.learn(told({ id: "0".repeat(64) }));
  assertEquals(
    known.identities.describe(`/docker/${"0".repeat(64)}`)?.name,
    "web",
  );
  hanging.resolve(undefined);
  await known.settle();
});

Deno.test("Identities.learn() puts what is told of an id that anybody may choose to its own cgroup only", async () => {
  using known = new Known();
  const { identities } = known;
  const web = { runtime: "containerd", id: "web" } as const;
  const news = { isStarted: false, isRemoved: false };
  const cgroup = "/shop/web";
  // It is told before there is a cgroup.
  identities.learn({
    facts: { ...web, name: "web", image: "nginx:1" },
    cgroup,
    ...news,
  });
  for (const name of [cgroup, "/other/web"]) identities.open(name);
  assertEquals(identities.describe(cgroup)?.image, "nginx:1");
  assertEquals(identities.describe("/other/web"), undefined);
  identities.learn({ facts: { ...web, exitCode: 3 }, cgroup, ...news });
  identities.learn({ facts: { ...web, exitCode: 4 }, ...news });
  assertEquals(identities.end("/other/web"), undefined);
  assertEquals(identities.end(cgroup), 3);
  identities.learn({ facts: web, cgroup, ...news, isRemoved: true });
  identities.open(cgroup);
  assertEquals(identities.describe(cgroup), undefined);
  identities.close();
  await known.settle();
});

Deno.test("Identities.endedContainer() has what was known of a container for five minutes after its end", async () => {
  using known = new Known();
  const { identities } = known;
  known.answers.set(ID, facts({ exitCode: 0 }));
  identities.open(DOCKER);
  await known.settle();
  assertEquals(identities.endedContainer(DOCKER), undefined);
  identities.end(DOCKER);
  assertEquals(identities.endedContainer(DOCKER), {
    reference: {
      name: DOCKER,
      id: ID,
      aliases: ["web", ID],
      namespace: "docker",
    },
    image: "nginx:1",
  });
  await known.advance(5 * 60_000 + 1);
  identities.refresh();
  assertEquals(identities.endedContainer(DOCKER), undefined);
});

Deno.test("Identities keeps what a runtime's data base told against what its files say", async () => {
  using known = new Known();
  const { identities } = known;
  const runtime = "containerd";
  const cgroup = `/kubepods/${ID}`;
  known.answers.set(ID, { runtime, id: ID, name: ID, pid: 77 });
  identities.open(cgroup);
  await known.settle();
  assertEquals(identities.describe(cgroup)?.name, ID);
  identities.learn({
    facts: { runtime, id: ID, name: "shop", image: "nginx:1", isStored: true },
    isStarted: false,
    isRemoved: false,
  });
  identities.refresh();
  await known.settle();
  const { name, image } = identities.describe(cgroup) ?? {};
  assertEquals([name, image], ["shop", "nginx:1"]);
  assertEquals(identities.initPidOf(cgroup), 77);
});

Deno.test("Identities.lookedUp() resolves after the first lookup of each container of a runtime, whatever it found", async () => {
  using known = new Known();
  const { identities } = known;
  await identities.lookedUp();
  const response = Promise.withResolvers<ContainerMetadata | undefined>();
  known.answers.set(ID, response.promise);
  const uncertain = new Promise<ContainerMetadata | undefined>(() => {});
  known.answers.set("web", uncertain);
  identities.open("/web");
  identities.open(DOCKER);
  identities.open(`/docker/${INNER}`);
  let isDone = false;
  const done = identities.lookedUp().then(() => isDone = true);
  await known.settle();
  assertEquals(isDone, false);
  response.resolve(undefined);
  await done;
  assertEquals(known.asked.map(({ id }) => id), ["web", ID, INNER]);
});
