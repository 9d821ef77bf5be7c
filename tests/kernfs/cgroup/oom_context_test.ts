import { assertEquals } from "@std/assert";
import type { Hierarchies } from "../../../lib/kernfs/cgroup/hierarchy.ts";
import {
  isKilledAlone,
  readOomContext,
} from "../../../lib/kernfs/cgroup/oom_context.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

function hierarchiesOf(version: 1 | 2, path: string): Hierarchies {
  return { mode: "unified", all: [{ version, controllers: ["memory"], path }] };
}

Deno.test("readOomContext() reads v2 usage, limits and pressure of a cgroup at its limit", () => {
  using root = TestCgroup.create();
  root.child("web")
    .file("memory.max", "20971520\n")
    .file("memory.current", "20967424\n")
    .file("memory.peak", "20971520\n")
    .file("memory.swap.current", "0\n")
    .file("memory.swap.max", "max\n")
    .file("memory.oom.group", "1\n")
    .file(
      "memory.pressure",
      "some avg10=1.49 avg60=0.34 avg300=0.07 total=256409\nfull avg10=1.21 avg60=0.27 avg300=0.06 total=216199\n",
    );
  const hierarchies = hierarchiesOf(2, root.path);
  assertEquals(readOomContext(root.hostFs(), hierarchies, "/web"), {
    limit_bytes: 20971520,
    usage_bytes: 20967424,
    peak_bytes: 20971520,
    swap_bytes: 0,
    oom_group: 1,
    pressure_some_avg10: 1.49,
    pressure_full_avg10: 1.21,
  });
});

Deno.test("readOomContext() reads memory and swap together on v1", () => {
  using root = TestCgroup.create();
  root.child("web")
    .file("memory.limit_in_bytes", "20971520\n")
    .file("memory.usage_in_bytes", "20967424\n")
    .file("memory.max_usage_in_bytes", "20971520\n")
    .file("memory.memsw.usage_in_bytes", "20967424\n")
    .file("memory.memsw.limit_in_bytes", "41943040\n");
  const hierarchies = hierarchiesOf(1, root.path);
  assertEquals(readOomContext(root.hostFs(), hierarchies, "/web"), {
    limit_bytes: 20971520,
    usage_bytes: 20967424,
    peak_bytes: 20971520,
    memory_and_swap_bytes: 20967424,
    memory_and_swap_limit_bytes: 41943040,
  });
});

Deno.test("readOomContext() returns undefined for a removed cgroup", () => {
  using root = TestCgroup.create();
  const fs = root.hostFs();
  const hierarchies = hierarchiesOf(2, root.path);
  assertEquals(readOomContext(fs, hierarchies, "/web"), undefined);
  assertEquals(
    readOomContext(fs, { mode: "unified", all: [] }, "/web"),
    undefined,
  );
});

Deno.test("readOomContext() reads the root's files in the hierarchy itself", () => {
  using root = TestCgroup.create();
  root.file(
    "memory.pressure",
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
  );
  assertEquals(
    readOomContext(root.hostFs(), hierarchiesOf(2, root.path), "/"),
    { pressure_some_avg10: 0 },
  );
});

Deno.test("isKilledAlone() is true if no cgroup up to the limit is killed as a group", () => {
  using root = TestCgroup.create();
  const fs = root.hostFs();
  const hierarchies = hierarchiesOf(2, root.path);
  const isAlone = (victim: string, limit: string) =>
    isKilledAlone(fs, hierarchies, victim, limit);
  root.file("pod/memory.oom.group", "1\n");
  root.file("pod/a/memory.oom.group", "0\n");
  root.file("b/memory.oom.group", "0\n");
  assertEquals(isAlone("/pod/a", "/pod/a"), true);
  assertEquals(isAlone("/b", "/"), true);
  assertEquals(isAlone("/pod/a", "/pod"), false);
  assertEquals(isAlone("/pod/a", "/"), false);
  assertEquals(isAlone("/gone", "/gone"), false);
  assertEquals(isAlone("/b", "/c"), false);
});
