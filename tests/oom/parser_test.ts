import { assert, assertEquals } from "@std/assert";
import { OomParser } from "../../lib/oom/parser.ts";
import type { OomReport } from "../../lib/oom/report.ts";
import type { KmsgRecord } from "../../lib/oom/kmsg_record.ts";
import { brief, recordsFrom, reportsOf } from "../_support/kmsg_log.ts";

const INVOKED =
  "sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0";

function summary(pid: number, limit: string, victim = limit, uid = 0): string {
  return "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0," +
    `oom_memcg=${limit},task_memcg=${victim},task=sh,pid=${pid},uid=${uid}`;
}

function killed(pid: number, what = "Memory cgroup out of memory: "): string {
  return `${what}Killed process ${pid} (sh) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB`;
}

function chosen(pid: number, what = "Memory cgroup out of memory"): string {
  return `${what}: Kill process ${pid} (sh) score 900 or sacrifice child`;
}

function taskIn(victim: string, limit = victim): string {
  return `Task in ${victim} killed as a result of limit of ${limit}`;
}

function groupSet(cgroup: string): string {
  return `Tasks in ${cgroup} are going to be killed due to memory.oom.group set`;
}

/** What is reported of texts that are numbered from 100. */
function told(texts: readonly (string | Partial<KmsgRecord>)[]): string[] {
  return reportsOf(recordsFrom(texts)).map(brief);
}

Deno.test("OomParser reports an incident at its summary, and a kill when it knows of no group", () => {
  const parser = new OomParser();
  const [head, sum, kill, other] = recordsFrom([
    INVOKED,
    summary(7, "/a"),
    killed(7),
    INVOKED,
  ]);
  assert(head && sum && kill && other);
  assertEquals(parser.push(head).length, 0);
  assertEquals(parser.push(sum).map((report) => report.type), ["oom"]);
  assertEquals(parser.push(kill).length, 0);
  assertEquals(parser.isHolding, true);
  assertEquals(parser.push(other).map((report) => report.type), ["oomKill"]);
  assertEquals(parser.isHolding, false);
  assertEquals(parser.flush(), []);
});

