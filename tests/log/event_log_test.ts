import { assert, assertEquals, assertMatch } from "@std/assert";
import { EventManager } from "../../lib/events/event_manager.ts";
import { parseStoragePolicy } from "../../lib/events/storage_policy.ts";
import {
  EVENT_LOG_QUEUE_LIMIT,
  EventLog,
  type EventLogCheckpoints,
  type EventLogOptions,
  logReader,
} from "../../lib/log/event_log.ts";
import { readLogTail } from "../../lib/log/log_tail.ts";
import { type Clock, systemClock } from "../../lib/model/clock.ts";
import type { CheckpointData, OomKillData } from "../../lib/model/event.ts";
import type { LogFields, Logger } from "../../lib/model/logger.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** An event log in a temporary directory, with its events and log messages. */
class TestLog {
  readonly dir = Deno.makeTempDirSync({ dir: "/tmp" });
  readonly path = `${this.dir}/events.ndjson`;
  readonly events: EventManager;
  readonly messages: string[] = [];
  readonly #clock: Clock;
  readonly #logs: EventLog[] = [];

  constructor(clock: Clock = systemClock, lastSeq = 0) {
    this.#clock = clock;
    this.events = new EventManager({
      node: "n1",
      bootId: "b1",
      clock,
      lastSeq,
      storagePolicy: parseStoragePolicy("", "default=0"),
    });
  }

  open(options: Partial<EventLogOptions> = {}): EventLog {
    const record = (message: string, fields?: LogFields) => {
      this.messages.push(
        `${message}: ${fields?.error ?? fields?.events ?? ""}`,
      );
    };
    const logger: Logger = {
      debug: record,
      info: record,
      warn: record,
      error: record,
    };
    const log = new EventLog(this.events, {
      path: this.path,
      clock: this.#clock,
      logger,
      ...options,
    });
    this.#logs.push(log);
    log.start();
    return log;
  }

  add(count = 1): void {
    for (let n = 0; n < count; n++) {
      this.events.addEvent({
        timestampMs: 1000,
        type: "containerCreation",
        containerName: "/docker/eac18",
      });
    }
  }

  text(n = 0): string {
    return Deno.readTextFileSync(n === 0 ? this.path : `${this.path}.${n}`);
  }

  /** Returns the `seq` of the events in a part; for a loss notice, its negative count. */
  seqs(n = 0): number[] {
    return this.text(n).split("\n").filter((line) => line !== "").map(
      (line) => {
        const event = JSON.parse(line);
        return event.event_data.lost ? -event.event_data.lost.count : event.seq;
      },
    );
  }

