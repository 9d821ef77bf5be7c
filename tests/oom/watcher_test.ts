import { assert, assertEquals } from "@std/assert";
import type { OomReport } from "../../lib/oom/report.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import type { KmsgFile } from "../../lib/oom/kmsg_watcher.ts";
import { OomWatcher, type OomWatcherOptions } from "../../lib/oom/watcher.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { FakeKmsg } from "../_support/fake_kmsg.ts";
import { brief } from "../_support/kmsg_log.ts";

function killed(sequence: number, pid: number): string {
  return `3,${sequence},${
    sequence * 1000
  },-;Out of memory: Killed process ${pid} (sh) total-vm:8kB`;
}

function noise(sequence: number): string {
  return `6,${sequence},${sequence * 1000},-;eth0: link up\n SUBSYSTEM=net\n`;
}

function told(sequence: number, pid: number): string[] {
  return [
    `${sequence} oom of ${sequence}: host ? ${pid} (sh)`,
    `${sequence} oomKill of ${sequence}: host ? ${pid} (sh)`,
  ];
}

/** A watcher with a clock of its own, and what it has yielded. */
class Watched {
  readonly clock = new FakeClock();
  readonly watcher: OomWatcher;
  readonly batches: OomReport[][] = [];
  readonly opened: string[] = [];
  readonly done: Promise<void>;

