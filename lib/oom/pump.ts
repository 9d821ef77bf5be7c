import type { Clock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { EventManager } from "../events/event_manager.ts";
import type { OomWatcher } from "./watcher.ts";
import { OomEvents, type OomEventsOptions } from "./events.ts";

/** What an {@linkcode OomPump} conducts. */
export interface OomPumpOptions extends OomEventsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventManager;
  /** Absent where the kernel log is not to be read. */
  readonly oomWatcher?: OomWatcher;
}

/**
 * What the kernel log has not told of the time before the start by then it does
 * not tell: it may not be open, and the kernel counts a kill before it prints it.
 */
const PAST_MS = 2_000;

/** Adds the events of OOMs: those that the kernel log tells of as they come, the others on the ledger's beat. */
export class OomPump {
  readonly #options: OomPumpOptions;
  readonly #oomEvents: OomEvents;
  #repeats = 0;
  #startedMs = Infinity;
  #isPastTold = false;
  #cancelLedger: () => void = () => {};

  constructor(options: OomPumpOptions) {
    this.#options = options;
    this.#oomEvents = new OomEvents(options);
  }

  /** Begins to read. */
  start(): void {
    this.#startedMs = this.#options.clock.monotonic();
    this.#pumpOoms();
    this.#scheduleLedger();
  }

  /** Reads no more. */
  stop(): void {
    this.#cancelLedger();
    this.#options.oomWatcher?.close();
  }

  async #pumpOoms(): Promise<void> {
    const { oomWatcher, events, logger } = this.#options;
    if (oomWatcher === undefined) return;
    for await (const reports of oomWatcher.reports()) {
      for (const report of reports) {
        try {
          const isBacklog = oomWatcher.isBacklog(report.kmsgSequence);
          for (const event of this.#oomEvents.fromReport(report, isBacklog)) {
            events.addEvent(event);
          }
        } catch (error) {
          logger.error("Cannot tell of an OOM, skipping it", {
            kmsgSequence: report.kmsgSequence,
            error: messageOf(error),
          });
        }
      }
    }
  }

  /** Compares the kernel's counts with what was told. */
  #checkLedger(): void {
    const { ledger, oomWatcher, events } = this.#options;
    const repeats = oomWatcher?.repeats ?? 0;
    // Those of the past are in no count that moved since the start.
    if (oomWatcher?.caughtUp) ledger.repeat(repeats - this.#repeats);
    this.#repeats = repeats;
    if (!this.#isPastTold && this.#isPastRead()) {
      this.#isPastTold = true;
      for (const event of this.#oomEvents.fromPast()) events.addEvent(event);
    }
    for (const event of this.#oomEvents.overdue()) events.addEvent(event);
    for (const untold of ledger.check()) {
      for (const event of this.#oomEvents.fromCounter(untold)) {
        events.addEvent(event);
      }
    }
  }

  /** Whether the kernel log has told all that was in it at the start, or cannot. */
  #isPastRead(): boolean {
    const { oomWatcher, clock } = this.#options;
    if (oomWatcher === undefined) return true;
    return (oomWatcher.caughtUp || !oomWatcher.isReading) &&
      clock.monotonic() > this.#startedMs + PAST_MS;
  }

  #scheduleLedger(): void {
    const { ledger, clock } = this.#options;
    const { intervalMs } = ledger;
    // At full seconds, when containers are due as well.
    const delayMs = intervalMs - clock.monotonic() % intervalMs;
    this.#cancelLedger = clock.schedule(delayMs, () => {
      try {
        this.#checkLedger();
      } catch (error) {
        this.#options.logger.warn("Cannot compare OOM counts, trying again", {
          error: messageOf(error),
        });
      }
      this.#scheduleLedger();
    });
  }
}
