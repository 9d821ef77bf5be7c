import { assertEquals } from "@std/assert";
import { parseOomLine } from "../../lib/oom/lines.ts";

Deno.test("parseOomLine() parses a kill in the format of every kernel", () => {
  const sizes = "total-vm:8kB, anon-rss:4kB, file-rss:1kB";
  const bytes = { totalVmBytes: 8192, anonRssBytes: 4096, fileRssBytes: 1024 };
  const killed = { type: "killed", pid: 7, processName: "sh" } as const;
  const table = [
    ["Killed process 7 (sh)", killed],
    ["Killed process 7 (sh) vsz:8kB, anon-rss:4kB, file-rss:1kB", {
      ...killed,
      ...bytes,
    }],
    [`Killed process 7, UID 48, (sh) ${sizes}`, {
      ...killed,
      ...bytes,
      uid: 48,
    }],
    [`Killed process 7 (sh) ${sizes}`, { ...killed, ...bytes }],
    [`Killed process 7 (sh), UID 48, ${sizes}, shmem-rss:0kB`, {
      ...killed,
      ...bytes,
      shmemRssBytes: 0,
      uid: 48,
    }],
    [`Out of memory: Killed process 7 (sh) ${sizes}, shmem-rss:0kB`, {
      ...killed,
      ...bytes,
      scope: "host",
      shmemRssBytes: 0,
    }],
    [
      `Out of memory (oom_kill_allocating_task): Killed process 7 (sh) ${sizes}`,
      { ...killed, ...bytes, scope: "host" },
    ],
    [
      `Memory cgroup out of memory: Killed process 7 (sh) ${sizes}, shmem-rss:0kB, UID:48 pgtables:4kB oom_score_adj:-500`,
      {
        ...killed,
        ...bytes,
        scope: "cgroup",
        shmemRssBytes: 0,
        pgtablesBytes: 4096,
        uid: 48,
        oomScoreAdj: -500,
      },
    ],
  ] as const;
  for (const [text, expected] of table) {
    assertEquals<unknown>(parseOomLine(text), expected, text);
  }
});

Deno.test("parseOomLine() parses process names with any characters", () => {
  const names = [
    "a b",
    "a, b",
    "a) b",
    "((sd-pam))",
    "[kworker]",
    "x) total-vm:1kB",
    "a\nb",
    "\ufffd",
    "",
  ];
  for (const name of names) {
    const line = parseOomLine(
      `Out of memory: Killed process 7 (${name}) total-vm:8kB, anon-rss:4kB, file-rss:1kB`,
    );
    assertEquals(line?.type === "killed" && line.processName, name);
    assertEquals(line?.type === "killed" && line.totalVmBytes, 8192);
  }
});

Deno.test("parseOomLine() parses a kill line truncated after the name", () => {
  const whole =
    "Out of memory: Killed process 77 (sh) total-vm:88kB, anon-rss:44kB, file-rss:11kB, shmem-rss:0kB, UID:48 pgtables:44kB oom_score_adj:5";
  const nameEnd = whole.indexOf("(sh)") + 4;
  for (let length = 0; length <= whole.length; length++) {
    const line = parseOomLine(whole.slice(0, length));
    if (length < nameEnd) {
      assertEquals(line, undefined, whole.slice(0, length));
      continue;
    }
    assertEquals(line?.type === "killed" && line.pid, 77);
    assertEquals(line?.type === "killed" && line.processName, "sh");
    if (line?.type !== "killed") continue;
    assertEquals(line.totalVmBytes ?? 88 * 1024, 88 * 1024);
    assertEquals(line.uid ?? 48, 48);
    assertEquals(line.pgtablesBytes ?? 44 * 1024, 44 * 1024);
  }
});

