import type { Clock } from "../model/clock.ts";
import { Histogram } from "../model/histogram.ts";

/** Maximum duration before the event loop runs. */
const BATCH_MS = 2;

/**
 * A task with a delay of at least ten times this is due at the next multiple: a
 * wake-up takes 0.3 ms, four times as long as reading a container, and each of
 * 500 containers caused its own.
 */
const TICKS_MS = [1_000, 100] as const;

/** A periodic task. */
export interface Task {
  /** Returns the delay of the next run in milliseconds, if any. Does not throw. */
  run(): number | undefined;
}

/** Seconds; a container takes some tenths of a millisecond. */
const DURATION_BOUNDS = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.05,
  0.25,
] as const;

interface Entry {
  readonly task: Task;
  dueMs: number;
  cancelled: boolean;
}

/**
 * One timer for all tasks: a heap by due time. Runs short synchronous batches,
 * so that requests are handled in between.
 */
export class Scheduler {
  /** Seconds. */
  readonly durations: Histogram = new Histogram(DURATION_BOUNDS);
  readonly #clock: Clock;
  readonly #entries = new Map<Task, Entry>();
  #heap: Entry[] = [];
  #cancelTimer: (() => void) | undefined;
  #timerDueMs = Infinity;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Replaces the task's earlier due time. */
  schedule(task: Task, delayMs: number): void {
    this.cancel(task);
    const entry = {
      task,
      dueMs: this.#clock.monotonic() + delayMs,
      cancelled: false,
    };
    this.#entries.set(task, entry);
    this.#push(entry);
    this.#arm();
  }

  cancel(task: Task): void {
    const entry = this.#entries.get(task);
    if (entry === undefined) return;
    entry.cancelled = true;
    this.#entries.delete(task);
    // Cancelled entries are removed when due, or together once they are the
    // majority.
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#entries.size) {
      this.#heap = this.#heap.filter((other) => !other.cancelled)
        .sort((a, b) => a.dueMs - b.dueMs);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#entries.clear();
    this.#heap = [];
  }

  #arm(): void {
    const dueMs = this.#heap[0]?.dueMs ?? Infinity;
    if (this.#stopped || dueMs >= this.#timerDueMs) return;
    this.#cancelTimer?.();
    this.#timerDueMs = dueMs;
    const delayMs = Math.max(0, dueMs - this.#clock.monotonic());
    this.#cancelTimer = this.#clock.schedule(delayMs, () => {
      this.#timerDueMs = Infinity;
      this.#runDue();
      this.#arm();
    });
  }

  #runDue(): void {
    let nowMs = this.#clock.monotonic();
    const endMs = nowMs + BATCH_MS;
    while (nowMs < endMs) {
      const entry = this.#heap[0];
      if (entry === undefined || entry.dueMs > nowMs) return;
      this.#pop();
      if (entry.cancelled) continue;
      const delayMs = entry.task.run();
      const beforeMs = nowMs;
      nowMs = this.#clock.monotonic();
      this.durations.observe((nowMs - beforeMs) / 1000);
      // The task may have cancelled or rescheduled itself.
      if (entry.cancelled || this.#stopped) continue;
      if (delayMs === undefined) {
        this.#entries.delete(entry.task);
        continue;
      }
      entry.dueMs = ticked(nowMs + delayMs, delayMs);
      this.#push(entry);
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Entry;
      if (parent.dueMs <= entry.dueMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && right.dueMs < (heap[below] as Entry).dueMs) {
        below++;
      }
      const child = heap[below] as Entry;
      if (child.dueMs >= last.dueMs) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function ticked(dueMs: number, delayMs: number): number {
  const tickMs = TICKS_MS.find((tickMs) => delayMs >= 10 * tickMs);
  return tickMs === undefined ? dueMs : Math.ceil(dueMs / tickMs) * tickMs;
}
