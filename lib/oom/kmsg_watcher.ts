// Longer than other files: it has both kinds of kernel log, which answer in one form.

import { setTimeout } from "node:timers/promises";
import { parseKmsgRecord } from "./kmsg_record.ts";

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

/**
 * No record is left after two rounds without one while a read waits. Two, since
 * the first may end while a record waits behind what kept the event loop busy.
 */
const QUIET_MS = 10;
const QUIET_ROUNDS = 2;

/** How much of a FIFO or a file is read at once; a longer line is lost. */
const CHUNK_BYTES = 64 * 1024;

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
 * One read returns one record, never a part of one, and waits on a thread where
 * there is none: others get the event loop in between.
 */
class KmsgDevice implements KmsgFile {
  readonly kind = "device";
  readonly #file: Deno.FsFile;
  readonly #buffer = new Uint8Array(RECORD_BYTES);
  /** A read whose result was not returned yet. */
  #pending: Promise<KmsgRead> | undefined;
  #last: number | undefined;
  /** Until the end of the backlog was read. */
  #backlog: KmsgBacklog | undefined;

  private constructor(file: Deno.FsFile, backlog: KmsgBacklog) {
    this.#file = file;
    this.#backlog = backlog;
  }

  static async create(path: string): Promise<KmsgDevice> {
    const file = await Deno.open(path);
    try {
      return new KmsgDevice(file, await KmsgBacklog.create(path));
    } catch (error) {
      closeQuietly(file);
      throw error;
    }
  }

  async read(): Promise<KmsgRead> {
    const backlog = this.#backlog;
    if (this.#pending === undefined) {
      this.#pending = this.#readRecord();
      // After close() it may fail while no caller waits for it.
      this.#pending.catch(() => {});
    }
    if (
      backlog !== undefined && await backlog.isRead(this.#last, this.#pending)
    ) {
      this.#backlog = undefined;
      backlog.close();
      return { type: "caughtUp" };
    }
    const read = await this.#pending;
    this.#pending = undefined;
    return read;
  }

  close(): void {
    closeQuietly(this.#file);
    this.#backlog?.close();
  }

  async #readRecord(): Promise<KmsgRead> {
    try {
      const length = await this.#file.read(this.#buffer);
      if (length === null) return { type: "end" };
      const record = this.#buffer.slice(0, length);
      if (this.#backlog !== undefined) {
        this.#last = parseKmsgRecord(record)?.sequence ?? this.#last;
      }
      return { type: "records", records: [record] };
    } catch (error) {
      const loss = lossOf(error);
      if (loss === undefined) throw error;
      return { type: loss };
    }
  }
}

/**
 * Finds the end of what was in the log when it was opened: a second descriptor,
 * set to the log's end, returns the first record after it, whose number is the
 * proof. While there is no such record, and no way to read without waiting, a
 * read that waits is at the end.
 */
class KmsgBacklog {
  readonly #path: string;
  readonly #end: Deno.FsFile;
  #firstNew: number | undefined;
  #waiting: Promise<unknown> | undefined;
  #isClosed = false;
  readonly #quiet: Promise<void>;
  #isQuiet = false;

  private constructor(path: string, end: Deno.FsFile) {
    this.#path = path;
    this.#end = end;
    this.#quiet = this.#awaitQuiet();
    void this.#readFirstNew();
  }

  static async create(path: string): Promise<KmsgBacklog> {
    const end = await Deno.open(path);
    try {
      await end.seek(0, Deno.SeekMode.End);
      return new KmsgBacklog(path, end);
    } catch (error) {
      closeQuietly(end);
      throw error;
    }
  }

  /** Whether all of it was read: up to the number `last`; waits for that, or for the `next` read to end. */
  async isRead(
    last: number | undefined,
    next: Promise<KmsgRead>,
  ): Promise<boolean> {
    if (last !== undefined && last + 1 >= (this.#firstNew ?? Infinity)) {
      return true;
    }
    this.#waiting = next;
    await Promise.race([next, this.#quiet]);
    this.#waiting = undefined;
    return this.#isQuiet;
  }

  close(): void {
    this.#isClosed = true;
    closeQuietly(this.#end);
  }

  async #readFirstNew(): Promise<void> {
    const buffer = new Uint8Array(RECORD_BYTES);
    while (!this.#isClosed && this.#firstNew === undefined) {
      try {
        const length = await this.#end.read(buffer);
        if (length === null) return;
        const record = parseKmsgRecord(buffer.subarray(0, length));
        this.#firstNew = record?.sequence;
      } catch (error) {
        if (lossOf(error) === undefined) return;
      }
    }
  }

  async #awaitQuiet(): Promise<void> {
    let rounds = 0;
    while (rounds < QUIET_ROUNDS && !this.#isClosed) {
      const waiting = this.#waiting;
      await setTimeout(QUIET_MS);
      // Threads take calls in their order: after this one the read is running.
      await Deno.stat(this.#path).catch(() => {});
      const isSame = waiting !== undefined && waiting === this.#waiting;
      rounds = isSame ? rounds + 1 : 0;
    }
    this.#isQuiet = true;
  }
}

/** What a read that failed reports of the log; undefined where it reports nothing. */
function lossOf(error: unknown): "overrun" | "tooLong" | undefined {
  const code = error instanceof Error && "code" in error && error.code;
  if (code === "EPIPE") return "overrun";
  // The record is longer than the buffer, and is skipped.
  return code === "EINVAL" ? "tooLong" : undefined;
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
