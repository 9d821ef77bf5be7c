import { type Clock, sleep } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { CheckpointData } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";
import { KmsgHealth } from "./kmsg_health.ts";
import { parseKmsgRecord } from "../kernfs/kmsg_record.ts";
import { type KmsgFile, openKmsg } from "./kmsg_watcher.ts";
import type { OomMonitor } from "./monitor.ts";

/** Options of an {@linkcode OomWatcher}. */
export interface OomWatcherOptions {
  /** A device, or a FIFO or file of records. @default none */
  readonly path?: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly monitor: OomMonitor;
  /** Doubles up to a minute. @default 5000 */
  readonly reopenDelayMs?: number;
  /** @default openKmsg */
  readonly open?: (path: string) => Promise<KmsgFile>;
}

const MAX_REOPEN_DELAY_MS = 60_000;

const WARN_INTERVAL_MS = 60_000;

/** At the end of a file. */
const POLL_MS = 250;

/**
 * The log is idle after IDLE_TIMERS timers without a record while a read waits:
 * the first may fire while a record is queued on a busy event loop. The end of
 * the log requires END_TIMERS, since kills are inferred there.
 */
const IDLE_MS = 10;
const IDLE_TIMERS = 2;
const END_TIMERS = 5;

/** Between reads of the node's count if all units are accounted for: a wake-up takes 0.3 ms. */
const SETTLED_INTERVAL_MS = 1_000;
/** While some units are not accounted for. */
const INTERVAL_MS = 250;
/** While no log can be read: the container may be removed soon. */
const ALONE_INTERVAL_MS = 50;

/**
 * Passes the records of the kernel log, from the oldest, and the node's count
 * of OOM kills to an {@linkcode OomMonitor}. A log that cannot be opened or
 * that ends is reopened.
 */
export class OomWatcher {
  readonly #options: OomWatcherOptions;
  readonly #monitor: OomMonitor;
  readonly #clock: Clock;
  readonly #health: KmsgHealth;
  readonly #stop = new AbortController();
  #file: KmsgFile | undefined;
  /** Whether a read waits for a record. */
  #isWaiting = false;
  /** Whether a FIFO has no writer. */
  #isWriterless = false;
  /** Whether opening the log has succeeded or failed. */
  #wasTried = false;
  #cancelTick: () => void = () => {};
  #cancelIdle: (() => void) | undefined;
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

  get records(): number {
    return this.#records;
  }

  /** Invalid records. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Records overwritten before they were read, or too long. */
  get lost(): number {
    return this.#health.lost;
  }

  /** Attempts to reopen the log. */
  get reopens(): number {
    return this.#reopens;
  }

  get state(): SourceState {
    return this.#options.path === undefined
      ? { name: "kmsg", state: "off", detail: "turned off by --kmsg=none" }
      : this.#health.state;
  }

  get kills(): number {
    return this.#monitor.kills;
  }

  get checkpoint(): CheckpointData {
    return this.#monitor.state;
  }

  start(): void {
    const { path } = this.#options;
    if (path !== undefined) void this.#run(path);
    else this.#monitor.withoutLog(true);
    this.#schedule();
  }

  /**
   * Reports a deferred kill. Does not await a waiting read: in Deno 2.6,
   * closing `/dev/kmsg` does not end it.
   */
  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancelTick();
    this.#cancelIdle?.();
    this.#attempt(() => this.#monitor.close());
    this.#stop.abort();
    this.#file?.close();
    this.#health.fail("Closed");
  }

  /** Reopens the log until closed. Never rejects. */
  async #run(path: string): Promise<void> {
    const { signal } = this.#stop;
    const { reopenDelayMs = 5000 } = this.#options;
    let delayMs = reopenDelayMs;
    while (!signal.aborted) {
      const before = this.#records;
      let isFile = false;
      try {
        isFile = await this.#readOnce(path) === "file";
      } catch (error) {
        this.#fail(`Cannot read the kernel log: ${messageOf(error)}`);
      }
      this.#isWaiting = false;
      this.#file?.close();
      this.#file = undefined;
      if (signal.aborted) return;
      if (this.#records > before) delayMs = reopenDelayMs;
      // A file was replaced.
      const isReplaced = isFile && this.#records > before;
      await sleep(this.#clock, isReplaced ? POLL_MS : delayMs, signal);
      delayMs = Math.min(delayMs * 2, MAX_REOPEN_DELAY_MS);
      if (!signal.aborted) this.#reopens++;
    }
  }

  /** Returns the kind of a log that ended. */
  async #readOnce(path: string): Promise<KmsgFile["kind"] | void> {
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
      if (file.kind !== "file") this.#awaitIdle();
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
          // Later sequence numbers show the number of lost records.
          break;
        case "tooLong":
          this.#health.lose(1);
          this.#attempt(() => this.#monitor.skipRecord());
          break;
        case "idle":
          this.#isWriterless = file.kind === "fifo";
          this.#attempt(() =>
            this.#isWriterless ? this.#monitor.flush() : this.#monitor.end()
          );
          // A FIFO without a writer yet has lost nothing.
          if (this.#isWriterless && hadRecords) this.#health.loseWriter();
          await sleep(this.#clock, POLL_MS, signal);
          if (signal.aborted) return;
          this.#health.tryAgain();
          break;
        case "end":
          this.#fail("The kernel log ended");
          return file.kind;
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

  /** Reports a deferred kill when the log is idle, and infers kills at its end. */
  #awaitIdle(): void {
    if (this.#cancelIdle !== undefined) return;
    if (!this.#monitor.hasDeferredKill && !this.#monitor.needsEnd) return;
    let records = this.#records;
    let timers = 0;
    let isSampled = false;
    const onTimer = () => {
      this.#cancelIdle = undefined;
      const isIdle = this.#isWaiting && records === this.#records;
      timers = isIdle ? timers + 1 : 0;
      records = this.#records;
      if (timers === 0 || !isSampled) {
        this.#attempt(() => this.#monitor.sample());
        isSampled = true;
      }
      if (timers >= IDLE_TIMERS) this.#attempt(() => this.#monitor.flush());
      if (timers >= END_TIMERS) {
        this.#attempt(() => this.#monitor.end());
        return;
      }
      if (this.#file === undefined || !this.#isWaiting) return;
      if (!this.#monitor.hasDeferredKill && !this.#monitor.needsEnd) return;
      this.#cancelIdle = this.#clock.schedule(IDLE_MS, onTimer);
    };
    this.#cancelIdle = this.#clock.schedule(IDLE_MS, onTimer);
  }

  #tick(): void {
    const monitor = this.#monitor;
    monitor.sample();
    if (this.#options.path === undefined) monitor.withoutLog(true);
    else if (!this.#wasTried) return;
    else if (!this.#health.isReading || this.#isWriterless) {
      monitor.withoutLog(false);
    } else if (this.#isWaiting && this.#file?.kind !== "file") {
      this.#awaitIdle();
    }
  }

  #schedule(): void {
    const intervalMs = !this.#health.isReading
      ? ALONE_INTERVAL_MS
      : this.#monitor.needsEnd
      ? INTERVAL_MS
      : SETTLED_INTERVAL_MS;
    // At full seconds, together with the housekeeping of containers.
    const delayMs = intervalMs - this.#clock.monotonic() % intervalMs;
    this.#cancelTick = this.#clock.schedule(delayMs, () => {
      this.#attempt(() => this.#tick());
      this.#schedule();
    });
  }

  /** An error must not end reading. */
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
    logger.warn("Kernel log failed, reopening it", { path, problem });
  }
}
