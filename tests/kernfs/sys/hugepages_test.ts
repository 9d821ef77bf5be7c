import { assertEquals } from "@std/assert";
import { readHugepages } from "../../../lib/kernfs/sys/hugepages.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

Deno.test("readHugepages() reads all sizes in ascending order", () => {
  using host = TestCgroup.create();
  host.file("h/hugepages-1048576kB/nr_hugepages", "2\n")
    .file("h/hugepages-64kB/nr_hugepages", "0\n")
    .file("h/hugepages-2048kB/nr_hugepages", "512\n")
    .child("h/power");
  assertEquals(readHugepages(host.hostFs(), "/h"), [
    { pageSizeKib: 64, numPages: 0 },
    { pageSizeKib: 2048, numPages: 512 },
    { pageSizeKib: 1048576, numPages: 2 },
  ]);
  assertEquals(readHugepages(host.hostFs(), "/none"), []);
});
