import { assertEquals } from "@std/assert";
import { DeviceNames } from "../../../lib/kernfs/sys/device_names.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

Deno.test("DeviceNames caches a device's path by number until it is cleared", () => {
  using host = TestCgroup.create();
  const uevent = "sys/dev/block/8:16/uevent";
  host.file(uevent, "MAJOR=8\nMINOR=16\nDEVNAME=sdb\nDEVTYPE=disk\n");
  const names = new DeviceNames(host.hostFs());
  assertEquals(names.nameOf("8:16"), "/dev/sdb");
  assertEquals(names.nameOf("8:32"), undefined);
  host.file(uevent, "DEVNAME=mapper/x\n");
  assertEquals(names.nameOf("8:16"), "/dev/sdb");
  names.forget();
  assertEquals(names.nameOf("8:16"), "/dev/mapper/x");
});
