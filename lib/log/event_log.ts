// Exceeds 300 lines: includes the log's file operations.

import type { EventManager } from "../events/event_manager.ts";
import type { EventWatch } from "../events/event_watch.ts";
import { type Clock, sleep } from "../model/clock.ts";
import type { CheckpointData } from "../model/event.ts";
import { type Logger, silentLogger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";
import { hasSameCounts, stateAfter } from "./checkpoint.ts";
import type { LogFile } from "./log_file.ts";
import { LogHealth } from "./log_health.ts";
import type { LogReader } from "./log_tail.ts";
import {
  type LogHost,
  LogLine,
  type OpenedLog,
  RotatingLog,
} from "./rotating_log.ts";

/** Events that wait while the log cannot be written; then the oldest are dropped. */
export const EVENT_LOG_QUEUE_LIMIT = 10_000;

const RETRY_MS = 1000;
/** For a full non-blocking pipe. */
const BUSY_RETRY_MS = 20;
/** Consecutive writes before a yield to the event loop. */
const BATCH_MS = 2;
/** Time for the queued events at close. */
const CLOSE_LIMIT_MS = 900;
const NEWLINE = 10;
const STDOUT = "-";

/** Options of {@linkcode EventLog}. */
export interface EventLogOptions {
  /** File, FIFO or device; `-` is stdout. */
  readonly path: string;
  /** 0 disables rotation. @default 64 MiB */
  readonly maxSizeBytes?: number;
  /** Rotated files: `path.1`, the newest, to `path.N`. @default 5 */
  readonly keep?: number;
  /** Milliseconds from a write to its sync; `always`: after each batch. @default 1000 */
  readonly sync?: number | "always" | "never";
  readonly clock: Clock;
  /** @default silentLogger */
  readonly logger?: Logger;
  /** Written as the first line of each file and at stop. @default none */
  readonly checkpoints?: EventLogCheckpoints;
}

/** Source of checkpoints. */
export interface EventLogCheckpoints {
  /** After the last line of the log at start. */
  readonly state: CheckpointData;
  /** `seq` of that line; 0 without a line. */
  readonly lastSeq: number;
  /** After the newest event. */
  readonly now: () => CheckpointData;
  /** `seq` is that of the preceding event. */
  readonly format: (state: CheckpointData, seq: number) => string;
}

/** Since the start of the agent. */
export interface EventLogCounters {
  readonly bytes: number;
  /** Failed opens, writes, renames and syncs. */
  readonly errors: number;
  /** Dropped from the queue, or discarded at close. */
  readonly lost: number;
  /** Incomplete lines, as after a crash, ended with a newline. */
  readonly tornLines: number;
}

/**
 * Writes each event as a line of JSON. While writes fail, events wait in the
 * queue of an {@linkcode EventWatch}; beyond its limit they are lost.
 */
export class EventLog {
  readonly #onStdout: boolean;
  readonly #sync: number | "always" | "never";
  readonly #clock: Clock;
  readonly #health: LogHealth;
  readonly #watch: EventWatch;
  readonly #log: RotatingLog;
  readonly #checkpoints: EventLogCheckpoints | undefined;
  /** The next line; after a failed write, part of it may be in the file. */
  #line: LogLine | undefined;
  /** Become `#state` and `#seq` when `#line` is written. */
  #lineState: CheckpointData;
  #lineSeq: number;
  /** After the last written line. */
  #state: CheckpointData;
  /** `seq` of the last written event. */
  #seq: number;
  #isCheckpointRequested = false;
  #hasFinalCheckpoint = false;
  /** Events discarded at close. */
  #unwritten = 0;
  #isReopenRequested = false;
  #closing = false;
  /** Whether the time limit of `close` has passed. */
  #abandoned = false;
  /** Ends the current wait. */
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** Files are opened by {@linkcode EventLog.start}. */
  constructor(
    events: Pick<EventManager, "watchEvents">,
    options: EventLogOptions,
  ) {
    const { path, maxSizeBytes = 64 * 2 ** 20, keep = 5, clock } = options;
    this.#onStdout = path === STDOUT;
    this.#sync = options.sync ?? 1000;
    this.#clock = clock;
    const health = new LogHealth(path, clock, options.logger ?? silentLogger);
    this.#health = health;
    const { checkpoints } = options;
    this.#checkpoints = checkpoints;
    this.#state = this.#lineState = checkpoints?.state ??
      { "inferred_units": 0 };
    this.#seq = this.#lineSeq = checkpoints?.lastSeq ?? 0;
    this.#log = new RotatingLog({
      path,
      maxSizeBytes,
      keep,
      sync: this.#sync,
      host: logHost,
      clock,
      onError: (message, error) => health.recordError(message, error),
      // Without queued events: after a crash, they are not in the log.
      head: () => checkpoints?.format(this.#state, this.#seq),
    });
    this.#watch = events.watchEvents({}, { queueLimit: EVENT_LOG_QUEUE_LIMIT });
  }

  get counters(): EventLogCounters {
    return {
      bytes: this.#log.bytes,
      errors: this.#health.errors,
      lost: this.#watch.lost + this.#unwritten,
      tornLines: this.#log.tornLines,
    };
  }

  /** `degraded` if lines cannot be written or a sync hangs. */
  get state(): SourceState {
    return this.#health.state(this.#log.syncingSinceMs);
  }

  /** Failures are logged and retried. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** For example after another process renamed the file. */
  reopen(): void {
    this.#isReopenRequested = true;
    this.#wake?.();
  }

  /** Writes a checkpoint after the queued events, if the state has changed. */
  requestCheckpoint(): void {
    // While writing fails, further requests cause no earlier retry.
    if (this.#isCheckpointRequested) return;
    this.#isCheckpointRequested = true;
    this.#wake?.();
  }

  /** Writes queued events and syncs, within 1 s even if the disk hangs. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing = true;
    this.#watch.finish();
    this.#wake?.();
    const limit = new AbortController();
    await Promise.race([
      this.#running,
      sleep(this.#clock, CLOSE_LIMIT_MS, limit.signal),
    ]);
    limit.abort();
    this.#abandoned = true;
    this.#unwritten = this.#watch.size + (this.#line?.events ?? 0);
    this.#watch.close();
    if (this.#unwritten > 0) this.#health.recordUnwritten(this.#unwritten);
  }

  async #run(): Promise<void> {
    while (!this.#abandoned) {
      try {
        if (!await this.#step()) break;
      } catch (error) {
        if (error instanceof Deno.errors.WouldBlock) {
          await this.#wait(BUSY_RETRY_MS);
          continue;
        }
        this.#health.recordFailure(error);
        // The file may be deleted, or its disk removed. Stdout cannot be
        // reopened.
        if (!this.#onStdout) this.#log.release();
        if (this.#closing) break;
        await this.#wait(RETRY_MS);
      }
    }
    await this.#log.close();
  }

  /** Returns false when the watch has ended and all events are written. */
  async #step(): Promise<boolean> {
    if (this.#isReopenRequested) {
      this.#isReopenRequested = false;
      if (!this.#onStdout) this.#log.release();
    }
    const file = await this.#health.awaiting(
      "Opening has not finished",
      this.#log.open(this.#line),
    );
    const line = this.#nextLine(file);
    if (line === undefined) {
      if (this.#watch.ended) return false;
      await this.#wait();
    } else if (this.#log.isFull(file, line)) {
      await this.#health.awaiting(
        "Rotation has not finished",
        this.#log.rotate(),
      );
    } else if (file.regular) {
      const more = this.#appendLines(file);
      if (this.#sync === "always") await file.sync();
      else if (more) await sleep(this.#clock, 0);
    } else {
      await this.#health.awaiting(
        "No process has read a line",
        this.#log.appendAsync(file, line),
      );
      this.#recordWritten();
    }
    return true;
  }

  /** Returns whether more lines may be waiting. */
  #appendLines(file: LogFile): boolean {
    const endMs = this.#clock.monotonic() + BATCH_MS;
    for (;;) {
      const line = this.#nextLine(file);
      if (line === undefined || this.#log.isFull(file, line)) return false;
      this.#log.append(file, line);
      this.#recordWritten();
      if (this.#clock.monotonic() > endMs) return true;
    }
  }

  #nextLine(file: LogFile): LogLine | undefined {
    if (this.#line === undefined) {
      const [stored] = this.#watch.take(1);
      if (stored === undefined) return this.#nextCheckpoint(file);
      const { event, json } = stored;
      this.#line = new LogLine(json, event.event_type === "lost" ? 0 : 1);
      this.#lineState = stateAfter(this.#state, event);
      this.#lineSeq = event.seq;
    }
    return this.#line;
  }

  /** Creates a requested or final checkpoint; never for pipes. Call it if no event waits. */
  #nextCheckpoint({ regular }: LogFile): LogLine | undefined {
    const checkpoints = this.#checkpoints;
    const isFinal = this.#watch.ended && !this.#hasFinalCheckpoint;
    const isRequested = isFinal || this.#isCheckpointRequested;
    // Reset in any case: while it is set, no wait for an event begins.
    this.#isCheckpointRequested = false;
    if (checkpoints === undefined || !regular || !isRequested) return undefined;
    this.#hasFinalCheckpoint = isFinal;
    const state = checkpoints.now();
    if (!isFinal && hasSameCounts(state, this.#state)) return undefined;
    this.#lineState = state;
    this.#line = new LogLine(checkpoints.format(state, this.#seq), 0);
    return this.#line;
  }

  #recordWritten(): void {
    this.#line = undefined;
    this.#state = this.#lineState;
    this.#seq = this.#lineSeq;
    this.#health.recordWrite();
  }

  /**
   * Without `delayMs`, waits for an event or a requested checkpoint. `#wake`
   * ends the wait.
   */
  #wait(delayMs?: number): Promise<void> {
    const isCheckpointDue = this.#isCheckpointRequested &&
      delayMs === undefined;
    if (this.#isReopenRequested || isCheckpointDue) return Promise.resolve();
    const wake = new AbortController();
    this.#wake = () => wake.abort();
    if (delayMs !== undefined) {
      return sleep(this.#clock, delayMs, wake.signal);
    }
    return new Promise((resolve) => {
      wake.signal.addEventListener("abort", () => resolve());
      this.#watch.ready().then(resolve);
    });
  }
}

const stdout: OpenedLog = {
  handle: {
    write: (bytes) => Deno.stdout.write(bytes),
    writeSync: (bytes) => Deno.stdout.writeSync(bytes),
    syncData: () => Promise.resolve(),
    close() {},
  },
  regular: false,
  id: STDOUT,
  sizeBytes: 0,
  torn: false,
};

const logHost: LogHost = {
  async open(path) {
    if (path === STDOUT) return stdout;
    const found = await undefinedIfNotFound(Deno.stat(path));
    // Opening a FIFO waits for a reader, without blocking the event loop. With `create`, the kernel
    // refuses FIFOs of other users in sticky world-writable directories (`fs.protected_fifos`).
    const create = found === undefined;
    const file = await Deno.open(path, { append: true, create });
    try {
      const { isFile: regular, dev, ino, size } = await file.stat();
      const last = regular && size > 0
        ? await logReader.read(path, size - 1, 1)
        : [NEWLINE];
      const torn = last[0] !== NEWLINE;
      const id = `${dev}:${ino}`;
      return { handle: file, regular, id, sizeBytes: size, torn };
    } catch (error) {
      file.close();
      throw error;
    }
  },
  rename: (from, to) => undefinedIfNotFound(Deno.rename(from, to)),
  remove: (path) => undefinedIfNotFound(Deno.remove(path)),
};

async function undefinedIfNotFound<T>(
  result: Promise<T>,
): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Reads the log files of the host. */
export const logReader: LogReader = {
  async size(path) {
    if (path === STDOUT) return undefined;
    const info = await undefinedIfNotFound(Deno.stat(path));
    return info?.isFile ? info.size : undefined;
  },
  async read(path, offset, length) {
    using file = await Deno.open(path);
    await file.seek(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  },
};
