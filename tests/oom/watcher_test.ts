import { assert, assertEquals } from "@std/assert";
import type { NewEvent } from "../../lib/model/event.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { OomCounters } from "../../lib/oom/counters.ts";
import type { KmsgFile } from "../../lib/oom/kmsg_watcher.ts";
import {
  type EarlierOoms,
  OomMonitor,
  type OomMonitorOptions,
} from "../../lib/oom/monitor.ts";
import { OomWatcher, type OomWatcherOptions } from "../../lib/oom/watcher.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { FakeKmsg } from "../_support/fake_kmsg.ts";

function killed(sequence: number, pid: number): string {
  return `3,${sequence},${
    sequence * 1000
  },-;Out of memory: Killed process ${pid} (sh) total-vm:8kB`;
}

function noise(sequence: number): string {
  return `6,${sequence},${sequence * 1000},-;eth0: link up\n SUBSYSTEM=net\n`;
}

function incidentAndKill(sequence: number, pid: number): string[] {
  return [`${sequence} oom`, `${sequence} oomKill ${pid}`];
}

/** State of an earlier run that read the log up to a record. */
function upTo(kmsgSeq: number): EarlierOoms {
  return { state: { "kmsg_seq": kmsgSeq, "inferred_units": 0 } };
}

/** A watcher with a fake clock, and the events of its monitor. */
class Watched {
  readonly clock = new FakeClock();
  readonly watcher: OomWatcher;
  readonly events: NewEvent[] = [];
  readonly opened: string[] = [];
  /** The node's count; `undefined` if the kernel has none. */
  count: number | undefined;

  constructor(
    source: string | undefined | readonly (KmsgFile | Error)[],
    options: Partial<OomWatcherOptions & OomMonitorOptions> & {
      count?: number;
    } = {},
  ) {
    const { clock } = this;
    this.count = options.count;
    const isPath = source === undefined || typeof source === "string";
    const files = isPath ? [] : [...source];
    const monitor = new OomMonitor({
      fs: { readText: () => `${clock.monotonic() / 1000} 0`, pageBytes: 4096 },
      clock,
      bootId: "b1",
      counters: new OomCounters(clock),
      readCount: () => this.count,
      readContext: () => undefined,
      addEvent: (event) => this.events.push(event),
      ...options,
    });
    this.watcher = new OomWatcher({
      path: isPath ? source : "log",
      clock,
      logger: silentLogger,
      monitor,
      ...(isPath ? {} : {
        open: (path) => {
          this.opened.push(path);
          const file = files.shift() ?? new FakeKmsg();
          return file instanceof Error
            ? Promise.reject(file)
            : Promise.resolve(file);
        },
      }),
      ...options,
    });
    this.watcher.start();
  }

  get reports(): string[] {
    return this.events.map(({ type, data }) => {
      const { kmsg_seq: sequence = "?", pid = "" } = data?.oom ?? {};
      return `${sequence} ${type} ${pid}`.trimEnd();
    });
  }

  /** Alternates reads and steps of `stepMs` until a condition is true. */
  async until(isMet: () => boolean, stepMs = 5): Promise<void> {
    for (let turn = 0; turn < 2000; turn++) {
      if (isMet()) return;
      await this.turn(stepMs);
    }
    throw new Error(`Not met: ${JSON.stringify(this.reports)}`);
  }

  async turn(stepMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.clock.advance(stepMs);
  }

