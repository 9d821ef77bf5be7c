import { assert, assertEquals } from "@std/assert";
import { headOf, OomBench } from "../_support/oom_bench.ts";

/** Starts a run without a log, after one that reported a kill of PID 1. */
async function startWithoutLog(bench: OomBench): Promise<void> {
  await bench.start();
  bench.kill(1, "/c");
  bench.pass(2_000);
  bench.stop();
  await bench.start("none");
  bench.pass(2_000);
}

Deno.test("OomMonitor reports a group's first victim once across restarts", async () => {
  const bench = new OomBench();
  await bench.start();
  const expected: number[] = [];
  for (let i = 0; i < 3; i++) {
    const pids = [10, 11, 12].map((pid) => pid + 10 * i);
    bench.killGroup("/g", pids);
    expected.push(...pids);
    bench.pass(i === 1 ? 0 : 2_000);
    bench.end();
    bench.stop();
    await bench.start();
    bench.pass(3_000);
    assertEquals(bench.pids(), expected);
  }
});

Deno.test("OomMonitor reports a group killed while no agent was running", async () => {
  const bench = new OomBench();
  await bench.start();
  bench.kill(1, "/g");
  bench.end();
  bench.stop();
  bench.killGroup("/g", [2, 3, 4]);
  bench.clock.advance(1_000);
  await bench.start();
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3, 4]);
  const kills = bench.kills();
  assertEquals(kills.map(({ historical }) => historical), [
    false,
    true,
    true,
    true,
  ]);
  assertEquals(kills.at(-1)?.node_oom_kills, 105);
  assertEquals(bench.monitor.kills, 0);
});

Deno.test("OomMonitor infers nothing while the count is ahead of the records read", async () => {
  const bench = new OomBench();
  await bench.start();
  bench.add();
  for (let pid = 1; pid <= 300; pid++) {
    bench.add();
    bench.print(
      `Memory cgroup out of memory: Killed process ${pid} (hog) total-vm:8kB`,
    );
    bench.clock.advance(30);
    bench.end();
    if (pid % 100 !== 0) continue;
    bench.stop();
    await bench.start();
  }
  bench.print(
    "Memory cgroup out of memory: Killed process 301 (hog) total-vm:8kB",
  );
  bench.pass(4_000);
  assertEquals(bench.pids(), Array.from({ length: 301 }, (_, i) => i + 1));
});

Deno.test("OomMonitor reports the kills of a recreated container from their records only", async () => {
  const bench = new OomBench();
  await bench.start("fifo");
  for (let pid = 1; pid <= 10; pid++) {
    bench.open("/p/x");
    bench.kill(pid, "/p/x");
    if (pid % 3 > 0) bench.pass(250);
    bench.drop("/p/x");
    bench.pass(250);
  }
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

Deno.test("OomMonitor without a log infers each kill of a recreated container once", async () => {
  const bench = new OomBench();
  await bench.start("none");
  for (let i = 0; i < 10; i++) {
    bench.open("/p/x");
    bench.add("/p/x");
    if (i % 3 > 0) bench.pass(250);
    bench.drop("/p/x");
    if (i % 2 > 0) bench.pass(250);
  }
  bench.pass(3_000);
  assertEquals(bench.pids(), Array.from({ length: 10 }, () => "?"));
});

Deno.test("OomMonitor treats records with the same number and time as the same record", async () => {
  const bench = new OomBench();
  await bench.start("fifo");
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  bench.pass(2_000);
  bench.again();
  bench.pass(500);
  bench.kill(4, "/c");
  bench.again();
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3, 4]);
});

Deno.test("OomMonitor continues with exact kills if record numbers restart", async () => {
  const bench = new OomBench();
  await bench.start("file");
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  bench.pass(2_000);
  bench.ring = [];
  bench.nextSequence = 7;
  bench.again();
  bench.kill(4, "/c");
  bench.pass(3_000);
  bench.stop();
  await bench.start("file");
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3, 4]);
  // The same while no agent is running.
  bench.stop();
  bench.ring = [];
  bench.nextSequence = 0;
  bench.kill(5, "/c");
  await bench.start("file");
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3, 4, 5]);
});

