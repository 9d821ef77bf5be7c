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

/** What a {@linkcode SteadyWatcher} stands on. */
export interface SteadyWatcherOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes one with inotify, or one that does without, where that failed for the reason given. */
  readonly watch: (failure?: string) => ContainerWatcher;
}

/** One that fails without inotify is not tried again at once. */
const RETRY_MS = 100;

/**
 * Where inotify failed it is tried again at the next beat, then after twice as
 * many as before, up to so many. A try that fails with 3,000 cgroups takes 0.3 s.
 */
const MAX_BEATS = 32;

/** How often it is said that inotify fails. */
const WARN_INTERVAL_MS = 60_000;

/**
 * Watches with inotify while that serves, and without it while it does not.
 * Its changes go on whatever fails.
 */
export class SteadyWatcher implements ContainerWatcher {
  readonly #options: SteadyWatcherOptions;
  /** Of watchers that were replaced, and of replacements. */
  readonly #rescans: Record<string, number> = { fallback: 0 };
  #watcher: ContainerWatcher;
  /** Whether the watcher is one without inotify. */
  #isFallback = false;
  /** Why inotify failed last, until it serves again. */
  #failure: string | undefined;
  /** Beats until inotify is tried again. */
  #beatsLeft = 0;
  /** How many those are when it fails the next time. */
  #beats = 1;
  #warnedMs = -Infinity;
  /** Whether the operator was told that it failed. */
  #isTold = false;
  #closed = false;

  constructor(options: SteadyWatcherOptions) {
    this.#options = options;
    this.#watcher = options.watch();
  }

  /** @inheritdoc */
  get state(): SourceState {
    const { state } = this.#watcher;
    // That it serves again is not known before all was listed.
    if (this.#isFallback || this.#failure === undefined) return state;
    return {
      ...state,
      state: "degraded",
      detail: `trying inotify again, which failed: ${this.#failure}`,
    };
  }

  /** @inheritdoc */
  get counters(): WatchCounters {
    const { directories, rescans } = this.#watcher.counters;
    const sums = { ...this.#rescans };
    addTo(sums, rescans);
    return { directories, rescans: sums };
  }

  /** @inheritdoc */
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
        // Where inotify failed the listing begins at once, and misses nothing.
        if (isFallback) await sleep(this.#options.clock, RETRY_MS);
      }
    }
  }

  /** To be called from time to time: tries inotify again where it failed and the time has come. */
  retry(): void {
    if (!this.#isFallback) {
      // It has served since the last time.
      this.#beats = 1;
      return;
    }
    if (--this.#beatsLeft > 0) return;
    const listing = this.#watcher;
    this.#isFallback = false;
    this.#replace(this.#options.watch());
    // Its changes end, and those of the new one begin.
    listing.close();
  }

  /** @inheritdoc */
  check(name: CgroupName): void {
    this.#watcher.check(name);
  }

  /** @inheritdoc */
  reconcile(): void {
    this.#watcher.reconcile();
  }

  /** @inheritdoc */
  close(): void {
    this.#closed = true;
    this.#watcher.close();
  }

  #noteListed(): void {
    if (this.#isFallback || this.#failure === undefined) return;
    this.#failure = undefined;
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#options.logger.info("Cgroups are watched with inotify again");
  }

  #fallBack(reason: string): void {
    if (this.#closed) return;
    const { clock, logger, watch } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#warnedMs >= WARN_INTERVAL_MS) {
      this.#warnedMs = nowMs;
      this.#isTold = true;
      logger.warn("Cannot watch cgroups with inotify, listing them instead", {
        reason,
      });
    }
    addTo(this.#rescans, { fallback: 1 });
    this.#replace(watch(reason));
    if (this.#isFallback) return;
    this.#isFallback = true;
    this.#failure = reason;
    this.#beatsLeft = this.#beats;
    this.#beats = Math.min(2 * this.#beats, MAX_BEATS);
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
