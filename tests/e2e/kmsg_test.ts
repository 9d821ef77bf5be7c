import { assert, assertEquals } from "@std/assert";
import { TIMEOUT_MS } from "./_agent.ts";
import { parseKmsgRecord } from "../../lib/kernfs/kmsg_record.ts";
import { type KmsgFile, openKmsg } from "../../lib/oom/kmsg_watcher.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import type { NewEvent } from "../../lib/model/event.ts";
import { OomCounters } from "../../lib/oom/counters.ts";
import { OomMonitor } from "../../lib/oom/monitor.ts";
import { OomWatcher } from "../../lib/oom/watcher.ts";

const DEVICE = "/dev/kmsg";
const encoder = new TextEncoder();

const canRead = can({ read: true });
const canWrite = canRead && can({ write: true });

function can(options: Deno.OpenOptions): boolean {
  try {
    Deno.openSync(DEVICE, options).close();
    return true;
  } catch {
    return false;
  }
}

/** A watcher of a real log and its reports. */
class Watched implements AsyncDisposable {
  readonly watcher: OomWatcher;
  readonly events: NewEvent[] = [];

  constructor(path: string) {
    const clock = systemClock;
    this.watcher = new OomWatcher({
      path,
      clock,
      logger: silentLogger,
      reopenDelayMs: 50,
      monitor: new OomMonitor({
        fs: { readText: () => undefined, pageBytes: 4096 },
        clock,
        bootId: "b1",
        counters: new OomCounters(clock),
        readCount: () => undefined,
        readContext: () => undefined,
        addEvent: (event) => this.events.push(event),
      }),
    });
    this.watcher.start();
  }