  constructor(
    source: string | readonly (KmsgFile | Error)[],
    options: Partial<OomWatcherOptions> = {},
  ) {
    const files = typeof source === "string" ? [] : [...source];
    this.watcher = new OomWatcher({
      path: typeof source === "string" ? source : "log",
      clock: this.clock,
      logger: silentLogger,
      ...(typeof source === "string" ? {} : {
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
    this.done = this.#collect();
  }

  get reports(): string[] {
    return this.batches.flat().map(brief);
  }

  async #collect(): Promise<void> {
    for await (const batch of this.watcher.reports()) this.batches.push(batch);
  }

  /** Lets reads come in, and time pass by `stepMs` between them, until something holds. */
  async until(isMet: () => boolean, stepMs = 5): Promise<void> {
    for (let turn = 0; turn < 2000; turn++) {
      if (isMet()) return;
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.clock.advance(stepMs);
    }
    throw new Error(`Not met: ${JSON.stringify(this.reports)}`);
  }

  async close(): Promise<void> {
    this.watcher.close();
    await this.done;
  }
}

Deno.test("OomWatcher yields what the log tells, from its oldest record on", async () => {
  const watched = new Watched([
    new FakeKmsg([noise(1), killed(2, 7), noise(3), killed(4, 8)]),
  ]);
  assertEquals(watched.watcher.state.state, "degraded");
  await watched.until(() => watched.reports.length === 4);
  assertEquals(watched.reports, [...told(2, 7), ...told(4, 8)]);
  assertEquals(watched.watcher.records, 4);
  assertEquals(watched.watcher.state, {
    name: "kmsg",
    state: "ok",
    detail: "",
  });
  assert(watched.batches.every((batch) => batch.length > 0));
  await watched.close();
});

Deno.test("OomWatcher holds a kill back until the log is quiet", async () => {
  const file = new FakeKmsg([killed(2, 7)]);
  const watched = new Watched([file]);
  await watched.until(() => watched.watcher.records === 1, 0);
  watched.clock.advance(10);
  await watched.until(() => true, 0);
  assertEquals(watched.reports, []);
  file.push(
    "6,3,2001,-;Tasks in /a are going to be killed due to memory.oom.group set",
  );
  await watched.until(() => watched.reports.length === 2, 0);
  assertEquals(watched.reports[1], "2 oomKill of 2: host ? in /a 7 (sh) group");
  watched.clock.advance(30);
  assertEquals(watched.clock.pending, 0);
  await watched.close();
});

Deno.test("OomWatcher tells the records that were there before it from those that came after", async () => {
  const file = new FakeKmsg([noise(1), killed(2, 7)]);
  const watched = new Watched([file]);
  const { watcher } = watched;
  await watched.until(() => watcher.records === 2, 0);
  assertEquals(watcher.caughtUp, false);
  assertEquals(watcher.isBacklog(2), true);
  await watched.until(() => watched.reports.length === 2);
  assertEquals(watcher.caughtUp, false);
  file.push({ type: "caughtUp" });
  await watched.until(() => watcher.caughtUp, 0);
  assertEquals(watcher.isBacklog(2), true);
  assertEquals(watcher.isBacklog(3), false);
  await watched.close();
});

Deno.test("OomWatcher takes what was in a FIFO before it was quiet for what was there before it", async () => {
  const file = new FakeKmsg([killed(2, 7)], "fifo");
  const watched = new Watched([file]);
  const { watcher } = watched;
  await watched.until(() => watcher.records === 1, 0);
  assertEquals(watcher.caughtUp, false);
  await watched.until(() => watcher.caughtUp);
  assertEquals(watcher.isBacklog(2), true);
  assertEquals(watcher.isBacklog(3), false);
  await watched.close();
});

Deno.test("OomWatcher finds nothing before it in a log that was empty", async () => {
  const file = new FakeKmsg([{ type: "caughtUp" }]);
  const watched = new Watched([new Error("Not there yet"), file]);
  watched.clock.advance(1000);
  assertEquals(watched.watcher.caughtUp, false);
  await watched.until(() => watched.watcher.caughtUp, 100);
  file.push(killed(1, 7));
  await watched.until(() => watched.reports.length === 2);
  assertEquals(watched.watcher.isBacklog(1), false);
  await watched.close();
});

Deno.test("OomWatcher leaves out what an earlier run has told, and learns from it still", async () => {
  const head =
    "6,2,2000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/a,task_memcg=/a,task=sh,pid=8,uid=0";
  const kill = "3,3,2001,-;Memory cgroup out of memory: Killed process 8 (sh)";
  const watched = new Watched([new FakeKmsg([killed(1, 7), head, kill])], {
    cursor: 2,
  });
  await watched.until(() => watched.reports.length > 0);
  assertEquals(watched.reports, [
    "3 oomKill of 2: cgroup MEMCG limit /a in it 8 (sh) uid 0",
  ]);
  await watched.close();
});

Deno.test("OomWatcher counts the records that were overwritten, and says so for a while", async () => {
  const file = new FakeKmsg([noise(5), { type: "overrun" }, noise(9)]);
  const watched = new Watched([file]);
  await watched.until(() => watched.watcher.records === 2);
  assertEquals(watched.watcher.lost, 3);
  assertEquals(watched.watcher.gaps, 1);
  assertEquals(watched.watcher.state, {
    name: "kmsg",
    state: "degraded",
    detail: "Records were lost before they could be read, 3 in all",
  });
  watched.clock.advance(60_000);
  assertEquals(watched.watcher.state.state, "ok");
  await watched.close();
});

Deno.test("OomWatcher forgets half an incident when records were lost", async () => {
  const head = "6,2,2000,-;Task in /a killed as a result of limit of /a";
  const watched = new Watched([
    new FakeKmsg([head, "3,9,9000,-;Killed process 7 (sh)"]),
  ]);
  await watched.until(() => watched.reports.length === 3);
  assertEquals(watched.reports[2], "9 oomKill of 9: ? ? 7 (sh)");
  await watched.close();
});

Deno.test("OomWatcher counts a record that was too long once", async () => {
  const watched = new Watched([
    new FakeKmsg([noise(5), { type: "tooLong" }, noise(7), noise(8)]),
  ]);
  await watched.until(() => watched.watcher.records === 3);
  assertEquals(watched.watcher.lost, 1);
  assertEquals(watched.watcher.gaps, 1);
  await watched.close();
});

Deno.test("OomWatcher counts lines that are no records, and goes on", async () => {
  const watched = new Watched([new FakeKmsg(["rubbish", killed(2, 7)])]);
  await watched.until(() => watched.reports.length === 2);
  assertEquals(watched.watcher.malformed, 1);
  assertEquals(watched.watcher.records, 1);
  await watched.close();
});

Deno.test("OomWatcher opens a log again that fails, and tells nothing twice", async () => {
  const first = new FakeKmsg([killed(2, 7), noise(3), new Error("Gone")]);
  const watched = new Watched([
    first,
    new FakeKmsg([killed(2, 7), noise(3), killed(4, 8)]),
  ]);
  await watched.until(() => watched.watcher.state.detail.includes("Gone"), 0);
  assertEquals(watched.watcher.state.state, "degraded");
  assertEquals(first.closed, true);
  await watched.until(() => watched.reports.length === 4, 100);
  assertEquals(watched.reports, [...told(2, 7), ...told(4, 8)]);
  assertEquals(watched.watcher.state.state, "ok");
  assertEquals(watched.watcher.reopens, 1);
  assertEquals(watched.watcher.records, 3);
  assertEquals(watched.watcher.lost, 0);
  await watched.close();
});

Deno.test("OomWatcher waits longer and longer for a log that cannot be opened", async () => {
  const watched = new Watched(
    Array.from({ length: 20 }, () => new Error("Not permitted")),
    { reopenDelayMs: 5000 },
  );
  const openedAt: number[] = [];
  while (openedAt.length < 7) {
    const count = watched.opened.length;
    if (count > openedAt.length) openedAt.push(watched.clock.monotonic());
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (watched.opened.length === count && watched.clock.pending > 0) {
      watched.clock.advance(1000);
    }
  }
  const waits = openedAt.slice(1).map((at, i) => at - (openedAt[i] ?? 0));
  assertEquals(waits, [5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  assertEquals(watched.watcher.state.state, "degraded");
  assert(watched.watcher.state.detail.includes("Not permitted"));
  await watched.close();
  assertEquals(watched.clock.pending, 0);
});

Deno.test("OomWatcher opens a device again that ends", async () => {
  const watched = new Watched([
    new FakeKmsg([noise(1), { type: "end" }]),
    new FakeKmsg([killed(2, 7)]),
  ]);
  await watched.until(() => watched.watcher.state.detail.includes("ended"), 0);
  await watched.until(() => watched.reports.length === 2, 100);
  await watched.close();
});

Deno.test("OomWatcher ends at once when closed, though a read goes on", async () => {
  const file = new FakeKmsg([killed(2, 7)]);
  const watched = new Watched([file]);
  await watched.until(() => watched.watcher.records === 1, 0);
  await watched.close();
  assertEquals(watched.reports, told(2, 7));
  assertEquals(file.closed, true);
  assertEquals(watched.watcher.state.state, "degraded");
  file.push(killed(3, 8));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(watched.reports, told(2, 7));
  assertEquals(watched.clock.pending, 0);
});

Deno.test("OomWatcher ends when closed before the log was open", async () => {
  const opening = Promise.withResolvers<KmsgFile>();
  const watched = new Watched([], { open: () => opening.promise });
  await watched.close();
  const file = new FakeKmsg();
  opening.resolve(file);
  await watched.until(() => file.closed, 0);
});

Deno.test("OomWatcher stops reading when no one takes the reports any more", async () => {
  const file = new FakeKmsg([killed(2, 7), noise(3)]);
  const clock = new FakeClock();
  const watcher = new OomWatcher({
    path: "log",
    clock,
    logger: silentLogger,
    open: () => Promise.resolve(file),
  });
  const reports = watcher.reports();
  const turns = setInterval(() => clock.advance(10), 1);
  for await (const batch of reports) {
    assert(batch.length > 0);
    break;
  }
  clearInterval(turns);
  assertEquals(file.closed, true);
});

Deno.test("OomWatcher leaves the log unread while too much waits to be taken", async () => {
  const records = Array.from({ length: 3000 }, (_, i) => killed(i + 1, i + 1));
  const file = new FakeKmsg(records);
  const clock = new FakeClock();
  const watcher = new OomWatcher({
    path: "log",
    clock,
    logger: silentLogger,
    open: () => Promise.resolve(file),
  });
  const reports = watcher.reports();
  let count = (await reports.next()).value?.length ?? 0;
  for (let turn = 0; turn < 50; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert(watcher.records < 1000, `${watcher.records} records read`);
  while (count < 5998) count += (await reports.next()).value?.length ?? 0;
  assertEquals(watcher.records, 3000);
  watcher.close();
  assertEquals((await reports.next()).value?.length, 2);
  assertEquals((await reports.next()).done, true);
});

/** A file of records below /tmp, gone after the test. */
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
    assertEquals(watched.reports, [...told(2, 7), ...told(3, 8)]);
    assertEquals(watched.watcher.state.state, "ok");
    assertEquals(watched.watcher.malformed, 0);
    await watched.close();
  });
});

Deno.test("OomWatcher takes a last line without a newline when nothing follows", async () => {
  await withFile(killed(2, 7), async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.reports.length === 2);
    await watched.close();
  });
});

