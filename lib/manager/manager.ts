import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type {
  ContainerDescription,
  ContainerInfo,
  ContainerInfoRequest,
  ContainerInfoV2,
  RequestOptions,
} from "../model/container.ts";
import { sleep } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { CheckpointData, EventRequest } from "../model/event.ts";
import type { FsInfo } from "../model/filesystem.ts";
import type { MachineInfo, VersionInfo } from "../model/machine.ts";
import type { ProcessInfo, ProcessListOptions } from "../model/process.ts";
import type { NodeSummary, NodeSummaryOptions } from "../model/node_summary.ts";
import type { SourceState } from "../model/source_state.ts";
import type { DescribedUsage } from "../model/usage.ts";
import {
  engineStates,
  type EngineWatcher,
} from "../runtimes/engine_watcher.ts";
import type { RemovedContainer } from "../runtimes/identity_store.ts";
import type { OomWatcher } from "../oom/watcher.ts";
import type { DirectoryUsage } from "../filesystems/directory_usage.ts";
import { TimeSlicer } from "../model/time_slicer.ts";
import type {
  EventCounters,
  EventManager,
  WatchOptions,
} from "../events/event_manager.ts";
import type { EventWatch } from "../events/event_watch.ts";
import {
  ContainerLifecycle,
  type ContainerLifecycleOptions,
  type LifecycleCounters,
} from "./container_lifecycle.ts";
import type { ContainerTable } from "./container_table.ts";
import type { ManagedContainer } from "./managed_container.ts";
import type { MachineCache } from "./machine_cache.ts";
import { ProcessList } from "./process_list.ts";
import { NodeSummaries, type NodeSummariesOptions } from "./node_summaries.ts";

// Exceeds 300 lines: one class with all queries.

/** Dependencies. */
export interface ManagerOptions
  extends ContainerLifecycleOptions, NodeSummariesOptions {
  readonly ooms: OomWatcher;
  readonly events: EventManager;
  readonly machine: MachineCache;
  /** Disk usage measurement, stopped with the manager. */
  readonly usage: Pick<DirectoryUsage, "stop">;
  /**
   * Returns the state of the source `access`: the host data readable from the
   * agent's own container.
   *
   * @default none, the agent runs on the host
   */
  readonly access?: (kmsg: SourceState) => SourceState;
  /** States of event consumers, such as the event log. */
  readonly sinks: () => readonly SourceState[];
}

/** Counters of this run. */
export interface ManagerCounters extends LifecycleCounters {
  /** Reported kills. */
  readonly oomKills: number;
  /** Kernel log records; absent if the log is not read. */
  readonly kmsg?: Pick<OomWatcher, "records" | "lost" | "malformed">;
  readonly events: EventCounters;
}

/** cAdvisor's number of samples in v1. */
const DEFAULT_NUM_STATS = 60;
/** cAdvisor's number of samples in v2. */
const DEFAULT_COUNT = 64;
/** Maximum wait at start for names; later ones are updates. */
const MAX_NAMES_WAIT_MS = 1_000;

