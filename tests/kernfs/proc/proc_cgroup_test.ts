import { assertEquals } from "@std/assert";
import {
  parseVictimCgroup,
  VictimCgroups,
} from "../../../lib/kernfs/proc/proc_cgroup.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

function memory(name: string): { name: string; isMemory: boolean } {
  return { name, isMemory: true };
}

/** 6.18, hybrid: a process of a container, and the same when it was killed and not yet reaped. */
const RUNNING = "9:name=systemd:/\n4:memory:/web\n1:cpu:/\n0::/web\n";
const EXITING = "9:name=systemd:/\n4:memory:/\n1:cpu:/\n0::/web\n";

Deno.test("parseVictimCgroup() takes the line of v1's memory controller, else that of v2", () => {
  assertEquals(parseVictimCgroup(RUNNING), memory("/web"));
  assertEquals(parseVictimCgroup("3:cpu,memory:/a/b\n0::/c\n"), memory("/a/b"));
  assertEquals(
    parseVictimCgroup("0::/system.slice/ssh.service\n"),
    memory("/system.slice/ssh.service"),
  );
});

Deno.test("parseVictimCgroup() takes the line of v2 of a process that has left v1's cgroups as it exits", () => {
  assertEquals(parseVictimCgroup(EXITING), { name: "/web", isMemory: false });
});

Deno.test("parseVictimCgroup() keeps colons and spaces of a name, and leaves out the mark of a removed one", () => {
  assertEquals(parseVictimCgroup("0::/a:b c (d)\n"), memory("/a:b c (d)"));
  assertEquals(parseVictimCgroup("0::/web (deleted)\n"), memory("/web"));
  assertEquals(parseVictimCgroup("4:memory:/web (deleted)\n"), memory("/web"));
});

Deno.test("parseVictimCgroup() finds nothing where nothing is", () => {
  const texts = [
    "",
    "\n",
    "4:memory\n",
    "1:cpu:/web\n",
    "0::web\n",
    "4:memory:/\n0::/\n",
    "4:memory:/\n",
    // Out of the root of a cgroup namespace.
    "0::/../web\n",
    "0::/..\n",
    "4:memory:/../web\n0::/web\n",
  ];
  for (const text of texts) {
    assertEquals(parseVictimCgroup(text), undefined, text);
  }
});

/** The host's `kthreadd`, whose flags have `PF_KTHREAD`. */
const KTHREADD =
  "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 30 0 0";

/** A process that began at so many ticks. */
function statOf(ticks: number, state = "R", flags = 0x400000): string {
  return `7 (a) b) ${state} 1 7 7 0 -1 ${flags} 0 0 0 0 0 0 0 0 20 0 1 0 ${ticks} 0 0`;
}

const KILLED_PENDING =
  "Name:\ta\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n";
const NONE_PENDING =
  "Name:\ta\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n";

Deno.test("VictimCgroups finds the cgroup of a process that began before it was killed and is dying", () => {
  using root = TestCgroup.create();
  const victims = new VictimCgroups(root.hostFs());
  root.file("proc/2/stat", KTHREADD);
  root.file("proc/7/cgroup", RUNNING);
  root.file("proc/7/status", NONE_PENDING);
  const table: [string, string, boolean][] = [
    [statOf(99), KILLED_PENDING, true],
    [statOf(99, "Z"), NONE_PENDING, true],
    [statOf(99, "R", 0x400004), NONE_PENDING, true],
    [statOf(99, "R", 0x400400), NONE_PENDING, true],
    // It goes on to live.
    [statOf(99), NONE_PENDING, false],
    // It has the pid of the one that was killed a second after boot.
    [statOf(100), KILLED_PENDING, false],
    [statOf(5000, "Z"), KILLED_PENDING, false],
    ["7 (a", KILLED_PENDING, false],
  ];
  for (const [stat, status, isVictim] of table) {
    root.file("proc/7/stat", stat);
    root.file("proc/7/status", status);
    assertEquals(
      victims.find(7, 1_000_000),
      isVictim ? memory("/web") : undefined,
      stat,
    );
  }
  assertEquals(victims.find(8, 1_000_000), undefined);
});

Deno.test("VictimCgroups finds none where /proc has the pids of another namespace", () => {
  using root = TestCgroup.create();
  root.file("proc/7/cgroup", RUNNING);
  root.file("proc/7/stat", statOf(1, "Z"));
  for (
    const stat of [
      "",
      "2 (kthreadd) S 1 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 30 0 0",
    ]
  ) {
    if (stat !== "") root.file("proc/2/stat", stat);
    const victims = new VictimCgroups(root.hostFs());
    assertEquals(victims.find(7, 1_000_000), undefined);
  }
});

Deno.test("VictimCgroups finds the cpuset of a process that exits where there is no v2, as another hierarchy's", () => {
  using root = TestCgroup.create();
  const victims = new VictimCgroups(root.hostFs());
  root.file("proc/2/stat", KTHREADD);
  root.file("proc/7/stat", statOf(1, "Z"));
  root.file("proc/7/cgroup", "4:memory:/\n3:cpuset:/\n");
  const found = { name: "/docker/eac1", isMemory: false };
  for (const text of ["/docker/eac1\n", "/docker/eac1 (deleted)\n"]) {
    root.file("proc/7/cpuset", text);
    assertEquals(victims.find(7, 1_000_000), found);
  }
  root.file("proc/7/cpuset", "/../eac1\n");
  assertEquals(victims.find(7, 1_000_000), undefined);
});
