import type { Clock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";

const WARN_INTERVAL_MS = 60_000;

/** How a log fares: counts what fails, and tells the operator once a minute at most. */
export class LogHealth {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #errors = 0;
  #failure: string | undefined;
  #warnedAtMs = -Infinity;

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

  /** Whether lines are written now; `degraded` says why not. */
  get state(): SourceState {
    return {
      name: "event_log",
      state: this.#failure === undefined ? "ok" : "degraded",
      detail: this.#failure ?? "",
    };
  }

  /** Something failed that keeps no line from being written. */
  count(message: string, error: unknown): void {
    this.#errors++;
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#warnedAtMs < WARN_INTERVAL_MS) return;
    this.#warnedAtMs = nowMs;
    this.#logger.warn(message, { path: this.#path, error: messageOf(error) });
  }

  /** Lines cannot be written. */
  failed(error: unknown): void {
    this.#failure = messageOf(error);
    this.count("Cannot write the event log, trying again", error);
  }

  /** A line was written. */
  worked(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#warnedAtMs = -Infinity;
    this.#logger.info("The event log is written again", { path: this.#path });
  }

  /** The log is closed, and so many events are not in it that were to be. */
  gaveUp(events: number): void {
    this.#logger.error("Cannot write the last events, closing without", {
      path: this.#path,
      events,
    });
  }
}
