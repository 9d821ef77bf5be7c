import type { Clock } from "../model/clock.ts";
import { LogFile, type LogHandle, rotatedPath } from "./log_file.ts";

const RENAME_RETRY_MS = 1000;
/** Between checks of whether the file was deleted. */
const DELETED_CHECK_MS = 1000;

/** A file opened for appending. */
export interface OpenedLog {
  readonly handle: LogHandle;
  /** Otherwise a pipe or device. */
  readonly regular: boolean;
  /** Device and inode. */
  readonly id: string;
  readonly sizeBytes: number;
  /** The last line is incomplete. */
  readonly torn: boolean;
}

/** File system operations of a log. */
export interface LogHost {
  /** Opens for appending; creates the file if necessary. */
  open(path: string): Promise<OpenedLog>;
  /** Replaces the target; ignores a missing file. */
  rename(from: string, to: string): Promise<void>;
  /** Ignores a missing file. */
  remove(path: string): Promise<void>;
}

/** A line that is being written. */
export class LogLine {
  /** 0 for a loss notice or checkpoint. */
  readonly events: number;
  readonly #bytes: Uint8Array;
  #offset = 0;
  /** The file and its size after the written part. */
  #writtenTo: { readonly id: string; readonly sizeBytes: number } | undefined;

  /** @param text without the newline */
  constructor(text: string, events = 1) {
    this.events = events;
    this.#bytes = encoder.encode(`${text}\n`);
  }

  get unwrittenBytes(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Whether a part is written. */
  get begun(): boolean {
    return this.#offset > 0;
  }

  unwritten(): Uint8Array {
    return this.#bytes.subarray(this.#offset);
  }

  advance(count: number, file: LogFile): void {
    this.#offset += count;
    this.#writtenTo = { id: file.id, sizeBytes: file.sizeBytes };
  }

  /** Returns whether the file ends with the written part; if not, the line starts over. */
  resumeIn(opened: OpenedLog): boolean {
    const canResume = this.begun && opened.regular &&
      this.#writtenTo?.id === opened.id &&
      this.#writtenTo.sizeBytes === opened.sizeBytes;
    if (!canResume) this.#offset = 0;
    return canResume;
  }
}

const encoder = new TextEncoder();

/** Options of {@linkcode RotatingLog}. */
export interface RotatingLogOptions {
  readonly path: string;
  /** 0 disables rotation. */
  readonly maxSizeBytes: number;
  /** Rotated files. */
  readonly keep: number;
  /** `always`: the caller syncs. */
  readonly sync: number | "always" | "never";
  readonly host: LogHost;
  readonly clock: Clock;
  /** Reports failures that do not prevent writing. */
  readonly onError: (message: string, error: unknown) => void;
  /** Returns the first line of a file, without the newline. @default none */
  readonly head?: () => string | undefined;
}

/** An append-only file of lines with rotation by size. */
export class RotatingLog {
  readonly #options: RotatingLogOptions;
  #file: LogFile | undefined;
  #released: Promise<void> = Promise.resolve();
  #rotateNotBeforeMs = -Infinity;
  #checkedMs = -Infinity;
  /** The part at which a failed rotation resumes. */
  #partToRename: number | undefined;
  #bytes = 0;
  #tornLines = 0;

  constructor(options: RotatingLogOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get syncingSinceMs(): number | undefined {
    return this.#file?.syncingSinceMs;
  }

  get tornLines(): number {
    return this.#tornLines;
  }

  /**
   * Returns the open file, or a new one if that was deleted. Terminates an
   * incomplete last line unless `line` continues it.
   *
   * @throws errors of opening and writing
   */
  async open(line?: LogLine): Promise<LogFile> {
    await this.#checkDeleted();
    if (this.#file !== undefined) return this.#file;
    const { path, sync, host, clock, onError, head } = this.#options;
    const opened = await host.open(path);
    const file = new LogFile(opened.handle, {
      regular: opened.regular,
      id: opened.id,
      sizeBytes: opened.sizeBytes,
      ...(typeof sync === "number" ? { syncAfterMs: sync } : {}),
      clock,
      onSyncError: (error) => onError("Cannot sync the event log", error),
    });
    const resumed = line?.resumeIn(opened) ?? false;
    try {
      if (opened.torn && !resumed) {
        this.#bytes += file.append(encoder.encode("\n"));
        this.#tornLines++;
      }
      const first = opened.regular && opened.sizeBytes === 0
        ? head?.()
        : undefined;
      if (first !== undefined) {
        this.append(file, new LogLine(first, 0));
        file.endHead();
      }
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
    return file;
  }

  async #checkDeleted(): Promise<void> {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - this.#checkedMs < DELETED_CHECK_MS) return;
    this.#checkedMs = nowMs;
    if (await this.#file?.isDeleted()) this.release();
  }

  /** Returns whether the line needs a new file. */
  isFull(file: LogFile, line: LogLine): boolean {
    const { maxSizeBytes, clock } = this.#options;
    return file.regular && maxSizeBytes > 0 && file.hasLines &&
      !line.begun && file.sizeBytes + line.unwrittenBytes > maxSizeBytes &&
      clock.monotonic() >= this.#rotateNotBeforeMs;
  }

  /**
   * Renames the parts, so that the next open creates a file. After a failure
   * the next attempt resumes at the failed part: starting over would delete
   * another part each time.
   */
  async rotate(): Promise<void> {
    const { path, keep, host, clock, onError } = this.#options;
    try {
      if (keep === 0) await host.remove(path);
      for (let n = this.#partToRename ?? keep; n > 0; n--) {
        this.#partToRename = n;
        await host.rename(rotatedPath(path, n - 1), rotatedPath(path, n));
      }
      this.release();
    } catch (error) {
      // A too large file is better than lost events.
      this.#rotateNotBeforeMs = clock.monotonic() + RENAME_RETRY_MS;
      onError(
        "Cannot rotate the event log, continuing with the current file",
        error,
      );
    }
  }

  /** @throws errors of the write; the line records how much was written */
  append(file: LogFile, line: LogLine): void {
    while (line.unwrittenBytes > 0) {
      this.#wrote(file, line, file.append(line.unwritten()));
    }
  }

  async appendAsync(file: LogFile, line: LogLine): Promise<void> {
    while (line.unwrittenBytes > 0) {
      this.#wrote(file, line, await file.appendAsync(line.unwritten()));
    }
  }

  /** Syncs and closes in the background. */
  release(): void {
    const sync = this.#options.sync !== "never";
    const closing = this.#file?.syncAndClose({ sync });
    this.#released = this.#released.then(() => closing);
    this.#file = undefined;
    this.#partToRename = undefined;
  }

  /** Resolves when all data is synced. */
  async close(): Promise<void> {
    this.release();
    await this.#released;
  }

  #wrote(file: LogFile, line: LogLine, count: number): void {
    line.advance(count, file);
    this.#bytes += count;
  }
}
