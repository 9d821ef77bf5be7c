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

// Longer than other files, since each question is a method of one class.

/** What a {@linkcode Manager} conducts. */
export interface ManagerOptions
  extends ContainerLifecycleOptions, NodeSummariesOptions {
  readonly ooms: OomWatcher;
  readonly events: EventManager;
  readonly machine: MachineCache;
  /** Counts what containers and pods take on disk. */
  readonly usage: Pick<DirectoryUsage, "stop">;
  /** How much of the host is to be seen from our container. @default all of it, for it is the host */
  readonly access?: (kmsg: SourceState) => SourceState;
  /** How what takes the events fares, beside the sources. */
  readonly sinks: () => readonly SourceState[];
}

/** What a {@linkcode Manager} has done in this run. */
export interface ManagerCounters extends LifecycleCounters {
  /** Kills for want of memory that events told of. */
  readonly oomKills: number;
  /** Records of the kernel log; absent where it is not to be read. */
  readonly kmsg?: Pick<OomWatcher, "records" | "lost" | "malformed">;
  readonly events: EventCounters;
}

const DEFAULT_NUM_STATS = 60;
/** As long as runtimes may take to name the containers that are there at start; others get their names later. */
const NAMES_MS = 1_000;
const DEFAULT_COUNT = 64;

