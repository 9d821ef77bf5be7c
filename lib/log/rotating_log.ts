import type { Clock } from "../model/clock.ts";
import { LogFile, type LogHandle, partOf } from "./log_file.ts";

const RENAME_RETRY_MS = 1000;

/** A file just opened for appending, and what it was then. */
export interface OpenedLog {
  readonly handle: LogHandle;
  /** Whether it is a file of a disk; else a pipe or device. */
  readonly regular: boolean;
  /** Device and inode. */
  readonly id: string;
  readonly sizeBytes: number;
  /** Whether the last byte is of a line that was never finished. */
  readonly torn: boolean;
}

/** The file system, as far as a log needs it. */
export interface LogHost {
  /** Opens for appending; makes the file if there is none. */
  open(path: string): Promise<OpenedLog>;
  /** Puts a file in another's place; does nothing if there is none. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; does nothing if there is none. */
  remove(path: string): Promise<void>;
}

/** A line on its way into the log. */
export class LogLine {
  /** How many events it stands for: a notice of loss is none. */
  readonly events: number;
  readonly #bytes: Uint8Array;
  #offset = 0;
  /** The file that has the beginning, and its size since. */
  #begun: { readonly id: string; readonly sizeBytes: number } | undefined;

  /** @param text without the newline */
  constructor(text: string, events = 1) {
    this.events = events;
    this.#bytes = encoder.encode(`${text}\n`);
  }

  /** How many bytes are not written yet. */
  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Whether a part of it is written. */
  get begun(): boolean {
    return this.#offset > 0;
  }

  /** What is not written yet. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#offset);
  }

  /** Says that so much more of it is in a file. */
  advance(count: number, file: LogFile): void {
    this.#offset += count;
    this.#begun = { id: file.id, sizeBytes: file.sizeBytes };
  }

  /** Goes on where it was left if that is the end of this file, else begins anew. */
  resumeIn(opened: OpenedLog): boolean {
    const begun = this.begun && opened.regular &&
      this.#begun?.id === opened.id &&
      this.#begun.sizeBytes === opened.sizeBytes;
    if (!begun) this.#offset = 0;
    return begun;
  }
}

const encoder = new TextEncoder();

/** Options of a {@linkcode RotatingLog}. */
export interface RotatingLogOptions {
  readonly path: string;
  /** A line that would make the file larger begins a new one; 0 for no bound. */
  readonly maxSizeBytes: number;
  /** How many earlier parts stay. */
  readonly keep: number;
  /** Milliseconds from a write to its sync, or when else to sync. */
  readonly sync: number | "always" | "never";
  readonly host: LogHost;
  readonly clock: Clock;
  /** Hears of what failed and does not keep lines from being written. */
  readonly onError: (message: string, error: unknown) => void;
  /** The first line of each new file, without the newline. @default none */
  readonly head?: () => string | undefined;
}

/** A file of lines that is only appended to, and renamed when it has grown enough. */
export class RotatingLog {
  readonly #options: RotatingLogOptions;
  #file: LogFile | undefined;
  #retired: Promise<void> = Promise.resolve();
  #rotateNotBeforeMs = -Infinity;
  /** The part that a rotation which failed is to go on with. */
  #partToRename: number | undefined;
  #bytes = 0;
  #tornLines = 0;

  /** Opens nothing yet. */
  constructor(options: RotatingLogOptions) {
    this.#options = options;
  }

  /** Bytes written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Since when the file is being synced, on the clock's monotonic time. */
  get syncingSinceMs(): number | undefined {
    return this.#file?.syncingSinceMs;
  }

  /** Lines found torn, and closed with a newline. */
  get tornLines(): number {
    return this.#tornLines;
  }

  /**
   * Opens the file if it is not open, and ends a torn line in it, unless that
   * is the beginning of the line at hand.
   *
   * @throws what opening and writing throw
   */
  async open(line?: LogLine): Promise<LogFile> {
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

  /** Whether the line belongs into a new file. */
  isFull(file: LogFile, line: LogLine): boolean {
    const { maxSizeBytes, clock } = this.#options;
    return file.regular && maxSizeBytes > 0 && file.hasLines &&
      !line.begun && file.sizeBytes + line.left > maxSizeBytes &&
      clock.monotonic() >= this.#rotateNotBeforeMs;
  }

  /**
   * Renames the parts, so that the next open makes a new file. Where that fails
   * this one grows on, and the next try goes on at the part where it failed: to
   * begin anew would push out one more part each time.
   */
  async rotate(): Promise<void> {
    const { path, keep, host, clock, onError } = this.#options;
    try {
      if (keep === 0) await host.remove(path);
      for (let n = this.#partToRename ?? keep; n > 0; n--) {
        this.#partToRename = n;
        await host.rename(partOf(path, n - 1), partOf(path, n));
      }
      this.leave();
    } catch (error) {
      // Better a file too large than events not written.
      this.#rotateNotBeforeMs = clock.monotonic() + RENAME_RETRY_MS;
      onError("Cannot rotate the event log, writing on", error);
    }
  }

  /**
   * Writes the line, nearly always by one write.
   *
   * @throws what the write throws; the line then knows how far it got
   */
  append(file: LogFile, line: LogLine): void {
    while (line.left > 0) this.#wrote(file, line, file.append(line.rest()));
  }

  /** As {@linkcode RotatingLog.append}, for what may not take it at once. */
  async send(file: LogFile, line: LogLine): Promise<void> {
    while (line.left > 0) this.#wrote(file, line, await file.send(line.rest()));
  }

  /** Lets go of the file, which is synced and closed in its own time. */
  leave(): void {
    const sync = this.#options.sync !== "never";
    const retiring = this.#file?.retire({ sync });
    this.#retired = this.#retired.then(() => retiring);
    this.#file = undefined;
    this.#partToRename = undefined;
  }

  /** Leaves the file; resolves when all that was written is synced. */
  async close(): Promise<void> {
    this.leave();
    await this.#retired;
  }

  #wrote(file: LogFile, line: LogLine, count: number): void {
    line.advance(count, file);
    this.#bytes += count;
  }
}
