import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { EventManager } from "../events/event_manager.ts";
import type {
  ContainerHandler,
  MemoryLimitHits,
} from "../registry/handler_registry.ts";
import type { Scheduler, Task } from "./scheduler.ts";

/** Dependencies. */
export interface PressureEventsOptions {
  readonly clock: Clock;
  readonly events: EventManager;
  readonly scheduler: Scheduler;
  readonly intervalMs: number;
}

/** Minimum interval per container and type. */
const EVENT_INTERVAL_MS = 10_000;

/**
 * Emits events if containers meet their own `memory.high` or `memory.max`
 * (cgroup v2).
 *
 * Counts are polled (2 µs each) rather than read on inotify: one OOM causes 250
 * notifications, a storm loses some, inotify may fail, and hits within ten
 * seconds of an event would need a periodic read anyway.
 */
export class PressureEvents {
  readonly #options: PressureEventsOptions;
  readonly #tasks = new Map<CgroupName, Task>();

  constructor(options: PressureEventsOptions) {
    this.#options = options;
  }

  /** @param isNew whether it was created after the agent's start */
  open(handler: ContainerHandler, isNew: boolean): void {
    const { name } = handler.reference;
    this.close(name);
    const task = new PressureTask(handler, isNew, this.#options);
    this.#tasks.set(name, task);
    this.#options.scheduler.schedule(task, 0);
  }

  close(name: CgroupName): void {
    const task = this.#tasks.get(name);
    if (task === undefined) return;
    this.#tasks.delete(name);
    this.#options.scheduler.cancel(task);
  }
}

/** A limit's count at its last event. */
interface ReportedCount {
  readonly type: "memoryHigh" | "memoryMax";
  readonly limit: keyof MemoryLimitHits;
  count: number;
  lastMs: number;
}

class PressureTask implements Task {
  readonly #handler: ContainerHandler;
  readonly #options: PressureEventsOptions;
  readonly #reported: readonly ReportedCount[];

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
    this.#reported = [
      { type: "memoryHigh", limit: "high", count: high, lastMs },
      { type: "memoryMax", limit: "max", count: max, lastMs },
    ];
  }

  run(): number {
    const hits = this.#handler.memoryLimitHits();
    if (hits !== undefined) {
      for (const reported of this.#reported) {
        this.#report(reported, hits[reported.limit]);
      }
    }
    return this.#options.intervalMs;
  }

  #report(reported: ReportedCount, counted: number): void {
    const { clock, events } = this.#options;
    // The count restarts at 0 if the memory controller was turned off and on.
    if (counted < reported.count) reported.count = 0;
    const count = counted - reported.count;
    const nowMs = clock.monotonic();
    // NaN, without the key, is not greater.
    if (!(count > 0) || nowMs - reported.lastMs < EVENT_INTERVAL_MS) return;
    reported.count = counted;
    reported.lastMs = nowMs;
    events.addEvent({
      timestampMs: clock.now(),
      type: reported.type,
      containerName: this.#handler.reference.name,
      data: { "memory_pressure": { count } },
    });
  }
}
