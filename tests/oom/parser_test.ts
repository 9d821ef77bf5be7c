import { assert, assertEquals } from "@std/assert";
import { OomParser } from "../../lib/oom/parser.ts";
import type { OomReport } from "../../lib/oom/report.ts";
import type { KmsgRecord } from "../../lib/kernfs/kmsg_record.ts";
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

/** Returns the reports of records numbered from 100. */
function briefReports(
  lines: readonly (string | Partial<KmsgRecord>)[],
): string[] {
  return reportsOf(recordsFrom(lines)).map(brief);
}

Deno.test("OomParser reports an incident at its summary, and a kill once no group line can follow", () => {
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
  assertEquals(parser.hasDeferredKill, true);
  assertEquals(parser.push(other).map((report) => report.type), ["oomKill"]);
  assertEquals(parser.hasDeferredKill, false);
  assertEquals(parser.flush(), []);
});

Deno.test("OomParser defers a kill for a limited number of records and a limited time", () => {
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

Deno.test("OomParser ignores records of user space", () => {
  const forged = [INVOKED, summary(7, "/a"), killed(7), groupSet("/a")]
    .map((text) => ({ text, facility: 1 }));
  assertEquals(briefReports(forged), []);
  // A forged group line between a kill and the next record changes nothing.
  assertEquals(
    briefReports([killed(8), { text: groupSet("/a"), facility: 1 }, killed(9)])
      .length,
    4,
  );
});

Deno.test("OomParser reports a kill whose header and summary the kernel omitted", () => {
  assertEquals(briefReports([killed(7), killed(8, "Out of memory: ")]), [
    "100 oom of 100: cgroup MEMCG 7 (sh)",
    "100 oomKill of 100: cgroup MEMCG 7 (sh)",
    "101 oom of 101: host ? 8 (sh)",
    "101 oomKill of 101: host ? 8 (sh)",
  ]);
  assertEquals(briefReports([chosen(7), killed(9, ""), killed(8, "")]), [
    "101 oom of 100: cgroup MEMCG 9 (sh)",
    "101 oomKill of 100: cgroup MEMCG 9 (sh)",
    "102 oom of 102: ? ? 8 (sh)",
    "102 oomKill of 102: ? ? 8 (sh)",
  ]);
});

Deno.test("OomParser reports every kill of a storm with most headers omitted", () => {
  const lines: string[] = [];
  for (let pid = 1; pid <= 200; pid++) {
    if (pid <= 10) lines.push(INVOKED, summary(pid, `/c${pid}`));
    lines.push(killed(pid));
  }
  const reports = reportsOf(recordsFrom(lines));
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

Deno.test("OomParser reports an OOM without a kill", () => {
  assertEquals(
    briefReports([
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
    briefReports([
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

Deno.test("OomParser does not attribute a kill to a skipped victim", () => {
  assertEquals(
    briefReports([
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

Deno.test("OomParser distinguishes two incidents by caller", () => {
  const by = (caller: string, text: string) => ({ caller, text });
  assertEquals(
    briefReports([
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

Deno.test("OomParser neither loses nor merges an old incident interleaved with another", () => {
  assertEquals(
    briefReports([
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

Deno.test("OomParser reports neither cgroup nor incident if a line can belong to either of two old ones", () => {
  assertEquals(
    briefReports([
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
      "106 oomKill of 104: cgroup MEMCG 7 (sh)",
      "107 oomKill of 105: cgroup MEMCG 8 (sh)",
    ],
  );
});

Deno.test("OomParser distinguishes a global OOM from a cgroup's", () => {
  assertEquals(
    briefReports([
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

/** Headers and kills of `count` OOMs. */
function storm(count: number): string[] {
  return Array.from({ length: count }, (_, i) => [
    INVOKED,
    summary(1000 + i, "/o"),
    killed(1000 + i),
  ]).flat();
}

Deno.test("OomParser assigns a summary's cgroups to the next kill line with any PID and time", () => {
  const noise = Array.from({ length: 50 }, () => "eth0: link up");
  const late = { text: killed(71), usecSinceBoot: 3_600_000_000 };
  assertEquals(
    briefReports([INVOKED, summary(7, "/a", "/a/b", 5), ...noise, late])[1],
    "152 oomKill of 101: cgroup MEMCG limit /a in /a/b 71 (sh)",
  );
  // A kill line of another caller is not assigned.
  assertEquals(
    briefReports([
      { text: summary(7, "/a"), caller: "T1" },
      { text: killed(71), caller: "T2" },
    ])[2],
    "101 oomKill of 101: cgroup MEMCG 71 (sh)",
  );
});

Deno.test("OomParser assigns another PID's cgroups to a kill line only within the kernel's rate limit of headers", () => {
  const lines = [INVOKED, summary(7, "/a"), killed(8)];
  assertEquals(
    briefReports([...storm(8), ...lines]).at(-1),
    "126 oomKill of 125: cgroup MEMCG limit /a in it 8 (sh)",
  );
  assertEquals(
    briefReports([...storm(9), ...lines]).at(-1),
    "129 oomKill of 129: cgroup MEMCG 8 (sh)",
  );
  assertEquals(
    briefReports([...storm(9), INVOKED, summary(7, "/a"), killed(7)]).at(-1),
    "129 oomKill of 128: cgroup MEMCG limit /a in it 7 (sh) uid 0",
  );
  // The earlier log was not read: it may contain ten headers.
  const parser = new OomParser();
  const reports = recordsFrom(lines).flatMap((record) => parser.push(record));
  assertEquals(
    [...reports, ...parser.flush()].map(brief).at(-1),
    "102 oomKill of 102: cgroup MEMCG 8 (sh)",
  );
  // The whole log was read if the first record is number 0.
  const first = new OomParser();
  const all = recordsFrom(lines).flatMap((record) =>
    first.push({ ...record, sequence: record.sequence - 100 })
  );
  assertEquals(
    [...all, ...first.flush()].map(brief).at(-1),
    "2 oomKill of 1: cgroup MEMCG limit /a in it 8 (sh)",
  );
});

Deno.test("OomParser assigns a kill after a group to the group only within the kernel's rate limit of headers", () => {
  const lines = [
    INVOKED,
    summary(7, "/a"),
    killed(7),
    groupSet("/a"),
    killed(8),
    killed(7),
    killed(9),
  ];
  assertEquals(briefReports([...storm(8), ...lines]).slice(-4), [
    "126 oomKill of 125: cgroup MEMCG limit /a in it 7 (sh) uid 0 group",
    "128 oomKill of 125: cgroup MEMCG limit /a in it 8 (sh) group",
    "129 repeat",
    "130 oomKill of 125: cgroup MEMCG limit /a in it 9 (sh) group",
  ]);
  assertEquals(briefReports([...storm(9), ...lines]).slice(-6), [
    "129 oomKill of 128: cgroup MEMCG limit /a in it 7 (sh) uid 0 group",
    "131 oom of 131: cgroup MEMCG 8 (sh)",
    "131 oomKill of 131: cgroup MEMCG 8 (sh)",
    "132 repeat",
    "133 oom of 133: cgroup MEMCG 9 (sh)",
    "133 oomKill of 133: cgroup MEMCG 9 (sh)",
  ]);
  const unsure = reportsOf(recordsFrom([...storm(9), ...lines, INVOKED]))
    .findLast((report) => report.type === "oomKill");
  assertEquals(unsure?.type === "oomKill" && "group" in unsure, false);
});

Deno.test("OomParser reports no cgroup for a group's members if the first victim was in a descendant", () => {
  assertEquals(
    briefReports([
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

Deno.test("OomParser reports each process of a group once, with group: true", () => {
  assertEquals(
    briefReports([
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

Deno.test("OomParser reports a group whose first victim is exiting as one incident", () => {
  assertEquals(
    briefReports([
      INVOKED,
      summary(7, "/pod", "/pod/a"),
      "Memory cgroup out of memory: OOM victim 7 (sh) is already exiting. Skip killing the task",
      groupSet("/pod/a"),
      killed(5),
      killed(6),
    ]),
    [
      "101 oom of 101: cgroup MEMCG limit /pod in /pod/a 7 (sh) uid 0",
      "104 oomKill of 101: cgroup MEMCG limit /pod in /pod/a 5 (sh) group",
      "105 oomKill of 101: cgroup MEMCG limit /pod in /pod/a 6 (sh) group",
    ],
  );
});

Deno.test("OomParser assigns a group to its summary if nothing is printed for its first victim", () => {
  assertEquals(
    briefReports([
      INVOKED,
      summary(1, "/other"),
      killed(1),
      INVOKED,
      summary(7, "/pod", "/pod/a"),
      groupSet("/pod"),
      killed(5),
      killed(6),
    ]),
    [
      "101 oom of 101: cgroup MEMCG limit /other in it 1 (sh) uid 0",
      "102 oomKill of 101: cgroup MEMCG limit /other in it 1 (sh) uid 0",
      "104 oom of 104: cgroup MEMCG limit /pod in /pod/a 7 (sh) uid 0",
      "106 oomKill of 104: cgroup MEMCG limit /pod 5 (sh) group",
      "107 oomKill of 104: cgroup MEMCG limit /pod 6 (sh) group",
    ],
  );
});

Deno.test("OomParser does not interpret a summary by the name of another thread", () => {
  const kills = (pid: number) =>
    reportsOf(recordsFrom([
      INVOKED,
      summary(7, "/p", "/p/b").replace(",task=sh,", ",task=w,task=sh,"),
      killed(pid),
    ])).filter(({ type }) => type === "oomKill");
  // `w,task=sh` in /p/b, or `sh` in /p/b,task=w.
  assertEquals(kills(7).map(brief), [
    "102 oomKill of 101: cgroup MEMCG limit /p in /p/b,task=w 7 (sh) uid 0",
  ]);
  assertEquals(kills(8).map(brief), [
    "102 oomKill of 101: cgroup MEMCG limit /p 8 (sh)",
  ]);
});

Deno.test("OomParser reports a group whose header and summary the kernel omitted", () => {
  assertEquals(
    briefReports([killed(7), groupSet("/a"), killed(8), killed(7)]),
    [
      "100 oom of 100: cgroup MEMCG 7 (sh)",
      "100 oomKill of 100: cgroup MEMCG 7 (sh) group",
      "102 oomKill of 100: cgroup MEMCG 8 (sh) group",
      "103 repeat",
    ],
  );
});

Deno.test("OomParser starts another incident if one group follows another", () => {
  assertEquals(
    briefReports([
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

Deno.test("OomParser ends a group at the next report, regardless of time", () => {
  const later = { text: killed(8), usecSinceBoot: 60_000_000 };
  assertEquals(
    briefReports([killed(7), groupSet("/a"), later, INVOKED]).slice(2),
    [
      "102 oomKill of 100: cgroup MEMCG 8 (sh) group",
    ],
  );
  assertEquals(
    briefReports([
      summary(7, "/a"),
      killed(7),
      groupSet("/a"),
      INVOKED,
      killed(8),
    ]).at(
      -1,
    ),
    "104 oomKill of 104: cgroup MEMCG 8 (sh)",
  );
});

Deno.test("OomParser joins a fragmented summary", () => {
  const expected = [
    "100 oom of 100: cgroup MEMCG limit /a b in /a b/c 7 (sh) uid 0",
    "oomKill of 100: cgroup MEMCG limit /a b in /a b/c 7 (sh) uid 0",
  ];
  const whole = summary(7, "/a b", "/a b/c");
  const fields = whole.replaceAll("=/", "=|/").replaceAll(",", "|,").split("|");
  for (const flag of ["c", "+"]) {
    const lines: Partial<KmsgRecord>[] = [];
    for (const text of fields) {
      lines.push({ text, flag }, { text: "eth0: link up" });
    }
    const seen = briefReports([...lines, killed(7)]);
    assertEquals(seen[0], expected[0]);
    assertEquals(seen[1]?.replace(/^\d+ /, ""), expected[1]);
  }
  const at = whole.indexOf(",task_memcg");
  assertEquals(briefReports([whole.slice(0, at), whole.slice(at)]), [
    expected[0],
  ]);
});

Deno.test("OomParser joins fragmented lines of old kernels", () => {
  const fragments = [
    "Task in ",
    "/a/b",
    " killed as a result of limit of ",
    "/a",
  ]
    .map((text, i) => ({ text, flag: i === 0 ? "c" : "+" }));
  assertEquals(briefReports([INVOKED, ...fragments, killed(7, "")]), [
    "101 oom of 100: cgroup MEMCG limit /a in /a/b",
    "105 oomKill of 100: cgroup MEMCG limit /a in /a/b 7 (sh)",
  ]);
  const group = ["Tasks in ", "/a", groupSet("").slice("Tasks in ".length)]
    .map((text) => ({ text, flag: "c" }));
  assertEquals(
    briefReports([killed(7), ...group, killed(8)])[2],
    "104 oomKill of 100: cgroup MEMCG 8 (sh) group",
  );
});

Deno.test("OomParser joins fragments by caller", () => {
  const fragments = (caller: string, whole: string) => {
    const at = whole.indexOf(",task_memcg");
    return [whole.slice(0, at), whole.slice(at)].map((text) => ({
      caller,
      text,
    }));
  };
  const [a1, a2] = fragments("T1", summary(7, "/a"));
  const [b1, b2] = fragments("T2", summary(8, "/b"));
  assert(a1 && a2 && b1 && b2);
  assertEquals(briefReports([a1, b1, b2, a2]), [
    "101 oom of 101: cgroup MEMCG limit /b in it 8 (sh) uid 0",
    "100 oom of 100: cgroup MEMCG limit /a in it 7 (sh) uid 0",
  ]);
});

Deno.test("OomParser processes a summary whose rest never arrives", () => {
  const whole = summary(7, "/a");
  const cut = whole.slice(0, whole.indexOf(",task="));
  assertEquals(briefReports([INVOKED, cut, killed(7)]), [
    "101 oom of 101: cgroup MEMCG",
    "102 oomKill of 101: cgroup MEMCG 7 (sh)",
  ]);
  const noise = Array.from({ length: 70 }, () => "eth0: link up");
  assertEquals(briefReports([INVOKED, cut, ...noise]).length, 1);
});

Deno.test("OomParser discards incomplete state after a loss of records", () => {
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
    if (record.text === "gap") reports.push(...parser.reset());
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

Deno.test("OomParser returns deferred kills after a loss of records", () => {
  const parser = new OomParser();
  for (const record of recordsFrom([killed(7)])) parser.push(record);
  assertEquals(parser.reset().map((report) => report.type), ["oom", "oomKill"]);
});

Deno.test("OomParser defers no kill if the kernel kills no groups", () => {
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
  assertEquals(parser.hasDeferredKill, false);
});

Deno.test("OomParser locates a killed process as soon as its kill is read, if the log does not name its cgroup", () => {
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
