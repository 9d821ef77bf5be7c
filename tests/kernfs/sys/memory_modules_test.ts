import { assertEquals } from "@std/assert";
import { readMemoryModules } from "../../../lib/kernfs/sys/memory_modules.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

Deno.test("readMemoryModules() sums modules of a type over all controllers", () => {
  using host = TestCgroup.create();
  const module = (path: string, type: string, size: string) =>
    host.file(`sys/devices/system/edac/mc/${path}/dimm_mem_type`, `${type}\n`)
      .file(`sys/devices/system/edac/mc/${path}/size`, `${size}\n`);
  module("mc0/dimm0", "Registered-DDR4", "16384");
  module("mc1/dimm11", "Registered-DDR4", "32768");
  module("mc1/dimm2", "Non-volatile-RAM", "129536");
  module("mc1/dimm3", "Unknown", "many");
  assertEquals(
    readMemoryModules(host.hostFs()),
    new Map([
      ["Registered-DDR4", { capacityBytes: 48 * 1024 ** 3, dimmCount: 2 }],
      ["Non-volatile-RAM", {
        capacityBytes: 129536 * 1024 ** 2,
        dimmCount: 1,
      }],
    ]),
  );
});

Deno.test("readMemoryModules() finds none if no driver reads the controller", () => {
  using host = TestCgroup.create();
  assertEquals(readMemoryModules(host.hostFs()).size, 0);
});
