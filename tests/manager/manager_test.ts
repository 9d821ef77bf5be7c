import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { MemoryCache } from "../../lib/cache/memory_cache.ts";
import { EventManager } from "../../lib/events/event_manager.ts";
import { DirectoryUsage } from "../../lib/filesystems/directory_usage.ts";
import { Filesystems } from "../../lib/filesystems/filesystems.ts";
import { MountedFiles } from "../../lib/filesystems/mounted_files.ts";
import { BlockingCallPool } from "../../lib/filesystems/blocking_call_pool.ts";
import { rawFactory } from "../../lib/handlers/raw.ts";
import { systemdFactory } from "../../lib/handlers/systemd.ts";
import { MachineCache } from "../../lib/manager/machine_cache.ts";
import { Manager } from "../../lib/manager/manager.ts";
import { PodDiskUsage } from "../../lib/manager/pod_disk_usage.ts";
import { PodVolumeScanner } from "../../lib/manager/pod_volume_scanner.ts";
import { OomCounters } from "../../lib/oom/counters.ts";
import { OomMonitor } from "../../lib/oom/monitor.ts";
import { OomWatcher } from "../../lib/oom/watcher.ts";
import { sleep, systemClock } from "../../lib/model/clock.ts";
import { UnknownContainerError } from "../../lib/model/errors.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { HandlerRegistry } from "../../lib/registry/handler_registry.ts";
import { IdentityStore } from "../../lib/runtimes/identity_store.ts";
import { CgroupTree } from "../../lib/sources/cgroup_tree.ts";
import { PollWatcher } from "../../lib/sources/poll_watcher.ts";
import { RawWatcher } from "../../lib/sources/raw_watcher.ts";
import { firstSamples } from "../_support/first_samples.ts";
import { RecordedTree } from "../_support/recorded_tree.ts";

/** A manager over a recorded host. */
class ManagedHost implements AsyncDisposable {
  readonly recorded = new RecordedTree("6.1-v2");
  readonly events = new EventManager({
    node: "n1",
    bootId: "b1",
    clock: systemClock,
  });
  readonly manager: Manager;
  failures: (string | undefined)[] = [];

