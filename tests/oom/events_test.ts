import { assertEquals } from "@std/assert";
import { nodeOomKills } from "../../lib/kernfs/proc/vmstat.ts";
import type { OomReport } from "../../lib/oom/report.ts";
import { OomEvents } from "../../lib/oom/events.ts";
import { OomLedger } from "../../lib/oom/ledger.ts";
import { OomPast } from "../../lib/oom/past.ts";
import type { NewEvent, OomContext } from "../../lib/model/event.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { recordsFrom, reportsOf } from "../_support/kmsg_log.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

/** A host that is up for 1,000 s when the agent starts, and makes events of reports. */
class Bench implements Disposable {
  readonly clock = new FakeClock();
  readonly #root = TestCgroup.create();
  readonly #contexts: string[] = [];
  readonly ledger: OomLedger;
  readonly events: OomEvents;
  #total = 100;

  constructor(context?: OomContext, past?: { told: number; inferred: number }) {
    this.kill(0);
    this.setUptime(1_000);
    // None is held open, since nobody closes that of the node.
    const fs = this.#root.hostFs({ maxOpenFiles: 0 });
    const { clock } = this;
    this.ledger = new OomLedger({
      clock,
      readNodeKills: nodeOomKills(fs),
      isTold: () => true,
      ...(past !== undefined && { toldKills: past.told }),
    });
    this.events = new OomEvents({
      fs,
      clock,
      bootId: "boot",
      ledger: this.ledger,
      past: new OomPast(past?.inferred ?? 0),
      readContext: (cgroup) => {
        this.#contexts.push(cgroup);
        return context;
      },
    });
  }

  /** Cgroups that were asked how they stand. */
  get contexts(): readonly string[] {
    return this.#contexts;
  }

  setUptime(seconds: number): void {
    this.#root.file("proc/uptime", `${seconds.toFixed(2)} 1.00\n`);
  }

  /** The kernel counts kills. */
  kill(count = 1): void {
    this.#total += count;
    this.#root.file("proc/vmstat", `oom_kill ${this.#total}\n`);
  }

  /** Kills of which no record comes. */
  infer(count = 1): void {
    this.kill(count);
    this.ledger.check();
    this.clock.advance(2_000);
    this.setUptime(this.clock.monotonic() / 1000 + 1_000);
    assertEquals(this.ledger.check(), [{ count, source: "vmstat" }]);
  }

  tell(reports: readonly OomReport[], backlog = false): NewEvent[] {
    return reports.flatMap((report) => this.events.fromReport(report, backlog));
  }

  [Symbol.dispose](): void {
    this.#root.remove();
  }
}

/** The `oom` and the `oomKill` of an incident, written so long after boot. */
function incident(
  pid: number,
  seconds: number,
  limit = "/pod",
  victim = "/pod/web",
): OomReport[] {
  const usecSinceBoot = seconds * 1e6;
  return reportsOf(recordsFrom([
    {
      text:
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0," +
        `oom_memcg=${limit},task_memcg=${victim},task=sh,pid=${pid},uid=5`,
      usecSinceBoot,
      sequence: pid * 10,
    },
    {
      text:
        `Memory cgroup out of memory: Killed process ${pid} (sh) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:5 pgtables:4kB oom_score_adj:-9`,
      usecSinceBoot,
      sequence: pid * 10 + 1,
    },
  ]));
}

function types(events: readonly NewEvent[]): string[] {
  return events.map(({ type }) => type);
}

Deno.test("OomEvents tells an incident in the victim's container, and a kill where the limit was hit", () => {
  using bench = new Bench({ limit_bytes: 4096 });
  bench.clock.advance(5_000);
  bench.setUptime(1_005);
  bench.kill();
  const [oom, kill] = bench.tell(incident(7, 1_004.5));
  const timestampMs = bench.clock.now() - 500;
  const facts = {
    constraint: "CONSTRAINT_MEMCG",
    uid: 5,
    scope: "cgroup",
    limit_cgroup: "/pod",
    victim_cgroup: "/pod/web",
    incident: "boot-70",
    sources: ["kmsg"],
    attribution: "exact",
    historical: false,
  } as const;
  assertEquals(oom, {
    timestampMs,
    type: "oom",
    containerName: "/pod/web",
    data: { oom: { ...facts, kmsg_seq: 70 } },
  });
  assertEquals(kill, {
    timestampMs,
    type: "oomKill",
    containerName: "/pod",
    data: {
      oom: {
        pid: 7,
        process_name: "sh",
        ...facts,
        total_vm_bytes: 8192,
        anon_rss_bytes: 4096,
        file_rss_bytes: 0,
        shmem_rss_bytes: 0,
        node_oom_kills: 101,
        pgtables_bytes: 4096,
        oom_score_adj: -9,
        group: false,
        context: { limit_bytes: 4096 },
        kmsg_seq: 71,
      },
    },
  });
  assertEquals(bench.contexts, ["/pod"]);
});

