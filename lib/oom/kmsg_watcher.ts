// Longer than other files: it has both kinds of kernel log, which answer in one form.

import { closeSync, constants, openSync, readSync } from "node:fs";
import { setImmediate, setTimeout } from "node:timers/promises";

/** What a read of the kernel log gives. */
export type KmsgRead =
  /** The records that came, one or more; their bytes hold until the next read. */
  | { readonly type: "records"; readonly records: readonly Uint8Array[] }
  /** A device: all that was in the log when it was opened has been read. */
  | { readonly type: "caughtUp" }
  /** Records were overwritten before they could be read; the next read goes on after them. */
  | { readonly type: "overrun" }
  /** One record was too long, and is lost. */
  | { readonly type: "tooLong" }
  /** Nothing is there, and no read would wait for more: ask again in a while. */
  | { readonly type: "idle" }
  /** Nothing will ever come: open it anew. */
  | { readonly type: "end" };

/** A kernel log that is open for reading. */
export interface KmsgFile {
  /** `device` numbers its records without gaps and begins at the oldest; the others give what they are given. */
  readonly kind: "device" | "fifo" | "file";
  /** Waits for what comes next. */
  read(): Promise<KmsgRead>;
  /** Closes it; a read that waits may continue to wait. */
  close(): void;
}

/**
 * A record is at most 8192 bytes until Linux 6.2 (`CONSOLE_EXT_LOG_MAX`), 2048
 * since. One that is longer than the buffer is lost.
 */
const RECORD_BYTES = 8192 + 512;

/** So many records are read in one go, which takes 0.5 ms. */
const BATCH_RECORDS = 64;

/** A read that waits for so long has read all records, where nothing better proves it. */
const QUIET_MS = 100;

/** How much of a FIFO or a file is read at once; a longer line is lost. */
const CHUNK_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const SPACE = 0x20;

/**
 * Opens the kernel log: a device like `/dev/kmsg`, or a FIFO or a file of
 * records, one a line. `openDrain` opens a device once more, for reads that do
 * not wait.
 *
 * @throws {Deno.errors.NotFound} When there is none.
 * @throws {Deno.errors.PermissionDenied} When it may not be read:
 * `kernel.dmesg_restrict` without CAP_SYSLOG, `printk.devkmsg=off`.
 */
export async function openKmsg(
  path: string,
  openDrain: (path: string) => number | undefined = openWithoutWaiting,
): Promise<KmsgFile> {
  const info = await Deno.stat(path);
  if (info.isCharDevice) {
    return new KmsgDevice(await Deno.open(path), openDrain(path));
  }
  if (!info.isFifo) {
    return await KmsgStream.create(path, "file", await Deno.open(path));
  }
  // Opening a FIFO to read waits for a writer, and there is no way to take
  // that back. Opening it for both does not wait, and then there is a writer.
  // That one goes at once, so that the end of the real one shows.
  const both = await Deno.open(path, { read: true, write: true })
    .catch(() => undefined);
  try {
    return await KmsgStream.create(path, "fifo", await Deno.open(path));
  } finally {
    both?.close();
  }
}

/**
 * One read returns one record, never a part of one.
 *
 * A read of the file waits on a thread until there is a record. To change
 * threads for each of the 40 records of an OOM takes 2 ms, and 10 to 25 where
 * the CPUs are busy. So a second descriptor, which does not wait, reads what is
 * there; the file, set to the end of the log, waits for more. Without the
 * second descriptor the file reads everything.
 */