  pids(): number[] {
    return this.events.flatMap(({ type, data }) =>
      type === "oomKill" ? data?.oom?.pid ?? [] : []
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watcher.close();
    // A log that is being opened is closed once it is open.
    await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(
  isMet: () => boolean,
  limitMs = TIMEOUT_MS,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!isMet()) {
    assert(performance.now() < end, "What was waited for never came");
    await pause(5);
  }
}

/** Waits until the log was read to its end. */
async function untilRead(watcher: OomWatcher): Promise<void> {
  let before = -1;
  while (watcher.records !== before) {
    before = watcher.records;
    await pause(100);
  }
}

/** A FIFO that is removed after the test. */
class Fifo implements AsyncDisposable {
  readonly #dir = Deno.makeTempDirSync({ prefix: "kmsg-" });
  readonly path = `${this.#dir}/fifo`;

  constructor() {
    const { success } = new Deno.Command("mkfifo", { args: [this.path] })
      .outputSync();
    assert(success);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#dir, { recursive: true });
  }
}

function killed(sequence: number, pid: number): string {
  return `3,${sequence},${
    sequence * 1000
  },-;Out of memory: Killed process ${pid} (sh) total-vm:8kB\n`;
}

Deno.test({
  name: "OomWatcher reads the real kernel log to its end",
  ignore: !canRead,
  async fn() {
    await using watched = new Watched(DEVICE);
    const { watcher } = watched;
    await untilRead(watcher);
    assert(watcher.records > 0);
    assertEquals(watcher.malformed, 0);
    assertEquals(watcher.lost, 0);
    assertEquals(watcher.state, { name: "kmsg", state: "ok", detail: "" });
  },
});

Deno.test({
  name: "OomWatcher ignores records that user space wrote to the kernel log",
  ignore: !canWrite,
  async fn() {
    await using watched = new Watched(DEVICE);
    await untilRead(watched.watcher);
    const before = watched.watcher.records;
    const device = await Deno.open(DEVICE, { write: true });
    try {
      for (const priority of ["", "<3>", "<0>"]) {
        // Without the newline, the kernel would delay it until the next record.
        await device.write(encoder.encode(
          `${priority}Out of memory: Killed process 4194305 (forged) total-vm:8kB\n`,
        ));
      }
    } finally {
      device.close();
    }
    await until(() => watched.watcher.records >= before + 3);
    await pause(100);
    assert(!watched.pids().includes(4194305));
  },
});

Deno.test({
  name: "OomWatcher ends during a pending read of the kernel log",
  ignore: !canRead,
  async fn() {
    await using watched = new Watched(DEVICE);
    await untilRead(watched.watcher);
    await watched[Symbol.asyncDispose]();
  },
});

/** Ways to read a device: with both descriptors, and if the second cannot be opened. */
const WAYS: readonly (readonly [string, () => Promise<KmsgFile>])[] = [
  ["", () => openKmsg(DEVICE)],
  [
    " without a descriptor that does not wait",
    () => openKmsg(DEVICE, () => undefined),
  ],
];

/** Returns the records up to the end of the log. */
async function readBacklog(file: KmsgFile): Promise<number[]> {
  const sequences: number[] = [];
  for (;;) {
    const read = await file.read();
    if (read.type === "caughtUp") return sequences;
    if (read.type === "records") {
      sequences.push(...read.records.map(sequenceOf));
    }
  }
}

function sequenceOf(record: Uint8Array): number {
  return parseKmsgRecord(record)?.sequence ?? NaN;
}

for (const [way, open] of WAYS) {
  Deno.test({
    name:
      `openKmsg()${way} reports the end of the backlog, and then new records`,
    ignore: !canWrite,
    async fn() {
      const device = await Deno.open(DEVICE, { write: true });
      const write = (text: string) =>
        device.write(encoder.encode(`cgwatch test: ${text}\n`));
      await write("last of the backlog");
      const file = await open();
      try {
        const before = await readBacklog(file);
        const first = before[0] ?? NaN;
        assertEquals(before, before.map((_, at) => first + at));

        // No record is lost or duplicated between the end of the backlog and the next record.
        const messages: string[] = [];
        let last = before.at(-1) ?? NaN;
        for (const text of ["one", "two", "three"]) {
          const reading = file.read();
          await write(text);
          for (let read = await reading;; read = await file.read()) {
            assert(read.type === "records");
            for (const record of read.records) {
              assertEquals(sequenceOf(record), ++last);
              messages.push(parseKmsgRecord(record)?.text ?? "");
            }
            if (messages.includes(`cgwatch test: ${text}`)) break;
          }
        }
      } finally {
        file.close();
        device.close();
      }
    },
  });
}

Deno.test("openKmsg() does not block the event loop during a flood of records", async () => {
  // A device with an endless stream of records.
  const file = await openKmsg("/dev/zero");
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  try {
    const end = performance.now() + TIMEOUT_MS;
    let records = 0;
    while ((records <= 1_000 || ticks <= 10) && performance.now() < end) {
      const read = await file.read();
      assert(read.type === "records");
      records += read.records.length;
    }
    assert(records > 1_000);
    assert(ticks > 10, `${ticks} turns`);
  } finally {
    clearInterval(timer);
    file.close();
  }
});

Deno.test("OomWatcher reads a FIFO, and reports when its writer has closed it", async () => {
  await using fifo = new Fifo();
  const { path } = fifo;
  await using watched = new Watched(path);
  const { watcher } = watched;
  await until(() => watcher.state.state === "ok");
  const first = await Deno.open(path, { write: true });
  await first.write(encoder.encode(killed(1, 7).slice(0, 20)));
  await first.write(encoder.encode(killed(1, 7).slice(20)));
  await until(() => watched.pids().length === 1);
  assertEquals(watcher.state.state, "ok");

  first.close();
  await until(() => watcher.state.state === "degraded");
  assertEquals(
    watcher.state.detail,
    "The kernel log ended: the writer closed it",
  );

  const second = await Deno.open(path, { write: true });
  await until(() => watcher.state.state === "ok");
  await second.write(encoder.encode(killed(2, 8) + killed(3, 9)));
  await until(() => watched.pids().length === 3);
  assertEquals(watched.pids(), [7, 8, 9]);
  assertEquals(watcher.lost, 0);
  second.close();
});

Deno.test("OomWatcher takes only the number of a line that the writer of a FIFO did not finish", async () => {
  await using fifo = new Fifo();
  const { path } = fifo;
  await using watched = new Watched(path);
  const { watcher } = watched;
  await until(() => watcher.state.state === "ok");
  const first = await Deno.open(path, { write: true });
  // Only the newline is missing.
  await first.write(encoder.encode(killed(1, 7) + killed(2, 8).trimEnd()));
  first.close();
  await until(() => watcher.state.state === "degraded");
  const second = await Deno.open(path, { write: true });
  await second.write(encoder.encode(killed(3, 9)));
  await until(() => watched.pids().length === 2);
  assertEquals(watched.pids(), [7, 9]);
  assertEquals([watcher.lost, watcher.malformed], [0, 0]);
  second.close();
});

Deno.test("OomWatcher loses no record of a FIFO whose writer closes it immediately", async () => {
  await using fifo = new Fifo();
  const { path } = fifo;
  await using watched = new Watched(path);
  await until(() => watched.watcher.state.state === "ok");
  for (let pid = 1; pid <= 20; pid++) {
    const writer = await Deno.open(path, { write: true });
    await writer.write(encoder.encode(killed(pid, pid)));
    writer.close();
  }
  await until(() => watched.pids().length === 20);
  assertEquals(watched.watcher.lost, 0);
});

Deno.test("OomWatcher ends with an idle FIFO, with or without writer", async () => {
  for (const hasWriter of [true, false]) {
    await using fifo = new Fifo();
    const { path } = fifo;
    await using watched = new Watched(path);
    await until(() => watched.watcher.state.state === "ok");
    const writer = hasWriter
      ? await Deno.open(path, { write: true })
      : undefined;
    await pause(300);
    await watched[Symbol.asyncDispose]();
    writer?.close();
  }
});

Deno.test("OomWatcher ends although the device reports its end", async () => {
  await using watched = new Watched("/dev/null");
  await until(() => watched.watcher.state.detail === "The kernel log ended");
  await until(() => watched.watcher.reopens > 0);
});