Deno.test("OomEvents tells a kill whose limit the kernel did not print in the victim's container, and a host's in the root", () => {
  using bench = new Bench();
  const reports = reportsOf(recordsFrom([
    "Memory cgroup out of memory: Killed process 7 (sh) total-vm:8kB, anon-rss:4kB",
    "Out of memory: Killed process 8 (sh) total-vm:8kB, anon-rss:4kB",
  ].map((text) => ({ text, usecSinceBoot: 1e9 })))).map((report) =>
    report.type === "oomKill" ? { ...report, victimCgroup: "/web" } : report
  );
  bench.kill(2);
  const kills = bench.tell(reports).filter(({ type }) => type === "oomKill");
  assertEquals(kills.map(({ containerName }) => containerName), ["/web", "/"]);
  assertEquals(kills.map(({ data }) => data?.oom?.victim_cgroup), [
    "/web",
    "/web",
  ]);
});

Deno.test("OomEvents adds the greatest users of memory, in bytes", () => {
  using bench = new Bench();
  const [, kill] = incident(7, 1_000);
  const topTasks = [{ pid: 7, uid: 0, processName: "sh", rssPages: 3 }];
  bench.kill();
  const [event] = bench.tell([{ ...kill as OomReport, topTasks } as OomReport]);
  assertEquals(event?.data?.oom?.context, {
    top_tasks: [{ pid: 7, process_name: "sh", rss_bytes: 12288 }],
  });
});

Deno.test("OomEvents marks what is older than the agent, and counts it not", () => {
  using bench = new Bench({ limit_bytes: 4096 });
  const events = bench.tell(incident(7, 400), true);
  assertEquals(types(events), ["oom", "oomKill"]);
  for (const { timestampMs, data } of events) {
    assertEquals(timestampMs, bench.clock.now() - 600_000);
    assertEquals(data?.oom?.historical, true);
    assertEquals(data?.oom?.context, undefined);
  }
  assertEquals(bench.ledger.kills, 0);
});

Deno.test("OomEvents takes a record of the backlog that was written since the start for new", () => {
  using bench = new Bench();
  bench.clock.advance(300);
  bench.setUptime(1_000.3);
  bench.kill();
  const [, kill] = bench.tell(incident(7, 1_000.1), true);
  assertEquals(kill?.data?.oom?.historical, false);
  assertEquals(bench.ledger.kills, 1);
});

Deno.test("OomEvents gives a record the time of now that only a suspend made old", () => {
  using bench = new Bench();
  bench.kill();
  const [, kill] = bench.tell(incident(7, 400));
  assertEquals(kill?.timestampMs, bench.clock.now());
  assertEquals(kill?.data?.oom?.historical, false);
});

Deno.test("OomEvents knows an old record in a log that was opened anew by its not being counted", () => {
  using bench = new Bench();
  const [, kill] = bench.tell(incident(7, 400));
  assertEquals(kill?.timestampMs, bench.clock.now() - 600_000);
  assertEquals(kill?.data?.oom?.historical, true);
  assertEquals(bench.ledger.kills, 0);
});

Deno.test("OomEvents tells neither a kill nor its incident again that a counter told of", () => {
  using bench = new Bench();
  bench.infer(2);
  assertEquals(bench.tell(incident(7, 1_000.5)), []);
  assertEquals(bench.tell(incident(8, 1_000.5)), []);
  bench.clock.advance(5_000);
  assertEquals(bench.events.overdue(), []);
  bench.kill();
  assertEquals(types(bench.tell(incident(9, 1_002))), ["oom", "oomKill"]);
});

Deno.test("OomEvents tells an incident late of which only one kill was inferred", () => {
  using bench = new Bench();
  bench.infer();
  const [oom, first] = incident(7, 1_001);
  const [, other] = incident(8, 1_001);
  const second = { ...other, incidentSequence: 70 } as OomReport;
  assertEquals(bench.tell([oom as OomReport, first as OomReport]), []);
  bench.kill();
  assertEquals(types(bench.tell([second])), ["oom", "oomKill"]);
  assertEquals(bench.events.overdue(), []);
});

Deno.test("OomEvents tells a new incident though the record of an older never came", () => {
  using bench = new Bench();
  bench.infer();
  const [oom, kill] = incident(7, 1_002);
  // The kernel prints the summary before it counts.
  assertEquals(bench.tell([oom as OomReport]), []);
  bench.kill();
  assertEquals(types(bench.tell([kill as OomReport])), ["oom", "oomKill"]);
});

Deno.test("OomEvents tells an incident without a kill a little later where there is a doubt", () => {
  using bench = new Bench();
  bench.infer();
  const [oom] = incident(7, 1_002);
  assertEquals(bench.tell([oom as OomReport]), []);
  bench.clock.advance(900);
  assertEquals(bench.events.overdue(), []);
  bench.clock.advance(100);
  assertEquals(types(bench.events.overdue()), ["oom"]);
  assertEquals(bench.events.overdue(), []);
});

