import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { LogHandle } from "../../lib/log/log_file.ts";
import {
  type LogHost,
  LogLine,
  type OpenedLog,
  RotatingLog,
  type RotatingLogOptions,
} from "../../lib/log/rotating_log.ts";
import { FakeClock } from "../_support/fake_clock.ts";

const FULL = new Error("No space left on device (os error 28)");

/** A disk with an exact number of free bytes, which a real disk does not allow. */
class SmallDisk implements LogHost {
  readonly files = new Map<string, { id: string; text: string }>();
  room = Infinity;
  /** The file that cannot be renamed. */
  stuck: string | undefined;
  regular = true;
  #nextId = 1;

  open(path: string): Promise<OpenedLog> {
    const file = this.files.get(path) ??
      { id: `1:${this.#nextId++}`, text: "" };
    this.files.set(path, file);
    const writeSync = (bytes: Uint8Array) => {
      const count = Math.min(bytes.length, this.room);
      if (count === 0) throw FULL;
      this.room -= count;
      file.text += new TextDecoder().decode(bytes.subarray(0, count));
      return count;
    };
    const handle: LogHandle = {
      writeSync,
      write: (bytes) => Promise.resolve(writeSync(bytes)),
      syncData: () => Promise.resolve(),
      close() {},
    };
    return Promise.resolve({
      handle,
      regular: this.regular,
      id: file.id,
      sizeBytes: file.text.length,
      torn: this.regular && /[^\n]$/.test(file.text),
    });
  }

  rename(from: string, to: string): Promise<void> {
    if (from === this.stuck) return Promise.reject(new Error("os error 1"));
    const file = this.files.get(from);
    if (file !== undefined) this.files.set(to, file);
    this.files.delete(from);
    return Promise.resolve();
  }

  remove(path: string): Promise<void> {
    this.files.delete(path);
    return Promise.resolve();
  }

  text(path = "log"): string | undefined {
    return this.files.get(path)?.text;
  }
}

function newLog(
  disk: SmallDisk,
  options: Partial<RotatingLogOptions> = {},
): RotatingLog {
  return new RotatingLog({
    path: "log",
    maxSizeBytes: 20,
    keep: 2,
    sync: "never",
    host: disk,
    clock: new FakeClock(),
    onError() {},
    ...options,
  });
}

Deno.test("RotatingLog continues a partly written line when the disk has space again", async () => {
  const disk = new SmallDisk();
  const log = newLog(disk);
  const line = new LogLine("abcdef");
  disk.room = 3;
  const file = await log.open(line);
  assertThrows(() => log.append(file, line), Error, "os error 28");
  assertEquals([disk.text(), line.unwrittenBytes, line.begun], [
    "abc",
    4,
    true,
  ]);
  log.release();
  disk.room = 100;
  log.append(await log.open(line), line);
  assertEquals(disk.text(), "abcdef\n");
  assertEquals([log.bytes, log.tornLines], [7, 0]);
});

Deno.test("RotatingLog restarts a partly written line if the file has changed", async () => {
  const disk = new SmallDisk();
  const log = newLog(disk);
  const line = new LogLine("abcdef");
  disk.room = 3;
  const file = await log.open(line);
  assertThrows(() => log.append(file, line));
  log.release();
  disk.room = 100;
  const found = disk.files.get("log");
  if (found !== undefined) found.text += "other";
  log.append(await log.open(line), line);
  assertEquals(disk.text(), "abcother\nabcdef\n");
  assertEquals(log.tornLines, 1);
});

Deno.test("RotatingLog restarts a partly written line in another file", async () => {
  const disk = new SmallDisk();
  const log = newLog(disk);
  const line = new LogLine("abcdef");
  disk.room = 3;
  const file = await log.open(line);
  assertThrows(() => log.append(file, line));
  log.release();
  await disk.rename("log", "elsewhere");
  disk.room = 100;
  log.append(await log.open(line), line);
  assertEquals(disk.text(), "abcdef\n");
  assertEquals(disk.text("elsewhere"), "abc");
});

Deno.test("RotatingLog sends the complete line to the next reader of a pipe", async () => {
  const disk = new SmallDisk();
  disk.regular = false;
  const log = newLog(disk);
  const line = new LogLine("abcdef");
  disk.room = 3;
  const pipe = await log.open(line);
  await assertRejects(() => log.appendAsync(pipe, line), Error, "os error 28");
  log.release();
  disk.room = 100;
  await log.appendAsync(await log.open(line), line);
  assertEquals(disk.text(), "abcabcdef\n");
});

Deno.test("RotatingLog retries to terminate an incomplete line", async () => {
  const disk = new SmallDisk();
  disk.files.set("log", { id: "1:9", text: "torn" });
  const log = newLog(disk);
  disk.room = 0;
  await assertRejects(() => log.open(), Error, "os error 28");
  assertEquals(log.tornLines, 0);
  disk.room = 100;
  await log.open();
  assertEquals([disk.text(), log.tornLines], ["torn\n", 1]);
});

Deno.test("RotatingLog is full for a line that exceeds the size limit, but not for the rest of a line", async () => {
  const disk = new SmallDisk();
  const log = newLog(disk);
  const file = await log.open();
  const long = new LogLine("x".repeat(50));
  assertEquals(log.isFull(file, long), false);
  log.append(file, new LogLine("x".repeat(9)));
  assertEquals(log.isFull(file, new LogLine("x".repeat(9))), false);
  assertEquals(log.isFull(file, new LogLine("x".repeat(10))), true);
  const begun = new LogLine("x".repeat(10));
  disk.room = 5;
  assertThrows(() => log.append(file, begun));
  assertEquals(log.isFull(file, begun), false);
});

Deno.test("RotatingLog renames each part and deletes the last", async () => {
  const disk = new SmallDisk();
  const log = newLog(disk);
  for (const text of ["a", "b", "c", "d"]) {
    log.append(await log.open(), new LogLine(text));
    if (text !== "d") await log.rotate();
  }
  await log.close();
  assertEquals(
    ["log", "log.1", "log.2"].map((path) => disk.text(path)),
    ["d\n", "c\n", "b\n"],
  );
  assertEquals(disk.files.size, 3);
});

Deno.test("RotatingLog resumes a failed rotation without deleting one more part per attempt", async () => {
  const disk = new SmallDisk();
  const log = newLog(disk, { keep: 3 });
  for (const text of ["a", "b", "c", "d"]) {
    if (text !== "a") await log.rotate();
    log.append(await log.open(), new LogLine(text));
  }
  // Like a log with `chattr +a`.
  disk.stuck = "log";
  for (let tries = 0; tries < 5; tries++) await log.rotate();
  const parts = () =>
    ["log", "log.1", "log.2", "log.3"].map((path) => disk.text(path));
  assertEquals(parts(), ["d\n", undefined, "c\n", "b\n"]);
  disk.stuck = undefined;
  await log.rotate();
  log.append(await log.open(), new LogLine("e"));
  await log.close();
  assertEquals(parts(), ["e\n", "d\n", "c\n", "b\n"]);
});
