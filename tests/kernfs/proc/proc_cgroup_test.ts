import { assertEquals } from "@std/assert";
import {
  parseMemoryCgroup,
  readMemoryCgroup,
} from "../../../lib/kernfs/proc/proc_cgroup.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/** 6.18, hybrid: a process of a container, and the same when it was killed and not yet reaped. */
const RUNNING = "9:name=systemd:/\n4:memory:/web\n1:cpu:/\n0::/web\n";
const EXITING = "9:name=systemd:/\n4:memory:/\n1:cpu:/\n0::/web\n";

Deno.test("parseMemoryCgroup() takes the line of v1's memory controller, else that of v2", () => {
  assertEquals(parseMemoryCgroup(RUNNING), "/web");
  assertEquals(parseMemoryCgroup("3:cpu,memory:/a/b\n0::/c\n"), "/a/b");
  assertEquals(
    parseMemoryCgroup("0::/system.slice/ssh.service\n"),
    "/system.slice/ssh.service",
  );
  assertEquals(parseMemoryCgroup("4:memory:/\n0::/\n"), "/");
  assertEquals(parseMemoryCgroup("4:memory:/\n"), "/");
});

Deno.test("parseMemoryCgroup() takes the line of v2 of a process that has left v1's cgroups as it exits", () => {
  assertEquals(parseMemoryCgroup(EXITING), "/web");
});

Deno.test("parseMemoryCgroup() keeps colons and spaces of a name, and leaves out the mark of a removed one", () => {
  assertEquals(parseMemoryCgroup("0::/a:b c (d)\n"), "/a:b c (d)");
  assertEquals(parseMemoryCgroup("0::/web (deleted)\n"), "/web");
  assertEquals(parseMemoryCgroup("4:memory:/web (deleted)\n"), "/web");
});

Deno.test("parseMemoryCgroup() finds nothing where nothing is", () => {
  for (const text of ["", "\n", "4:memory\n", "1:cpu:/web\n", "0::web\n"]) {
    assertEquals(parseMemoryCgroup(text), undefined, text);
  }
});

Deno.test("readMemoryCgroup() does not name the root, nor a process that is gone", () => {
  using root = TestCgroup.create();
  const fs = root.hostFs();
  root.file("proc/7/cgroup", RUNNING);
  root.file("proc/8/cgroup", "4:memory:/\n0::/\n");
  root.file("proc/8/cpuset", "/\n");
  assertEquals(readMemoryCgroup(fs, 7), "/web");
  assertEquals(readMemoryCgroup(fs, 8), undefined);
  assertEquals(readMemoryCgroup(fs, 9), undefined);
});

Deno.test("readMemoryCgroup() asks the cpuset of a process that exits where there is no v2", () => {
  using root = TestCgroup.create();
  const fs = root.hostFs();
  for (const text of ["/docker/eac1\n", "/docker/eac1 (deleted)\n"]) {
    root.file("proc/7/cgroup", "4:memory:/\n3:cpuset:/\n");
    root.file("proc/7/cpuset", text);
    assertEquals(readMemoryCgroup(fs, 7), "/docker/eac1");
  }
  root.file("proc/8/cgroup", "4:memory:/\n3:cpuset:/\n");
  assertEquals(readMemoryCgroup(fs, 8), undefined);
});
