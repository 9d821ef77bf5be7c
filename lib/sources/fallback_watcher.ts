import type { CgroupName } from "../model/cgroup.ts";
import { type Clock, sleep } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";
import type {
  ContainerChange,
  ContainerWatcher,
  WatchCounters,
} from "./container_watcher.ts";

/** Dependencies of a {@linkcode FallbackWatcher}. */
export interface FallbackWatcherOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uses inotify, or polls if inotify failed for the given reason. */
  readonly createWatcher: (failure?: string) => ContainerWatcher;
}

/** Delay before a failed polling watcher is replaced. */
const POLL_RETRY_MS = 100;

/**
 * Global housekeeping intervals between attempts to use inotify: 1, doubled
 * after each failed attempt, which takes 0.3 s with 3,000 cgroups.
 */
const MAX_INTERVALS = 32;

const WARN_INTERVAL_MS = 60_000;

/** Watches cgroups with inotify, and polls while inotify fails. {@linkcode changes} continues after any failure. */
export class FallbackWatcher implements ContainerWatcher {
  readonly #options: FallbackWatcherOptions;
  /** Rescans of replaced watchers; `fallback` counts their failures. */
  readonly #rescans: Record<string, number> = { fallback: 0 };
  #watcher: ContainerWatcher;
  #isFallback = false;
  /** Last error of inotify, until it works again. */
  #failure: string | undefined;
  /** Until the next attempt. */
  #intervalsLeft = 0;
  /** After the next failure. */
  #nextIntervals = 1;
  #warnedMs = -Infinity;
  /** Whether a warning was logged since inotify last worked. */
  #isWarned = false;
  #closed = false;

  constructor(options: FallbackWatcherOptions) {
    this.#options = options;
    this.#watcher = options.createWatcher();
  }

  get state(): SourceState {
    const { state } = this.#watcher;
    // The new watcher can fail until its first listing is complete.
    if (this.#isFallback || this.#failure === undefined) return state;
    return {
      ...state,
      state: "degraded",
      detail: `retrying inotify, which failed: ${this.#failure}`,
    };
  }

  get counters(): WatchCounters {
    const { directories, rescans } = this.#watcher.counters;
    const sums = { ...this.#rescans };
    addTo(sums, rescans);
    return { directories, rescans: sums };
  }

  async *changes(): AsyncGenerator<readonly ContainerChange[]> {
    while (!this.#closed) {
      const isFallback = this.#isFallback;
      try {
        for await (const changes of this.#watcher.changes()) {
          if (changes.some(({ type }) => type === "listed")) this.#noteListed();
          yield changes;
        }
      } catch (error) {
        this.#fallBack(messageOf(error));
        // After inotify fails, polling starts immediately, to miss no change.
        if (isFallback) await sleep(this.#options.clock, POLL_RETRY_MS);
      }
    }
  }

  /**
   * Retries inotify when the wait is over. Must be called once per global
   * housekeeping interval.
   */
  retry(): void {
    if (!this.#isFallback) {
      // Inotify has worked since the last call.
      this.#nextIntervals = 1;
      return;
    }
    if (--this.#intervalsLeft > 0) return;
    const poller = this.#watcher;
    this.#isFallback = false;
    this.#replace(this.#options.createWatcher());
    // Ends its changes; those of the new watcher follow.
    poller.close();
  }

  check(name: CgroupName): void {
    this.#watcher.check(name);
  }

  reconcile(): void {
    this.#watcher.reconcile();
  }

  close(): void {
    this.#closed = true;
    this.#watcher.close();
  }

  #noteListed(): void {
    if (this.#isFallback || this.#failure === undefined) return;
    this.#failure = undefined;
    if (!this.#isWarned) return;
    this.#isWarned = false;
    this.#options.logger.info("Watching cgroups with inotify again");
  }

  #fallBack(reason: string): void {
    if (this.#closed) return;
    const { clock, logger, createWatcher } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#warnedMs >= WARN_INTERVAL_MS) {
      this.#warnedMs = nowMs;
      this.#isWarned = true;
      logger.warn("Cannot watch cgroups with inotify, polling them instead", {
        reason,
      });
    }
    addTo(this.#rescans, { fallback: 1 });
    this.#replace(createWatcher(reason));
    if (this.#isFallback) return;
    this.#isFallback = true;
    this.#failure = reason;
    this.#intervalsLeft = this.#nextIntervals;
    this.#nextIntervals = Math.min(2 * this.#nextIntervals, MAX_INTERVALS);
  }

  #replace(watcher: ContainerWatcher): void {
    addTo(this.#rescans, this.#watcher.counters.rescans);
    this.#watcher = watcher;
  }
}

function addTo(
  sums: Record<string, number>,
  counts: Readonly<Record<string, number>>,
): void {
  for (const [key, count] of Object.entries(counts)) {
    sums[key] = (sums[key] ?? 0) + count;
  }
}