  constructor() {
    const { fs, hierarchies } = this.recorded;
    const tree = new CgroupTree({
      fs,
      hierarchies: hierarchies.all,
      clock: systemClock,
      removalsCount: false,
    });
    const files = new MountedFiles(fs);
    const clock = systemClock;
    const calls = new BlockingCallPool(clock);
    const usage = new DirectoryUsage({ files, clock, calls });
    const counters = new OomCounters(clock);
    const filesystems = new Filesystems({
      fs,
      files,
      clock,
      calls,
      imageStores: () => Promise.resolve([]),
      isHost: false,
    });
    const options = {
      fs,
      hierarchies,
      kinds: new Set(["disk", "diskIO", "process", "pressure"]),
      filesystems,
    };
    this.manager = new Manager({
      fs,
      clock: systemClock,
      logger: silentLogger,
      registry: new HandlerRegistry([
        systemdFactory(),
        rawFactory(options),
      ]),
      cache: new MemoryCache({ maxAgeMs: 120_000, intervalMs: 1_000 }),
      events: this.events,
      counters,
      ooms: new OomWatcher({
        clock,
        logger: silentLogger,
        monitor: new OomMonitor({
          fs,
          clock,
          bootId: "b1",
          counters,
          readCount: () => undefined,
          readContext: () => undefined,
          addEvent: (event) => this.events.addEvent(event),
        }),
      }),
      identities: new IdentityStore({
        clock: systemClock,
        lookup: {
          find: ({ id, isCertain }) =>
            Promise.resolve(
              isCertain ? { runtime: "docker", id, name: "web" } : undefined,
            ),
        },
        firstPid: () => undefined,
      }),
      engineWatchers: [],
      createWatcher: (failure) => {
        this.failures.push(failure);
        return failure === undefined
          ? new RawWatcher({ tree, clock: systemClock })
          : new PollWatcher(tree, systemClock, failure);
      },
      sinks: () => [],
      usage,
      podDiskUsage: new PodDiskUsage({
        usage,
        volumeScanner: new PodVolumeScanner({ files, clock, calls }),
        filesystems,
      }),
      machine: new MachineCache({
        fs,
        clock: systemClock,
        logger: silentLogger,
        filesystems,
        machineIdFiles: [],
        bootId: "b1",
        version: "1.2.3",
      }),
      // After the first sample, which is due immediately, a test takes its own.
      housekeeping: {
        intervalMs: 60_000,
        maxIntervalMs: 60_000,
        dynamic: false,
      },
      globalHousekeepingIntervalMs: 60_000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.stop();
    this.recorded[Symbol.dispose]();
  }
}

const DOCKER =
  "/system.slice/docker-76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e.scope";

Deno.test("Manager is ready once every container is known, each with its creation", async () => {
  await using host = new ManagedHost();
  const { manager, events } = host;
  assertEquals(manager.ready, false);
  await manager.start();
  assertEquals(manager.ready, true);
  const created = events.getEvents({ types: new Set(["containerCreation"]) })
    .map(({ event }) => event.container_name);
  assertEquals(new Set(created).size, created.length);
  assert(created.includes("/") && created.includes(DOCKER));
  assert(created.indexOf("/system.slice") >= 0);
});

Deno.test("Manager returns one container, its descendants, or the requested containers", async () => {
  await using host = new ManagedHost();
  const { manager } = host;
  await manager.start();
  const fresh = await manager.containerInfoV2(DOCKER, { maxAgeMs: 0 });
  const [info] = fresh.values();
  assertEquals(info?.spec.memory?.limitBytes, 33_554_432);
  assertEquals(info?.stats.at(-1)?.cpu?.usageNs, 1_008_690_000);
  const slice = manager.containerInfo("/system.slice");
  assertEquals(slice.subcontainers.map(({ name }) => name), [DOCKER]);
  assertEquals(
    manager.subcontainersInfo("/system.slice").map(({ reference }) =>
      reference.name
    ),
    ["/system.slice", DOCKER],
  );
  const requested = await manager.requestedContainersInfo("/system.slice", {
    recursive: true,
    count: 1,
  });
  assertEquals([...requested.keys()], ["/system.slice", DOCKER]);
  assertEquals([...manager.containerSpec(DOCKER).keys()], [DOCKER]);
  assertEquals(manager.versionInfo().version, "1.2.3");
  assert(manager.machineInfo().numCores > 0);
});

Deno.test("Manager finds a runtime's container by id, name, or prefix", async () => {
  await using host = new ManagedHost();
  const { manager } = host;
  await manager.start();
  const namesOf = (alias: string) =>
    manager.namespaceInfo("docker", alias).map(({ reference }) =>
      reference.name
    );
  // The lookup in its runtime is concurrent.
  await sleep(systemClock, 0);
  for (const alias of ["/web", "/we", "/76b4e3d", "/"]) {
    assertEquals(namesOf(alias), [DOCKER], alias);
  }
  assertThrows(() => namesOf("/db"), UnknownContainerError);
  const infos = await manager.containerInfoV2("/web", { type: "docker" });
  assertEquals([...infos.keys()], [DOCKER]);
  assertEquals(infos.get(DOCKER)?.reference.namespace, "docker");
  const usages = await manager.derivedStats("/", {
    type: "docker",
    recursive: true,
  });
  assertEquals([...usages.keys()], [DOCKER]);
});

Deno.test("Manager takes one sample for concurrent requests, and another one for a later request", async () => {
  await using host = new ManagedHost();
  const { manager } = host;
  await manager.start();
  await firstSamples(manager);
  const size = async () =>
    (await manager.containerInfoV2(DOCKER, { maxAgeMs: 0, count: -1 }))
      .get(DOCKER)?.stats.length ?? NaN;
  const before = await size();
  const sizes = await Promise.all(Array.from({ length: 20 }, size));
  assertEquals(sizes, sizes.map(() => before + 1));
  assertEquals(await size(), before + 2);
  const kept = manager.containerInfo(DOCKER).stats.length;
  await manager.containerInfoV2(DOCKER, { maxAgeMs: 60_000 });
  assertEquals(manager.containerInfo(DOCKER).stats.length, kept);
});

Deno.test("Manager knows no container that is not there", async () => {
  await using host = new ManagedHost();
  const { manager } = host;
  await manager.start();
  assertThrows(() => manager.containerInfo("/none"), UnknownContainerError);
  assertThrows(() => manager.subcontainersInfo("/none"), UnknownContainerError);
  await assertRejects(
    () => manager.containerInfoV2("/none", {}),
    UnknownContainerError,
  );
  await assertRejects(
    () => manager.containerInfoV2("/web", { type: "podman" }),
    UnknownContainerError,
  );
});

Deno.test("Manager falls back to listing if inotify fails, and reports it", async () => {
  const { watchFs } = Deno;
  using _ = {
    [Symbol.dispose]: () => {
      Deno.watchFs = watchFs;
    },
  };
  Deno.watchFs = () => {
    throw new Error("OS file watch limit reached.");
  };
  await using host = new ManagedHost();
  const { manager } = host;
  await manager.start();
  assertEquals(host.failures.length, 2);
  const [cgroups, kmsg] = manager.sources();
  assertEquals(cgroups?.state, "degraded");
  assertMatch(cgroups?.detail ?? "", /fs\.inotify\.max_user_watches/);
  assertEquals(kmsg?.state, "off");
  assertEquals(manager.containerInfo(DOCKER).reference.name, DOCKER);
});
