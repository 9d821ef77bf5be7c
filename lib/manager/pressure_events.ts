import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { EventManager } from "../events/event_manager.ts";
import type {
  ContainerHandler,
  MemoryLimitHits,
} from "../registry/handler_registry.ts";
import type { Scheduler, Task } from "./scheduler.ts";

/** What {@linkcode PressureEvents} stand on. */
export interface PressureEventsOptions {
  readonly clock: Clock;
  readonly events: EventManager;
  readonly scheduler: Scheduler;
  /** From one look at a container to the next. */
  readonly intervalMs: number;
}

/** A container has one event of a type in so long. */
const EVENT_INTERVAL_MS = 10_000;

/**
 * Tells that containers meet `memory.high` or `memory.max` (cgroup v2), each
 * under the cgroup whose limit it is.
 *
 * Counts are read on a beat, and not when inotify tells that they moved: one
 * OOM makes 250 such notifications, a storm loses some, there are none where
 * inotify failed, and what is counted in the ten seconds after an event would
 * want a beat to be told at all. A read takes 2 µs.
 */
export class PressureEvents {
  readonly #options: PressureEventsOptions;
  readonly #tasks = new Map<CgroupName, Task>();

  constructor(options: PressureEventsOptions) {
    this.#options = options;
  }

  /** A container came; `isNew` where it was not there when the agent started. */
  open(handler: ContainerHandler, isNew: boolean): void {
    const { name } = handler.reference;
    this.close(name);
    const task = new PressureTask(handler, isNew, this.#options);
    this.#tasks.set(name, task);
    this.#options.scheduler.schedule(task, 0);
  }

  /** A container went. */
  close(name: CgroupName): void {
    const task = this.#tasks.get(name);
    if (task === undefined) return;
    this.#tasks.delete(name);
    this.#options.scheduler.cancel(task);
  }
}

/** What was told of one limit. */
interface Told {
  readonly type: "memoryHigh" | "memoryMax";
  readonly limit: keyof MemoryLimitHits;
  /** What the kernel had counted then. */
  count: number;
  lastMs: number;
}

/** Looks at one container. */
class PressureTask implements Task {
  readonly #handler: ContainerHandler;
  readonly #options: PressureEventsOptions;
  readonly #told: readonly Told[];

  constructor(
    handler: ContainerHandler,
    isNew: boolean,
    options: PressureEventsOptions,
  ) {
    this.#handler = handler;
    this.#options = options;
    const before = isNew ? undefined : handler.memoryLimitHits();
    const { high = 0, max = 0 } = before ?? {};
    const lastMs = -Infinity;
    this.#told = [
      { type: "memoryHigh", limit: "high", count: high, lastMs },
      { type: "memoryMax", limit: "max", count: max, lastMs },
    ];
  }

  run(): number {
    const hits = this.#handler.memoryLimitHits();
    if (hits !== undefined) {
      for (const told of this.#told) this.#tell(told, hits[told.limit]);
    }
    return this.#options.intervalMs;
  }

  #tell(told: Told, counted: number): void {
    const { clock, events } = this.#options;
    // It begins anew where the memory controller was turned off and on again.
    if (counted < told.count) told.count = 0;
    const count = counted - told.count;
    const nowMs = clock.monotonic();
    // NaN, where the file lacks the key, is not greater.
    if (!(count > 0) || nowMs - told.lastMs < EVENT_INTERVAL_MS) return;
    told.count = counted;
    told.lastMs = nowMs;
    events.addEvent({
      timestampMs: clock.now(),
      type: told.type,
      containerName: this.#handler.reference.name,
      data: { "memory_pressure": { count } },
    });
  }
}