  /** Advances the clock and lets reads finish. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) await this.turn(10);
  }

  close(): void {
    this.watcher.close();
    assertEquals(this.clock.pending, 0);
  }
}

Deno.test("OomWatcher reports kills from the oldest record of the log on", async () => {
  const watched = new Watched([
    new FakeKmsg([noise(1), killed(2, 7), noise(3), killed(4, 8)]),
  ]);
  assertEquals(watched.watcher.state.state, "degraded");
  await watched.until(() => watched.reports.length === 4);
  assertEquals(watched.reports, [
    ...incidentAndKill(2, 7),
    ...incidentAndKill(4, 8),
  ]);
  assertEquals(watched.watcher.records, 4);
  assertEquals(watched.watcher.state, {
    name: "kmsg",
    state: "ok",
    detail: "",
  });
  watched.close();
});

Deno.test("OomWatcher defers a kill until the log is idle", async () => {
  const file = new FakeKmsg([killed(2, 7)]);
  const watched = new Watched([file]);
  await watched.until(() => watched.watcher.records === 1, 0);
  watched.clock.advance(10);
  await watched.turn(0);
  assertEquals(watched.reports, []);
  file.push(
    "6,3,2001,-;Tasks in /a are going to be killed due to memory.oom.group set",
  );
  await watched.until(() => watched.reports.length === 2, 0);
  assertEquals(watched.events[1]?.data?.oom?.group, true);
  watched.close();
});

Deno.test("OomWatcher infers counted kills missing at the end of the log", async () => {
  const file = new FakeKmsg([noise(1), killed(2, 7)]);
  const watched = new Watched([file], { count: 5 });
  await watched.until(() => watched.reports.length === 2);
  await watched.pass(3_000);
  watched.count = 6;
  await watched.pass(1_000);
  file.push(killed(3, 8));
  await watched.pass(4_000);
  assertEquals(watched.reports.slice(2), incidentAndKill(3, 8));
  watched.count = 8;
  await watched.pass(1_000);
  // A record is readable within 1.5 s of its count.
  assertEquals(watched.reports.length, 4);
  await watched.pass(2_500);
  assertEquals(watched.reports.slice(4), ["? oom", "? oomKill", "? oomKill"]);
  assertEquals(watched.watcher.kills, 4);
  watched.close();
});

Deno.test("OomWatcher infers nothing while records arrive", async () => {
  const file = new FakeKmsg([noise(1)]);
  const watched = new Watched([file], { count: 5 });
  await watched.pass(3_000);
  watched.count = 6;
  for (let sequence = 2; sequence < 600; sequence++) {
    file.push(noise(sequence));
    await watched.turn(10);
  }
  assertEquals(watched.reports, []);
  file.push(killed(600, 7));
  await watched.pass(4_000);
  assertEquals(watched.reports, incidentAndKill(600, 7));
  watched.close();
});

Deno.test("OomWatcher without a log infers each kill within a second", () => {
  const watched = new Watched(undefined, { count: 5 });
  assertEquals(watched.watcher.state, {
    name: "kmsg",
    state: "off",
    detail: "turned off by --kmsg=none",
  });
  watched.count = 7;
  watched.clock.advance(1_000);
  assertEquals(watched.reports, ["? oom", "? oomKill", "? oomKill"]);
  watched.close();
});

Deno.test("OomWatcher infers kills counted while the log cannot be opened, and adds no event for their records", async () => {
  const watched = new Watched(
    [new Error("Not permitted"), new FakeKmsg([noise(1), killed(2, 7)])],
    {
      count: 5,
      earlier: { state: { "node_oom_kills": 5, "inferred_units": 0 } },
    },
  );
  await watched.turn(0);
  watched.count = 6;
  watched.clock.advance(2_000);
  assertEquals(watched.reports, ["? oom", "? oomKill"]);
  await watched.pass(9_000);
  assertEquals(watched.watcher.records, 2);
  assertEquals(watched.reports.length, 2);
  watched.close();
});

Deno.test("OomWatcher omits reports of an earlier run, but uses their records as context", async () => {
  const head =
    "6,2,2000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/a,task_memcg=/a,task=sh,pid=8,uid=0";
  const kill = "3,3,2001,-;Memory cgroup out of memory: Killed process 8 (sh)";
  const watched = new Watched([new FakeKmsg([killed(1, 7), head, kill])], {
    earlier: upTo(2),
  });
  await watched.until(() => watched.reports.length > 0);
  assertEquals(watched.reports, ["3 oomKill 8"]);
  assertEquals(watched.events[0]?.data?.oom?.victim_cgroup, "/a");
  watched.close();
});

Deno.test("OomWatcher counts overwritten records, and reports the loss for a minute", async () => {
  const file = new FakeKmsg([noise(5), { type: "overrun" }, noise(9)]);
  const watched = new Watched([file]);
  await watched.until(() => watched.watcher.records === 2);
  assertEquals(watched.watcher.lost, 3);
  assertEquals(watched.watcher.state, {
    name: "kmsg",
    state: "degraded",
    detail: "Records lost before they were read: 3",
  });
  watched.clock.advance(60_000);
  assertEquals(watched.watcher.state.state, "ok");
  watched.close();
});

Deno.test("OomWatcher discards an incomplete incident after a loss of records", async () => {
  const head = "6,2,2000,-;Task in /a killed as a result of limit of /a";
  const watched = new Watched([
    new FakeKmsg([head, "3,9,9000,-;Killed process 7 (sh)"]),
  ]);
  await watched.until(() => watched.reports.length === 3);
  assertEquals(watched.reports[2], "9 oomKill 7");
  assertEquals(watched.events[2]?.data?.oom?.limit_cgroup, undefined);
  watched.close();
});

Deno.test("OomWatcher counts an oversized record once", async () => {
  const watched = new Watched([
    new FakeKmsg([noise(5), { type: "tooLong" }, noise(7), noise(8)]),
  ]);
  await watched.until(() => watched.watcher.records === 3);
  assertEquals(watched.watcher.lost, 1);
  watched.close();
});

Deno.test("OomWatcher counts invalid records and continues", async () => {
  const watched = new Watched([new FakeKmsg(["rubbish", killed(2, 7)])]);
  await watched.until(() => watched.reports.length === 2);
  assertEquals(watched.watcher.malformed, 1);
  assertEquals(watched.watcher.records, 1);
  watched.close();
});

Deno.test("OomWatcher reopens a log that fails, and reports nothing twice", async () => {
  const first = new FakeKmsg([killed(2, 7), noise(3), new Error("Gone")]);
  const watched = new Watched([
    first,
    new FakeKmsg([killed(2, 7), noise(3), killed(4, 8)]),
  ]);
  await watched.until(() => watched.watcher.state.detail.includes("Gone"), 0);
  assertEquals(watched.watcher.state.state, "degraded");
  assertEquals(first.closed, true);
  await watched.until(() => watched.reports.length === 4, 100);
  assertEquals(watched.reports, [
    ...incidentAndKill(2, 7),
    ...incidentAndKill(4, 8),
  ]);
  assertEquals(watched.watcher.state.state, "ok");
  assertEquals(watched.watcher.reopens, 1);
  assertEquals(watched.watcher.records, 3);
  assertEquals(watched.watcher.lost, 0);
  watched.close();
});

Deno.test("OomWatcher increases the delay for a log that cannot be opened", async () => {
  const watched = new Watched(
    Array.from({ length: 20 }, () => new Error("Not permitted")),
    { reopenDelayMs: 5000 },
  );
  const openedAt: number[] = [];
  while (openedAt.length < 7) {
    const count = watched.opened.length;
    if (count > openedAt.length) openedAt.push(watched.clock.monotonic());
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (watched.opened.length === count && watched.clock.pending > 1) {
      watched.clock.advance(1000);
    }
  }
  const waits = openedAt.slice(1).map((at, i) => at - (openedAt[i] ?? 0));
  assertEquals(waits, [5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  assertEquals(watched.watcher.state.state, "degraded");
  assert(watched.watcher.state.detail.includes("Not permitted"));
  watched.close();
});

Deno.test("OomWatcher reopens a device that ends", async () => {
  const watched = new Watched([
    new FakeKmsg([noise(1), { type: "end" }]),
    new FakeKmsg([killed(2, 7)]),
  ]);
  await watched.until(() => watched.watcher.state.detail.includes("ended"), 0);
  await watched.until(() => watched.reports.length === 2, 100);
  watched.close();
});

Deno.test("OomWatcher ends immediately if closed during a read", async () => {
  const file = new FakeKmsg([killed(2, 7)]);
  const watched = new Watched([file]);
  await watched.until(() => watched.watcher.records === 1, 0);
  watched.close();
  assertEquals(watched.reports, incidentAndKill(2, 7));
  assertEquals(file.closed, true);
  assertEquals(watched.watcher.state.state, "degraded");
  file.push(killed(3, 8));
  await watched.turn(0);
  assertEquals(watched.reports, incidentAndKill(2, 7));
});

Deno.test("OomWatcher ends if closed before the log is open", async () => {
  const opening = Promise.withResolvers<KmsgFile>();
  const watched = new Watched([], { open: () => opening.promise });
  watched.close();
  const file = new FakeKmsg();
  opening.resolve(file);
  await watched.until(() => file.closed, 0);
});

/** A file of records below /tmp, removed after the test. */
async function withFile(
  text: string,
  test: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile({ dir: "/tmp", prefix: "kmsg-" });
  try {
    await Deno.writeTextFile(path, text);
    await test(path);
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

Deno.test("OomWatcher follows a file, line by line", async () => {
  await withFile(`${noise(1)}\n${killed(2, 7)}\n`, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.reports.length === 2);
    await Deno.writeTextFile(path, killed(3, 8).slice(0, 30), { append: true });
    await watched.until(() => watched.clock.monotonic() > 100, 1);
    await Deno.writeTextFile(path, killed(3, 8).slice(30) + "\n", {
      append: true,
    });
    await watched.until(() => watched.reports.length === 4);
    assertEquals(watched.reports, [
      ...incidentAndKill(2, 7),
      ...incidentAndKill(3, 8),
    ]);
    assertEquals(watched.watcher.state.state, "ok");
    assertEquals(watched.watcher.malformed, 0);
    watched.close();
  });
});

Deno.test("OomWatcher reads a last line without newline if no data follows for 10 s", async () => {
  await withFile(`${killed(2, 7)}\n${killed(3, 8)}`, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.reports.length === 2);
    for (let ms = 0; ms < 5_000; ms += 250) await watched.turn(250);
    assertEquals(watched.reports.length, 2);
    await watched.until(() => watched.reports.length === 4, 250);
    watched.close();
  });
});