Deno.test("OomWatcher starts over when a file is cut short, which is no gap", async () => {
  await withFile(`${noise(50)}\n${killed(51, 7)}\n`, async (path) => {
    const watched = new Watched(path, { cursor: 51 });
    await watched.until(() => watched.watcher.records === 2);
    await Deno.writeTextFile(path, `${killed(2, 8)}\n`);
    await watched.until(() => watched.reports.length === 2);
    assertEquals(watched.reports, told(2, 8));
    assertEquals(watched.watcher.gaps, 0);
    await watched.close();
  });
});

Deno.test("OomWatcher opens a file again that another took the place of", async () => {
  await withFile(`${killed(2, 7)}\n`, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.reports.length === 2);
    await Deno.writeTextFile(`${path}.new`, `${killed(3, 8)}\n`);
    await Deno.rename(`${path}.new`, path);
    await watched.until(() => watched.reports.length === 4, 100);
    assertEquals(watched.watcher.reopens, 1);
    await watched.close();
  });
});

Deno.test("OomWatcher counts the numbers that a file jumps over", async () => {
  await withFile(`${noise(1)}\n${noise(4)}\n${noise(2)}\n`, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.watcher.records === 3);
    assertEquals(watched.watcher.lost, 2);
    assertEquals(watched.watcher.gaps, 1);
    await watched.close();
  });
});

