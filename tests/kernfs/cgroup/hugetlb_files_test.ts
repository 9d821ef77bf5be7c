import { assertEquals } from "@std/assert";
import {
  hugePageSizes,
  hugetlbFiles,
} from "../../../lib/kernfs/cgroup/hugetlb_files.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";
import { readAs } from "../../_support/read_file.ts";

Deno.test("hugePageSizes() formats sizes as in file names", () => {
  using host = TestCgroup.create();
  for (const kib of [64, 2048, 32768, 1048576, 16777216]) {
    host.child(`sys/kernel/mm/hugepages/hugepages-${kib}kB`);
  }
  host.child("sys/kernel/mm/hugepages/other");
  assertEquals(
    hugePageSizes(host.hostFs()).toSorted(),
    ["16GB", "1GB", "2MB", "32MB", "64KB"],
  );
  using bare = TestCgroup.create();
  assertEquals(hugePageSizes(bare.hostFs()), []);
});

Deno.test("hugetlbFiles() store the values of a size in one group", () => {
  const v1 = hugetlbFiles(1, ["2MB"]);
  const name = "hugetlb.2MB.rsvd";
  assertEquals(readAs(v1, `${name}.usage_in_bytes`, "7\n"), {
    "hugetlb 2MB": [7, NaN, NaN],
  });
  assertEquals(readAs(v1, `${name}.max_usage_in_bytes`, "8\n"), {
    "hugetlb 2MB": [NaN, 8, NaN],
  });
  assertEquals(readAs(v1, `${name}.failcnt`, "9\n"), {
    "hugetlb 2MB": [NaN, NaN, 9],
  });
  const v2 = hugetlbFiles(2, ["1GB"]);
  assertEquals(readAs(v2, "hugetlb.1GB.rsvd.current", "5\n"), {
    "hugetlb 1GB": [5, NaN, NaN],
  });
  assertEquals(readAs(v2, "hugetlb.1GB.events", "max 6\n"), {
    "hugetlb 1GB": [NaN, NaN, 6],
  });
  assertEquals(v1.map(({ fallback }) => fallback), [
    "hugetlb.2MB.usage_in_bytes",
    "hugetlb.2MB.max_usage_in_bytes",
    "hugetlb.2MB.failcnt",
  ]);
});
