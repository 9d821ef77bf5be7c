import { assertEquals } from "@std/assert";
import { parseOomSummary } from "../../lib/oom/summary.ts";

const MEMCG =
  "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0,";

Deno.test("parseOomSummary() reads who hit a limit, and who is to die", () => {
  assertEquals(
    parseOomSummary(
      `${MEMCG}oom_memcg=/pod,task_memcg=/pod/web,task=tail,pid=7,uid=1000`,
    ),
    {
      type: "summary",
      scope: "cgroup",
      constraint: "CONSTRAINT_MEMCG",
      limitCgroup: "/pod",
      victimCgroup: "/pod/web",
      processName: "tail",
      pid: 7,
      uid: 1000,
    },
  );
});

Deno.test("parseOomSummary() reads the padded numbers of Linux 5.0", () => {
  const line = parseOomSummary(
    `${MEMCG}oom_memcg=/pod,task_memcg=/pod,task=tail,pid=    7,uid=    0`,
  );
  assertEquals(line?.pid, 7);
  assertEquals(line?.uid, 0);
});

Deno.test("parseOomSummary() names the victim's cgroup when the machine is short of memory", () => {
  assertEquals(
    parseOomSummary(
      "oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=0-1,3,cpuset=/,mems_allowed=0-1,3,global_oom,task_memcg=/a,task=x,pid=7,uid=0",
    ),
    {
      type: "summary",
      scope: "host",
      constraint: "CONSTRAINT_CPUSET",
      victimCgroup: "/a",
      processName: "x",
      pid: 7,
      uid: 0,
    },
  );
});

Deno.test("parseOomSummary() reads the line of a kernel without memory cgroups", () => {
  assertEquals(
    parseOomSummary(
      "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,task=x,pid=7,uid=0",
    ),
    {
      type: "summary",
      scope: "host",
      constraint: "CONSTRAINT_NONE",
      processName: "x",
      pid: 7,
      uid: 0,
    },
  );
});

Deno.test("parseOomSummary() is not taken in by the names of processes and cgroups", () => {
  const table = [
    ["/a", "/a/b", "x,pid=1,uid=0"],
    ["/a", "/a", "x,task=y"],
    ["/a", "/a", "q,task_memcg=/"],
    ["/a", "/a", ",task_memcg=/z"],
    ["/a,b", "/a,b/c d", "a) (b"],
    ["/a", "/a/x,task=a-long-name.scope", "tail"],
    ["/a", "/a/x,pid=1,uid=0", "tail"],
    ["/a\\x2db", "/a\\x2db/é", "\ufffd"],
  ] as const;
  for (const [limit, victim, name] of table) {
    const line = parseOomSummary(
      `${MEMCG}oom_memcg=${limit},task_memcg=${victim},task=${name},pid=7,uid=3`,
    );
    assertEquals(line?.limitCgroup, limit);
    assertEquals(line?.victimCgroup, victim);
    assertEquals(line?.processName, name);
    assertEquals(line?.pid, 7);
  }
});

Deno.test("parseOomSummary() names no cgroup that may have been cut", () => {
  const whole =
    `${MEMCG}oom_memcg=/pod/x,task_memcg=/pod/x/web,task=tail,pid=17,uid=10`;
  for (let length = 0; length < whole.length; length++) {
    const line = parseOomSummary(whole.slice(0, length));
    assertEquals(line?.limitCgroup ?? "/pod/x", "/pod/x");
    assertEquals(line?.victimCgroup ?? "/pod/x/web", "/pod/x/web");
    assertEquals(line?.pid ?? 17, 17);
  }
});

Deno.test("parseOomSummary() leaves out a cgroup whose path the kernel could not print", () => {
  const line = parseOomSummary(
    `${MEMCG}oom_memcg=(null),task_memcg=<name too long>,task=x,pid=7,uid=0`,
  );
  assertEquals(line?.scope, "cgroup");
  assertEquals(line?.limitCgroup, undefined);
  assertEquals(line?.victimCgroup, undefined);
  assertEquals(line?.pid, 7);
});

Deno.test("parseOomSummary() passes over what begins otherwise", () => {
  assertEquals(parseOomSummary("oom-kill"), undefined);
  assertEquals(
    parseOomSummary(" oom-kill:constraint=CONSTRAINT_NONE"),
    undefined,
  );
});
