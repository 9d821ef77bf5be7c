import type { CgroupName } from "../model/cgroup.ts";
import { messageOf } from "../model/errors.ts";
import type { Histogram } from "../model/histogram.ts";
import type { SourceState } from "../model/source_state.ts";
import type {
  ContainerChange,
  WatchCounters,
} from "../sources/container_watcher.ts";
import {
  SteadyWatcher,
  type SteadyWatcherOptions,
} from "../sources/steady_watcher.ts";
import type { EventManager } from "../events/event_manager.ts";
import type { HandlerRegistry } from "../registry/handler_registry.ts";
import type { Identities } from "../runtimes/identities.ts";
import type { MemoryCache } from "../cache/memory_cache.ts";
import { ContainerTable } from "./container_table.ts";
import {
  type HousekeepingOptions,
  ManagedContainer,
} from "./managed_container.ts";
import type { OomCounters } from "../oom/counters.ts";
import { PressureEvents } from "./pressure_events.ts";
import { Scheduler } from "./scheduler.ts";

/** What a {@linkcode ContainerLifecycle} works with. */
export interface ContainerLifecycleOptions extends SteadyWatcherOptions {
  readonly registry: HandlerRegistry;
  readonly cache: MemoryCache;
  readonly events: EventManager;
  readonly counters: OomCounters;
  readonly identities: Identities;
  readonly housekeeping: HousekeepingOptions;
  /** Whether containers that meet a memory limit are told of. @default false */
  readonly pressureEvents?: boolean;
  /** Everything is compared with the listing this often. */
  readonly globalHousekeepingIntervalMs: number;
}

/** What a {@linkcode ContainerLifecycle} has done in this run. */
export interface LifecycleCounters extends WatchCounters {
  readonly containers: number;
  /** How long each piece of housekeeping took, in seconds. */
  readonly housekeeping: Histogram;
}

/** The runtimes' word for an exit code that nobody told. */
const UNKNOWN_EXIT_CODE = -1;

/** Makes and ends handlers and housekeeping as containers come and go, and tells of it. */
export class ContainerLifecycle {
  readonly containers: ContainerTable = new ContainerTable();
  readonly #options: ContainerLifecycleOptions;
  readonly #scheduler: Scheduler;
  readonly #pressure: PressureEvents | undefined;
  readonly #listed = Promise.withResolvers<void>();
  readonly #watcher: SteadyWatcher;
  #cancelGlobal: () => void = () => {};
  #beats = 0;
  #isReady = false;
  #stopped = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ContainerLifecycleOptions) {
    this.#options = options;
    const { clock, events, pressureEvents = false, housekeeping } = options;
    this.#scheduler = new Scheduler(clock);
    if (pressureEvents) {
      this.#pressure = new PressureEvents({
        clock,
        events,
        scheduler: this.#scheduler,
        intervalMs: housekeeping.intervalMs,
      });
    }
    this.#watcher = new SteadyWatcher(options);
  }

  /** Whether all containers that were there at start are known. */
  get ready(): boolean {
    return this.#isReady;
  }

  /** Whether it was stopped. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** How the watcher fares. */
  get state(): SourceState {
    return this.#watcher.state;
  }

  /** What it watches and has done. */
  get counters(): LifecycleCounters {
    const { directories, rescans } = this.#watcher.counters;
    return {
      directories,
      rescans: { housekeeping: this.#beats, ...rescans },
      containers: this.containers.size,
      housekeeping: this.#scheduler.durations,
    };
  }

  /** Starts watching; resolves once every container that is there is known. */
  start(): Promise<void> {
    this.#ended = this.#pump();
    this.#scheduleGlobalHousekeeping();
    return this.#listed.promise;
  }

  /** Stops watching and measuring; what is known stays. Resolves when nothing is watched any more. */
  stop(): Promise<void> {
    if (this.#stopped) return this.#ended;
    this.#stopped = true;
    this.#isReady = false;
    this.#cancelGlobal();
    this.#scheduler.stop();
    this.#watcher.close();
    for (const container of this.containers.all()) container.close();
    this.#listed.resolve();
    return this.#ended;
  }

  async #pump(): Promise<void> {
    // All at once: while others have their turn nobody looks at what comes, and it may be gone.
    for await (const changes of this.#watcher.changes()) {
      for (const change of changes) this.#apply(change);
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
          return this.#options.counters.look(change.name);
        case "limits":
          return this.containers.get(change.name)?.forgetLimits();
        case "update":
          return this.containers.get(change.name)?.handler.refresh();
        case "listed":
          this.#isReady = !this.#stopped;
          return this.#listed.resolve();
      }
    } catch (error) {
      this.#options.logger.error("Cannot follow a container, skipping it", {
        change: change.type,
        ...("name" in change && { container: change.name }),
        error: messageOf(error),
      });
    }
  }

  #createContainer(name: CgroupName, createdMs: number | undefined): void {
    if (this.containers.get(name) !== undefined || this.#stopped) return;
    const { clock, logger, registry, cache, events, counters, housekeeping } =
      this.#options;
    const { identities } = this.#options;
    const handler = registry.create(name);
    if (handler === undefined) return;
    identities.open(name);
    const container = new ManagedContainer({
      handler,
      ring: cache.ring(name, handler.builder.layout),
      createdMs,
      housekeeping,
      clock,
      logger,
      identities,
      onGone: () => this.#watcher.check(name),
    });
    this.containers.add(container);
    counters.open(handler, this.#isReady);
    events.addEvent({
      timestampMs: Math.min(createdMs ?? Infinity, clock.now()),
      type: "containerCreation",
      containerName: name,
    });
    this.#pressure?.open(handler, this.#isReady);
    this.#scheduler.schedule(container, 0);
  }

  #destroyContainer(name: CgroupName): void {
    const container = this.containers.remove(name);
    if (container === undefined) return;
    const { clock, cache, events, counters, identities } = this.#options;
    const exitCode = identities.end(name) ?? UNKNOWN_EXIT_CODE;
    this.#scheduler.cancel(container);
    this.#pressure?.close(name);
    counters.close(name);
    container.close();
    cache.remove(name);
    events.addEvent({
      timestampMs: clock.now(),
      type: "containerDeletion",
      containerName: name,
      data: { "container_deletion": { "exit_code": exitCode } },
    });
  }

  #scheduleGlobalHousekeeping(): void {
    const { clock, globalHousekeepingIntervalMs } = this.#options;
    this.#cancelGlobal = clock.schedule(globalHousekeepingIntervalMs, () => {
      this.#beats++;
      this.#watcher.retry();
      this.#watcher.reconcile();
      for (const { handler } of this.containers.all()) handler.refresh();
      this.#options.identities.refresh();
      this.#scheduleGlobalHousekeeping();
    });
  }
}
