import type { Clock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";

const WARN_INTERVAL_MS = 60_000;

/** After this, an operation is reported as hanging. */
const HANG_AFTER_MS = 2_000;

interface Wait {
  readonly what: string;
  readonly sinceMs: number;
}

/** State of a log. Warns at most once per minute. */
export class LogHealth {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #errors = 0;
  #failure: string | undefined;
  #warnedAtMs = -Infinity;
  #isReported = false;
  #awaited: Wait | undefined;

  constructor(path: string, clock: Clock, logger: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#logger = logger;
  }

  get errors(): number {
    return this.#errors;
  }

  /** `syncingSinceMs`: monotonic start of the running sync. */
  state(syncingSinceMs: number | undefined): SourceState {
    const problem = this.#failure ?? this.#hanging(this.#awaited) ??
      this.#hanging(
        syncingSinceMs === undefined ? undefined : {
          what: "Sync has not finished",
          sinceMs: syncingSinceMs,
        },
      );
    return {
      name: "event_log",
      state: problem === undefined ? "ok" : "degraded",
      detail: problem ?? (this.#path === "-" ? "stdout" : this.#path),
    };
  }

  /** While the operation hangs, the state is `degraded` and names it. */
  async awaiting<T>(what: string, end: Promise<T>): Promise<T> {
    this.#awaited = { what, sinceMs: this.#clock.monotonic() };
    try {
      return await end;
    } finally {
      this.#awaited = undefined;
    }
  }

  /** Warns of a failure that does not prevent writing. */
  recordError(message: string, error: unknown): void {
    this.#warn(message, error);
  }

  /** The state is `degraded` until the next write. */
  recordFailure(error: unknown): void {
    this.#failure = messageOf(error);
    if (this.#warn("Cannot write the event log, retrying", error)) {
      this.#isReported = true;
    }
  }

  recordWrite(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    if (!this.#isReported) return;
    this.#isReported = false;
    this.#logger.info("Event log can be written again", { path: this.#path });
  }

  recordUnwritten(events: number): void {
    this.#logger.error("Cannot write the last events, closing without them", {
      path: this.#path,
      events,
    });
  }

  /** Returns whether a warning was logged. */
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
    return waitedMs < HANG_AFTER_MS
      ? undefined
      : `${what} for ${Math.floor(waitedMs / 1000)} s`;
  }
}
