import { assertEquals } from "@std/assert";
import { agreedNames, parseOomSummary } from "../../lib/oom/summary.ts";

const MEMCG =
  "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0,";

Deno.test("parseOomSummary() parses the limit's cgroup and the victim", () => {
  assertEquals(
    parseOomSummary(
      `${MEMCG}oom_memcg=/pod,task_memcg=/pod/web,task=tail,pid=7,uid=1000`,
    ),
    {
      type: "summary",
      scope: "cgroup",
      constraint: "CONSTRAINT_MEMCG",
      names: [{
        limitCgroup: "/pod",
        victimCgroup: "/pod/web",
        processName: "tail",
      }],
      pid: 7,
      uid: 1000,
    },
  );
});

Deno.test("parseOomSummary() parses the padded numbers of Linux 5.0, and users above 2^31", () => {
  const line = parseOomSummary(
    `${MEMCG}oom_memcg=/pod,task_memcg=/pod,task=tail,pid=    7,uid=    0`,
  );
  assertEquals(line?.pid, 7);
  assertEquals(line?.uid, 0);
  const nobody = parseOomSummary(
    `${MEMCG}oom_memcg=/pod,task_memcg=/pod,task=tail,pid=7,uid=-2`,
  );
  assertEquals(nobody?.uid, 4294967294);
});

Deno.test("parseOomSummary() returns the victim's cgroup for a global OOM", () => {
  assertEquals(
    parseOomSummary(
      "oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=0-1,3,cpuset=/,mems_allowed=0-1,3,global_oom,task_memcg=/a,task=x,pid=7,uid=0",
    ),
    {
      type: "summary",
      scope: "host",
      constraint: "CONSTRAINT_CPUSET",
      names: [{ victimCgroup: "/a", processName: "x" }],
      pid: 7,
      uid: 0,
    },
  );
});

Deno.test("parseOomSummary() parses the line of a kernel without memory cgroups", () => {
  assertEquals(
    parseOomSummary(
      "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,task=x,pid=7,uid=0",
    ),
    {
      type: "summary",
      scope: "host",
      constraint: "CONSTRAINT_NONE",
      names: [{ processName: "x" }],
      pid: 7,
      uid: 0,
    },
  );
});

Deno.test("parseOomSummary() and the kill line's name determine the cgroups for any names", () => {
  const table = [
    ["web", "/a", "/a/b", "x,pid=1,uid=0"],
    ["web", "/a", "/a", "x,task=y"],
    ["web", "/a", "/a", "q,task_memcg=/"],
    ["web", "/a", "/a", ",task_memcg=/z"],
    ["web", "/a,b", "/a,b/c d", "a) (b"],
    ["web", "/a", "/a/x,task=a-long-name.scope", "tail"],
    ["web", "/u", "/u/b,task=c", "tail"],
    ["web", "/a", "/a/x,pid=1,uid=0", "tail"],
    ["web", "/a,task_memcg=", "/a,task_memcg=/b", "tail"],
    ["web", "/a", "/a/x,task_memcg=/y", "tail"],
    ["web", "/a\\x2db", "/a\\x2db/é", "\ufffd"],
    ["a,mems_allowed=0,global_oom", "/u", "/u/v", "x"],
    ["a,mems_allowed=0,oom_memcg=", "/u", "/u/v", "x"],
    ["a,mems_allowed=0,task=", "/u", "/u/v", "x"],
    [
      "/",
      "/u/c,mems_allowed=0,oom_memcg=",
      "/u/c,mems_allowed=0,oom_memcg=/d",
      "x",
    ],
  ] as const;
  for (const [cpuset, limit, victim, name] of table) {
    const text = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)," +
      `cpuset=${cpuset},mems_allowed=0,oom_memcg=${limit},` +
      `task_memcg=${victim},task=${name},pid=7,uid=3`;
    const line = parseOomSummary(text);
    assertEquals(line?.pid, 7);
    assertEquals<unknown>(agreedNames(line?.names ?? [], name), {
      limitCgroup: limit,
      victimCgroup: victim,
      processName: name,
    }, text);
  }
});

Deno.test("agreedNames() omits ambiguous names", () => {
  const line = parseOomSummary(
    `${MEMCG}oom_memcg=/u,task_memcg=/u/b,task=c,task=tail,pid=7,uid=0`,
  );
  assertEquals(agreedNames(line?.names ?? []), { limitCgroup: "/u" });
  assertEquals(agreedNames(line?.names ?? [], "other"), { limitCgroup: "/u" });
});

Deno.test("parseOomSummary() omits a possibly truncated cgroup", () => {
  const whole =
    `${MEMCG}oom_memcg=/pod/x,task_memcg=/pod/x/web,task=tail,pid=17,uid=10`;
  for (let length = 0; length < whole.length; length++) {
    const line = parseOomSummary(whole.slice(0, length));
    const names = agreedNames(line?.names ?? []);
    assertEquals(names.limitCgroup ?? "/pod/x", "/pod/x");
    assertEquals(names.victimCgroup ?? "/pod/x/web", "/pod/x/web");
    assertEquals(line?.pid ?? 17, 17);
  }
  const long = `/${"é".repeat(500)}`;
  const line = parseOomSummary(
    `${MEMCG}oom_memcg=/pod,task_memcg=/pod${long},task=tail,pid=17,uid=10`,
  );
  assertEquals(agreedNames(line?.names ?? [], "tail"), {
    limitCgroup: "/pod",
    processName: "tail",
  });
});

Deno.test("parseOomSummary() omits a cgroup whose path the kernel could not print", () => {
  const line = parseOomSummary(
    `${MEMCG}oom_memcg=(null),task_memcg=<name too long>,task=x,pid=7,uid=0`,
  );
  assertEquals(line?.scope, "cgroup");
  assertEquals(line?.names, [{ processName: "x" }]);
  assertEquals(line?.pid, 7);
});

Deno.test("parseOomSummary() ignores lines with another prefix", () => {
  assertEquals(parseOomSummary("oom-kill"), undefined);
  assertEquals(
    parseOomSummary(" oom-kill:constraint=CONSTRAINT_NONE"),
    undefined,
  );
});
