import { assert, assertEquals } from "@std/assert";
import type { ContainerMetadata } from "../../lib/model/container_metadata.ts";
import type { EngineEvent } from "../../lib/runtimes/engine.ts";
import {
  IdentityStore,
  type IdentityUpdate,
} from "../../lib/runtimes/identity_store.ts";
import { FakeClock } from "../_support/fake_clock.ts";

const ID = "3c1b7f0a5d8e4f2b9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";
const INNER =
  "f9f4d78142fd15e4683ea8459fa3410f2a6ce692f3a594ce63e8641602d7d198";
const DOCKER = `/docker/${ID}`;
const POD_UID = "0f1e2d3c-1111-2222-3333-444455556666";
const POD = `/kubepods/burstable/pod${POD_UID}`;

/** An IdentityStore whose lookups return what the test sets. */
class TestStore implements Disposable {
  readonly clock = new FakeClock();
  readonly updates: IdentityUpdate[] = [];
  /** Responses keyed by ID; a promise delays the response. */
  readonly responses = new Map<
    string,
    Promise<ContainerMetadata | undefined> | ContainerMetadata
  >();
  readonly queried: { id: string; outerPid?: number }[] = [];
  readonly identities: IdentityStore;

  constructor() {
    this.identities = new IdentityStore({
      clock: this.clock,
      lookup: {
        find: ({ id }, { outerPid }) => {
          this.queried.push({
            id,
            ...(outerPid !== undefined && { outerPid }),
          });
          return Promise.resolve(this.responses.get(id));
        },
      },
      firstPid: (cgroup) => cgroup === DOCKER ? 77 : undefined,
    });
    this.identities.start((update) => this.updates.push(update));
  }

