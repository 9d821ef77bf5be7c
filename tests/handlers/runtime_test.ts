import { assertEquals } from "@std/assert";
import { toContainerStats } from "../../lib/cache/container_stats.ts";
import { containerStatsJson } from "../../lib/api/v1_json.ts";
import type { ContainerMetadata } from "../../lib/model/container_metadata.ts";
import type { DirectorySize } from "../../lib/filesystems/directory_usage.ts";
import { rawFactory } from "../../lib/handlers/raw.ts";
import { runtimeFactory } from "../../lib/handlers/runtime.ts";
import { systemdFactory } from "../../lib/handlers/systemd.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { HandlerRegistry } from "../../lib/registry/handler_registry.ts";
import { runHandlerContract } from "../_support/handler_contract.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

const ID = "3c1b7f0a5d8e4f2b9a6c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";
const IDENTITIES = {
  initPidOf: () => undefined,
  reportsNetwork: () => true,
  metadataOf: () => undefined,
  isPending: () => false,
};

runHandlerContract(
  "runtimeFactory()",
  (options) => runtimeFactory({ ...options, identities: IDENTITIES }),
);

Deno.test("runtimeFactory() accepts containers of runtimes, regardless of the selection of raw cgroups", () => {
  const options = {
    fs: new HostFs({ root: "/nowhere" }),
    hierarchies: { mode: "unified", all: [] },
    kinds: new Set<string>(),
  } as const;
  const registry = new HandlerRegistry([
    systemdFactory(),
    runtimeFactory({ ...options, identities: IDENTITIES }),
    rawFactory({ ...options, prefixes: ["/wanted"], dockerOnly: true }),
  ]);
  const names = [
    "/",
    "/docker",
    `/docker/${ID}`,
    `/docker/${ID}/sub`,
    `/machine.slice/libpod-${ID}.scope`,
    `/machine.slice/libpod-${ID}.scope/container`,
    `/system.slice/docker-${ID}.mount`,
    "/default/x1",
    "/wanted",
  ];
  assertEquals(
    names.filter((name) => registry.create(name) !== undefined),
    [
      "/",
      `/docker/${ID}`,
      `/machine.slice/libpod-${ID}.scope`,
      "/wanted",
    ],
  );
});

Deno.test("runtimeFactory() adds the current health to each sample, and none without a health check", () => {
  using host = TestCgroup.create();
  host.file(`docker/${ID}/memory.current`, "4096\n");
  let metadata: ContainerMetadata = { runtime: "docker", id: ID };
  const handler = runtimeFactory({
    fs: host.hostFs(),
    hierarchies: {
      mode: "unified",
      all: [{ version: 2, controllers: ["memory"], path: host.path }],
    },
    kinds: new Set<string>(),
    identities: { ...IDENTITIES, metadataOf: () => metadata },
  }).create(`/docker/${ID}`);
  const states = [undefined, "starting", "healthy", "unhealthy", "odd"].map(
    (health) => {
      if (health !== undefined) metadata = { ...metadata, health };
      handler.sample();
      const { row, layout } = handler.builder;
      const sample = { timestampMs: 0, row: row.slice() };
      return toContainerStats(sample, layout, { diskIo: false });
    },
  ).map((stats) => containerStatsJson(stats)["health"]);
  handler.close();
  assertEquals(states, [
    undefined,
    { status: "starting" },
    { status: "healthy" },
    { status: "unhealthy" },
    undefined,
  ]);
});

const MEMORY_ONLY = (host: TestCgroup) => ({
  fs: host.hostFs(),
  hierarchies: {
    mode: "unified",
    all: [{ version: 2, controllers: ["memory"], path: host.path }],
  },
  kinds: new Set(["disk"]),
} as const);

Deno.test("runtimeFactory() treats a container as complete once its runtime reports its process, or after 3 s", () => {
  using host = TestCgroup.create();
  const states: { pid?: number; metadata?: ContainerMetadata } = {};
  let isPending = true;
  const create = (name: string) => {
    host.child(name);
    return runtimeFactory({
      ...MEMORY_ONLY(host),
      identities: {
        ...IDENTITIES,
        initPidOf: () => states.pid,
        metadataOf: () => states.metadata,
        isPending: () => isPending,
      },
    }).create(`/${name}`);
  };
  const handler = create(`docker/${ID}`);
  const nested = create(`docker/${"1".repeat(64)}/docker/${ID}`);
  const first = (of: typeof handler) =>
    [0, 999, 1_000, 2_999, 3_000].find((ms) => of.isComplete(ms));
  // The lookup takes long.
  assertEquals([first(handler), first(nested)], [3_000, 1_000]);
  isPending = false;
  assertEquals([first(handler), first(nested)], [1_000, 1_000]);
  // Docker has created the container, and starts it.
  states.metadata = { runtime: "docker", id: ID };
  assertEquals([first(handler), first(nested)], [3_000, 1_000]);
  states.pid = 7;
  assertEquals(first(handler), 0);
  handler.close();
  nested.close();
});

Deno.test("runtimeFactory() treats a container as complete once its disk usage is counted, or after 3 s", () => {
  using host = TestCgroup.create();
  host.child(`docker/${ID}`);
  host.file(
    "proc/7/mountinfo",
    "133 102 0:37 / / rw - overlay overlay rw,upperdir=/layers/1/diff\n",
  );
  const sizes = new Map<string, DirectorySize>();
  const handler = runtimeFactory({
    ...MEMORY_ONLY(host),
    identities: { ...IDENTITIES, initPidOf: () => 7 },
    disk: {
      usage: { sizeOf: (path) => sizes.get(path), forget() {}, after() {} },
      filesystems: { ofDirectory: () => Promise.reject(new Error("none")) },
    },
  }).create(`/docker/${ID}`);
  assertEquals([0, 2_999, 3_000].map((ms) => handler.isComplete(ms)), [
    false,
    false,
    true,
  ]);
  sizes.set("/layers/1/diff", { timestampMs: 5, bytes: 4096, inodes: 1 });
  assertEquals(handler.isComplete(0), true);
  assertEquals(handler.filesystems?.(0)?.[0]?.usageBytes, 4096);
  handler.close();
});
