import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { SampleRing } from "../../lib/cache/memory_cache.ts";
import { ContainerTable } from "../../lib/manager/container_table.ts";
import { ManagedContainer } from "../../lib/manager/managed_container.ts";
import type { ContainerReference } from "../../lib/model/container.ts";
import {
  BadRequestError,
  UnknownContainerError,
} from "../../lib/model/errors.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { RowBuilder } from "../../lib/model/sample.ts";
import { FakeClock } from "../_support/fake_clock.ts";

function containerOf(reference: ContainerReference): ManagedContainer {
  const builder = new RowBuilder();
  return new ManagedContainer({
    handler: {
      reference,
      builder,
      collectsDiskIo: true,
      deviceName: () => undefined,
      oomKills: () => undefined,
      isComplete: () => true,
      memoryInode: () => undefined,
      memoryLimitHits: () => undefined,
      hasUsedCpu: () => false,
      spec: () => ({ hasDiskIo: false }),
      sample: () => ({ gone: false }),
      refresh() {},
      close() {},
    },
    ring: new SampleRing(builder.layout, 1_000, 10),
    createdMs: undefined,
    housekeeping: { intervalMs: 1_000, maxIntervalMs: 1_000, dynamic: false },
    clock: new FakeClock(),
    logger: silentLogger,
    onGone() {},
  });
}

function tableOf(
  ...references: (string | ContainerReference)[]
): ContainerTable {
  const table = new ContainerTable();
  for (const reference of references) {
    table.add(
      containerOf(
        typeof reference === "string" ? { name: reference } : reference,
      ),
    );
  }
  return table;
}

function namesOf(containers: Iterable<ManagedContainer>): string[] {
  return [...containers].map(({ reference }) => reference.name);
}

const TREE = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/z", "/a/a"];

const DOCKER: ContainerReference[] = [
  {
    name: "/docker/abc1",
    id: "abc1",
    aliases: ["web", "abc1"],
    namespace: "docker",
  },
  {
    name: "/docker/abd2",
    id: "abd2",
    aliases: ["webhook", "abd2"],
    namespace: "docker",
  },
  {
    name: "/libpod/abe3",
    id: "abe3",
    aliases: ["db", "abe3"],
    namespace: "podman",
  },
];

Deno.test("ContainerTable finds containers by name", () => {
  const table = tableOf(...TREE);
  assertEquals(table.size, 7);
  assertEquals(namesOf(table.all()), TREE);
  assertEquals(table.find("/a/b").reference.name, "/a/b");
  assertEquals(table.get("/b"), undefined);
  assertThrows(
    () => table.find("/b"),
    UnknownContainerError,
    'Unknown container "/b"',
  );
});

Deno.test("ContainerTable.remove() takes a container out, once", () => {
  const table = tableOf("/", "/a");
  const container = table.find("/a");
  assertStrictEquals(table.remove("/a"), container);
  assertEquals(table.remove("/a"), undefined);
  assertEquals(table.size, 1);
  assertEquals(table.childrenOf("/"), []);
});

Deno.test("ContainerTable.childrenOf() names the direct children, in order", () => {
  const table = tableOf(...TREE);
  const childrenOf = (name: string) =>
    table.childrenOf(name).map((reference) => reference.name);
  assertEquals(childrenOf("/"), ["/a", "/ab", "/z"]);
  assertEquals(childrenOf("/a"), ["/a/a", "/a/b"]);
  assertEquals(childrenOf("/z"), []);
  assertEquals(childrenOf("/unknown"), []);
  table.remove("/ab");
  table.remove("/a");
  assertEquals(childrenOf("/"), ["/z"]);
  // Children of the removed container are still there.
  assertEquals(childrenOf("/a"), ["/a/a", "/a/b"]);
});

Deno.test("ContainerTable.withDescendants() returns a container and its descendants, by name", () => {
  const table = tableOf(...TREE);
  assertEquals(namesOf(table.withDescendants("/a")), [
    "/a",
    "/a/a",
    "/a/b",
    "/a/b/c",
  ]);
  assertEquals(namesOf(table.withDescendants("/")), TREE.toSorted());
  assertThrows(() => table.withDescendants("/b"), UnknownContainerError);
});

Deno.test("ContainerTable.requested() selects by the cgroup's name by default", () => {
  const table = tableOf(...TREE);
  assertEquals(namesOf(table.requested("/a", {})), ["/a"]);
  assertEquals(
    namesOf(table.requested("/a/b", { recursive: true })),
    ["/a/b", "/a/b/c"],
  );
  assertThrows(() => table.requested("/b", {}), UnknownContainerError);
});

Deno.test("ContainerTable.requested() finds a name, id or prefix in a runtime's namespace", () => {
  const table = tableOf(...TREE, ...DOCKER);
  const docker = (alias: string) =>
    namesOf(table.requested(`/${alias}`, { type: "docker" }));
  assertEquals(docker("abc"), ["/docker/abc1"]);
  assertEquals(docker("web"), ["/docker/abc1"]);
  assertEquals(
    namesOf(table.requested("/db", { type: "podman" })),
    ["/libpod/abe3"],
  );
  assertThrows(() => docker("abe3"), UnknownContainerError);
  assertThrows(() => docker("ab"), BadRequestError);
});

Deno.test("ContainerTable.inNamespace() is one container, or all for the root's name", () => {
  const table = tableOf(...TREE, ...DOCKER);
  assertEquals(namesOf(table.inNamespace("docker", "/webh")), ["/docker/abd2"]);
  assertEquals(
    namesOf(table.inNamespace("docker", "/")),
    ["/docker/abc1", "/docker/abd2"],
  );
  assertEquals(table.inNamespace("crio", "/"), []);
});

Deno.test("ContainerTable.requested() returns all of a namespace for the root, and for no other name", () => {
  const table = tableOf(...TREE, ...DOCKER);
  const options = { type: "docker", recursive: true } as const;
  assertEquals(
    namesOf(table.requested("/", options)),
    ["/docker/abc1", "/docker/abd2"],
  );
  assertThrows(() => table.requested("/web", options), BadRequestError);
  assertEquals(tableOf("/").requested("/", options), []);
});
