import { type Clock, sleep } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";
import { type KmsgRecord, parseKmsgRecord } from "./kmsg_record.ts";
import { OomParser } from "./parser.ts";
import type { OomReport } from "./report.ts";
import { BatchQueue } from "./batch_queue.ts";
import { KmsgHealth } from "./kmsg_health.ts";
import { type KmsgFile, openKmsg } from "./kmsg_watcher.ts";

/** Options of an {@linkcode OomWatcher}. */
export interface OomWatcherOptions {
  /** The kernel log: a device, or a FIFO or file of records. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * The sequence number that an earlier run of the same boot has told of last:
   * reports of records up to this one are left out.
   *
   * @default none
   */
  readonly cursor?: number;
  /** How long to wait before the log is opened again; doubles up to a minute. @default 5000 */
  readonly reopenDelayMs?: number;
  /** @default one that knows nothing but the log */
  readonly parser?: OomParser;
  /** How to open the log. @default openKmsg */
  readonly open?: (path: string) => Promise<KmsgFile>;
}

const MAX_REOPEN_DELAY_MS = 60_000;

/** One that fails each time it is opened is complained of this often. */
const WARN_INTERVAL_MS = 60_000;

/** How often the end of a file is looked at for more. */
const POLL_MS = 250;

/**
 * The log is quiet after two such turns without a record. Two, since the first
 * may fall due while a record waits behind whatever kept the event loop busy.
 */
const QUIET_MS = 10;
const QUIET_TURNS = 2;

/** With more reports than this waiting, the log is left in the kernel's buffer. */
const MAX_QUEUED = 1024;

/**
 * Reads the kernel log and yields what it tells of OOMs.
 *
 * It starts at the oldest record that the kernel has, so what happened before
 * is told too. A log that cannot be opened or that ends is tried again; losses
 * are counted.
 *
 * Over 300 lines, for it is one state machine and its counters.
 */
export class OomWatcher {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #reopenDelayMs: number;
  readonly #open: (path: string) => Promise<KmsgFile>;
  readonly #health: KmsgHealth;
  readonly #parser: OomParser;
  readonly #queue = new BatchQueue<OomReport>(MAX_QUEUED);
  readonly #stop = new AbortController();
  #cursor: number | undefined;
  #file: KmsgFile | undefined;
  #lastSequence: number | undefined;
  /** The last record that was in the log when it was opened first, once that is known. */
  #backlogEnd: number | undefined;
  #cancelQuiet: (() => void) | undefined;
  #records = 0;
  #malformed = 0;
  #reopens = 0;
  #warnedMs = -Infinity;

