import { type Clock, sleep } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { CheckpointData } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";
import { KmsgHealth } from "./kmsg_health.ts";
import { parseKmsgRecord } from "./kmsg_record.ts";
import { type KmsgFile, openKmsg } from "./kmsg_watcher.ts";
import type { OomMonitor } from "./monitor.ts";

/** Options of an {@linkcode OomWatcher}. */
export interface OomWatcherOptions {
  /** The kernel log: a device, or a FIFO or file of records. @default none is read */
  readonly path?: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly monitor: OomMonitor;
  /** How long to wait before the log is opened again; doubles up to a minute. @default 5000 */
  readonly reopenDelayMs?: number;
  /** How to open the log. @default openKmsg */
  readonly open?: (path: string) => Promise<KmsgFile>;
}

const MAX_REOPEN_DELAY_MS = 60_000;

/** A log that fails each time it is opened is warned about this often. */
const WARN_INTERVAL_MS = 60_000;

/** How often the end of a file is checked for more. */
const POLL_MS = 250;

/**
 * The log is quiet after so many turns without a record while a read waits: a
 * first may fall due while a record waits behind whatever kept the event loop
 * busy. That the log is at its end takes more turns, as kills are inferred then.
 */
const QUIET_MS = 10;
const QUIET_TURNS = 2;
const END_TURNS = 5;

/** The node's count is read this often where all of it is accounted for: to wake up takes 0.3 ms … */
const SETTLED_INTERVAL_MS = 1_000;
/** … this often where it is not … */
const INTERVAL_MS = 250;
/** … and this often where no log can be read: the container may be removed soon. */
const ALONE_INTERVAL_MS = 50;

/**
 * Reads the kernel log and the node's count of OOM kills, and passes both to
 * an {@linkcode OomMonitor}.
 *
 * The log is read from the oldest record that the kernel has. A log that
 * cannot be opened or that ends is tried again; losses are counted.
 */
export class OomWatcher {
  readonly #options: OomWatcherOptions;
  readonly #monitor: OomMonitor;
  readonly #clock: Clock;
  readonly #health: KmsgHealth;
  readonly #stop = new AbortController();
  #file: KmsgFile | undefined;
  /** Whether a read of the log waits for a record. */
  #isWaiting = false;
  /** Whether a FIFO has no writer. */
  #isWriterless = false;
  /** Whether the log was opened, or could not be. */
  #wasTried = false;
  #cancelTick: () => void = () => {};
  #cancelQuiet: (() => void) | undefined;
  #records = 0;
  #malformed = 0;
  #reopens = 0;
  #warnedMs = -Infinity;

  constructor(options: OomWatcherOptions) {
    this.#options = options;
    this.#monitor = options.monitor;
    this.#clock = options.clock;
    this.#health = new KmsgHealth(options.clock);
  }

  /** Records read. */
  get records(): number {
    return this.#records;
  }

  /** Lines read that are no records. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Records overwritten before they could be read, or too long. */
  get lost(): number {
    return this.#health.lost;
  }

  /** How many times the log was opened again, or that was tried. */
  get reopens(): number {
    return this.#reopens;
  }

  /** Whether the log can be read. */
  get state(): SourceState {
    return this.#options.path === undefined
      ? { name: "kmsg", state: "off", detail: "turned off by --kmsg=none" }
      : this.#health.state;
  }

  /** Kills of this run that events report. */
  get kills(): number {
    return this.#monitor.kills;
  }

  /** What a restart needs. */
  get checkpoint(): CheckpointData {
    return this.#monitor.state;
  }

  /** Begins to read. */
  start(): void {
    const { path } = this.#options;
    if (path !== undefined) void this.#run(path);
    else this.#monitor.withoutLog(true);
    this.#schedule();
  }

