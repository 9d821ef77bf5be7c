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
  /** Creates a watcher with inotify, or one without it if inotify failed for the given reason. */
  readonly watch: (failure?: string) => ContainerWatcher;
}

/** Delay before a failed watcher without inotify is replaced. */
const RETRY_MS = 100;

/**
 * After a failure, inotify is tried again at the next housekeeping interval,
 * then after twice as many as before, up to this many. A try that fails with
 * 3,000 cgroups takes 0.3 s.
 */
const MAX_INTERVALS = 32;

/** Minimum interval between two warnings that inotify fails. */
const WARN_INTERVAL_MS = 60_000;

/** Watches with inotify while it works, and without it while it fails. The changes continue after any failure. */
export class FallbackWatcher implements ContainerWatcher {
  readonly #options: FallbackWatcherOptions;
  /** Counts of the replaced watchers, and of replacements (`fallback`). */
  readonly #rescans: Record<string, number> = { fallback: 0 };
  #watcher: ContainerWatcher;
  #isFallback = false;
  /** Last error of inotify, until it works again. */
  #failure: string | undefined;
  #intervalsLeft = 0;
  /** Number of intervals after the next failure. */
  #intervals = 1;
  #warnedMs = -Infinity;
  /** Whether a warning was logged since inotify last worked. */
  #isWarned = false;
  #closed = false;

  constructor(options: FallbackWatcherOptions) {
    this.#options = options;
    this.#watcher = options.watch();
  }

  get state(): SourceState {
    const { state } = this.#watcher;
    // Whether inotify works again is known only after the listing is complete.
    if (this.#isFallback || this.#failure === undefined) return state;
    return {
      ...state,
      state: "degraded",
      detail: `trying inotify again, which failed: ${this.#failure}`,
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
        // After a failure of inotify the listing starts immediately, and misses
        // nothing.
        if (isFallback) await sleep(this.#options.clock, RETRY_MS);
      }
    }
  }

  /** Tries inotify again if it failed and the wait is over. Called at each global housekeeping. */
  retry(): void {
    if (!this.#isFallback) {
      // Inotify has worked since the last call.
      this.#intervals = 1;
      return;
    }
    if (--this.#intervalsLeft > 0) return;
    const listing = this.#watcher;
    this.#isFallback = false;
    this.#replace(this.#options.watch());
    // Ends the changes of the old watcher; those of the new one follow.
    listing.close();
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
    const { clock, logger, watch } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#warnedMs >= WARN_INTERVAL_MS) {
      this.#warnedMs = nowMs;
      this.#isWarned = true;
      logger.warn("Cannot watch cgroups with inotify, listing them instead", {
        reason,
      });
    }
    addTo(this.#rescans, { fallback: 1 });
    this.#replace(watch(reason));
    if (this.#isFallback) return;
    this.#isFallback = true;
    this.#failure = reason;
    this.#intervalsLeft = this.#intervals;
    this.#intervals = Math.min(2 * this.#intervals, MAX_INTERVALS);
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