Deno.test("OomParser holds a kill back for a few records, and for a short time", () => {
  const noise = Array.from({ length: 9 }, () => "eth0: link up");
  const parser = new OomParser();
  const counts = recordsFrom([killed(7), ...noise])
    .map((record) => parser.push(record).length);
  assertEquals(counts, [0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
  const [kill, late] = recordsFrom([killed(8), {
    text: "eth0: link up",
    usecSinceBoot: 5_060_000,
  }]);
  assert(kill && late);
  assertEquals(parser.push(kill).length, 0);
  assertEquals(parser.push(late).length, 2);
});

Deno.test("OomParser takes no word of user space", () => {
  const forged = [INVOKED, summary(7, "/a"), killed(7), groupSet("/a")]
    .map((text) => ({ text, facility: 1 }));
  assertEquals(told(forged), []);
  // A forged group line between a kill and the next record changes nothing.
  assertEquals(
    told([killed(8), { text: groupSet("/a"), facility: 1 }, killed(9)]).length,
    4,
  );
});

Deno.test("OomParser reports a kill whose head and summary the kernel left out", () => {
  assertEquals(told([killed(7), killed(8, "Out of memory: ")]), [
    "100 oom of 100: cgroup MEMCG 7 (sh)",
    "100 oomKill of 100: cgroup MEMCG 7 (sh)",
    "101 oom of 101: host ? 8 (sh)",
    "101 oomKill of 101: host ? 8 (sh)",
  ]);
  assertEquals(told([chosen(7), killed(9, ""), killed(8, "")]), [
    "101 oom of 100: cgroup MEMCG 9 (sh)",
    "101 oomKill of 100: cgroup MEMCG 9 (sh)",
    "102 oom of 102: ? ? 8 (sh)",
    "102 oomKill of 102: ? ? 8 (sh)",
  ]);
});

Deno.test("OomParser reports every kill of a storm in which most heads are left out", () => {
  const texts: string[] = [];
  for (let pid = 1; pid <= 200; pid++) {
    if (pid <= 10) texts.push(INVOKED, summary(pid, `/c${pid}`));
    texts.push(killed(pid));
  }
  const reports = reportsOf(recordsFrom(texts));
  const kills = reports.filter((report) => report.type === "oomKill");
  assertEquals(kills.map((kill) => kill.pid), kills.map((_, i) => i + 1));
  assertEquals(kills.length, 200);
  assertEquals(
    kills.map((kill) => kill.limitCgroup),
    kills.map((_, i) => i < 10 ? `/c${i + 1}` : undefined),
  );
  assertEquals(new Set(kills.map((kill) => kill.incidentSequence)).size, 200);
  assertEquals(reports.length, 400);
});

Deno.test("OomParser reports a shortage in which nothing is killed", () => {
  assertEquals(
    told([
      INVOKED,
      summary(7, "/a"),
      "Memory cgroup out of memory: OOM victim 7 (sh) is already exiting. Skip killing the task",
      "Out of memory: OOM victim 8 (sh) is already exiting. Skip killing the task",
    ]),
    [
      "101 oom of 101: cgroup MEMCG limit /a in it 7 (sh) uid 0",
      "103 oom of 103: host ? 8 (sh)",
    ],
  );
  assertEquals(
    told([
      INVOKED,
      "Memory cgroup stats for /a:",
      "Memory cgroup stats for /a/b: cache:0KB",
      "Out of memory and no killable processes...",
      INVOKED,
      "Mem-Info:",
      "Out of memory and no killable processes...",
      "Kernel panic - not syncing: System is deadlocked on memory",
    ]),
    ["103 oom of 100: cgroup MEMCG limit /a", "106 oom of 104: host ?"],
  );
});

Deno.test("OomParser does not attribute a kill to a victim that was spared", () => {
  assertEquals(
    told([
      summary(7, "/a"),
      "Memory cgroup out of memory: OOM victim 7 (sh) is already exiting. Skip killing the task",
      killed(8),
    ]).slice(1),
    [
      "102 oom of 102: cgroup MEMCG 8 (sh)",
      "102 oomKill of 102: cgroup MEMCG 8 (sh)",
    ],
  );
});

Deno.test("OomParser tells two incidents apart by who prints them", () => {
  const by = (caller: string, text: string) => ({ caller, text });
  assertEquals(
    told([
      by("T1", INVOKED),
      by("T2", INVOKED),
      by("T1", taskIn("/a")),
      by("T2", taskIn("/b")),
      by("T2", chosen(8)),
      by("T1", chosen(7)),
      by("T2", killed(18, "")),
      by("T1", killed(17, "")),
    ]),
    [
      "102 oom of 100: cgroup MEMCG limit /a in it",
      "103 oom of 101: cgroup MEMCG limit /b in it",
      "106 oomKill of 101: cgroup MEMCG limit /b in it 18 (sh)",
      "107 oomKill of 100: cgroup MEMCG limit /a in it 17 (sh)",
    ],
  );
});

Deno.test("OomParser neither loses nor merges an old incident that another begins within", () => {
  assertEquals(
    told([
      INVOKED,
      INVOKED,
      taskIn("/a"),
      chosen(7),
      killed(7, ""),
      taskIn("/b/c", "/b"),
      chosen(8),
      killed(9, ""),
    ]),
    [
      "102 oom of 100: cgroup MEMCG limit /a in it",
      "104 oomKill of 100: cgroup MEMCG limit /a in it 7 (sh)",
      "105 oom of 101: cgroup MEMCG limit /b in /b/c",
      "107 oomKill of 101: cgroup MEMCG limit /b in /b/c 9 (sh)",
    ],
  );
});

Deno.test("OomParser names no cgroup where either of two old incidents may be meant", () => {
  assertEquals(
    told([
      INVOKED,
      INVOKED,
      taskIn("/a"),
      taskIn("/b"),
      chosen(7),
      chosen(8),
      killed(7, ""),
      killed(8, ""),
    ]).slice(2),
    [
      "106 oomKill of 100: cgroup MEMCG 7 (sh)",
      "107 oomKill of 101: cgroup MEMCG 8 (sh)",
    ],
  );
});

Deno.test("OomParser keeps a host's shortage apart from a cgroup's", () => {
  assertEquals(
    told([
      INVOKED,
      INVOKED,
      taskIn("/a"),
      chosen(8, "Out of memory"),
      chosen(7),
      killed(8, ""),
      killed(7, ""),
    ]),
    [
      "102 oom of 100: cgroup MEMCG limit /a in it",
      "105 oom of 101: host ? 8 (sh)",
      "105 oomKill of 101: host ? 8 (sh)",
      "106 oomKill of 100: cgroup MEMCG limit /a in it 7 (sh)",
    ],
  );
});

/** Headers and kills of so many OOMs, as many as the kernel prints in five seconds. */
function storm(count: number): string[] {
  return Array.from({ length: count }, (_, i) => [
    INVOKED,
    summary(1000 + i, "/o"),
    killed(1000 + i),
  ]).flat();
}

Deno.test("OomParser gives a kill line after a summary that summary's cgroups, whatever its pid and time", () => {
  const noise = Array.from({ length: 50 }, () => "eth0: link up");
  const late = { text: killed(71), usecSinceBoot: 3_600_000_000 };
  assertEquals(
    told([INVOKED, summary(7, "/a", "/a/b", 5), ...noise, late])[1],
    "152 oomKill of 101: cgroup MEMCG limit /a in /a/b 71 (sh)",
  );
  // Another caller's is none.
  assertEquals(
    told([
      { text: summary(7, "/a"), caller: "T1" },
      { text: killed(71), caller: "T2" },
    ])[2],
    "101 oomKill of 101: cgroup MEMCG 71 (sh)",
  );
});

Deno.test("OomParser gives a kill line another pid's cgroups only while the kernel has headers left", () => {
  const texts = [INVOKED, summary(7, "/a"), killed(8)];
  assertEquals(
    told([...storm(8), ...texts]).at(-1),
    "126 oomKill of 125: cgroup MEMCG limit /a in it 8 (sh)",
  );
  assertEquals(
    told([...storm(9), ...texts]).at(-1),
    "129 oomKill of 129: cgroup MEMCG 8 (sh)",
  );
  assertEquals(
    told([...storm(9), INVOKED, summary(7, "/a"), killed(7)]).at(-1),
    "129 oomKill of 128: cgroup MEMCG limit /a in it 7 (sh) uid 0",
  );
  // The log before was not read: there may have been ten.
  const parser = new OomParser();
  const reports = recordsFrom(texts).flatMap((record) => parser.push(record));
  assertEquals(
    [...reports, ...parser.flush()].map(brief).at(-1),
    "102 oomKill of 102: cgroup MEMCG 8 (sh)",
  );
  // All of it was, if it is the first of the boot.
  const first = new OomParser();
  const all = recordsFrom(texts).flatMap((record) =>
    first.push({ ...record, sequence: record.sequence - 100 })
  );
  assertEquals(
    [...all, ...first.flush()].map(brief).at(-1),
    "2 oomKill of 1: cgroup MEMCG limit /a in it 8 (sh)",
  );
});

Deno.test("OomParser gives a kill after a group the group only while the kernel has headers left", () => {
  const texts = [
    INVOKED,
    summary(7, "/a"),
    killed(7),
    groupSet("/a"),
    killed(8),
    killed(7),
    killed(9),
  ];
  assertEquals(told([...storm(8), ...texts]).slice(-4), [
    "126 oomKill of 125: cgroup MEMCG limit /a in it 7 (sh) uid 0 group",
    "128 oomKill of 125: cgroup MEMCG limit /a in it 8 (sh) group",
    "129 repeat",
    "130 oomKill of 125: cgroup MEMCG limit /a in it 9 (sh) group",
  ]);
  assertEquals(told([...storm(9), ...texts]).slice(-6), [
    "129 oomKill of 128: cgroup MEMCG limit /a in it 7 (sh) uid 0 group",
    "131 oom of 131: cgroup MEMCG 8 (sh)",
    "131 oomKill of 131: cgroup MEMCG 8 (sh)",
    "132 repeat",
    "133 oom of 133: cgroup MEMCG 9 (sh)",
    "133 oomKill of 133: cgroup MEMCG 9 (sh)",
  ]);
  const unsure = reportsOf(recordsFrom([...storm(9), ...texts, INVOKED]))
    .findLast((report) => report.type === "oomKill");
  assertEquals(unsure?.type === "oomKill" && "group" in unsure, false);
});

Deno.test("OomParser names no cgroup of a group's members where the first victim was below it", () => {
  assertEquals(
    told([
      INVOKED,
      summary(7, "/a", "/a/b"),
      killed(7),
      groupSet("/a"),
      killed(7),
      killed(8),
    ]).slice(1),
    [
      "102 oomKill of 101: cgroup MEMCG limit /a in /a/b 7 (sh) uid 0 group",
      "104 repeat",
      "105 oomKill of 101: cgroup MEMCG limit /a 8 (sh) group",
    ],
  );
});

Deno.test("OomParser reports each process of a group once, and says that it is one", () => {
  assertEquals(
    told([
      INVOKED,
      summary(7, "/pod", "/pod/a"),
      killed(7),
      "eth0: link up",
      groupSet("/pod/a"),
      killed(5),
      "Memory cgroup out of memory: OOM victim 6 (sh) is already exiting. Skip killing the task",
      "oom_reaper: reaped process 7 (sh), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
      killed(7),
      killed(9),
    ]),
    [
      "101 oom of 101: cgroup MEMCG limit /pod in /pod/a 7 (sh) uid 0",
      "102 oomKill of 101: cgroup MEMCG limit /pod in /pod/a 7 (sh) uid 0 group",
      "105 oomKill of 101: cgroup MEMCG limit /pod in /pod/a 5 (sh) group",
      "108 repeat",
      "109 oomKill of 101: cgroup MEMCG limit /pod in /pod/a 9 (sh) group",
    ],
  );
});

Deno.test("OomParser reports a group whose head and summary the kernel left out", () => {
  assertEquals(told([killed(7), groupSet("/a"), killed(8), killed(7)]), [
    "100 oom of 100: cgroup MEMCG 7 (sh)",
    "100 oomKill of 100: cgroup MEMCG 7 (sh) group",
    "102 oomKill of 100: cgroup MEMCG 8 (sh) group",
    "103 repeat",
  ]);
});

Deno.test("OomParser begins another incident where one group follows another", () => {
  assertEquals(
    told([
      ...storm(9),
      INVOKED,
      summary(7, "/a"),
      killed(7),
      groupSet("/a"),
      killed(17),
      groupSet("/b"),
      killed(7),
      killed(17),
    ]).slice(-5),
    [
      "131 oom of 131: cgroup MEMCG 17 (sh)",
      "131 oomKill of 131: cgroup MEMCG 17 (sh) group",
      "133 oom of 133: cgroup MEMCG 7 (sh)",
      "133 oomKill of 133: cgroup MEMCG 7 (sh)",
      "134 repeat",
    ],
  );
});

Deno.test("OomParser ends a group at the next report, whatever time its kills take", () => {
  const later = { text: killed(8), usecSinceBoot: 60_000_000 };
  assertEquals(told([killed(7), groupSet("/a"), later, INVOKED]).slice(2), [
    "102 oomKill of 100: cgroup MEMCG 8 (sh) group",
  ]);
  assertEquals(
    told([summary(7, "/a"), killed(7), groupSet("/a"), INVOKED, killed(8)]).at(
      -1,
    ),
    "104 oomKill of 104: cgroup MEMCG 8 (sh)",
  );
});

Deno.test("OomParser joins a summary that came in pieces", () => {
  const expected = [
    "100 oom of 100: cgroup MEMCG limit /a b in /a b/c 7 (sh) uid 0",
    "oomKill of 100: cgroup MEMCG limit /a b in /a b/c 7 (sh) uid 0",
  ];
  const whole = summary(7, "/a b", "/a b/c");
  const fields = whole.replaceAll("=/", "=|/").replaceAll(",", "|,").split("|");
  for (const flag of ["c", "+"]) {
    const texts: Partial<KmsgRecord>[] = [];
    for (const text of fields) {
      texts.push({ text, flag }, { text: "eth0: link up" });
    }
    const seen = told([...texts, killed(7)]);
    assertEquals(seen[0], expected[0]);
    assertEquals(seen[1]?.replace(/^\d+ /, ""), expected[1]);
  }
  const at = whole.indexOf(",task_memcg");
  assertEquals(told([whole.slice(0, at), whole.slice(at)]), [expected[0]]);
});

Deno.test("OomParser joins the lines of old kernels that came in pieces", () => {
  const pieces = ["Task in ", "/a/b", " killed as a result of limit of ", "/a"]
    .map((text, i) => ({ text, flag: i === 0 ? "c" : "+" }));
  assertEquals(told([INVOKED, ...pieces, killed(7, "")]), [
    "101 oom of 100: cgroup MEMCG limit /a in /a/b",
    "105 oomKill of 100: cgroup MEMCG limit /a in /a/b 7 (sh)",
  ]);
  const group = ["Tasks in ", "/a", groupSet("").slice("Tasks in ".length)]
    .map((text) => ({ text, flag: "c" }));
  assertEquals(
    told([killed(7), ...group, killed(8)])[2],
    "104 oomKill of 100: cgroup MEMCG 8 (sh) group",
  );
});

Deno.test("OomParser joins the pieces of each task's own summary", () => {
  const pieces = (caller: string, whole: string) => {
    const at = whole.indexOf(",task_memcg");
    return [whole.slice(0, at), whole.slice(at)].map((text) => ({
      caller,
      text,
    }));
  };
  const [a1, a2] = pieces("T1", summary(7, "/a"));
  const [b1, b2] = pieces("T2", summary(8, "/b"));
  assert(a1 && a2 && b1 && b2);
  assertEquals(told([a1, b1, b2, a2]), [
    "101 oom of 101: cgroup MEMCG limit /b in it 8 (sh) uid 0",
    "100 oom of 100: cgroup MEMCG limit /a in it 7 (sh) uid 0",
  ]);
});

Deno.test("OomParser makes do with a summary whose rest never comes", () => {
  const whole = summary(7, "/a");
  const cut = whole.slice(0, whole.indexOf(",task="));
  assertEquals(told([INVOKED, cut, killed(7)]), [
    "101 oom of 101: cgroup MEMCG",
    "102 oomKill of 101: cgroup MEMCG 7 (sh)",
  ]);
  const noise = Array.from({ length: 70 }, () => "eth0: link up");
  assertEquals(told([INVOKED, cut, ...noise]).length, 1);
});

Deno.test("OomParser forgets what it knows by half when records were lost", () => {
  const parser = new OomParser();
  const reports: OomReport[] = [];
  const feed = (records: readonly KmsgRecord[]) => {
    for (const record of records) reports.push(...parser.push(record));
  };
  const all = recordsFrom([
    INVOKED,
    taskIn("/a"),
    "gap",
    killed(7, ""),
    summary(8, "/b"),
    "gap",
    killed(18),
    killed(8),
    groupSet("/c"),
    "gap",
    killed(9),
  ]);
  for (const record of all) {
    if (record.text === "gap") reports.push(...parser.gap());
    else feed([record]);
  }
  reports.push(...parser.flush());
  assertEquals(reports.map(brief), [
    "101 oom of 100: cgroup MEMCG limit /a in it",
    "103 oom of 103: ? ? 7 (sh)",
    "103 oomKill of 103: ? ? 7 (sh)",
    "104 oom of 104: cgroup MEMCG limit /b in it 8 (sh) uid 0",
    "106 oom of 106: cgroup MEMCG 18 (sh)",
    "106 oomKill of 106: cgroup MEMCG 18 (sh)",
    "107 oom of 107: cgroup MEMCG 8 (sh)",
    "107 oomKill of 107: cgroup MEMCG 8 (sh) group",
    "110 oom of 110: cgroup MEMCG 9 (sh)",
    "110 oomKill of 110: cgroup MEMCG 9 (sh)",
  ]);
});

Deno.test("OomParser gives what it holds back when records were lost", () => {
  const parser = new OomParser();
  for (const record of recordsFrom([killed(7)])) parser.push(record);
  assertEquals(parser.gap().map((report) => report.type), ["oom", "oomKill"]);
});

Deno.test("OomParser holds no kill back where the kernel kills no groups", () => {
  const parser = new OomParser({ groupKills: false });
  const reports = recordsFrom([summary(7, "/a"), killed(7), killed(8)])
    .map((record) => parser.push(record).map(brief));
  assertEquals(reports, [
    ["100 oom of 100: cgroup MEMCG limit /a in it 7 (sh) uid 0"],
    ["101 oomKill of 100: cgroup MEMCG limit /a in it 7 (sh) uid 0"],
    [
      "102 oom of 102: cgroup MEMCG 8 (sh)",
      "102 oomKill of 102: cgroup MEMCG 8 (sh)",
    ],
  ]);
  assertEquals(parser.isHolding, false);
});

Deno.test("OomParser locates a killed process as soon as its kill is read, where the log does not name its cgroup", () => {
  const asked: [number, number][] = [];
  const parser = new OomParser({
    locate: (pid, usecSinceBoot) => {
      asked.push([pid, usecSinceBoot]);
      return pid === 9 ? undefined : "/found";
    },
  });
  const reports = recordsFrom([
    summary(7, "/a", "/a/b"),
    killed(7),
    killed(8),
    killed(9),
  ]).flatMap((record) => parser.push(record));
  assertEquals([...reports, ...parser.flush()].map(brief), [
    "100 oom of 100: cgroup MEMCG limit /a in /a/b 7 (sh) uid 0",
    "101 oomKill of 100: cgroup MEMCG limit /a in /a/b 7 (sh) uid 0",
    "102 oom of 102: cgroup MEMCG in /found 8 (sh)",
    "102 oomKill of 102: cgroup MEMCG in /found 8 (sh)",
    "103 oom of 103: cgroup MEMCG 9 (sh)",
    "103 oomKill of 103: cgroup MEMCG 9 (sh)",
  ]);
  assertEquals(asked, [[8, 5_002_000], [9, 5_003_000]]);
});
