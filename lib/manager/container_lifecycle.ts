import type { CgroupName } from "../model/cgroup.ts";
import { messageOf } from "../model/errors.ts";
import type { Histogram } from "../model/histogram.ts";
import type { SourceState } from "../model/source_state.ts";
import type {
  ContainerChange,
  WatchCounters,
} from "../sources/container_watcher.ts";
import {
  FallbackWatcher,
  type FallbackWatcherOptions,
} from "../sources/fallback_watcher.ts";
import type { EventManager } from "../events/event_manager.ts";
import type { HandlerRegistry } from "../registry/handler_registry.ts";
import type { EngineWatcher } from "../runtimes/engine_watcher.ts";
import type {
  IdentityStore,
  IdentityUpdate,
} from "../runtimes/identity_store.ts";
import type { MemoryCache } from "../cache/memory_cache.ts";
import { ContainerTable } from "./container_table.ts";
import { Deletions } from "./deletions.ts";
import {
  type HousekeepingOptions,
  ManagedContainer,
} from "./managed_container.ts";
import type { OomCounters } from "../oom/counters.ts";
import { PressureEvents } from "./pressure_events.ts";
import { Scheduler } from "./scheduler.ts";

/** Dependencies. */
export interface ContainerLifecycleOptions extends FallbackWatcherOptions {
  readonly registry: HandlerRegistry;
  readonly cache: MemoryCache;
  readonly events: EventManager;
  readonly counters: OomCounters;
  readonly identities: IdentityStore;
  /** Engines that report containers by events. */
  readonly engineWatchers: readonly EngineWatcher[];
  readonly housekeeping: HousekeepingOptions;
  /** Emit events if containers meet a memory limit. @default false */
  readonly pressureEvents?: boolean;
  /** Interval between full listings. */
  readonly globalHousekeepingIntervalMs: number;
}

/** Counters of this run. */
export interface LifecycleCounters extends WatchCounters {
  readonly containers: number;
  /** Housekeeping tasks, in seconds. */
  readonly housekeeping: Histogram;
}

