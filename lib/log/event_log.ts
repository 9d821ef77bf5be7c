// Exceeds 300 lines: includes the file system operations of the log.

import type { EventManager } from "../events/event_manager.ts";
import type { EventWatch } from "../events/event_watch.ts";
import { type Clock, sleep } from "../model/clock.ts";
import type { CheckpointData } from "../model/event.ts";
import { type Logger, silentLogger } from "../model/logger.ts";
import type { SourceState } from "../model/source_state.ts";
import { isSame, stateAfter } from "./checkpoint.ts";
import type { LogFile } from "./log_file.ts";
import { LogHealth } from "./log_health.ts";
import type { LogReader } from "./log_tail.ts";
import {
  type LogHost,
  LogLine,
  type OpenedLog,
  RotatingLog,
} from "./rotating_log.ts";

/** Events waiting while the log cannot be written. */
export const EVENT_LOG_QUEUE_LIMIT = 10_000;

const RETRY_MS = 1000;
/** Retry delay for a full non-blocking pipe. */
const BUSY_RETRY_MS = 20;
/** Time of writing between yields to the event loop. */
const BATCH_MS = 2;
const CLOSE_LIMIT_MS = 900;
const NEWLINE = 10;
const STDOUT = "-";

/** Options of {@linkcode EventLog}. */
export interface EventLogOptions {
  /** File, FIFO or device; `-` is stdout. */
  readonly path: string;
  /** Size for rotation; 0 for no limit. @default 64 MiB */
  readonly maxSizeBytes?: number;
  /** Rotated files `path.1` and higher. @default 5 */
  readonly keep?: number;
  /** Milliseconds from a write to its sync, or a mode. @default 1000 */
  readonly sync?: number | "always" | "never";
  readonly clock: Clock;
  /** @default silentLogger */
  readonly logger?: Logger;
  /** Written as the first line of each file and at stop. @default none */
  readonly checkpoints?: EventLogCheckpoints;
}

/** Source of checkpoints. */
export interface EventLogCheckpoints {
  /** State and `seq` of the last line in the log at start. */
  readonly state: CheckpointData;
  readonly lastSeq: number;
  /** Returns the state after the newest event. */
  readonly now: () => CheckpointData;
  /** Formats a line with the `seq` of the preceding event. */
  readonly format: (state: CheckpointData, seq: number) => string;
}

/** Counters of this run. */
export interface EventLogCounters {
  /** Bytes written. */
  readonly bytes: number;
  /** Failed opens, writes, renames and syncs. */
  readonly errors: number;
  /** Events missing from the log. */
  readonly lost: number;
  /** Incomplete lines, for example after a crash, terminated with a newline. */
  readonly tornLines: number;
}

/**
 * Writes each event as a line of JSON. It reads from a watch: if writes fail,
 * only the bounded queue grows, and dropped events are recorded as lost.
 */
export class EventLog {
  readonly #onStdout: boolean;
  readonly #sync: number | "always" | "never";
  readonly #clock: Clock;
  readonly #health: LogHealth;
  readonly #watch: EventWatch;
  readonly #log: RotatingLog;
  readonly #checkpoints: EventLogCheckpoints | undefined;
  /** The only line that a failure can tear: taken from the watch, not completely written. */
  #line: LogLine | undefined;
  /** State and `seq` after that line, and after the last written one. */
  #lineState: CheckpointData;
  #lineSeq: number;
  #state: CheckpointData;
  #seq: number;
  #checkpointWanted = false;
  #hasLast = false;
  /** Events discarded at close. */
  #unwritten = 0;
  #reopenWanted = false;
  #closing = false;
  #abandoned = false;
  #poke: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** Subscribes; files are opened by {@linkcode EventLog.start}. */
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
      onError: (message, error) => health.count(message, error),
      // Written lines only: after a crash, queued events are not in the log.
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

