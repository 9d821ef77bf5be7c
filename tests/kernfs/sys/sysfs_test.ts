import { assertEquals } from "@std/assert";
import {
  parseCpuList,
  readFirstValue,
  readIndexes,
  readInteger,
} from "../../../lib/kernfs/sys/sysfs.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

Deno.test("parseCpuList() parses ranges and single CPUs", () => {
  assertEquals([...parseCpuList("0-3,8,10-11\n")], [0, 1, 2, 3, 8, 10, 11]);
  assertEquals([...parseCpuList("\n")], []);
  assertEquals(parseCpuList("0-99999999999999").size, 65_536);
});

Deno.test("readIndexes() sorts by number, and accepts only integers", () => {
  using host = TestCgroup.create();
  for (const name of ["cpu10", "cpu2", "cpu0", "cpuidle", "cpu1x", "node3"]) {
    host.child(`sys/cpu/${name}`);
  }
  assertEquals(readIndexes(host.hostFs(), "/sys/cpu", "cpu"), [0, 2, 10]);
  assertEquals(readIndexes(host.hostFs(), "/sys/none", "cpu"), []);
});

Deno.test("readInteger() treats -1 and invalid numbers as unknown", () => {
  using host = TestCgroup.create();
  host.file("a", "12\n").file("b", "-1\n").file("c", "").file("d", "<none>\n");
  const counts = ["/a", "/b", "/c", "/d", "/e"]
    .map((path) => readInteger(host.hostFs(), path));
  assertEquals(counts, [12, undefined, undefined, undefined, undefined]);
});

Deno.test("readFirstValue() skips missing and empty files", () => {
  using host = TestCgroup.create();
  host.file("empty", "\n").file("tree", "id\0");
  const fs = host.hostFs();
  assertEquals(readFirstValue(fs, ["/none", "/empty", "/tree"]), "id");
  assertEquals(readFirstValue(fs, ["/none"]), undefined);
});
