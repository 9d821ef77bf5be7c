import type { Clock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";

const WARN_INTERVAL_MS = 60_000;

/** Time for which a failure is reported. */
const FAILURE_SHOWN_MS = 60_000;

/** Counts restarts of listeners, and logs failures, at most one per minute. */
export class ServerHealth {
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Addresses not served. */
  readonly #closed = new Set<string>();
  #restarts = 0;
  #failure = "";
  #failedAtMs = -Infinity;
  #warnedAtMs = -Infinity;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Restarts of failed listeners. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Source `http`: `degraded` for a minute after a failure, and while an
   * address is not served.
   */
  get state(): SourceState {
    const isRecent =
      this.#clock.monotonic() - this.#failedAtMs < FAILURE_SHOWN_MS;
    if (!isRecent && this.#closed.size === 0) {
      return { name: "http", state: "ok", detail: "" };
    }
    const closed = [...this.#closed].join(", ");
    return {
      name: "http",
      state: "degraded",
      detail: closed === ""
        ? `Served again after "${this.#failure}", all connections were closed`
        : `Cannot serve ${closed}, retrying: ${this.#failure}`,
    };
  }

  /** Records that an address's listener failed, or cannot be reopened. */
  failed(address: string, error: unknown): void {
    this.#closed.add(address);
    this.#failure = messageOf(error);
    const nowMs = this.#failedAtMs = this.#clock.monotonic();
    if (nowMs - this.#warnedAtMs < WARN_INTERVAL_MS) return;
    this.#warnedAtMs = nowMs;
    this.#logger.warn("HTTP listener failed, closing connections to restart", {
      address,
      error: this.#failure,
      restarts: this.#restarts,
    });
  }

  restarted(address: string): void {
    this.#closed.delete(address);
    this.#restarts++;
  }
}