class KmsgDevice implements KmsgFile {
  readonly kind = "device";
  readonly #file: Deno.FsFile;
  #drain: number | undefined;
  readonly #buffer = new Uint8Array(RECORD_BYTES);
  /** A read of the file whose result was not returned yet. */
  #waiting: Promise<KmsgRead> | undefined;
  /** Whether the file was set to the end of the log after the last record was read. */
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
        // A flood must not keep others from the event loop.
        await setImmediate();
        return there;
      }
      if (this.#drain !== undefined && !this.#isSet) {
        // A record from now on ends the wait; an earlier one is read first.
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
      // The other descriptor reads the same once more, and all that follows.
      if (this.#drain === undefined) return read;
      this.#isSet = false;
    }
  }

  close(): void {
    closeQuietly(this.#file);
    if (this.#drain !== undefined) closeSync(this.#drain);
    this.#drain = undefined;
  }

  /** Some records that are there, or what is wrong with the next; undefined where none is there. */
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
      // What was lost shows in the numbers of the records, too.
      if (records.length === 0) return failureOf(error);
    }
    return { type: "records", records };
  }

  /** The read of the file that waits, begun where there is none. */
  #wait(): Promise<KmsgRead> {
    if (this.#waiting === undefined) {
      this.#waiting = this.#readFile();
      // It may fail after close(), when no caller waits for it.
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

  /** Whether a read that waits is at the end of the log. */
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

/** A descriptor of which no read waits; undefined where it cannot be opened. */
function openWithoutWaiting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** What a read that failed reports of the log; undefined where no record is there. @throws any other error */
function failureOf(error: unknown): KmsgRead | undefined {
  switch (error instanceof Error && "code" in error && error.code) {
    case "EAGAIN":
      return undefined;
    case "EPIPE":
      return { type: "overrun" };
    case "EINVAL":
      // The record is longer than the buffer, and is skipped.
      return { type: "tooLong" };
    default:
      throw error;
  }
}

/**
 * Lines of a FIFO or a file. One that begins with a space goes on with the
 * record before and says nothing of use, so no record waits for it.
 */
class KmsgStream implements KmsgFile {
  readonly kind: "fifo" | "file";
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #inode: number | null;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  /** How much of the buffer is the beginning of a line. */
  #begun = 0;
  /** Whether the line being read is too long, and what comes of it is passed over. */
  #skipping = false;
  #position = 0;
  /** Reads that found nothing, since one that did. */
  #idleReads = 0;

  private constructor(
    path: string,
    kind: "fifo" | "file",
    file: Deno.FsFile,
    inode: number | null,
  ) {
    this.#path = path;
    this.kind = kind;
    this.#file = file;
    this.#inode = inode;
  }

  static async create(
    path: string,
    kind: "fifo" | "file",
    file: Deno.FsFile,
  ): Promise<KmsgStream> {
    try {
      return new KmsgStream(path, kind, file, (await file.stat()).ino);
    } catch (error) {
      closeQuietly(file);
      throw error;
    }
  }

  async read(): Promise<KmsgRead> {
    for (;;) {
      if (this.#idleReads > 0 && !await this.#isSame()) return { type: "end" };
      const length = await this.#file.read(this.#buffer.subarray(this.#begun));
      if (length === null || length === 0) return this.#readNothing();
      this.#idleReads = 0;
      this.#position += length;
      const records = this.#takeLines(this.#begun + length);
      if (records.length > 0) return { type: "records", records };
      if (this.#begun < CHUNK_BYTES) continue;
      const known = this.#skipping;
      this.#skipping = true;
      this.#begun = 0;
      if (!known) return { type: "tooLong" };
    }
  }

  close(): void {
    closeQuietly(this.#file);
  }

  /**
   * At the end, a line without a newline is whole when its writer has gone, or
   * has written nothing more for a while.
   */
  #readNothing(): KmsgRead {
    this.#idleReads++;
    const isWhole = this.kind === "fifo" || this.#idleReads > 1;
    if (this.#begun === 0 || !isWhole) return { type: "idle" };
    const line = this.#buffer.slice(0, this.#begun);
    this.#begun = 0;
    const wanted = !this.#skipping && isRecord(line);
    this.#skipping = false;
    return wanted ? { type: "records", records: [line] } : { type: "idle" };
  }

  /** The whole lines in the buffer's first `length` bytes; what is left moves to its front. */
  #takeLines(length: number): Uint8Array[] {
    const bytes = this.#buffer.subarray(0, length);
    const lines: Uint8Array[] = [];
    let from = 0;
    // What was begun has no newline, or it would have been taken.
    let newline = bytes.indexOf(NEWLINE, this.#begun);
    while (newline >= 0) {
      const line = bytes.subarray(from, newline);
      if (!this.#skipping && isRecord(line)) lines.push(line);
      this.#skipping = false;
      from = newline + 1;
      newline = bytes.indexOf(NEWLINE, from);
    }
    this.#begun = length - from;
    if (from === 0 || this.#begun === 0) return lines;
    // The lines point into the buffer, so they must be moved away first.
    const kept = lines.map((line) => line.slice());
    this.#buffer.copyWithin(0, from, length);
    return kept;
  }

  /** Whether the path still names what is open; a file cut short is read from its start. */
  async #isSame(): Promise<boolean> {
    try {
      const info = await Deno.stat(this.#path);
      if (info.ino !== this.#inode) return false;
      if (this.kind === "fifo" || info.size >= this.#position) return true;
      await this.#file.seek(0, Deno.SeekMode.Start);
      this.#position = 0;
      this.#begun = 0;
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
    // Closed before, by an end that raced with this one.
  }
}
