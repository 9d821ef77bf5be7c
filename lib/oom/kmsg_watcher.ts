// Longer than other files: it has both kinds of kernel log, which answer in one form.

import { setImmediate } from "node:timers/promises";
import { Libc } from "../kernfs/libc.ts";

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
  /** Closes it; a read that waits may go on waiting. */
  close(): void;
}

/**
 * A record is at most 8192 bytes until Linux 6.2 (`CONSOLE_EXT_LOG_MAX`), 2048
 * since. One that is longer than the buffer is lost.
 */
const RECORD_BYTES = 8192 + 512;

/** So many records are read at once, which takes 0.2 ms. */
const BATCH_RECORDS = 64;

/** How much of a FIFO or a file is read at once; a longer line is lost. */
const CHUNK_BYTES = 64 * 1024;

/** Of `errno.h`. */
const EAGAIN = 11;
const EINVAL = 22;
const EPIPE = 32;

const NEWLINE = 0x0a;
const SPACE = 0x20;

/**
 * Opens the kernel log: a device like `/dev/kmsg`, or a FIFO or a file of
 * records, one a line.
 *
 * @throws {Deno.errors.NotFound} When there is none.
 * @throws {Deno.errors.PermissionDenied} When it may not be read:
 * `kernel.dmesg_restrict` without CAP_SYSLOG, `printk.devkmsg=off`.
 */
export async function openKmsg(path: string): Promise<KmsgFile> {
  const info = await Deno.stat(path);
  if (info.isCharDevice) return await KmsgDevice.create(path);
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
 * One read gives one record, never a part of one.
 *
 * One descriptor reads without waiting, which takes 3 µs a record where a read
 * that may wait takes 55, and an OOM is told in 40. The other is an alarm: set
 * to the end of the log, a read of it waits until there is more.
 */
class KmsgDevice implements KmsgFile {
  readonly kind = "device";
  readonly #alarm: Deno.FsFile;
  readonly #libc: Libc;
  /** Its records are read. */
  readonly #descriptor: number;
  readonly #buffer = new Uint8Array(RECORD_BYTES);
  /** Whether a read of the alarm ends as soon as there is more than was looked for last. */
  #isSet = false;
  #isCaughtUp = false;
  #isClosed = false;

  private constructor(alarm: Deno.FsFile, libc: Libc, descriptor: number) {
    this.#alarm = alarm;
    this.#libc = libc;
    this.#descriptor = descriptor;
  }

  static async create(path: string): Promise<KmsgDevice> {
    const alarm = await Deno.open(path);
    const libc = Libc.open();
    const descriptor = libc?.openNow(path) ?? -1;
    if (libc !== undefined && descriptor >= 0) {
      return new KmsgDevice(alarm, libc, descriptor);
    }
    closeQuietly(alarm);
    throw new Error(
      libc?.meaningOf(libc.errno) ?? "the C library cannot be had",
    );
  }

  async read(): Promise<KmsgRead> {
    for (;;) {
      const read = this.#drain();
      if (read !== undefined) {
        this.#isSet = false;
        // A flood must not keep others from their turn.
        await setImmediate();
        return read;
      }
      if (!this.#isSet) {
        // What comes from now on rings; what came before is looked for once more.
        await this.#alarm.seek(0, Deno.SeekMode.End);
        this.#isSet = true;
      } else if (this.#isCaughtUp) {
        await this.#wait();
        this.#isSet = false;
      } else {
        this.#isCaughtUp = true;
        return { type: "caughtUp" };
      }
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeQuietly(this.#alarm);
    this.#libc.close(this.#descriptor);
  }

  /** What is there: some records, or what is wrong with the next; undefined where nothing is. */
  #drain(): KmsgRead | undefined {
    const records: Uint8Array[] = [];
    while (records.length < BATCH_RECORDS) {
      const length = this.#libc.read(this.#descriptor, this.#buffer, 0);
      if (length === 0) return { type: "end" };
      if (length < 0) {
        // What was lost shows in the numbers of the records, too.
        if (records.length > 0) break;
        return this.#failure();
      }
      records.push(this.#buffer.slice(0, length));
    }
    return { type: "records", records };
  }

  /** What a read that failed says of the log; undefined where it has no more. @throws {Error} where it says nothing */
  #failure(): KmsgRead | undefined {
    const { errno } = this.#libc;
    switch (errno) {
      case EAGAIN:
        return undefined;
      case EPIPE:
        return { type: "overrun" };
      case EINVAL:
        // The record is longer than the buffer, and is passed over.
        return { type: "tooLong" };
      default:
        throw new Error(this.#libc.meaningOf(errno));
    }
  }

  async #wait(): Promise<void> {
    try {
      await this.#alarm.read(this.#buffer);
    } catch (error) {
      // What the alarm says the records will say, too.
      const code = error instanceof Error && "code" in error && error.code;
      if (code !== "EPIPE" && code !== "EINVAL") throw error;
    }
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
