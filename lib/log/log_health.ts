import type { Clock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";

const WARN_INTERVAL_MS = 60_000;

/** What takes so long is said to hang. */
const HANG_SHOWN_MS = 2_000;

/** What may hang, and since when, on the clock's monotonic time. */
interface Wait {
  readonly what: string;
  readonly sinceMs: number;
}

/** How a log fares: counts what fails, and tells the operator once a minute at most. */
export class LogHealth {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #errors = 0;
  #failure: string | undefined;
  #warnedAtMs = -Infinity;
  /** Whether the operator was told of the failure. */
  #isTold = false;
  /** What is waited for, and since when. */
  #awaited: Wait | undefined;

  /** Of the log at `path`. */
  constructor(path: string, clock: Clock, logger: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** How many things failed. */
  get errors(): number {
    return this.#errors;
  }

  /**
   * Whether lines are written now, and synced, where a sync is under way since
   * a monotonic time; `degraded` says why not.
   */
  state(syncingSinceMs: number | undefined): SourceState {
    const problem = this.#failure ?? this.#hanging(this.#awaited) ??
      this.#hanging(
        syncingSinceMs === undefined ? undefined : {
          what: "A sync has not ended",
          sinceMs: syncingSinceMs,
        },
      );
    return {
      name: "event_log",
      state: problem === undefined ? "ok" : "degraded",
      detail: problem ?? "",
    };
  }

  /** Waits for the end of something that may hang, which the state tells of then. */
  async awaiting<T>(what: string, end: Promise<T>): Promise<T> {
    this.#awaited = { what, sinceMs: this.#clock.monotonic() };
    try {
      return await end;
    } finally {
      this.#awaited = undefined;
    }
  }

  /** Something failed that keeps no line from being written. */
  count(message: string, error: unknown): void {
    this.#warn(message, error);
  }

  /** Lines cannot be written. */
  failed(error: unknown): void {
    this.#failure = messageOf(error);
    if (this.#warn("Cannot write the event log, trying again", error)) {
      this.#isTold = true;
    }
  }

  /** A line was written. */
  worked(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#logger.info("The event log is written again", { path: this.#path });
  }

  /** The log is closed, and so many events are not in it that were to be. */
  gaveUp(events: number): void {
    this.#logger.error("Cannot write the last events, closing without", {
      path: this.#path,
      events,
    });
  }

  /** Counts it; returns whether the operator was told. */
  #warn(message: string, error: unknown): boolean {
    this.#errors++;
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#warnedAtMs < WARN_INTERVAL_MS) return false;
    this.#warnedAtMs = nowMs;
    this.#logger.warn(message, { path: this.#path, error: messageOf(error) });
    return true;
  }

  #hanging(awaited: Wait | undefined): string | undefined {
    if (awaited === undefined) return undefined;
    const { what, sinceMs } = awaited;
    const waitedMs = this.#clock.monotonic() - sinceMs;
    return waitedMs < HANG_SHOWN_MS
      ? undefined
      : `${what} for ${Math.floor(waitedMs / 1000)} s`;
  }
}