Deno.test("parseOomLine() parses page tables printed in bytes by Linux 5.4.0", () => {
  const line = parseOomLine(
    "Out of memory: Killed process 7 (sh) total-vm:34520kB, anon-rss:32kB, file-rss:8kB, shmem-rss:0kB, UID:0 pgtables:106496kB oom_score_adj:0",
  );
  assertEquals(line?.type === "killed" && line.pgtablesBytes, 106496);
});

Deno.test("parseOomLine() rejects lines similar to a kill", () => {
  const lines = [
    "audit: Killed process 7 (sh) total-vm:8kB",
    "x: Out of memory: Killed process 7 (sh) total-vm:8kB",
    " Killed process 7 (sh) total-vm:8kB",
    "fake\nKilled process 7 (sh) total-vm:8kB",
    "Killed process 7",
    "Killed process (sh)",
    "Killed process -7 (sh)",
    "Killed process 99999999999 (sh)",
    "Killed process 7x (sh)",
    "Kill process 7 (sh) sharing same memory",
    "oom_reaper: reaped process 7 (sh), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
    "oom killer 7 (sh) has mm pinned by 8 (sh)",
    "cgroup: fork rejected by pids controller in /a",
  ];
  for (const text of lines) assertEquals(parseOomLine(text), undefined, text);
});

Deno.test("parseOomLine() distinguishes a choice, a skipped victim and a group from a kill", () => {
  const table = [
    [
      "Memory cgroup out of memory: Kill process 7 (a (b)) score 982 or sacrifice child",
      { type: "chosen", scope: "cgroup", pid: 7, processName: "a (b)" },
    ],
    [
      "Out of memory: kill process 7 (sh) score 12 or a child",
      { type: "chosen", scope: "host", pid: 7, processName: "sh" },
    ],
    [
      "Out of memory: OOM victim 7 (sh) is already exiting. Skip killing the task",
      { type: "exiting", scope: "host", pid: 7, processName: "sh" },
    ],
    [
      "Tasks in /a b/c are going to be killed due to memory.oom.group set",
      { type: "group", cgroup: "/a b/c" },
    ],
    ["Out of memory and no killable processes...", { type: "noVictim" }],
    [
      "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled",
      { type: "noVictim", scope: "host" },
    ],
    ["Out of memory: compulsory panic_on_oom is enabled", { type: "noVictim" }],
    ["Memory limit reached of cgroup /a", {
      type: "limitReached",
      limitCgroup: "/a",
    }],
  ] as const;
  for (const [text, expected] of table) {
    assertEquals<unknown>(parseOomLine(text), expected, text);
  }
});

Deno.test("parseOomLine() parses the cgroups of Linux before 5.0", () => {
  assertEquals(
    parseOomLine(
      "Task in /a killed/b killed as a result of limit of /a killed",
    ),
    {
      type: "taskIn",
      victimCgroup: "/a killed/b",
      limitCgroup: "/a killed",
    },
  );
  assertEquals(parseOomLine("Task in / killed as a result of limit of /"), {
    type: "taskIn",
    victimCgroup: "/",
    limitCgroup: "/",
  });
  assertEquals(parseOomLine("Task in /a killed"), {
    type: "taskIn",
    victimCgroup: "/a",
  });
});

Deno.test("parseOomLine() parses the header of a dump with any process name", () => {
  const tail = " invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0";
  for (
    const name of ["sh", "Task in /x", "Out of memory", "K", "oom-kill:", ""]
  ) {
    assertEquals(parseOomLine(name + tail), { type: "invoked" }, name);
  }
  assertEquals(parseOomLine("x".repeat(80) + tail), undefined);
});

Deno.test("parseOomLine() parses the cgroup of the memory lines", () => {
  for (
    const text of [
      "Memory cgroup stats for /a:b:",
      "Memory cgroup stats for /a:b: cache:0KB rss:3900KB",
    ]
  ) {
    assertEquals(parseOomLine(text), {
      type: "memoryStats",
      limitCgroup: "/a:b",
    });
  }
  assertEquals(parseOomLine("Memory cgroup stats for "), undefined);
});