Deno.test("OomMonitor reports no kill again after its log was rotated, and all kills in the kernel log after it was deleted", async () => {
  const bench = new OomBench();
  await bench.start();
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  bench.pass(2_000);
  bench.stop();
  bench.log.parts.unshift("");
  await bench.start();
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3]);
  for (let i = 0; i < 2; i++) {
    bench.stop();
    if (i === 0) bench.log.parts = [];
    bench.clock.advance(1_000);
    await bench.start();
    bench.pass(3_000);
    assertEquals(bench.pids(), [1, 2, 3]);
    assert(bench.kills().every(({ historical }) => historical));
  }
});

Deno.test("OomMonitor starts each file of its log with the state for a restart", async () => {
  const bench = new OomBench();
  await bench.start();
  bench.kill(1, "/c");
  bench.pass(2_000);
  bench.stop();
  // The file with the last kill is removed.
  bench.log.parts = ["", ...bench.log.parts];
  await bench.start();
  bench.stop();
  bench.log.parts.pop();
  bench.kill(2, "/c");
  await bench.start();
  bench.pass(3_000);
  assertEquals(bench.pids(), [2]);
});

Deno.test("OomMonitor infers kills overwritten while no agent was running, and reports the others from records", async () => {
  const bench = new OomBench();
  await bench.start();
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  bench.pass(500);
  bench.stop();
  for (const pid of [4, 5, 6, 7, 8]) bench.kill(pid, "/c");
  bench.ring = bench.ring.slice(-6);
  for (let i = 0; i < 2; i++) {
    bench.clock.advance(1_000);
    await bench.start();
    bench.pass(3_000);
    assertEquals(bench.pids(), [1, 2, 3, 7, 8, "?", "?", "?"]);
    bench.stop();
  }
  assert(bench.kills().slice(3).every(({ historical }) => historical));
  assertEquals(bench.kills().at(-1)?.node_oom_kills, 108);
});

Deno.test("OomMonitor infers kills overwritten after SIGKILL, also immediately after its first start", async () => {
  const bench = new OomBench();
  await bench.start();
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  bench.end();
  for (const pid of [4, 5, 6, 7, 8]) bench.kill(pid, "/c");
  bench.ring = bench.ring.slice(-6);
  await bench.start();
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3, 7, 8, "?", "?", "?"]);
});

Deno.test("OomMonitor ignores records that the writer of a FIFO had lost, and infers their kills", async () => {
  const bench = new OomBench();
  await bench.start("fifo");
  bench.pass(2_000);
  const { ring } = bench;
  for (const pid of [1, 2, 3]) {
    bench.kill(pid, "/c");
    bench.clock.advance(10);
  }
  // The records of 2 are missing, until the writer starts over.
  bench.ring = ring.filter((_, at) => at < 4 || at > 6);
  bench.end();
  bench.ring = ring;
  bench.again();
  bench.pass(3_000);
  bench.kill(4, "/c");
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 3, "?", 4]);
});

Deno.test("OomMonitor labels a kill before the start as historical, also after lost records", async () => {
  const bench = new OomBench();
  await startWithoutLog(bench);
  bench.kill(2, "/c");
  bench.pass(2_000);
  bench.stop();
  bench.nextSequence += 5;
  bench.kill(3, "/c");
  bench.clock.advance(1_000);
  await bench.start();
  bench.pass(3_000);
  assertEquals(
    bench.kills().map(({ pid, historical }) => [pid, historical]),
    [[1, false], [undefined, false], [3, true]],
  );
  assertEquals(bench.monitor.kills, 0);
});

Deno.test("OomMonitor reports a kill by name after a log was read whose records were inferred or lost", async () => {
  for (const kind of ["device", "file"] as const) {
    const bench = new OomBench();
    await startWithoutLog(bench);
    bench.kill(2, "/c");
    bench.print(...headOf(3, "/c"));
    bench.add("/c");
    bench.nextSequence++;
    bench.pass(2_000);
    bench.stop();
    await bench.start(kind);
    bench.pass(4_000);
    bench.kill(4, "/c");
    bench.pass(3_000);
    assertEquals(bench.pids(), [1, "?", "?", 4]);
  }
});

Deno.test("OomMonitor infers kills overwritten while it was running, with the cgroup if the counts prove it", async () => {
  const bench = new OomBench();
  await bench.start("fifo");
  bench.open("/c");
  bench.kill(1, "/c");
  bench.end();
  bench.add("/c", 3);
  bench.nextSequence += 300;
  bench.kill(2, "/c");
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, "?", "?", "?"]);
  const inferred = bench.kills().slice(2);
  for (const oom of inferred) {
    assertEquals(oom.victim_cgroup, "/c");
    assertEquals(oom.sources, ["memory.events.local"]);
    assertEquals(oom.historical, false);
  }
  assertEquals([...bench.counters.killsByContainer()], [["/c", 5]]);
  assertEquals(bench.monitor.kills, 5);
});

