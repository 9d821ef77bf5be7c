import { assertEquals, assertThrows } from "@std/assert";
import { RowBuilder } from "../../lib/model/sample.ts";
import {
  type ContainerHandler,
  type HandlerFactory,
  HandlerRegistry,
} from "../../lib/registry/handler_registry.ts";

function handlerOf(name: string, namespace: string): ContainerHandler {
  return {
    reference: { name, namespace },
    builder: new RowBuilder(),
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
  };
}

/** A factory for names with a prefix; it accepts those without "unwanted". */
function factoryOf(prefix: string): HandlerFactory {
  return {
    name: prefix,
    canHandle: (name) => name.startsWith(prefix),
    accepts: (name) => !name.includes("unwanted"),
    create: (name) => handlerOf(name, prefix),
  };
}

Deno.test("HandlerRegistry.create() uses the first factory that can handle a cgroup", () => {
  const registry = new HandlerRegistry(["/a/b", "/a", "/"].map(factoryOf));
  const namespaceOf = (name: string) =>
    registry.create(name)?.reference.namespace;
  assertEquals(namespaceOf("/a/b/c"), "/a/b");
  assertEquals(namespaceOf("/a/c"), "/a");
  assertEquals(namespaceOf("/c"), "/");
});

Deno.test("HandlerRegistry.create() returns undefined if that factory does not accept the cgroup, regardless of later ones", () => {
  const registry = new HandlerRegistry([
    factoryOf("/a"),
    { ...factoryOf("/"), accepts: () => true },
  ]);
  assertEquals(registry.create("/a/unwanted"), undefined);
  assertEquals(registry.create("/unwanted")?.reference.name, "/unwanted");
});

Deno.test("HandlerRegistry.create() throws if no factory can handle a cgroup", () => {
  const registry = new HandlerRegistry([factoryOf("/a")]);
  assertThrows(
    () => registry.create("/b"),
    Error,
    'Cannot handle container "/b": no factory supports it',
  );
});
