import { assertEquals } from "@std/assert";
import {
  parseVictimCgroup,
  VictimCgroups,
} from "../../../lib/kernfs/proc/proc_cgroup.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/**
 * Linux 6.18, hybrid: a process of a container, then the same process killed
 * and not yet reaped.
 */
const RUNNING = "9:name=systemd:/\n4:memory:/web\n1:cpu:/\n0::/web\n";
const EXITING = "9:name=systemd:/\n4:memory:/\n1:cpu:/\n0::/web\n";

Deno.test("parseVictimCgroup() uses the line of v1's memory controller, otherwise that of v2", () => {
  assertEquals(parseVictimCgroup(RUNNING), "/web");
  assertEquals(parseVictimCgroup("3:cpu,memory:/a/b\n0::/c\n"), "/a/b");
  assertEquals(
    parseVictimCgroup("0::/system.slice/ssh.service\n"),
    "/system.slice/ssh.service",
  );
});

Deno.test("parseVictimCgroup() returns undefined for an exiting process that has left v1's cgroups", () => {
  assertEquals(parseVictimCgroup(EXITING), undefined);
  const view = {
    isPrivate: true,
    resolve: (_: string, path: string) => path === "/" ? "/own" : path.slice(3),
  };
  assertEquals(parseVictimCgroup("4:memory:/\n0::/../web\n", view), undefined);
  assertEquals(parseVictimCgroup("4:memory:/\n", view), undefined);
  // An exiting process keeps its v2 cgroup.
  assertEquals(parseVictimCgroup("0::/\n", view), "/own");
});

Deno.test("parseVictimCgroup() keeps colons and spaces of a name, and removes the suffix of a removed cgroup", () => {
  assertEquals(parseVictimCgroup("0::/a:b c (d)\n"), "/a:b c (d)");
  assertEquals(parseVictimCgroup("0::/web (deleted)\n"), "/web");
  assertEquals(parseVictimCgroup("4:memory:/web (deleted)\n"), "/web");
});

Deno.test("parseVictimCgroup() returns undefined if there is no cgroup", () => {
  const cases = [
    "",
    "\n",
    "4:memory\n",
    "1:cpu:/web\n",
    "0::web\n",
    "4:memory:/\n0::/\n",
    "4:memory:/\n",
    // Above the root of a cgroup namespace.
    "0::/../web\n",
    "0::/..\n",
    "4:memory:/../web\n0::/web\n",
  ];
  for (const text of cases) {
    assertEquals(parseVictimCgroup(text), undefined, text);
  }
});

/** The host's `kthreadd`, with the flag `PF_KTHREAD`. */
const KTHREADD =
  "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 30 0 0";

/** Returns the `stat` of a process with this start time in ticks. */
function statOf(ticks: number, state = "R", flags = 0x400000): string {
  return `7 (a) b) ${state} 1 7 7 0 -1 ${flags} 0 0 0 0 0 0 0 0 20 0 1 0 ${ticks} 0 0`;
}

const KILLED_PENDING =
  "Name:\ta\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n";
const NONE_PENDING =
  "Name:\ta\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n";

Deno.test("VictimCgroups finds the cgroup of a dying process that started before it was killed", () => {
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
    // It keeps running.
    [statOf(99), NONE_PENDING, false],
    // A process with the PID of one that was killed one second after boot.
    [statOf(100), KILLED_PENDING, false],
    [statOf(5000, "Z"), KILLED_PENDING, false],
    ["7 (a", KILLED_PENDING, false],
  ];
  for (const [stat, status, isVictim] of table) {
    root.file("proc/7/stat", stat);
    root.file("proc/7/status", status);
    assertEquals(
      victims.find(7, 1_000_000),
      isVictim ? "/web" : undefined,
      stat,
    );
  }
  assertEquals(victims.find(8, 1_000_000), undefined);
});

Deno.test("VictimCgroups finds nothing if /proc has the PIDs of another namespace", () => {
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