Deno.test("OomWatcher waits for the rest of a file's line", async () => {
  const line = `${killed(2, 7)}\n`;
  await withFile(line.slice(0, -20), async (path) => {
    const watched = new Watched(path);
    for (let ms = 0; ms < 5_000; ms += 250) await watched.turn(250);
    await Deno.writeTextFile(path, line.slice(-20), { append: true });
    await watched.until(() => watched.reports.length === 2);
    assertEquals(watched.reports, incidentAndKill(2, 7));
    assertEquals(watched.watcher.malformed, 0);
    watched.close();
  });
});

Deno.test("OomWatcher starts over without a gap if a file is truncated", async () => {
  await withFile(`${noise(50)}\n${killed(51, 7)}\n`, async (path) => {
    const watched = new Watched(path, { earlier: upTo(51) });
    await watched.until(() => watched.watcher.records === 2);
    await Deno.writeTextFile(path, `${killed(2, 8)}\n`);
    await watched.until(() => watched.reports.length === 2);
    assertEquals(watched.reports, incidentAndKill(2, 8));
    watched.close();
  });
});

Deno.test("OomWatcher reopens a replaced file after its last line", async () => {
  await withFile(`${killed(2, 7)}\n`, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.reports.length === 2);
    await Deno.rename(path, `${path}.1`);
    await Deno.writeTextFile(`${path}.1`, `${killed(3, 8)}\n`, {
      append: true,
    });
    await Deno.writeTextFile(path, `${killed(4, 9)}\n`);
    await watched.until(() => watched.reports.length === 6, 100);
    assertEquals(watched.reports.at(-1), "4 oomKill 9");
    assertEquals(watched.watcher.reopens, 1);
    watched.close();
  });
});