Deno.test("OomMonitor without a log infers each kill once, including kills while it was stopped", async () => {
  const bench = new OomBench();
  await bench.start("none");
  bench.open("/c");
  bench.add("/c", 3);
  bench.pass(2_000);
  bench.stop();
  bench.add("/c", 4);
  for (let i = 0; i < 2; i++) {
    await bench.start("none");
    bench.pass(2_000);
    assertEquals(bench.pids().length, 7);
    bench.stop();
  }
  assertEquals(
    bench.kills().map(({ victim_cgroup, historical }) => [
      victim_cgroup,
      historical,
    ]),
    [
      ...Array.from({ length: 3 }, () => ["/c", false]),
      ...Array.from({ length: 4 }, () => [undefined, true]),
    ],
  );
});

Deno.test("OomMonitor reports kills before its first start as historical", async () => {
  const bench = new OomBench();
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  bench.clock.advance(1_000);
  await bench.start();
  bench.clock.advance(1_000);
  bench.kill(4, "/c");
  bench.pass(3_000);
  assertEquals(
    bench.kills().map(({ pid, historical }) => [pid, historical]),
    [[1, true], [2, true], [3, true], [4, false]],
  );
  assertEquals(bench.monitor.kills, 1);
});

Deno.test("OomMonitor adds no event for a record that arrives after its kill was inferred", async () => {
  // The log is off, then readable again.
  const off = new OomBench();
  await off.start();
  off.kill(1, "/c");
  off.pass(3_000);
  off.stop();
  await off.start("none");
  off.kill(2, "/c");
  off.pass(2_000);
  assertEquals(off.pids(), [1, "?"]);
  off.stop();
  off.kill(3, "/c");
  await off.start();
  off.pass(3_000);
  assertEquals(off.pids(), [1, "?", 3]);
  // The killer was delayed for longer than SETTLE_MS.
  const late = new OomBench();
  await late.start();
  late.pass(2_000);
  late.add("/c");
  late.pass(3_000);
  assertEquals(late.pids(), ["?"]);
  late.print(
    "Memory cgroup out of memory: Killed process 1 (hog) total-vm:8kB",
  );
  late.pass(500);
  late.kill(2, "/c");
  late.pass(3_000);
  assertEquals(late.pids(), ["?", 2]);
});

Deno.test("OomMonitor reports the kills in records if the kernel has no count", async () => {
  const bench = new OomBench();
  bench.count = undefined;
  await bench.start();
  bench.kill(1, "/c");
  bench.end();
  bench.nextSequence += 300;
  bench.killGroup("/g", [2, 3]);
  bench.pass(3_000);
  bench.stop();
  await bench.start();
  bench.pass(3_000);
  assertEquals(bench.pids(), [1, 2, 3]);
  assertEquals(bench.kills()[0]?.node_oom_kills, undefined);
});

Deno.test("OomMonitor reports no inferred kill again if a crash separates the events of records that waited", async () => {
  const bench = new OomBench();
  for (const pid of [1, 2]) bench.kill(pid, "/c");
  await bench.start("fifo", false);
  for (const pid of [3, 4]) bench.kill(pid, "/c");
  for (let i = 0; i < 8; i++) {
    bench.clock.advance(250);
    bench.monitor.sample();
    bench.monitor.withoutLog(false);
  }
  assertEquals(bench.pids(), ["?", "?"]);
  bench.kill(5, "/c");
  bench.pass(3_000);
  assertEquals(bench.pids(), ["?", "?", 1, 2, 5]);
  const lines = (bench.log.parts[0] ?? "").split("\n");
  const last = lines.findIndex((line) => line.includes('"pid":1,'));
  bench.log.parts[0] = lines.slice(0, last + 1).join("\n") + "\n";
  assertEquals(bench.pids(), ["?", "?", 1]);
  await bench.start();
  bench.pass(3_000);
  // 2, before the first start, could be one of the inferred kills.
  assertEquals(bench.pids(), ["?", "?", 1, 5]);
});