Deno.test("OomEvents holds back no more than 1,000 incidents", () => {
  using bench = new Bench();
  bench.infer();
  let told = 0;
  for (let pid = 1; pid <= 1_005; pid++) {
    const [oom] = incident(pid, 1_002);
    told += bench.tell([oom as OomReport]).length;
  }
  assertEquals(told, 5);
});

Deno.test("OomEvents tells what a counter knows: how many, where, and that it is inferred", () => {
  using bench = new Bench();
  const { startMs } = bench.ledger;
  const [oom, ...kills] = bench.events.fromCounter({
    victimCgroup: "/web",
    count: 2,
    source: "memory.events.local",
  });
  const event = { timestampMs: bench.clock.now(), containerName: "/web" };
  const facts = {
    victim_cgroup: "/web",
    incident: `boot-memory.events.local-${startMs}-1`,
    sources: ["memory.events.local"],
    attribution: "inferred",
    historical: false,
  } as const;
  assertEquals(oom, { ...event, type: "oom", data: { oom: facts } });
  assertEquals(
    kills,
    [99, 100].map((count) => ({
      ...event,
      type: "oomKill",
      data: { oom: { ...facts, node_oom_kills: count } },
    })),
  );
});

Deno.test("OomEvents tells two containers' kills that are found at once as two incidents", () => {
  using bench = new Bench();
  const incidents = ["/a", "/b", undefined].map((victimCgroup) => {
    const [event] = bench.events.fromCounter({
      ...(victimCgroup !== undefined && { victimCgroup }),
      count: 1,
      source: "vmstat",
    });
    assertEquals(event?.containerName, victimCgroup ?? "/");
    return event?.data?.oom?.incident;
  });
  assertEquals(new Set(incidents).size, 3);
});

/** Events in short: what is told, of which process, and how many kills are accounted for after it. */
function brief(events: readonly NewEvent[]): string[] {
  return events.map(({ type, data }) => {
    const { pid = "?", historical, node_oom_kills: count = "" } = data?.oom ??
      {};
    return `${type} ${pid} ${historical ? "past" : "now"} ${count}`.trimEnd();
  });
}

Deno.test("OomEvents tells the records of kills while no agent ran, and what they do not tell of from the count", () => {
  using bench = new Bench(undefined, { told: 97, inferred: 0 });
  assertEquals(bench.ledger.nodeKills, 97);
  assertEquals(brief(bench.tell(incident(7, 990), true)), [
    "oom ? past",
    "oomKill 7 past 98",
  ]);
  assertEquals(brief(bench.events.fromPast()), [
    "oom ? past",
    "oomKill ? past 99",
    "oomKill ? past 100",
  ]);
  assertEquals(bench.events.fromPast(), []);
  // None of them is of this run.
  assertEquals(bench.ledger.kills, 0);
  assertEquals(bench.ledger.check(), []);
});

Deno.test("OomEvents tells a record from the moment of the start as the counts say, whatever the log's clock says", () => {
  using bench = new Bench(undefined, { told: 99, inferred: 0 });
  // One was counted before the start, one after it; both seem to be older.
  bench.kill();

  const [, past] = bench.tell(incident(1, 999), true);
  assertEquals(past?.data?.oom?.historical, true);
  const [, live] = bench.tell(incident(2, 999), true);
  assertEquals(live?.data?.oom?.historical, false);
  bench.clock.advance(5_000);
  assertEquals(bench.ledger.check(), []);
  assertEquals(bench.events.fromPast(), []);
});

Deno.test("OomEvents passes over the records of kills that an earlier run inferred", () => {
  // Two that were inferred, and then one while no agent ran; long before, one
  // of which no run has told.
  using bench = new Bench(undefined, { told: 99, inferred: 2 });
  const reports = [1, 2, 3, 4].flatMap((pid) => incident(pid, 900 + pid));
  assertEquals(bench.tell(reports, true), []);
  assertEquals(brief(bench.events.fromPast()), [
    "oom ? past",
    "oomKill 1 past 100",
    "oom ? past",
    "oomKill 4 past 100",
  ]);
  // From now on they are told as they come.
  bench.kill();
  bench.setUptime(1_001);
  assertEquals(brief(bench.tell(incident(5, 1_001))), [
    "oom ? now",
    "oomKill 5 now 101",
  ]);
});

Deno.test("OomEvents passes over as many records as an earlier run inferred, and no more", () => {
  using bench = new Bench(undefined, { told: 100, inferred: 1 });
  assertEquals(bench.tell(incident(1, 900), true), []);
  assertEquals(bench.events.fromPast(), []);
  assertEquals(brief(bench.tell(incident(2, 901), true)), [
    "oom ? past",
    "oomKill 2 past 100",
  ]);
});