Deno.test("OomWatcher counts sequence numbers missing in a file", async () => {
  await withFile(`${noise(1)}\n${noise(4)}\n${noise(5)}\n`, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.watcher.records === 3);
    assertEquals(watched.watcher.lost, 2);
    watched.close();
  });
});

Deno.test("OomWatcher skips an oversized line and reads the lines around it", async () => {
  const long = `6,3,3000,-;${"x".repeat(200_000)}`;
  const text = `${killed(2, 7)}\n${long}\n${killed(4, 8)}\n`;
  await withFile(text, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.reports.length === 4);
    assertEquals(watched.reports, [
      ...incidentAndKill(2, 7),
      ...incidentAndKill(4, 8),
    ]);
    assertEquals(watched.watcher.lost, 1);
    watched.close();
  });
});

Deno.test("OomWatcher reads a long file completely, with any chunk boundaries", async () => {
  const records = Array.from(
    { length: 5000 },
    (_, i) => `6,${i + 1},${i},-;${"é".repeat(i % 97)}\n KEY=value`,
  );
  await withFile(records.join("\n") + "\n", async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.watcher.records === 5000);
    assertEquals(watched.watcher.lost, 0);
    assertEquals(watched.watcher.malformed, 0);
    watched.close();
  });
});

Deno.test("OomWatcher waits for a missing file", async () => {
  await withFile("", async (path) => {
    await Deno.remove(path);
    const watched = new Watched(path);
    await watched.until(() =>
      watched.watcher.state.detail.includes("os error 2")
    );
    await Deno.writeTextFile(path, `${killed(2, 7)}\n`);
    await watched.until(() => watched.reports.length === 2, 100);
    assertEquals(watched.watcher.state.state, "ok");
    watched.close();
  });
});