/**
 * Turns what the sources hear into handlers and events, keeps housekeeping
 * going, and answers the questions that a kubelet asks.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { openManager, UnknownContainerError } from "../mod.ts";
 *
 * // A folder that looks like a host. Of this host itself: openManager().
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
 * // Sampled anew, since no sample is as young as that.
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

  /** What happened, kept for a while and told to who watches. */
  get events(): EventManager {
    return this.#options.events;
  }

  /** Whether all that was there at start is known: containers, their names, and file systems that respond. */
  get ready(): boolean {
    return this.#hasStarted && this.#lifecycle.ready;
  }

  /** Starts the sources; resolves once it is {@linkcode ready}. */
  async start(): Promise<void> {
    const { identities, engineWatchers } = this.#options;
    identities.start((update) => this.#lifecycle.addUpdate(update));
    for (const watcher of engineWatchers) this.#pumpEngine(watcher);
    this.#options.ooms.start();
    await Promise.all([
      this.#options.machine.start(),
      this.#lifecycle.start(),
    ]);
    const timer = new AbortController();
    await Promise.race([
      identities.lookedUp(),
      sleep(this.#options.clock, NAMES_MS, timer.signal),
    ]);
    timer.abort();
    this.#hasStarted = true;
  }

  /**
   * Stops the sources and measuring; what was asked for can still be answered.
   * Resolves when the last of them has ended and what runtimes were asked is
   * answered, for which nobody need wait.
   */
  async stop(): Promise<void> {
    this.#options.ooms.close();
    const unwatched = this.#lifecycle.stop();
    const { machine, usage, engineWatchers, identities } = this.#options;
    machine.stop();
    usage.stop();
    for (const watcher of engineWatchers) watcher.close();
    await Promise.all([unwatched, identities.close()]);
  }

  /** How the sources fare, and what takes the events. */
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

  /** How far the kernel log and the node's count of OOM kills are accounted for. */
  get checkpoint(): CheckpointData {
    return this.#options.ooms.checkpoint;
  }

  /** What it has done so far. */
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

  /** A container with its samples, its limits and its direct children. @throws {UnknownContainerError} */
  containerInfo(
    name: CgroupName,
    request: ContainerInfoRequest = {},
  ): ContainerInfo {
    return this.#info(this.#containers.find(name), request);
  }

  /** A container and all below it. @throws {UnknownContainerError} */
  subcontainersInfo(
    name: CgroupName,
    request: ContainerInfoRequest = {},
  ): ContainerInfo[] {
    return this.#containers.withDescendants(name)
      .map((container) => this.#info(container, request));
  }

  /**
   * Containers of a runtime: all where `alias` is `/`, else the one with that
   * id, name, or unique beginning of one.
   *
   * @throws {UnknownContainerError}
   * @throws {BadRequestError} where it may be several
   */
  namespaceInfo(
    namespace: string,
    alias: CgroupName,
    request: ContainerInfoRequest = {},
  ): ContainerInfo[] {
    return this.#containers.inNamespace(namespace, alias)
      .map((container) => this.#info(container, request));
  }

  /** Specs and samples of what is asked for, by name. @throws {UnknownContainerError} */
  async containerInfoV2(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<ReadonlyMap<CgroupName, ContainerInfoV2>> {
    const { count = DEFAULT_COUNT } = options;
    const containers = await this.#fresh(name, options);
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

  /** As {@linkcode containerInfoV2}, in the form of v1. @throws {UnknownContainerError} */
  async requestedContainersInfo(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<ReadonlyMap<CgroupName, ContainerInfo>> {
    const numStats = options.count ?? DEFAULT_COUNT;
    const containers = await this.#fresh(name, options);
    return byName(
      containers,
      (container) => this.#info(container, { numStats }),
    );
  }

  /**
   * What is asked for as it is kept, for those who read samples without making
   * objects of them.
   *
   * @throws {UnknownContainerError}
   */
  managedContainers(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<readonly ManagedContainer[]> {
    return this.#fresh(name, options);
  }

  /** The node, its pods and what they use, as a kubelet tells it. */
  async nodeSummary(options: NodeSummaryOptions = {}): Promise<NodeSummary> {
    const { maxAgeMs } = options;
    const containers = await this.#fresh(ROOT, {
      recursive: true,
      ...(maxAgeMs !== undefined && { maxAgeMs }),
    });
    return await this.#summaries.make(containers, options);
  }

  /** Kills for want of memory by container, in this run; of one that is gone for five minutes. */
  oomKills(): Iterable<readonly [CgroupName, number]> {
    return this.#options.counters.killsByContainer();
  }

  /** Who a container was that is gone, for five minutes. */
  removedContainer(name: CgroupName): RemovedContainer | undefined {
    return this.#options.identities.removedContainer(name);
  }

  /** Limits and identity of what is asked for, by name. @throws {UnknownContainerError} */
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

  /** What is asked for used in the last minute, hour and day, by name. @throws {UnknownContainerError} */
  async derivedStats(
    name: CgroupName,
    options: RequestOptions = {},
  ): Promise<ReadonlyMap<CgroupName, DescribedUsage>> {
    const containers = await this.#fresh(name, options);
    return byName(containers, (container) => ({
      reference: container.reference,
      get usage() {
        return container.derivedStats;
      },
    }));
  }

  /**
   * The processes of one container, without those below it; of the root all
   * there are.
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

  /** Events as they come, and with `sinceSeq` the kept ones before. */
  watchEvents(request: EventRequest, options?: WatchOptions): EventWatch {
    return this.#options.events.watchEvents(request, options);
  }

  /** Facts of the machine, and its file systems. */
  machineInfo(): MachineInfo {
    return this.#options.machine.machineInfo();
  }

  /** Versions of the kernel, the operating system and this program. */
  versionInfo(): VersionInfo {
    return this.#options.machine.versionInfo();
  }

  /** The file system of the kubelet's files, or of `/` where there is no kubelet. */
  rootFsInfo(): Promise<FsInfo> {
    return this.#options.machine.rootFsInfo();
  }

  /** The file system that a directory is on. @throws {UnknownFilesystemError} */
  dirFsInfo(path: string): Promise<FsInfo> {
    return this.#options.machine.filesystems.ofDirectory(path);
  }

  /** The file systems with a label, or all of them. @throws {UnknownFilesystemError} */
  fsInfo(label?: string): readonly FsInfo[] {
    return this.#options.machine.filesystems.withLabel(label);
  }

  /** The file system with a UUID. @throws {UnknownFilesystemError} */
  fsInfoByUuid(uuid: string): FsInfo {
    return this.#options.machine.filesystems.withUuid(uuid);
  }

  /** Its parts are made when they are asked for: an answer of thousands is written piece by piece. */
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

  /** The containers asked for, sampled anew where their last sample is too old. */
  async #fresh(
    name: CgroupName,
    options: RequestOptions,
  ): Promise<ManagedContainer[]> {
    const containers = this.#containers.requested(name, options);
    const { maxAgeMs } = options;
    if (maxAgeMs === undefined) return containers;
    const { clock } = this.#options;
    const sinceMs = clock.monotonic() - maxAgeMs;
    const slicer = new TimeSlicer(clock);
    // Who asks at the same time takes the samples that the first one takes.
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

  async #pumpEngine(watcher: EngineWatcher): Promise<void> {
    const { identities, logger } = this.#options;
    for await (const batch of watcher.updates()) {
      for (const event of batch) {
        try {
          identities.update(event);
        } catch (error) {
          logger.error("Cannot take what an engine told, skipping it", {
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
  of: (container: ManagedContainer) => T,
): ReadonlyMap<CgroupName, T> {
  return new Map(
    containers.map((container) => [container.reference.name, of(container)]),
  );
}