/** Creates and closes handlers, schedules housekeeping, emits container events. */
export class ContainerLifecycle {
  readonly containers: ContainerTable = new ContainerTable();
  readonly #options: ContainerLifecycleOptions;
  readonly #scheduler: Scheduler;
  readonly #deletions: Deletions;
  readonly #pressure: PressureEvents | undefined;
  readonly #listed = Promise.withResolvers<void>();
  readonly #sampled = Promise.withResolvers<void>();
  readonly #watcher: FallbackWatcher;
  #cancelGlobal: () => void = () => {};
  #housekeepings = 0;
  /** Whether all existing containers are known. */
  #isListed = false;
  #stopped = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ContainerLifecycleOptions) {
    this.#options = options;
    const { clock, events, pressureEvents = false, housekeeping } = options;
    this.#scheduler = new Scheduler(clock);
    this.#deletions = new Deletions({ clock, events });
    if (pressureEvents) {
      this.#pressure = new PressureEvents({
        clock,
        events,
        scheduler: this.#scheduler,
        intervalMs: housekeeping.intervalMs,
      });
    }
    this.#watcher = new FallbackWatcher(options);
  }

  get ready(): boolean {
    return this.#isListed && !this.#stopped;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get state(): SourceState {
    return this.#watcher.state;
  }

  get counters(): LifecycleCounters {
    const { directories, rescans } = this.#watcher.counters;
    return {
      directories,
      rescans: { housekeeping: this.#housekeepings, ...rescans },
      containers: this.containers.size,
      housekeeping: this.#scheduler.durations,
    };
  }

  /**
   * Emits an event for changed metadata; an exit code that the deletion event
   * awaits goes into that event instead.
   */
  addUpdate({ cgroup, data }: IdentityUpdate): void {
    const { clock, events } = this.#options;
    const { "exit_code": exitCode, ...others } = data;
    const isAwaited = exitCode !== undefined && this.#deletions.awaits(cgroup);
    const changed = isAwaited
      ? data.changed.filter((name) => name !== "exit_code")
      : data.changed;
    if (changed.length > 0) {
      events.addEvent({
        timestampMs: clock.now(),
        type: "containerUpdate",
        containerName: cgroup,
        data: {
          "container_update": isAwaited ? { ...others, changed } : data,
        },
      });
    }
    if (isAwaited) this.#deletions.end(cgroup, exitCode);
  }

  /** Resolves once every existing container is known. */
  start(): Promise<void> {
    this.#ended = this.#followChanges();
    this.#scheduleGlobalHousekeeping();
    return this.#listed.promise;
  }

  /** Keeps the known data. Resolves when watching has ended. */
  stop(): Promise<void> {
    if (this.#stopped) return this.#ended;
    this.#stopped = true;
    this.#cancelGlobal();
    this.#scheduler.stop();
    this.#deletions.stop();
    this.#watcher.close();
    for (const container of this.containers.all()) container.close();
    this.#listed.resolve();
    this.#sampled.resolve();
    return this.#ended;
  }

  async #followChanges(): Promise<void> {
    // No yield between changes: a new container may be gone before its cgroup
    // is read.
    for await (const changes of this.#watcher.changes()) {
      for (const change of changes) this.#apply(change);
      // The watcher would delay the first samples by 0.1 s per hierarchy of
      // 1,000 cgroups.
      if (this.#isListed) await this.#sampled.promise;
    }
  }

  #apply(change: ContainerChange): void {
    try {
      switch (change.type) {
        case "add":
          return this.#createContainer(change.name, change.createdMs);
        case "delete":
          return this.#destroyContainer(change.name);
        case "memoryEvents":
          return this.#options.counters.refresh(change.name);
        case "limits":
          return this.containers.get(change.name)?.invalidateSpec();
        case "update":
          return this.#refreshContainer(change.name);
        case "listed":
          return this.#finishListing();
      }
    } catch (error) {
      this.#options.logger.error(
        "Cannot process the change of a container, skipping it",
        {
          change: change.type,
          ...("name" in change && { container: change.name }),
          error: messageOf(error),
        },
      );
    }
  }

  #createContainer(name: CgroupName, createdMs: number | undefined): void {
    if (this.containers.get(name) !== undefined || this.#stopped) return;
    const { clock, logger, registry, cache, events, counters, housekeeping } =
      this.#options;
    const { identities } = this.#options;
    const handler = registry.create(name);
    if (handler === undefined) return;
    this.#deletions.flush(name);
    identities.add(name);
    const container = new ManagedContainer({
      handler,
      ring: cache.ring(name, handler.builder.layout),
      createdMs,
      housekeeping,
      clock,
      logger,
      identities,
      isNew: this.#isListed,
      onGone: () => this.#watcher.check(name),
    });
    this.containers.add(container);
    counters.open(handler, this.#isListed);
    events.addEvent({
      timestampMs: Math.min(createdMs ?? Infinity, clock.now()),
      type: "containerCreation",
      containerName: name,
    });
    this.#pressure?.open(handler, this.#isListed);
    this.#scheduler.schedule(container, 0);
  }

  /** The container is in more hierarchies, and may be complete now. */
  #refreshContainer(name: CgroupName): void {
    const container = this.containers.get(name);
    if (container === undefined) return;
    container.handler.refresh();
    if (!container.hasSample) this.#scheduler.schedule(container, 0);
  }

  /** First samples are due already; a request may take one sooner. */
  #finishListing(): void {
    if (this.#isListed || this.#stopped) return;
    this.#isListed = true;
    this.#listed.resolve();
    this.#scheduler.schedule({
      run: () => {
        this.#sampled.resolve();
        return undefined;
      },
    }, 1);
  }

  #destroyContainer(name: CgroupName): void {
    const container = this.containers.remove(name);
    if (container === undefined) return;
    const { cache, counters, identities } = this.#options;
    const exitCode = identities.remove(name);
    this.#scheduler.cancel(container);
    this.#pressure?.close(name);
    counters.close(name);
    container.close();
    cache.remove(name);
    this.#deletions.add(name, exitCode, this.#reportsExit(name));
  }

  /**
   * Whether the removed container's engine is watched, and will report the exit
   * code soon.
   */
  #reportsExit(name: CgroupName): boolean {
    const { identities, engineWatchers } = this.#options;
    const runtime = identities.removedRuntime(name);
    return runtime !== undefined &&
      engineWatchers.some(({ state }) =>
        state.name === runtime && state.state === "ok"
      );
  }

  #scheduleGlobalHousekeeping(): void {
    const { clock, globalHousekeepingIntervalMs } = this.#options;
    this.#cancelGlobal = clock.schedule(globalHousekeepingIntervalMs, () => {
      this.#housekeepings++;
      this.#watcher.retry();
      this.#watcher.reconcile();
      for (const { handler } of this.containers.all()) handler.refresh();
      this.#options.identities.refresh();
      this.#scheduleGlobalHousekeeping();
    });
  }
}
