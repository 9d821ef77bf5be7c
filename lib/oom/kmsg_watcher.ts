// Exceeds 300 lines: devices and streams behind one interface.

import { closeSync, constants, openSync, readSync } from "node:fs";
import { setImmediate, setTimeout } from "node:timers/promises";

/** Result of a read. */
export type KmsgRead =
  /** The bytes are valid until the next read. */
  | { readonly type: "records"; readonly records: readonly Uint8Array[] }
  /** Device only: the backlog has been read. */
  | { readonly type: "caughtUp" }
  /** Records were overwritten; the next read continues after them. */
  | { readonly type: "overrun" }
  /** A too long record is lost. */
  | { readonly type: "tooLong" }
  /** No data, and reads do not wait: poll again. */
  | { readonly type: "idle" }
  /** Reopen the log. */
  | { readonly type: "end" };

/** An open kernel log. */
export interface KmsgFile {
  /**
   * A `device` numbers records without gaps and starts at the oldest; the
   * others return the lines written to them.
   */
  readonly kind: "device" | "fifo" | "file";
  read(): Promise<KmsgRead>;
  /** A waiting read may continue to wait. */
  close(): void;
}

/**
 * A record has at most 8192 bytes up to Linux 6.2 (`CONSOLE_EXT_LOG_MAX`), then
 * 2048; a longer one is lost.
 */
const RECORD_BYTES = 8192 + 512;

/** 64 records take 0.5 ms. */
const BATCH_RECORDS = 64;

/** Without better proof, a read that waits this long is at the end of the log. */
const QUIET_MS = 100;

/** Bytes per read of a FIFO or file; a longer line is lost. */
const CHUNK_BYTES = 64 * 1024;

/** Polls of a file until a last line without newline is complete: 10 s. */
const MAX_IDLE_READS = 40;

const NEWLINE = 0x0a;
const SEMICOLON = 0x3b;
const SPACE = 0x20;

/**
 * Opens the kernel log: a device like `/dev/kmsg`, or a FIFO or file with one
 * record per line. `openDrain` opens a device for non-blocking reads.
 *
 * @throws {Deno.errors.NotFound} if the path does not exist
 * @throws {Deno.errors.PermissionDenied} with `kernel.dmesg_restrict` and
 * without CAP_SYSLOG, or with `printk.devkmsg=off`
 */
export async function openKmsg(
  path: string,
  openDrain: (path: string) => number | undefined = openWithoutWaiting,
): Promise<KmsgFile> {
  const info = await Deno.stat(path);
  if (info.isCharDevice) {
    return new KmsgDevice(await Deno.open(path), openDrain(path));
  }
  const { ino } = info;
  if (!info.isFifo) {
    return new KmsgStream(path, "file", ino, await Deno.open(path));
  }
  // Opening a FIFO for reading blocks until it has a writer. Opening it for
  // both does not; this writer is closed immediately, so that the end of the
  // real one is visible.
  const both = await Deno.open(path, { read: true, write: true })
    .catch(() => undefined);
  try {
    return new KmsgStream(path, "fifo", ino, await Deno.open(path));
  } finally {
    both?.close();
  }
}

/**
 * One read returns one whole record.
 *
 * A blocking read switches threads for each record: 2 ms for the 40 records of
 * an OOM, 10 to 25 ms on busy CPUs. Therefore a second, non-blocking descriptor
 * reads the available records, and the file waits for more. Without the second
 * descriptor, the file reads all records.
 */
class KmsgDevice implements KmsgFile {
  readonly kind = "device";
  readonly #file: Deno.FsFile;
  #drain: number | undefined;
  readonly #buffer = new Uint8Array(RECORD_BYTES);
  /** A read whose result has not been returned. */
  #waiting: Promise<KmsgRead> | undefined;
  /** Whether the file was moved to the end of the log after the last record. */
  #isSet = false;
  #isCaughtUp = false;

  constructor(file: Deno.FsFile, drain: number | undefined) {
    this.#file = file;
    this.#drain = drain;
  }

