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

// Exceeds 300 lines: each query is a method of one class.

/** Dependencies of a {@linkcode Manager}. */
export interface ManagerOptions
  extends ContainerLifecycleOptions, NodeSummariesOptions {
  readonly ooms: OomWatcher;
  readonly events: EventManager;
  readonly machine: MachineCache;
  /** Measurement of the disk usage of containers and pods; stopped with the manager. */
  readonly usage: Pick<DirectoryUsage, "stop">;
  /**
   * Returns the state of the source `access`, given that of the kernel log: the
   * host's data that the agent can read from its own container.
   *
   * @default none, the agent runs on the host
   */
  readonly access?: (kmsg: SourceState) => SourceState;
  /** Returns the states of the consumers of events, such as the event log. */
  readonly sinks: () => readonly SourceState[];
}

/** Counters of a {@linkcode Manager} in this run. */
export interface ManagerCounters extends LifecycleCounters {
  /** OOM kills reported by events. */
  readonly oomKills: number;
  /** Numbers of kernel log records; absent if reading the kernel log is turned off. */
  readonly kmsg?: Pick<OomWatcher, "records" | "lost" | "malformed">;
  readonly events: EventCounters;
}

/** Number of samples in v1 responses, as in cAdvisor. */
const DEFAULT_NUM_STATS = 60;
/** Number of samples in v2 responses, as in cAdvisor. */
const DEFAULT_COUNT = 64;
/** Maximum wait at start for the names of existing containers. Later names are reported as updates. */
const MAX_NAMES_WAIT_MS = 1_000;

/**
 * Manages the containers of the node: creates their handlers, samples them, emits
 * their events, and provides the queries of the API.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { openManager, UnknownContainerError } from "../mod.ts";
 *
 * // A directory that resembles a host. For this host: openManager().
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
 * // Takes a sample, since no stored sample is new enough.
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

  /** Stored and new events. */
  get events(): EventManager {
    return this.#options.events;
  }

  /** Whether {@linkcode start} has finished, containers are listed, and the manager is not stopped. */
  get ready(): boolean {
    return this.#hasStarted && this.#lifecycle.ready;
  }

  /**
   * Starts the sources. Resolves once existing containers are listed, file systems
   * have been read, unless they hang, and runtimes have returned the names of the
   * containers, or 1 s has passed.
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
   * Stops the sources and sampling; stored data stays available to queries.
   * Resolves when the last source has ended and the pending requests to
   * runtimes are complete; callers need not wait for that.
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

  /** Returns the states of the sources, and of the consumers of events. */
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

  /** State from which the next start resumes: the positions in the kernel log and in the node's OOM kill counter. */
  get checkpoint(): CheckpointData {
    return this.#options.ooms.checkpoint;
  }

  /** Counters in this run. */
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

  /**
   * Returns a container with its samples, its limits and its direct children.
   *
   * @throws {UnknownContainerError}
   */
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
   * Returns containers of a runtime: all if `alias` is `/`, otherwise the one
   * with that id, name, or unique prefix.
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
   * Returns specs and samples of the requested containers, by name.
   *
   * @throws {UnknownContainerError}
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
   * Returns the same as {@linkcode containerInfoV2}, in v1 format.
   *
   * @throws {UnknownContainerError}
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
   * Returns the requested containers themselves, for callers that read samples
   * without creating objects.
   *
   * @throws {UnknownContainerError}
   */
  managedContainers(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<readonly ManagedContainer[]> {
    return this.#withFreshSamples(name, options);
  }

  /** Returns the usage of the node and of its pods, as in the kubelet's Summary API. */
  async nodeSummary(options: NodeSummaryOptions = {}): Promise<NodeSummary> {
    const { maxAgeMs } = options;
    const containers = await this.#withFreshSamples(ROOT, {
      recursive: true,
      ...(maxAgeMs !== undefined && { maxAgeMs }),
    });
    return await this.#summaries.build(containers, options);
  }

  /** Returns the number of OOM kills of each container in this run. A removed container is kept for five minutes. */
  oomKills(): Iterable<readonly [CgroupName, number]> {
    return this.#options.counters.killsByContainer();
  }

  /** Returns the identity of a container that was removed in the last five minutes. */
  removedContainer(name: CgroupName): RemovedContainer | undefined {
    return this.#options.identities.removedContainer(name);
  }

  /**
   * Returns limits and identity of the requested containers, by name.
   *
   * @throws {UnknownContainerError}
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
   * Returns the usage of the requested containers in the last minute, hour and
   * day, by name.
   *
   * @throws {UnknownContainerError}
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
   * Returns the processes of one container without its descendants; for the
   * root, all processes.
   *
   * @throws {UnknownContainerError}
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

  /** Yields new events, and with `sinceSeq` the stored ones first. */
  watchEvents(request: EventRequest, options?: WatchOptions): EventWatch {
    return this.#options.events.watchEvents(request, options);
  }

  /** Returns attributes of the machine, and its file systems. */
  machineInfo(): MachineInfo {
    return this.#options.machine.machineInfo();
  }

  /** Returns the versions of the kernel, the operating system and this program. */
  versionInfo(): VersionInfo {
    return this.#options.machine.versionInfo();
  }

  /** Returns the file system of the kubelet's directory, or of `/` without a kubelet. */
  rootFsInfo(): Promise<FsInfo> {
    return this.#options.machine.rootFsInfo();
  }

  /** Returns the file system of a directory. @throws {UnknownFilesystemError} */
  dirFsInfo(path: string): Promise<FsInfo> {
    return this.#options.machine.filesystems.ofDirectory(path);
  }

  /** Returns the file systems with a label, or all of them. @throws {UnknownFilesystemError} */
  fsInfo(label?: string): readonly FsInfo[] {
    return this.#options.machine.filesystems.withLabel(label);
  }

  /** Returns the file system with a UUID. @throws {UnknownFilesystemError} */
  fsInfoByUuid(uuid: string): FsInfo {
    return this.#options.machine.filesystems.withUuid(uuid);
  }

  /** Getters build each part when it is read, so that a response with thousands of containers is written in chunks. */
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

  /** Returns the requested containers, with new samples if the last ones are too old. */
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
    // Concurrent requests share the samples that the first one takes.
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