  constructor(options: OomWatcherOptions) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#health = new KmsgHealth(options.clock);
    this.#logger = options.logger;
    this.#cursor = options.cursor;
    this.#parser = options.parser ?? new OomParser();
    this.#reopenDelayMs = options.reopenDelayMs ?? 5000;
    this.#open = options.open ?? openKmsg;
  }

  /** Kills that the kernel told, and counted, twice. */
  get repeats(): number {
    return this.#parser.repeats;
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

  /** How many times records were lost. */
  get gaps(): number {
    return this.#health.gaps;
  }

  /** How many times the log was opened again, or that was tried. */
  get reopens(): number {
    return this.#reopens;
  }

  /** How the log fares. */
  get state(): SourceState {
    return this.#health.state;
  }

  /** Whether the log is open: it tells what happens soon. */
  get isReading(): boolean {
    return this.#health.isReading;
  }

  /** Whether all that was in the log when it was opened has been read. */
  get caughtUp(): boolean {
    return this.#backlogEnd !== undefined;
  }

  /** Whether a record was in the log when it was opened; what came within the same moment counts as such. */
  isBacklog(kmsgSequence: number): boolean {
    return kmsgSequence <= (this.#backlogEnd ?? Infinity);
  }

  /**
   * Starts reading, and yields the reports as they come, those that come
   * together in one batch. Ends when the watcher is closed. To be called once.
   */
  async *reports(): AsyncGenerator<OomReport[], void, unknown> {
    this.#run();
    try {
      yield* this.#queue.batches();
    } finally {
      this.close();
    }
  }

  /**
   * Stops reading; what was read is still yielded. Does not wait for a read
   * that waits: in Deno 2.6 closing `/dev/kmsg` does not end it.
   */
  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancelQuiet?.();
    this.#deliver(this.#parser.flush());
    this.#stop.abort();
    this.#file?.close();
    this.#health.fail("Closed");
    this.#queue.close();
  }

  /** Opens the log again and again. Never rejects. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let delayMs = this.#reopenDelayMs;
    while (!signal.aborted) {
      const before = this.#records;
      try {
        await this.#readOnce();
      } catch (error) {
        this.#fail(`Cannot read the kernel log: ${messageOf(error)}`);
      }
      this.#file?.close();
      this.#file = undefined;
      if (signal.aborted) return;
      if (this.#records > before) delayMs = this.#reopenDelayMs;
      await sleep(this.#clock, delayMs, signal);
      delayMs = Math.min(delayMs * 2, MAX_REOPEN_DELAY_MS);
      if (!signal.aborted) this.#reopens++;
    }
  }

  /** Opens the log and reads it to its end. */
  async #readOnce(): Promise<void> {
    const { signal } = this.#stop;
    const file = await this.#open(this.#path);
    if (signal.aborted) return file.close();
    this.#file = file;
    this.#health.open();
    this.#awaitQuiet();
    this.#logger.debug("Kernel log opened", { path: this.#path });
    let hadRecords = false;
    for (;;) {
      const read = await file.read();
      if (signal.aborted) return;
      switch (read.type) {
        case "records":
          hadRecords = true;
          this.#health.receive();
          for (const bytes of read.records) this.#take(bytes, file);
          await this.#queue.room();
          break;
        case "caughtUp":
          this.#backlogEnd ??= this.#lastSequence ?? -1;
          break;
        case "overrun":
          // The numbers of the records that follow tell how many were lost.
          break;
        case "tooLong":
          this.#lose(1);
          if (this.#lastSequence !== undefined) this.#lastSequence++;
          break;
        case "idle":
          // Before its first writer a FIFO has lost nothing.
          if (file.kind === "fifo" && hadRecords) this.#health.loseWriter();
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
    if (!this.#isNew(record, file)) return;
    this.#records++;
    const reports = this.#parser.push(record);
    if (reports.length > 0) this.#deliver(reports);
    this.#awaitQuiet();
  }

  /** Notes the record's number, and what is lacking before it. */
  #isNew(record: KmsgRecord, file: KmsgFile): boolean {
    const last = this.#lastSequence;
    const { sequence } = record;
    if (last !== undefined && sequence <= last) {
      // A device opened again begins at the oldest record again.
      if (file.kind === "device") return false;
      // Another log begins, of which no earlier run can have told.
      if (sequence < last) {
        this.#cursor = undefined;
        if (this.caughtUp) this.#backlogEnd = -1;
      }
    }
    if (last !== undefined && sequence > last + 1) {
      this.#lose(sequence - last - 1);
    }
    this.#lastSequence = sequence;
    return true;
  }

  #lose(count: number): void {
    this.#health.lose(count);
    this.#deliver(this.#parser.gap());
    this.#logger.debug("Kernel log records lost", { count });
  }

  #deliver(reports: readonly OomReport[]): void {
    const cursor = this.#cursor ?? -1;
    for (const report of reports) {
      if (report.kmsgSequence > cursor) this.#queue.add(report);
    }
  }

  /** What waits for the log to be quiet: a kill held back, and the end of the backlog where nothing else tells it. */
  get #needsQuiet(): boolean {
    return this.#parser.isHolding ||
      (!this.caughtUp && this.#file?.kind !== "device");
  }

  #awaitQuiet(): void {
    if (this.#cancelQuiet !== undefined || !this.#needsQuiet) return;
    let records = this.#records;
    let turns = 0;
    const turn = () => {
      turns = records === this.#records ? turns + 1 : 0;
      records = this.#records;
      if (turns < QUIET_TURNS && this.#needsQuiet) {
        this.#cancelQuiet = this.#clock.schedule(QUIET_MS, turn);
        return;
      }
      this.#cancelQuiet = undefined;
      // A log that was closed meanwhile may have more of it.
      if (this.#file !== undefined && this.#file.kind !== "device") {
        this.#backlogEnd ??= this.#lastSequence ?? -1;
      }
      this.#deliver(this.#parser.flush());
    };
    this.#cancelQuiet = this.#clock.schedule(QUIET_MS, turn);
  }

  #fail(problem: string): void {
    if (this.#stop.signal.aborted) return;
    if (!this.#health.fail(problem)) return;
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#warnedMs < WARN_INTERVAL_MS) return;
    this.#warnedMs = nowMs;
    const path = this.#path;
    this.#logger.warn("Kernel log failed, trying again", { path, problem });
  }
}