  async read(): Promise<KmsgRead> {
    for (;;) {
      const there = this.#readThere();
      if (there !== undefined) {
        this.#isSet = false;
        // A flood of records must not block the event loop.
        await setImmediate();
        return there;
      }
      if (this.#drain !== undefined && !this.#isSet) {
        // A later record ends the wait; an earlier one is read first.
        await this.#file.seek(0, Deno.SeekMode.End);
        this.#isSet = true;
        continue;
      }
      const waiting = this.#wait();
      if (!this.#isCaughtUp && await this.#isAtEnd(waiting)) {
        this.#isCaughtUp = true;
        return { type: "caughtUp" };
      }
      const read = await waiting;
      this.#waiting = undefined;
      // The drain reads the same record and all that follow.
      if (this.#drain === undefined) return read;
      this.#isSet = false;
    }
  }

  close(): void {
    closeQuietly(this.#file);
    if (this.#drain !== undefined) closeSync(this.#drain);
    this.#drain = undefined;
  }

  /** Returns available records or the failure of the next; `undefined` without any. */
  #readThere(): KmsgRead | undefined {
    if (this.#drain === undefined) return undefined;
    const records: Uint8Array[] = [];
    try {
      while (records.length < BATCH_RECORDS) {
        const length = readSync(
          this.#drain,
          this.#buffer,
          0,
          RECORD_BYTES,
          null,
        );
        if (length === 0) return { type: "end" };
        records.push(this.#buffer.slice(0, length));
      }
    } catch (error) {
      // A loss is also visible in the sequence numbers.
      if (records.length === 0) return failureOf(error);
    }
    return { type: "records", records };
  }

  /** Returns the waiting read, or starts one. */
  #wait(): Promise<KmsgRead> {
    if (this.#waiting === undefined) {
      this.#waiting = this.#readFile();
      // May fail after close(), when no caller awaits it.
      this.#waiting.catch(() => {});
    }
    return this.#waiting;
  }

  async #readFile(): Promise<KmsgRead> {
    try {
      const length = await this.#file.read(this.#buffer);
      if (length === null) return { type: "end" };
      return { type: "records", records: [this.#buffer.slice(0, length)] };
    } catch (error) {
      return failureOf(error) ?? { type: "idle" };
    }
  }

  async #isAtEnd(waiting: Promise<KmsgRead>): Promise<boolean> {
    if (this.#drain !== undefined) return true;
    const over = new AbortController();
    const { signal } = over;
    const isLate = await Promise.race([
      waiting.then(() => false),
      setTimeout(QUIET_MS, true, { signal }).catch(() => false),
    ]);
    over.abort();
    return isLate;
  }
}

/** Returns a non-blocking descriptor, if possible. */
function openWithoutWaiting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Returns `undefined` if there is no record. @throws any other error */
function failureOf(error: unknown): KmsgRead | undefined {
  switch (error instanceof Error && "code" in error && error.code) {
    case "EAGAIN":
      return undefined;
    case "EPIPE":
      return { type: "overrun" };
    case "EINVAL":
      // Longer than the buffer: the kernel skips the record.
      return { type: "tooLong" };
    default:
      throw error;
  }
}

/** Lines of a FIFO or file, without those of dictionaries, which start with a space. */
class KmsgStream implements KmsgFile {
  readonly kind: "fifo" | "file";
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #inode: number | null;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  /** Incomplete line at the start of the buffer. */
  #incompleteBytes = 0;
  /** Whether the rest of a too long line is skipped. */
  #skipping = false;
  #position = 0;
  /** Consecutive reads without data. */
  #idleReads = 0;

  /** @param inode inode of the path before the file was opened */
  constructor(
    path: string,
    kind: "fifo" | "file",
    inode: number | null,
    file: Deno.FsFile,
  ) {
    this.#path = path;
    this.kind = kind;
    this.#inode = inode;
    this.#file = file;
  }

  async read(): Promise<KmsgRead> {
    for (;;) {
      const isSame = this.#idleReads === 0 || await this.#isSame();
      // The rest of a renamed file is read first.
      const length = await this.#file.read(
        this.#buffer.subarray(this.#incompleteBytes),
      );
      if (length === null || length === 0) {
        if (!isSame) return { type: "end" };
        return this.#readNothing();
      }
      this.#idleReads = 0;
      this.#position += length;
      const records = this.#takeLines(this.#incompleteBytes + length);
      if (records.length > 0) return { type: "records", records };
      if (this.#incompleteBytes < CHUNK_BYTES) continue;
      const known = this.#skipping;
      this.#skipping = true;
      this.#incompleteBytes = 0;
      if (!known) return { type: "tooLong" };
    }
  }

  close(): void {
    closeQuietly(this.#file);
  }

  /**
   * The rest of a line may follow. If the writer of a FIFO is gone, only the
   * record's number is valid; a file without newline at its end may be complete.
   */
  #readNothing(): KmsgRead {
    this.#idleReads++;
    const isOver = this.kind === "fifo" || this.#idleReads > MAX_IDLE_READS;
    if (this.#incompleteBytes === 0 || !isOver) return { type: "idle" };
    const end = this.kind === "fifo"
      ? this.#buffer.indexOf(SEMICOLON) + 1
      : this.#incompleteBytes;
    const line = this.#buffer.slice(0, Math.min(end, this.#incompleteBytes));
    this.#incompleteBytes = 0;
    const isValid = !this.#skipping && isRecord(line);
    this.#skipping = false;
    return isValid ? { type: "records", records: [line] } : { type: "idle" };
  }

  /** Returns the complete lines in the first `length` bytes; moves the rest to the start. */
  #takeLines(length: number): Uint8Array[] {
    const bytes = this.#buffer.subarray(0, length);
    const lines: Uint8Array[] = [];
    let from = 0;
    // The incomplete line contains no newline.
    let newline = bytes.indexOf(NEWLINE, this.#incompleteBytes);
    while (newline >= 0) {
      const line = bytes.subarray(from, newline);
      if (!this.#skipping && isRecord(line)) lines.push(line);
      this.#skipping = false;
      from = newline + 1;
      newline = bytes.indexOf(NEWLINE, from);
    }
    this.#incompleteBytes = length - from;
    if (from === 0 || this.#incompleteBytes === 0) return lines;
    // The lines are views of the buffer.
    const kept = lines.map((line) => line.slice());
    this.#buffer.copyWithin(0, from, length);
    return kept;
  }

  /** Returns whether the path still names the file; rewinds a truncated one. */
  async #isSame(): Promise<boolean> {
    try {
      const info = await Deno.stat(this.#path);
      if (info.ino !== this.#inode) return false;
      if (this.kind === "fifo" || info.size >= this.#position) return true;
      await this.#file.seek(0, Deno.SeekMode.Start);
      this.#position = 0;
      this.#incompleteBytes = 0;
      this.#skipping = false;
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }
}

function isRecord(line: Uint8Array): boolean {
  return line.length > 0 && line[0] !== SPACE;
}

function closeQuietly(file: Deno.FsFile): void {
  try {
    file.close();
  } catch {
    // Already closed.
  }
}