  /** Runs pending microtasks. */
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

function metadata(more: Partial<ContainerMetadata> = {}): ContainerMetadata {
  return { runtime: "docker", id: ID, name: "web", image: "nginx:1", ...more };
}

function engineEvent(
  more: Partial<ContainerMetadata> = {},
  event: Partial<EngineEvent> = {},
): EngineEvent {
  return {
    metadata: metadata(more),
    isStarted: false,
    isRemoved: false,
    ...event,
  };
}

Deno.test("IdentityStore describes a container from its name first, and from its runtime after an update", async () => {
  using test = new TestStore();
  test.responses.set(ID, metadata());
  test.identities.add(DOCKER);
  assertEquals(test.identities.describe(DOCKER), {
    namespace: "docker",
    id: ID,
    aliases: [ID],
  });
  await test.settle();
  assertEquals(test.updates, [
    { cgroup: DOCKER, data: { changed: ["name", "image"] } },
  ]);
  assertEquals(test.identities.describe(DOCKER), {
    namespace: "docker",
    id: ID,
    name: "web",
    image: "nginx:1",
    aliases: ["web", ID],
  });
  assertEquals(test.identities.referenceOf(DOCKER), {
    name: DOCKER,
    id: ID,
    namespace: "docker",
    aliases: ["web", ID],
  });
});

Deno.test("IdentityStore retries if the runtime does not have the container yet, then gives up", async () => {
  using test = new TestStore();
  test.identities.add(DOCKER);
  await test.settle();
  for (const ms of [50, 100, 300, 1_000, 1_000, 5_000, 30_000]) {
    assertEquals(test.identities.state.state, "ok");
    await test.advance(ms);
  }
  assertEquals(test.queried.length, 8);
  assertEquals(test.identities.state, {
    name: "names",
    state: "degraded",
    detail: "1 containers without a name",
  });
});

Deno.test("IdentityStore looks up a container again until its process has started", async () => {
  using test = new TestStore();
  test.responses.set(ID, metadata());
  test.identities.add(DOCKER);
  assertEquals(test.identities.isPending(DOCKER), true);
  await test.settle();
  assertEquals(test.identities.isPending(DOCKER), false);
  await test.advance(50);
  assertEquals(test.identities.initPidOf(DOCKER), undefined);
  test.responses.set(ID, metadata({ pid: 7 }));
  await test.advance(100);
  assertEquals(test.identities.initPidOf(DOCKER), 7);
  await test.advance(60_000);
  assertEquals(test.queried.length, 3);
});

Deno.test("IdentityStore returns the name immediately if the runtime reported it before the cgroup was created", () => {
  using test = new TestStore();
  test.identities.update(engineEvent());
  test.identities.add(DOCKER);
  assertEquals(test.identities.describe(DOCKER)?.name, "web");
  assertEquals(test.updates, []);
});

Deno.test("IdentityStore reports a rename, a health change and a restart once each", async () => {
  using test = new TestStore();
  test.responses.set(ID, metadata({ restartCount: 0 }));
  test.identities.add(DOCKER);
  await test.settle();
  test.updates.length = 0;
  test.identities.update(engineEvent({ name: "shop" }));
  test.identities.update(engineEvent({ name: "shop" }));
  test.identities.update(engineEvent({ name: "shop", health: "unhealthy" }));
  test.responses.set(ID, metadata({ name: "shop", restartCount: 1 }));
  test.identities.remove(DOCKER);
  test.identities.add(DOCKER);
  await test.settle();
  test.identities.update(engineEvent({ name: "shop" }, { isStarted: true }));
  await test.settle();
  assertEquals(test.updates.map(({ data }) => data), [
    { changed: ["name"] },
    { changed: ["health"], health: "unhealthy" },
    { changed: ["restart_count"], restart_count: 1 },
  ]);
  assertEquals(test.identities.describe(DOCKER)?.name, "shop");
});

Deno.test("IdentityStore keeps an engine's update that arrived during a lookup", async () => {
  using test = new TestStore();
  const response = Promise.withResolvers<ContainerMetadata>();
  test.responses.set(ID, response.promise);
  test.identities.add(DOCKER);
  test.identities.update(engineEvent({ name: "shop" }));
  response.resolve(metadata({ name: "web", image: "old" }));
  await test.settle();
  assertEquals(test.identities.describe(DOCKER)?.name, "shop");
  test.responses.set(ID, metadata({ name: "shop", pid: 5 }));
  await test.advance(50);
  assertEquals(test.identities.initPidOf(DOCKER), 5);
});

Deno.test("IdentityStore returns a test exit code when the container is removed", () => {
  using test = new TestStore();
  test.identities.update(engineEvent());
  test.identities.add(DOCKER);
  test.identities.update(engineEvent({ exitCode: 137 }));
  assertEquals(test.updates, []);
  assertEquals(test.identities.remove(DOCKER), 137);
});

Deno.test("IdentityStore reports an exit code that arrives after the removal once, in an update", async () => {
  using test = new TestStore();
  test.responses.set(ID, metadata());
  test.identities.add(DOCKER);
  await test.settle();
  test.updates.length = 0;
  assertEquals(test.identities.remove(DOCKER), undefined);
  await test.settle();
  test.responses.set(ID, metadata({ exitCode: 3 }));
  await test.advance(30);
  test.identities.update(engineEvent({ exitCode: 3 }));
  assertEquals(test.updates, [
    { cgroup: DOCKER, data: { changed: ["exit_code"], exit_code: 3 } },
  ]);
});

Deno.test("IdentityStore does not assign the end of one run to the next", async () => {
  using test = new TestStore();
  test.responses.set(ID, metadata());
  test.identities.update(
    engineEvent({ exitCode: 3, health: "unhealthy", pid: 7 }),
  );
  test.identities.add(DOCKER);
  await test.settle();
  assertEquals(test.identities.initPidOf(DOCKER), undefined);
  // The removal of the previous run may be reported after the next run has started.
  test.identities.update(engineEvent({ exitCode: 3 }));
  test.identities.update(engineEvent({}, { isStarted: true }));
  assertEquals(test.identities.remove(DOCKER), undefined);
});

Deno.test("IdentityStore keeps a container for five minutes after its removal", async () => {
  using test = new TestStore();
  test.identities.update(engineEvent());
  test.identities.add(DOCKER);
  test.identities.remove(DOCKER);
  test.identities.update(engineEvent({ exitCode: 0 }, { isRemoved: true }));
  await test.advance(299_000);
  test.identities.refresh();
  assertEquals(test.identities.describe(DOCKER)?.name, "web");
  await test.advance(2_000);
  test.identities.refresh();
  assertEquals(test.identities.describe(DOCKER)?.name, undefined);
});

Deno.test("IdentityStore keeps at most 10,000 removed containers", () => {
  using test = new TestStore();
  const nameOf = (i: number) => `/docker/${i.toString(16).padStart(64, "0")}`;
  for (let i = 0; i < 10_500; i++) {
    const id = nameOf(i).slice("/docker/".length);
    test.identities.update(engineEvent({ id }));
    test.identities.add(nameOf(i));
    test.identities.update(
      engineEvent({ id, exitCode: 0 }, { isRemoved: true }),
    );
    test.identities.remove(nameOf(i));
  }
  assertEquals(test.identities.describe(nameOf(499))?.name, undefined);
  assertEquals(test.identities.describe(nameOf(500))?.name, "web");
});

Deno.test("IdentityStore assigns a kill to the victim's container, also for nested cgroups and after removal", () => {
  using test = new TestStore();
  test.identities.update(engineEvent());
  test.identities.add(DOCKER);
  const of = (victim?: string, limit?: string) =>
    test.identities.describeEvent({
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
  test.identities.remove(DOCKER);
  assertEquals(of(DOCKER, DOCKER)?.name, "web");
});

Deno.test("IdentityStore describes a pod by its UID, and by its name once one of its containers is test", async () => {
  using test = new TestStore();
  const name = `${POD}/${ID}`;
  const pod = { namespace: "shop", name: "web-0", uid: POD_UID };
  assertEquals(test.identities.describe(POD), { pod: { uid: POD_UID } });
  test.responses.set(
    ID,
    metadata({ runtime: "containerd", pod: { ...pod, container: "web" } }),
  );
  test.identities.add(name);
  assertEquals(test.identities.describe(name), {
    id: ID,
    pod: { uid: POD_UID },
  });
  await test.settle();
  assertEquals(test.identities.describe(POD), { pod });
  assertEquals(test.identities.describe(name), {
    namespace: "containerd",
    id: ID,
    name: "web",
    image: "nginx:1",
    aliases: [ID, name],
    pod: { ...pod, container: "web" },
  });
  assertEquals(test.updates[0]?.data.changed, [
    "namespace",
    "name",
    "image",
    "pod",
  ]);
});

Deno.test("IdentityStore stores the enclosing container and looks up nested containers through it", async () => {
  using test = new TestStore();
  const inner = `${DOCKER}/docker/${INNER}`;
  test.identities.update(engineEvent({ name: "dind" }));
  test.identities.add(DOCKER);
  test.responses.set(INNER, metadata({ id: INNER }));
  test.identities.add(inner);
  await test.settle();
  assertEquals(test.queried.at(-1), { id: INNER, outerPid: 77 });
  assertEquals(test.identities.describe(inner)?.name, "web");
  assertEquals(test.identities.describe(inner)?.parent?.name, "dind");
});

Deno.test("IdentityStore does not describe an uncertain container until its runtime confirms it", async () => {
  using test = new TestStore();
  test.identities.add("/default/x1");
  assertEquals(test.identities.describe("/default/x1"), undefined);
  assertEquals(test.identities.referenceOf("/default/x1"), {
    name: "/default/x1",
  });
  test.responses.set(
    "x1",
    metadata({ runtime: "containerd", id: "x1", name: "x1" }),
  );
  await test.settle();
  await test.advance(200);
  assertEquals(
    test.identities.describe("/default/x1")?.namespace,
    "containerd",
  );
  test.identities.add("/plain");
  await test.settle();
  await test.advance(200);
  await test.advance(1_000);
  assertEquals(test.identities.state.state, "ok");
});

Deno.test("IdentityStore reports which container owns a network namespace", async () => {
  using test = new TestStore();
  const sandbox = `${POD}/${INNER}`;
  const container = `${POD}/${ID}`;
  test.responses.set(
    INNER,
    metadata({
      runtime: "crio",
      id: INNER,
      isSandbox: true,
      pod: { uid: POD_UID },
    }),
  );
  test.responses.set(ID, metadata({ runtime: "crio", pid: 5_001 }));
  test.identities.add(sandbox);
  test.identities.add(container);
  assertEquals(test.identities.reportsNetwork(container), false);
  await test.settle();
  assertEquals(test.identities.reportsNetwork(sandbox), true);
  assertEquals(test.identities.reportsNetwork(container), false);
  // The PID of a CRI-O sandbox without process is that of a container in the pod.
  assertEquals(test.identities.initPidOf(sandbox), 5_001);
  test.identities.add(DOCKER);
  assertEquals(test.identities.reportsNetwork(DOCKER), true);
  test.identities.update(engineEvent({ network: { kind: "shared" } }));
  assertEquals(test.identities.reportsNetwork(DOCKER), false);
});

Deno.test("IdentityStore is degraded while lookups hang, and runs at most 4 at the same time", async () => {
  using test = new TestStore();
  const hanging = Promise.withResolvers<undefined>();
  for (let i = 0; i < 10; i++) {
    const id = i.toString(16).padStart(64, "0");
    test.responses.set(id, hanging.promise);
    test.identities.add(`/docker/${id}`);
  }
  await test.settle();
  assertEquals(test.queried.length, 4);
  await test.advance(2_000);
  assert(test.identities.state.detail.startsWith("4 lookups hang"));
  // A container reported by an engine gets its name while lookups hang.
  test.identities.update(engineEvent({ id: "0".repeat(64) }));
  assertEquals(
    test.identities.describe(`/docker/${"0".repeat(64)}`)?.name,
    "web",
  );
  hanging.resolve(undefined);
  await test.settle();
});

Deno.test("IdentityStore.update() assigns metadata of an uncertain ID to its own cgroup only", async () => {
  using test = new TestStore();
  const { identities } = test;
  const web = { runtime: "containerd", id: "web" } as const;
  const flags = { isStarted: false, isRemoved: false };
  const cgroup = "/shop/web";
  // The engine reports it before the cgroup exists.
  identities.update({
    metadata: { ...web, name: "web", image: "nginx:1" },
    cgroup,
    ...flags,
  });
  for (const name of [cgroup, "/other/web"]) identities.add(name);
  assertEquals(identities.describe(cgroup)?.image, "nginx:1");
  assertEquals(identities.describe("/other/web"), undefined);
  identities.update({ metadata: { ...web, exitCode: 3 }, cgroup, ...flags });
  identities.update({ metadata: { ...web, exitCode: 4 }, ...flags });
  assertEquals(identities.remove("/other/web"), undefined);
  assertEquals(identities.remove(cgroup), 3);
  identities.update({ metadata: web, cgroup, ...flags, isRemoved: true });
  identities.add(cgroup);
  assertEquals(identities.describe(cgroup), undefined);
  identities.close();
  await test.settle();
});

Deno.test("IdentityStore.removedContainer() returns metadata for five minutes after removal", async () => {
  using test = new TestStore();
  const { identities } = test;
  test.responses.set(ID, metadata({ exitCode: 0 }));
  identities.add(DOCKER);
  await test.settle();
  assertEquals(identities.removedContainer(DOCKER), undefined);
  identities.remove(DOCKER);
  assertEquals(identities.removedContainer(DOCKER), {
    reference: {
      name: DOCKER,
      id: ID,
      aliases: ["web", ID],
      namespace: "docker",
    },
    image: "nginx:1",
  });
  await test.advance(5 * 60_000 + 1);
  identities.refresh();
  assertEquals(identities.removedContainer(DOCKER), undefined);
});

Deno.test("IdentityStore prefers metadata of the runtime's database over that of its files", async () => {
  using test = new TestStore();
  const { identities } = test;
  const runtime = "containerd";
  const cgroup = `/kubepods/${ID}`;
  test.responses.set(ID, { runtime, id: ID, name: ID, pid: 77 });
  identities.add(cgroup);
  await test.settle();
  assertEquals(identities.describe(cgroup)?.name, ID);
  identities.update({
    metadata: {
      runtime,
      id: ID,
      name: "shop",
      image: "nginx:1",
      isStored: true,
    },
    isStarted: false,
    isRemoved: false,
  });
  identities.refresh();
  await test.settle();
  const { name, image } = identities.describe(cgroup) ?? {};
  assertEquals([name, image], ["shop", "nginx:1"]);
  assertEquals(identities.initPidOf(cgroup), 77);
});

Deno.test("IdentityStore.waitForFirstLookups() resolves after the first lookup of each container of a runtime, with or without a result", async () => {
  using test = new TestStore();
  const { identities } = test;
  await identities.waitForFirstLookups();
  const response = Promise.withResolvers<ContainerMetadata | undefined>();
  test.responses.set(ID, response.promise);
  const uncertain = new Promise<ContainerMetadata | undefined>(() => {});
  test.responses.set("web", uncertain);
  identities.add("/web");
  identities.add(DOCKER);
  identities.add(`/docker/${INNER}`);
  let isDone = false;
  const done = identities.waitForFirstLookups().then(() => isDone = true);
  await test.settle();
  assertEquals(isDone, false);
  response.resolve(undefined);
  await done;
  assertEquals(test.queried.map(({ id }) => id), ["web", ID, INNER]);
});
