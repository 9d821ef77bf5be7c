import { assertEquals, assertThrows } from "@std/assert";
import type { HostFs } from "../../../lib/kernfs/host_fs.ts";
import { nodeOomKills } from "../../../lib/kernfs/proc/vmstat.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/** Keep no file open: the test closes none. */
function hostFs(root: TestCgroup): HostFs {
  return root.hostFs({ maxOpenFiles: 0 });
}

Deno.test("nodeOomKills() reads the current count each time", () => {
  using root = TestCgroup.create();
  const write = (count: number) =>
    root.file("proc/vmstat", `nr_free_pages 7\noom_kill ${count}\npgfault 9\n`);
  write(3);
  const read = nodeOomKills(hostFs(root));
  assertEquals(read(), 3);
  write(1886);
  assertEquals(read(), 1886);
});

Deno.test("nodeOomKills() returns undefined before Linux 4.13, or without the file", () => {
  using root = TestCgroup.create();
  assertEquals(nodeOomKills(hostFs(root))(), undefined);
  root.file("proc/vmstat", "nr_free_pages 7\noom_kill_disable 1\n");
  assertEquals(nodeOomKills(hostFs(root))(), undefined);
});

Deno.test("nodeOomKills() throws on an invalid count", () => {
  using root = TestCgroup.create();
  root.file("proc/vmstat", "oom_kill many\n");
  assertThrows(() => nodeOomKills(hostFs(root))(), KernfsSyntaxError);
});