Deno.test("OomMonitor reports an incident once if a crash separates it from its kill", async () => {
  const bench = new OomBench();
  await bench.start();
  bench.pass(2_000);
  bench.killed(1, "/c");
  bench.end();
  const [part = ""] = bench.log.parts;
  const lines = part.trimEnd().split("\n");
  bench.log.parts[0] = `${lines.slice(0, -1).join("\n")}\n${
    lines.at(-1)?.slice(0, 40)
  }`;
  await bench.start();
  bench.pass(3_000);
  assertEquals(bench.pids(), [1]);
  const ooms = bench.log.events().filter(({ event_type }) =>
    event_type === "oom"
  );
  assertEquals(ooms.length, 1);
});

Deno.test("OomMonitor reports OOMs without a kill once if the agent is killed", async () => {
  const bench = new OomBench();
  await bench.start();
  bench.pass(2_000);
  const skipped = [1, 2, 3].map((pid) => [
    ...headOf(pid, `/${pid}`),
    `Memory cgroup out of memory: OOM victim ${pid} (hog) is already exiting. Skip killing the task`,
  ]);
  for (const lines of skipped) bench.print(...lines);
  bench.end();
  await bench.start();
  bench.pass(3_000);
  const ooms = bench.log.events().filter(({ event_type }) =>
    event_type === "oom"
  );
  assertEquals(ooms.length, 3);
});

Deno.test("OomMonitor reports the incident of a summary in fragments, also after a restart", async () => {
  const [header = "", summary = ""] = headOf(1, "/c");
  const at = summary.indexOf(",task=");
  for (const isRestarted of [false, true]) {
    const bench = new OomBench();
    await bench.start();
    bench.pass(2_000);
    bench.print(header, summary.slice(0, at), "eth0: link is up");
    bench.end();
    if (isRestarted) await bench.start();
    bench.print(summary.slice(at));
    bench.killed(1, "/c");
    bench.pass(3_000);
    const found = bench.log.events().map(({ event_type: type, event_data }) =>
      `${type} ${event_data.oom?.limit_cgroup ?? ""}`.trim()
    );
    assertEquals(found.filter((text) => text.startsWith("oom")), [
      "oom /c",
      "oomKill /c",
    ]);
  }
});

Deno.test("OomMonitor lists the counter that confirms a kill", async () => {
  const bench = new OomBench({ groupKills: false });
  await bench.start();
  bench.open("/c");
  bench.kill(1, "/c");
  bench.end();
  bench.print(...headOf(2, "/d"));
  bench.killed(2);
  bench.end();
  assertEquals(bench.kills().map(({ sources }) => sources), [
    ["kmsg", "memory.events.local"],
    ["kmsg"],
  ]);
});

Deno.test("OomMonitor reports that no group was killed if the log is idle and the cgroups prove it", async () => {
  const bench = new OomBench({
    isKilledAlone: (victim, limit) => victim === "/c" && limit === "/c",
  });
  await bench.start();
  bench.kill(1, "/c");
  bench.end();
  bench.kill(2, "/d");
  bench.end();
  bench.killGroup("/c", [3]);
  bench.end();
  assertEquals(bench.kills().map(({ group }) => group), [
    false,
    undefined,
    true,
  ]);
});

/** Kills whose records are read one by one, then kills whose records are lost with the writer of the log. */
function endAmidKills(
  bench: OomBench,
  pids: readonly number[],
  lost: number,
): void {
  for (const pid of pids) {
    bench.clock.advance(50);
    bench.kill(pid, "/c");
    bench.read();
    // A short pause.
    bench.monitor.flush();
  }
  bench.add(undefined, lost);
  bench.kind = "none";
  bench.pass(15_000);
}

Deno.test("OomMonitor determines the position of the records of a log that appears after the start and ends during kills", async () => {
  const bench = new OomBench();
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  await bench.start("none");
  bench.kind = "fifo";
  endAmidKills(bench, [4, 5], 2);
  const kills = bench.kills();
  assertEquals(
    kills.map(({ pid = "?", historical }) => [pid, historical]),
    [[1, true], [2, true], [3, true], [4, false], [5, false], ["?", false], [
      "?",
      false,
    ]],
  );
});

Deno.test("OomMonitor infers kills lost with a log that ended before it was read to its end", async () => {
  const bench = new OomBench();
  for (const pid of [1, 2, 3]) bench.kill(pid, "/c");
  await bench.start("fifo", false);
  endAmidKills(bench, [4, 5], 2);
  assertEquals(bench.pids(), [1, 2, 3, 4, 5, "?", "?"]);
});
