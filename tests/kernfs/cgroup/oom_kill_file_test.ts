import { assertEquals } from "@std/assert";
import type { Hierarchies } from "../../../lib/kernfs/cgroup/hierarchy.ts";
import { OomKillFile } from "../../../lib/kernfs/cgroup/oom_kill_file.ts";
import { RecordedTree } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/**
 * Returns the file of a cgroup in a single hierarchy with the memory
 * controller.
 */
function fileOf(cgroup: TestCgroup, version: 1 | 2): OomKillFile {
  const { path } = cgroup;
  const hierarchies: Hierarchies = {
    mode: version === 2 ? "unified" : "legacy",
    all: [{ version, controllers: ["memory"], path }],
  };
  return new OomKillFile(
    cgroup.hostFs({ maxOpenFiles: 0 }),
    hierarchies,
    () => path,
  );
}

Deno.test("OomKillFile reads memory.oom_control of v1", () => {
  using cgroup = TestCgroup.create();
  cgroup.file(
    "memory.oom_control",
    "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
  );
  assertEquals(fileOf(cgroup, 1).read(), {
    count: 4,
    source: "memory.oom_control",
  });
});

Deno.test("OomKillFile reads a v2 cgroup's own kills, descendants excluded", () => {
  using cgroup = TestCgroup.create();
  cgroup.file("memory.events", "low 0\noom 9\noom_kill 9\noom_group_kill 1\n");
  assertEquals(fileOf(cgroup, 2).read(), {
    count: 9,
    groupKills: 1,
    source: "memory.events",
  });
  cgroup.file(
    "memory.events.local",
    "low 0\noom 2\noom_kill 2\noom_group_kill 1\n",
  );
  assertEquals(fileOf(cgroup, 2).read(), {
    count: 2,
    groupKills: 1,
    source: "memory.events.local",
  });
});

Deno.test("OomKillFile returns undefined if kills are not counted", () => {
  using cgroup = TestCgroup.create();
  assertEquals(fileOf(cgroup, 1).read(), undefined);
  // Before Linux 4.13.
  cgroup.file("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
  assertEquals(fileOf(cgroup, 1).read(), undefined);
  const none = new OomKillFile(
    cgroup.hostFs(),
    { mode: "unified", all: [] },
    () => "",
  );
  assertEquals(none.read(), undefined);
});

Deno.test("OomKillFile opens a missing file again after recheck()", () => {
  using cgroup = TestCgroup.create();
  const file = fileOf(cgroup, 2);
  assertEquals(file.read(), undefined);
  cgroup.file("memory.events.local", "oom_kill 1\n");
  assertEquals(file.read(), undefined);
  file.recheck();
  assertEquals(file.read()?.count, 1);
  file.close();
});

Deno.test("OomKillFile reads the kill of a recorded container", () => {
  using tree = new RecordedTree("6.18-hybrid");
  const name =
    "/rt-lab/42e66ba9ecd7e63a4a16533e7fcc807d9bf54602779b270002593a64dc2d7583";
  const file = new OomKillFile(
    tree.fs,
    tree.hierarchies,
    ({ path }) => path + name,
  );
  assertEquals(file.read(), { count: 1, source: "memory.oom_control" });
  file.close();
});
