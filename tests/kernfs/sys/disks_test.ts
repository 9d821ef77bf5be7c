import { assertEquals } from "@std/assert";
import { readDisks } from "../../../lib/kernfs/sys/disks.ts";
import { recordedMachine } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

Deno.test("readDisks() reads the disks of a recorded machine, without loop devices", () => {
  using host = recordedMachine("6.18-vm.txt");
  assertEquals(readDisks(host.hostFs()), [
    {
      name: "vda",
      major: 254,
      minor: 0,
      sizeBytes: 536870912 * 512,
      scheduler: "mq-deadline",
    },
    { name: "zram0", major: 253, minor: 0, sizeBytes: 0, scheduler: "none" },
  ]);
});

Deno.test("readDisks() omits incomplete and hidden disks", () => {
  using host = TestCgroup.create();
  host.file("sys/block/nvme0c0n1/dev", "259:9\n")
    .file("sys/block/nvme0c0n1/hidden", "1\n")
    .file("sys/block/sda/size", "8\n")
    .file("sys/block/md0/dev", "9:0\n");
  assertEquals(readDisks(host.hostFs()), [
    { name: "md0", major: 9, minor: 0, scheduler: "none" },
  ]);
});