/**
 * Manages the node's containers: samples, events, and the queries of the API.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { openManager, UnknownContainerError } from "../mod.ts";
 *
 * // A fake host. The real one: openManager().
 * const root = await Deno.makeTempDir();
 * const cgroups = `${root}/sys/fs/cgroup`;
 * await Deno.mkdir(`${cgroups}/shop/web`, { recursive: true });
 * await Deno.writeTextFile(`${cgroups}/cgroup.controllers`, "cpu memory");
 * await Deno.writeTextFile(`${cgroups}/shop/web/memory.current`, "4096");
 * const manager = openManager({ root, kmsg: "none", version: "1.2.3" });
 * await manager.start();
 *
 * const { subcontainers } = manager.containerInfo("/shop");
 * assertEquals(subcontainers, [{ name: "/shop/web" }]);
 * const below = manager.subcontainersInfo("/shop", { numStats: 0 });
 * assertEquals(below.map(({ reference }) => reference.name), ["/shop", "/shop/web"]);
 * assertThrows(() => manager.containerInfo("/none"), UnknownContainerError);
 *
 * // No stored sample is new enough.
 * const options = { recursive: true, maxAgeMs: 0, count: 1 };
 * const v2 = await manager.containerInfoV2("/shop", options);
 * assertEquals(v2.get("/shop/web")?.stats[0]?.memory?.usageBytes, 4096);
 * const v1 = await manager.requestedContainersInfo("/shop", options);
 * assertEquals([...v1.keys()], ["/shop", "/shop/web"]);
 *
 * assertEquals(manager.versionInfo().version, "1.2.3");
 * await manager.stop();
 * ```
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #lifecycle: ContainerLifecycle;
  readonly #containers: ContainerTable;
  readonly #processes: ProcessList;
  readonly #summaries: NodeSummaries;
  #hasStarted = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#lifecycle = new ContainerLifecycle(options);
    this.#containers = this.#lifecycle.containers;
    this.#processes = new ProcessList(
      options.fs,
      options.clock,
      options.cgroupView,
    );
    this.#summaries = new NodeSummaries(options);
  }

  get events(): EventManager {
    return this.#options.events;
  }

  /** Whether {@linkcode start} has finished and the manager is not stopped. */
  get ready(): boolean {
    return this.#hasStarted && this.#lifecycle.ready;
  }

  /**
   * Resolves once existing containers are listed, file systems have been read,
   * unless they hang, and runtimes have returned names, or 1 s has passed.
   */
  async start(): Promise<void> {
    const { identities, engineWatchers } = this.#options;
    identities.start((update) => this.#lifecycle.addUpdate(update));
    for (const watcher of engineWatchers) this.#followEngine(watcher);
    this.#options.ooms.start();
    await Promise.all([
      this.#options.machine.start(),
      this.#lifecycle.start(),
    ]);
    const timer = new AbortController();
    await Promise.race([
      identities.waitForFirstLookups(),
      sleep(this.#options.clock, MAX_NAMES_WAIT_MS, timer.signal),
    ]);
    timer.abort();
    this.#hasStarted = true;
  }

  /**
   * Keeps stored data available to queries. Resolves when all sources and
   * pending runtime requests have ended; callers need not wait.
   */
  async stop(): Promise<void> {
    this.#options.ooms.close();
    const lifecycleStopped = this.#lifecycle.stop();
    const { machine, usage, engineWatchers, identities } = this.#options;
    machine.stop();
    usage.stop();
    for (const watcher of engineWatchers) watcher.close();
    await Promise.all([lifecycleStopped, identities.close()]);
  }

  /** States of sources and event consumers. */
  sources(): readonly SourceState[] {
    const { ooms, access } = this.#options;
    return [
      this.#lifecycle.state,
      ooms.state,
      ...(access === undefined ? [] : [access(ooms.state)]),
      this.#options.machine.filesystems.state,
      this.#options.identities.state,
      ...engineStates(this.#options.engineWatchers),
      ...this.#options.sinks(),
    ];
  }

  /**
   * State from which the next start resumes: positions in the kernel log and
   * the node's OOM kill counter.
   */
  get checkpoint(): CheckpointData {
    return this.#options.ooms.checkpoint;
  }

  get counters(): ManagerCounters {
    const { ooms, events } = this.#options;
    const { records, lost, malformed } = ooms;
    return {
      ...this.#lifecycle.counters,
      oomKills: ooms.kills,
      ...(ooms.state.state !== "off" && { kmsg: { records, lost, malformed } }),
      events: events.counters,
    };
  }

  /** @throws {UnknownContainerError} */
  containerInfo(
    name: CgroupName,
    request: ContainerInfoRequest = {},
  ): ContainerInfo {
    return this.#info(this.#containers.find(name), request);
  }

  /** Returns a container and its descendants. @throws {UnknownContainerError} */
  subcontainersInfo(
    name: CgroupName,
    request: ContainerInfoRequest = {},
  ): ContainerInfo[] {
    return this.#containers.withDescendants(name)
      .map((container) => this.#info(container, request));
  }

  /**
   * Returns the runtime's container with that ID, name or unique prefix; for
   * `/`, all.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} if a prefix matches several
   */
  namespaceInfo(
    namespace: string,
    alias: CgroupName,
    request: ContainerInfoRequest = {},
  ): ContainerInfo[] {
    return this.#containers.inNamespace(namespace, alias)
      .map((container) => this.#info(container, request));
  }

  /**
   * Returns specs and samples by name.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} if a prefix matches several
   */
  async containerInfoV2(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<ReadonlyMap<CgroupName, ContainerInfoV2>> {
    const { count = DEFAULT_COUNT } = options;
    const containers = await this.#withFreshSamples(name, options);
    return byName(containers, (container) => ({
      reference: container.reference,
      get spec() {
        return container.spec;
      },
      get stats() {
        return container.stats({ count });
      },
    }));
  }

  /**
   * Returns {@linkcode containerInfoV2} in v1 format.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} if a prefix matches several
   */
  async requestedContainersInfo(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<ReadonlyMap<CgroupName, ContainerInfo>> {
    const numStats = options.count ?? DEFAULT_COUNT;
    const containers = await this.#withFreshSamples(name, options);
    return byName(
      containers,
      (container) => this.#info(container, { numStats }),
    );
  }

  /**
   * Returns the containers themselves, for reading samples without creating
   * objects.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} if a prefix matches several
   */
  managedContainers(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<readonly ManagedContainer[]> {
    return this.#withFreshSamples(name, options);
  }

  /** Returns the usage of the node and its pods, as the kubelet's Summary API. */
  async nodeSummary(options: NodeSummaryOptions = {}): Promise<NodeSummary> {
    const { maxAgeMs } = options;
    const containers = await this.#withFreshSamples(ROOT, {
      recursive: true,
      ...(maxAgeMs !== undefined && { maxAgeMs }),
    });
    return await this.#summaries.build(containers, options);
  }

  /**
   * Returns the OOM kills of each container in this run; removed ones are kept
   * for 5 min.
   */
  oomKills(): Iterable<readonly [CgroupName, number]> {
    return this.#options.counters.killsByContainer();
  }

  /** Returns a container removed in the last 5 min. */
  removedContainer(name: CgroupName): RemovedContainer | undefined {
    return this.#options.identities.removedContainer(name);
  }

  /**
   * Returns limits and identities by name.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} if a prefix matches several
   */
  containerSpec(
    name: CgroupName,
    options: RequestOptions = {},
  ): ReadonlyMap<CgroupName, ContainerDescription> {
    const containers = this.#containers.requested(name, options);
    return byName(containers, (container) => ({
      reference: container.reference,
      get spec() {
        return container.spec;
      },
    }));
  }

  /**
   * Returns usage in the last minute, hour and day, by name.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} if a prefix matches several
   */
  async derivedStats(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<ReadonlyMap<CgroupName, DescribedUsage>> {
    const containers = await this.#withFreshSamples(name, options);
    return byName(containers, (container) => ({
      reference: container.reference,
      get usage() {
        return container.derivedStats;
      },
    }));
  }

  /**
   * Returns a container's processes without those of descendants; for the root,
   * all.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} if a prefix matches several
   */
  async processList(
    name: CgroupName,
    options: RequestOptions & ProcessListOptions = {},
  ): Promise<ProcessInfo[]> {
    const { commandLines = false, ...request } = options;
    const [container] = this.#containers
      .requested(name, { ...request, recursive: false });
    return await this.#processes.read(
      container?.reference.name ?? name,
      { commandLines },
    );
  }

  /** Yields new events; with `sinceSeq`, the stored ones first. */
  watchEvents(request: EventRequest, options?: WatchOptions): EventWatch {
    return this.#options.events.watchEvents(request, options);
  }

  machineInfo(): MachineInfo {
    return this.#options.machine.machineInfo();
  }

  versionInfo(): VersionInfo {
    return this.#options.machine.versionInfo();
  }

  /** Returns the file system of the kubelet's directory or, without a kubelet, `/`. */
  rootFsInfo(): Promise<FsInfo> {
    return this.#options.machine.rootFsInfo();
  }

  /** @throws {UnknownFilesystemError} */
  dirFsInfo(path: string): Promise<FsInfo> {
    return this.#options.machine.filesystems.ofDirectory(path);
  }

  /** Returns all file systems without a label. @throws {UnknownFilesystemError} */
  fsInfo(label?: string): readonly FsInfo[] {
    return this.#options.machine.filesystems.withLabel(label);
  }

  /** @throws {UnknownFilesystemError} */
  fsInfoByUuid(uuid: string): FsInfo {
    return this.#options.machine.filesystems.withUuid(uuid);
  }

  /** Getters defer building each part, so that large responses are written in chunks. */
  #info(
    container: ManagedContainer,
    request: ContainerInfoRequest,
  ): ContainerInfo {
    const { numStats = DEFAULT_NUM_STATS, ...range } = request;
    const { reference } = container;
    const containers = this.#containers;
    return {
      reference,
      get subcontainers() {
        return containers.childrenOf(reference.name);
      },
      get spec() {
        return container.spec;
      },
      get stats() {
        return container.stats({ ...range, count: numStats });
      },
    };
  }

  /** Samples containers whose last sample is too old. */
  async #withFreshSamples(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<ManagedContainer[]> {
    const containers = this.#containers.requested(name, options);
    const { maxAgeMs } = options;
    if (maxAgeMs === undefined) return containers;
    const { clock } = this.#options;
    const sinceMs = clock.monotonic() - maxAgeMs;
    const slicer = new TimeSlicer(clock);
    // Concurrent requests share the first one's samples.
    await slicer.yieldToEventLoop();
    for (const container of containers) {
      if (
        this.#lifecycle.stopped || !container.refresh(sinceMs) ||
        !slicer.isExpired
      ) {
        continue;
      }
      await slicer.yieldToEventLoop();
    }
    return containers;
  }

  async #followEngine(watcher: EngineWatcher): Promise<void> {
    const { identities, logger } = this.#options;
    for await (const batch of watcher.updates()) {
      for (const event of batch) {
        try {
          identities.update(event);
        } catch (error) {
          logger.error("Cannot process the event of an engine, skipping it", {
            container: event.metadata.id,
            error: messageOf(error),
          });
        }
      }
    }
  }
}

function byName<T>(
  containers: readonly ManagedContainer[],
  toValue: (container: ManagedContainer) => T,
): ReadonlyMap<CgroupName, T> {
  return new Map(
    containers.map((
      container,
    ) => [container.reference.name, toValue(container)]),
  );
}