  /** `degraded` with the reason if lines cannot be written. */
  get state(): SourceState {
    return this.#health.state(this.#log.syncingSinceMs);
  }

  /** Starts writing. Failures are logged and retried. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Opens the path again, for example after another process renamed the file. */
  reopen(): void {
    this.#reopenWanted = true;
    this.#poke?.();
  }

  /** Writes a checkpoint after the queued events, if the state has changed. */
  save(): void {
    this.#checkpointWanted = true;
    this.#poke?.();
  }

  /** Writes queued events, syncs and closes, within 1 s even if the disk hangs. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing = true;
    this.#watch.finish();
    this.#poke?.();
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
        // Helps if the file was deleted or its disk removed. Stdout cannot be reopened.
        if (!this.#onStdout) this.#log.release();
        if (this.#closing) break;
        await this.#wait(RETRY_MS);
      }
    }
    await this.#log.close();
  }

  /** Returns false when the watch has ended and all events are written. */
  async #step(): Promise<boolean> {
    if (this.#reopenWanted) {
      this.#reopenWanted = false;
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
      this.#written();
    }
    return true;
  }

  /** Returns true if more lines may be waiting after 2 ms. */
  #appendLines(file: LogFile): boolean {
    const endMs = this.#clock.monotonic() + BATCH_MS;
    for (;;) {
      const line = this.#nextLine(file);
      if (line === undefined || this.#log.isFull(file, line)) return false;
      this.#log.append(file, line);
      this.#written();
      if (this.#clock.monotonic() > endMs) return true;
    }
  }

  #nextLine(file: LogFile): LogLine | undefined {
    if (this.#line === undefined) {
      const [kept] = this.#watch.take(1);
      if (kept === undefined) return this.#nextCheckpoint(file);
      const { event, json } = kept;
      this.#line = new LogLine(json, event.event_type === "lost" ? 0 : 1);
      this.#lineState = stateAfter(this.#state, event);
      this.#lineSeq = event.seq;
    }
    return this.#line;
  }

  /** Returns a checkpoint if requested or at stop, after all events; never for pipes. */
  #nextCheckpoint({ regular }: LogFile): LogLine | undefined {
    const checkpoints = this.#checkpoints;
    const isLast = this.#watch.ended && !this.#hasLast;
    const isWanted = isLast || this.#checkpointWanted;
    // Before it is known whether there is one, or the log would never wait.
    this.#checkpointWanted = false;
    if (checkpoints === undefined || !regular || !isWanted) return undefined;
    this.#hasLast = isLast;
    const state = checkpoints.now();
    if (!isLast && isSame(state, this.#state)) return undefined;
    this.#lineState = state;
    this.#line = new LogLine(checkpoints.format(state, this.#seq), 0);
    return this.#line;
  }

  #written(): void {
    this.#line = undefined;
    this.#state = this.#lineState;
    this.#seq = this.#lineSeq;
    this.#health.recordWrite();
  }

  /** Waits for an event or `limitMs`; a poke ends both. */
  #wait(limitMs?: number): Promise<void> {
    if (this.#reopenWanted || this.#checkpointWanted) return Promise.resolve();
    const poked = new AbortController();
    this.#poke = () => poked.abort();
    if (limitMs !== undefined) {
      return sleep(this.#clock, limitMs, poked.signal);
    }
    return new Promise((resolve) => {
      poked.signal.addEventListener("abort", () => resolve());
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
    const found = await unlessAbsent(Deno.stat(path));
    // Opening a FIFO waits for a reader without blocking the event loop. With `create`, the kernel
    // refuses FIFOs in world-writable directories.
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
  rename: (from, to) => unlessAbsent(Deno.rename(from, to)),
  remove: (path) => unlessAbsent(Deno.remove(path)),
};

async function unlessAbsent<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Host files for `readLogTail`. */
export const logReader: LogReader = {
  async size(path) {
    if (path === STDOUT) return undefined;
    const info = await unlessAbsent(Deno.stat(path));
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