Deno.test("OomWatcher passes over a line that is too long, and reads those around it", async () => {
  const long = `6,3,3000,-;${"x".repeat(200_000)}`;
  const text = `${killed(2, 7)}\n${long}\n${killed(4, 8)}\n`;
  await withFile(text, async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.reports.length === 4);
    assertEquals(watched.reports, [...told(2, 7), ...told(4, 8)]);
    assertEquals(watched.watcher.lost, 1);
    await watched.close();
  });
});

Deno.test("OomWatcher reads a long file whole, wherever its chunks end", async () => {
  const records = Array.from(
    { length: 5000 },
    (_, i) => `6,${i + 1},${i},-;${"é".repeat(i % 97)}\n KEY=value`,
  );
  await withFile(records.join("\n") + "\n", async (path) => {
    const watched = new Watched(path);
    await watched.until(() => watched.watcher.records === 5000);
    assertEquals(watched.watcher.lost, 0);
    assertEquals(watched.watcher.malformed, 0);
    await watched.close();
  });
});

Deno.test("OomWatcher waits for a file that is not there yet", async () => {
  await withFile("", async (path) => {
    await Deno.remove(path);
    const watched = new Watched(path);
    await watched.until(() =>
      watched.watcher.state.detail.includes("os error 2")
    );
    await Deno.writeTextFile(path, `${killed(2, 7)}\n`);
    await watched.until(() => watched.reports.length === 2, 100);
    assertEquals(watched.watcher.state.state, "ok");
    await watched.close();
  });
});