  parts(): string[] {
    return [...Deno.readDirSync(this.dir)].map((entry) => entry.name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs) await log.close();
    await Deno.remove(this.dir, { recursive: true });
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let n = 0; !condition(); n++) {
    assert(n < 2000, `Waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

Deno.test("EventLog writes one line per event, in order", async () => {
  await using bench = new TestLog();
  const log = bench.open();
  bench.add(3);
  await log.close();
  assertEquals(bench.seqs(), [1, 2, 3]);
  assertMatch(bench.text(), /^\{"seq":1,"boot_id":"b1".*\}\n\{"seq":2/);
  assertEquals(log.counters, {
    bytes: bench.text().length,
    errors: 0,
    lost: 0,
    tornLines: 0,
  });
});

Deno.test("EventLog writes an event immediately, before it is closed", async () => {
  await using bench = new TestLog();
  bench.open();
  await until(() => exists(bench.path), "the log is made");
  bench.add();
  await until(() => bench.text().endsWith("\n"), "the line is written");
  assertEquals(bench.seqs(), [1]);
});

Deno.test("EventLog also writes events queued before its start", async () => {
  await using bench = new TestLog();
  const log = new EventLog(bench.events, {
    path: bench.path,
    clock: systemClock,
  });
  bench.add(2);
  log.start();
  await log.close();
  assertEquals(bench.seqs(), [1, 2]);
});

Deno.test("EventLog appends to the log of an earlier run, whose tail is readable", async () => {
  await using bench = new TestLog();
  const first = bench.open();
  bench.add(2);
  await first.close();
  const before = bench.text();
  const { lastSeq } = await readLogTail(bench.path, { reader: logReader });
  assertEquals(lastSeq, 2);
  const second = bench.open();
  bench.add(1);
  await second.close();
  assert(bench.text().startsWith(before));
  assertEquals(bench.seqs(), [1, 2, 3]);
});

Deno.test("EventLog terminates an incomplete last line once and counts it", async () => {
  await using bench = new TestLog();
  await Deno.writeTextFile(bench.path, '{"seq":1}\n{"seq":2,"boo');
  const log = bench.open();
  bench.add();
  await log.close();
  assertEquals(log.counters.tornLines, 1);
  assertMatch(
    bench.text(),
    /^\{"seq":1\}\n\{"seq":2,"boo\n\{"seq":1,"boot_id".*\}\n$/,
  );
  const again = bench.open();
  await again.close();
  assertEquals(again.counters.tornLines, 0);
});

Deno.test("EventLog rotates by renaming and keeps the configured number of parts", async () => {
  await using bench = new TestLog();
  const log = bench.open({ maxSizeBytes: 400, keep: 2 });
  bench.add(10);
  await log.close();
  assertEquals(bench.parts(), [
    "events.ndjson",
    "events.ndjson.1",
    "events.ndjson.2",
  ]);
  assertEquals([...bench.seqs(2), ...bench.seqs(1), ...bench.seqs()], [
    5,
    6,
    7,
    8,
    9,
    10,
  ]);
  for (const n of [0, 1, 2]) assert(bench.text(n).length <= 400);
  assertEquals(log.counters.errors, 0);
});

Deno.test("EventLog does not change a rotated part, so a reader that follows the name misses nothing", async () => {
  await using bench = new TestLog();
  const log = bench.open({ maxSizeBytes: 400, keep: 9 });
  bench.add(2);
  await until(() => log.counters.bytes > 300, "two lines are written");
  using follower = await Deno.open(bench.path);
  const inode = (await follower.stat()).ino;
  bench.add(2);
  await log.close();
  assertEquals((await Deno.stat(`${bench.path}.1`)).ino, inode);
  assertEquals(bench.seqs(1), [1, 2]);
  assertEquals(bench.seqs(), [3, 4]);
});

Deno.test("EventLog with keep 0 starts a new file and leaves no rotated part", async () => {
  await using bench = new TestLog();
  const log = bench.open({ maxSizeBytes: 400, keep: 0 });
  bench.add(5);
  await log.close();
  assertEquals(bench.parts(), ["events.ndjson"]);
  assertEquals(bench.seqs(), [5]);
});

Deno.test("EventLog writes a line larger than the size limit to its own file", async () => {
  await using bench = new TestLog();
  const log = bench.open({ maxSizeBytes: 10, keep: 5 });
  bench.add(3);
  await log.close();
  assertEquals([bench.seqs(2), bench.seqs(1), bench.seqs()], [[1], [2], [3]]);
});

Deno.test("EventLog with a size limit of 0 never rotates", async () => {
  await using bench = new TestLog();
  const log = bench.open({ maxSizeBytes: 0 });
  bench.add(100);
  await log.close();
  assertEquals(bench.parts(), ["events.ndjson"]);
});

Deno.test("EventLog.reopen() creates a new file after the log was renamed", async () => {
  await using bench = new TestLog();
  const log = bench.open();
  bench.add(2);
  await until(() => log.counters.bytes > 300, "two lines are written");
  await Deno.rename(bench.path, `${bench.path}.old`);
  bench.add();
  await until(() => log.counters.bytes > 450, "it goes on in the renamed file");
  log.reopen();
  await until(() => exists(bench.path), "the file is there before any event");
  bench.add();
  await log.close();
  assertEquals(bench.seqs(), [4]);
  assertEquals(
    (await Deno.readTextFile(`${bench.path}.old`)).match(/\n/g)?.length,
    3,
  );
});

Deno.test("EventLog creates a new file after its file or directory was deleted", async () => {
  const clock = new FakeClock();
  await using bench = new TestLog(clock);
  const directory = `${bench.dir}/logs`;
  const path = `${directory}/events.ndjson`;
  await Deno.mkdir(directory);
  const log = bench.open({ path });
  const isWritten = async () => {
    const { bytes } = log.counters;
    bench.add();
    await until(() => log.counters.bytes > bytes, "a line is written");
  };
  await isWritten();
  await Deno.remove(path);
  clock.advance(1_000);
  await isWritten();
  assert(exists(path));
  await Deno.remove(directory, { recursive: true });
  clock.advance(1_000);
  bench.add();
  await until(() => log.state.state === "degraded", "the directory is missing");
  await Deno.mkdir(directory);
  clock.advance(1_000);
  await until(() => log.state.state === "ok", "it is well");
  await log.close();
  assertMatch(await Deno.readTextFile(path), /^.*"seq":3,.*\n$/);
});

Deno.test("EventLog retries every second if it cannot open its file", async () => {
  const clock = new FakeClock();
  await using bench = new TestLog(clock);
  const path = `${bench.dir}/missing/events.ndjson`;
  const log = bench.open({ path });
  bench.add(3);
  await until(() => clock.pending > 0, "it waits");
  assertEquals(log.counters.errors, 1);
  assertEquals(log.state.state, "degraded");
  assertMatch(log.state.detail, /os error 2/);
  clock.advance(999);
  assertEquals(log.counters.errors, 1);
  clock.advance(1);
  await until(() => log.counters.errors === 2, "it has tried again");
  await until(() => clock.pending > 0, "it waits");
  await Deno.mkdir(`${bench.dir}/missing`);
  clock.advance(1000);
  await until(() => log.state.state === "ok", "it is well");
  assertEquals((await Deno.readTextFile(path)).match(/"seq":\d+/g), [
    '"seq":1',
    '"seq":2',
    '"seq":3',
  ]);
});

Deno.test("EventLog retries every second if checkpoints are requested meanwhile", async () => {
  const clock = new FakeClock();
  await using bench = new TestLog(clock);
  const state = { "inferred_units": 0, "node_oom_kills": 2 };
  const path = `${bench.dir}/missing/events.ndjson`;
  const log = bench.open({
    path,
    checkpoints: checkpointsOf(bench, () => state),
  });
  await until(() => clock.pending > 0, "it waits");
  // The first request may cause one earlier retry.
  for (let request = 0; request < 100; request++) {
    log.requestCheckpoint();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert(log.counters.errors <= 2, `${log.counters.errors} errors`);
  await Deno.mkdir(`${bench.dir}/missing`);
  clock.advance(1000);
  await until(() => log.state.state === "ok", "it is well");
  const written = () => exists(path) && Deno.readTextFileSync(path);
  await until(() => checkpointsIn(written() || "").length === 2, "written");
});

Deno.test("EventLog logs a lasting failure once per minute, and its end", async () => {
  const clock = new FakeClock();
  await using bench = new TestLog(clock);
  await Deno.mkdir(bench.path);
  const log = bench.open();
  bench.add();
  for (let second = 0; second < 61; second++) {
    await until(() => log.counters.errors === second + 1, "it has tried");
    await until(() => clock.pending > 0, "it waits");
    clock.advance(1000);
  }
  await until(() => bench.messages.length === 2, "it has spoken twice");
  assertMatch(
    bench.messages[0] ?? "",
    /^Cannot write the event log, retrying: /,
  );
  await until(() => clock.pending > 0, "it waits");
  await Deno.remove(bench.path);
  clock.advance(1000);
  await until(() => bench.messages.length === 3, "it says that it is well");
  assertEquals(bench.messages[2], "Event log can be written again: ");
});

Deno.test("EventLog keeps the newest events while it cannot write, then reports the dropped ones", async () => {
  const clock = new FakeClock();
  await using bench = new TestLog(clock);
  await Deno.mkdir(bench.path);
  const log = bench.open({ maxSizeBytes: 0 });
  await until(() => clock.pending > 0, "it waits");
  bench.add(EVENT_LOG_QUEUE_LIMIT + 500);
  assertEquals(log.counters.lost, 500);
  await Deno.remove(bench.path);
  clock.advance(1000);
  await log.close();
  assertEquals(bench.seqs(), [
    -500,
    ...range(501, EVENT_LOG_QUEUE_LIMIT + 500),
  ]);
  assertMatch(
    bench.text(),
    /^\{"seq":500,.*"lost":\{"count":500,"reason":"queue full"\}/,
  );
});

Deno.test("EventLog.close() returns immediately if the log cannot be written, and logs the number of missing events", async () => {
  const clock = new FakeClock();
  await using bench = new TestLog(clock);
  await Deno.mkdir(bench.path);
  const log = bench.open();
  bench.add(3);
  await until(() => clock.pending > 0, "it waits");
  await log.close();
  assertEquals(log.counters.lost, 3);
  assertEquals(
    bench.messages.at(-1),
    "Cannot write the last events, closing without them: 3",
  );
  assertEquals(clock.pending, 0);
});

Deno.test("EventLog.close() may be called twice, and before the start", async () => {
  await using bench = new TestLog();
  const log = bench.open();
  bench.add();
  await Promise.all([log.close(), log.close()]);
  assertEquals(bench.seqs(), [1]);
  const never = new EventLog(bench.events, {
    path: `${bench.dir}/never`,
    clock: systemClock,
  });
  await never.close();
  assertEquals(bench.parts(), ["events.ndjson"]);
});

Deno.test("EventLog ignores events after close", async () => {
  await using bench = new TestLog();
  const log = bench.open();
  await log.close();
  bench.add();
  assertEquals(bench.events.counters.watches, 0);
  assertEquals(bench.text(), "");
});

Deno.test("EventLog continues in a file above the size limit if it cannot be renamed", async () => {
  const clock = new FakeClock();
  await using bench = new TestLog(clock);
  // A directory that is not empty cannot be replaced by a file.
  await Deno.mkdir(`${bench.path}.1/in-the-way`, { recursive: true });
  const log = bench.open({ maxSizeBytes: 400, keep: 1 });
  bench.add(5);
  await until(() => log.counters.bytes > 700, "all is written");
  assertEquals(bench.seqs(), [1, 2, 3, 4, 5]);
  assertEquals(log.counters.errors, 1);
  assertEquals(log.state.state, "ok");
  assertMatch(
    bench.messages[0] ?? "",
    /^Cannot rotate the event log, continuing with the current file: /,
  );
  await Deno.remove(`${bench.path}.1`, { recursive: true });
  clock.advance(1000);
  bench.add();
  await log.close();
  assertEquals(bench.seqs(1), [1, 2, 3, 4, 5]);
  assertEquals(bench.seqs(), [6]);
});

Deno.test("EventLog syncs by interval, always or never, and always writes immediately", async () => {
  for (const sync of [50, "always", "never"] as const) {
    await using bench = new TestLog();
    const log = bench.open({ sync });
    bench.add(200);
    await until(() => exists(bench.path), "the log is made");
    await until(() => bench.seqs().length === 200, "all is written");
    await log.close();
    assertEquals(bench.seqs(), range(1, 200));
    assertEquals(log.counters.errors, 0);
  }
});

/** Returns the checkpoint options of a test's log. */
function checkpointsOf(
  bench: TestLog,
  now: () => CheckpointData,
  state: CheckpointData = { "inferred_units": 0 },
): EventLogCheckpoints {
  return {
    state,
    lastSeq: bench.events.lastSeq,
    now,
    format: (data, seq) => bench.events.checkpointLine(data, seq),
  };
}

function addKill(bench: TestLog, oom: OomKillData): void {
  bench.events.addEvent({
    timestampMs: 1000,
    type: "oomKill",
    containerName: "/",
    data: { oom },
  });
}

/** Returns the checkpoints of a part, each with its line number and `seq`. */
function checkpointsIn(text: string): unknown[] {
  return text.split("\n").slice(0, -1).flatMap((line, at) => {
    const { event_type: type, seq, event_data } = JSON.parse(line);
    return type === "checkpoint" ? [[at, seq, event_data.checkpoint]] : [];
  });
}

Deno.test("EventLog writes a checkpoint at the start of a file and at stop", async () => {
  await using bench = new TestLog();
  let state: CheckpointData = { "inferred_units": 0 };
  const log = bench.open({ checkpoints: checkpointsOf(bench, () => state) });
  bench.add(2);
  addKill(bench, { "kmsg_seq": 7, "node_oom_kills": 3 });
  state = {
    "kmsg_seq": 9,
    "kmsg_usec": 12,
    "node_oom_kills": 3,
    "inferred_units": 0,
  };
  await log.close();
  assertEquals(checkpointsIn(bench.text()), [
    [0, 0, { inferred_units: 0 }],
    [4, 3, state],
  ]);
  const { lastSeq, ooms } = await readLogTail(bench.path, {
    reader: logReader,
  });
  assertEquals(lastSeq, 3);
  assertEquals(ooms, { state });
});

Deno.test("EventLog starts each part with the state of the lines before it", async () => {
  await using bench = new TestLog();
  const earlier = { "kmsg_seq": 5, "kmsg_usec": 8, "inferred_units": 0 };
  const log = bench.open({
    checkpoints: checkpointsOf(
      bench,
      () => ({ "kmsg_seq": 99, "inferred_units": 0 }),
      earlier,
    ),
    maxSizeBytes: 600,
    keep: 9,
  });
  // All events are queued before the first is written.
  addKill(bench, { "kmsg_seq": 7, "node_oom_kills": 3 });
  bench.add(3);
  addKill(bench, {
    "kmsg_read_seq": 8,
    "node_oom_kills": 4,
    "inferred_units": 1,
  });
  bench.add(3);
  await log.close();
  const parts = bench.parts().length;
  assert(parts > 2, `${parts}`);
  const heads = range(0, parts - 1).reverse().map((n) =>
    checkpointsIn(bench.text(n))[0]
  );
  assertEquals(heads[0], [0, 0, earlier]);
  for (const head of heads.slice(1)) {
    const [at, seq, data] = head as [number, number, CheckpointData];
    assertEquals(at, 0);
    assertEquals(
      data,
      seq < 5
        ? { kmsg_seq: 7, node_oom_kills: 3, inferred_units: 0 }
        : { kmsg_seq: 8, node_oom_kills: 4, inferred_units: 1 },
    );
  }
});

Deno.test("EventLog saves a state that no event contains, after the queued events", async () => {
  await using bench = new TestLog();
  let state: CheckpointData = { "inferred_units": 0 };
  const log = bench.open({ checkpoints: checkpointsOf(bench, () => state) });
  bench.add();
  state = { "node_oom_kills": 3, "inferred_units": 0 };
  log.requestCheckpoint();
  await until(
    () => exists(bench.path) && checkpointsIn(bench.text()).length === 2,
    "the state is saved",
  );
  // The state has not changed.
  log.requestCheckpoint();
  bench.add();
  await until(() => bench.seqs().includes(2), "the next event is written");
  assertEquals(checkpointsIn(bench.text()), [
    [0, 0, { inferred_units: 0 }],
    [2, 1, state],
  ]);
});

Deno.test("EventLog continues a file without another checkpoint", async () => {
  await using bench = new TestLog();
  await Deno.writeTextFile(
    bench.path,
    '{"seq":1,"boot_id":"b1","event_data":{}}\n',
  );
  const state = { "inferred_units": 0 };
  const log = bench.open({ checkpoints: checkpointsOf(bench, () => state) });
  bench.add();
  await until(() => bench.seqs().length === 2, "an event is written");
  assertEquals(checkpointsIn(bench.text()), []);
  await log.close();
});