  /**
   * Reads no more; a kill that is deferred is reported. Does not wait for a
   * read that waits: in Deno 2.6 closing `/dev/kmsg` does not end it.
   */
  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancelTick();
    this.#cancelQuiet?.();
    this.#attempt(() => this.#monitor.close());
    this.#stop.abort();
    this.#file?.close();
    this.#health.fail("Closed");
  }

  /** Opens the log again and again. Never rejects. */
  async #run(path: string): Promise<void> {
    const { signal } = this.#stop;
    const { reopenDelayMs = 5000 } = this.#options;
    let delayMs = reopenDelayMs;
    while (!signal.aborted) {
      const before = this.#records;
      try {
        await this.#readOnce(path);
      } catch (error) {
        this.#fail(`Cannot read the kernel log: ${messageOf(error)}`);
      }
      this.#isWaiting = false;
      this.#file?.close();
      this.#file = undefined;
      if (signal.aborted) return;
      if (this.#records > before) delayMs = reopenDelayMs;
      await sleep(this.#clock, delayMs, signal);
      delayMs = Math.min(delayMs * 2, MAX_REOPEN_DELAY_MS);
      if (!signal.aborted) this.#reopens++;
    }
  }

  /** Opens the log and reads it to its end. */
  async #readOnce(path: string): Promise<void> {
    const { signal } = this.#stop;
    const { open = openKmsg, logger } = this.#options;
    const file = await open(path).finally(() => this.#wasTried = true);
    if (signal.aborted) return file.close();
    this.#file = file;
    this.#health.open();
    logger.debug("Kernel log opened", { path });
    let hadRecords = false;
    for (;;) {
      this.#isWaiting = true;
      if (file.kind !== "file") this.#awaitQuiet();
      const read = await file.read();
      this.#isWaiting = false;
      if (signal.aborted) return;
      switch (read.type) {
        case "records":
          hadRecords = true;
          this.#isWriterless = false;
          this.#health.receive();
          for (const bytes of read.records) this.#take(bytes, file);
          break;
        case "caughtUp":
          this.#attempt(() => this.#monitor.end());
          break;
        case "overrun":
          // The numbers of the records that follow show how many were lost.
          break;
        case "tooLong":
          this.#health.lose(1);
          this.#attempt(() => this.#monitor.skip());
          break;
        case "idle":
          this.#isWriterless = file.kind === "fifo";
          this.#attempt(() =>
            this.#isWriterless ? this.#monitor.flush() : this.#monitor.end()
          );
          // Before its first writer a FIFO has lost nothing.
          if (this.#isWriterless && hadRecords) this.#health.loseWriter();
          await sleep(this.#clock, POLL_MS, signal);
          if (signal.aborted) return;
          this.#health.tryAgain();
          break;
        case "end":
          return this.#fail("The kernel log ended");
      }
    }
  }

  #take(bytes: Uint8Array, file: KmsgFile): void {
    const record = parseKmsgRecord(bytes);
    if (record === undefined) {
      this.#malformed++;
      return;
    }
    this.#attempt(() => {
      const { isNew, lost } = this.#monitor.take(record, file.kind);
      if (isNew) this.#records++;
      if (lost === 0) return;
      this.#health.lose(lost);
      this.#options.logger.debug("Kernel log records lost", { lost });
    });
  }

  /** Waits until the log is quiet: for a kill that is deferred, and for the end of the log. */
  #awaitQuiet(): void {
    if (this.#cancelQuiet !== undefined) return;
    if (!this.#monitor.isHolding && !this.#monitor.needsEnd) return;
    let records = this.#records;
    let turns = 0;
    let isSampled = false;
    const turn = () => {
      this.#cancelQuiet = undefined;
      const isQuiet = this.#isWaiting && records === this.#records;
      turns = isQuiet ? turns + 1 : 0;
      records = this.#records;
      if (turns === 0 || !isSampled) {
        this.#attempt(() => this.#monitor.sample());
        isSampled = true;
      }
      if (turns >= QUIET_TURNS) this.#attempt(() => this.#monitor.flush());
      if (turns >= END_TURNS) {
        this.#attempt(() => this.#monitor.end());
        return;
      }
      if (this.#file === undefined || !this.#isWaiting) return;
      if (!this.#monitor.isHolding && !this.#monitor.needsEnd) return;
      this.#cancelQuiet = this.#clock.schedule(QUIET_MS, turn);
    };
    this.#cancelQuiet = this.#clock.schedule(QUIET_MS, turn);
  }

  /** Reads the node's count. */
  #tick(): void {
    const monitor = this.#monitor;
    monitor.sample();
    if (this.#options.path === undefined) monitor.withoutLog(true);
    else if (!this.#wasTried) return;
    else if (!this.#health.isReading || this.#isWriterless) {
      monitor.withoutLog(false);
    } else if (this.#isWaiting && this.#file?.kind !== "file") {
      this.#awaitQuiet();
    }
  }

  #schedule(): void {
    const intervalMs = !this.#health.isReading
      ? ALONE_INTERVAL_MS
      : this.#monitor.needsEnd
      ? INTERVAL_MS
      : SETTLED_INTERVAL_MS;
    // At full seconds, when containers are due as well.
    const delayMs = intervalMs - this.#clock.monotonic() % intervalMs;
    this.#cancelTick = this.#clock.schedule(delayMs, () => {
      this.#attempt(() => this.#tick());
      this.#schedule();
    });
  }

  /** What fails must not end the reading. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#options.logger.error("Cannot account for an OOM, skipping it", {
        error: messageOf(error),
      });
    }
  }

  #fail(problem: string): void {
    if (this.#stop.signal.aborted) return;
    if (!this.#health.fail(problem)) return;
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#warnedMs < WARN_INTERVAL_MS) return;
    this.#warnedMs = nowMs;
    const { path, logger } = this.#options;
    logger.warn("Kernel log failed, trying again", { path, problem });
  }
}
