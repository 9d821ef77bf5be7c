import { assertEquals } from "@std/assert";
import { parseDiskstats } from "../../../lib/kernfs/proc/diskstats.ts";
import { recordedMachine } from "../../_support/recorded_tree.ts";

Deno.test("parseDiskstats() parses each device of a recorded file", () => {
  using host = recordedMachine("6.18-vm.txt");
  const text = host.hostFs().readText("/proc/diskstats") ?? "";
  const disks = parseDiskstats(text);
  assertEquals(disks.size, 10);
  assertEquals(disks.get("254:0"), {
    readsCompleted: 818591,
    readsMerged: 68016,
    sectorsRead: 34539778,
    readTimeMs: 522738,
    writesCompleted: 225238,
    writesMerged: 131592,
    sectorsWritten: 19119136,
    writeTimeMs: 95530,
    ioInProgress: 0,
    ioTimeMs: 144900,
    weightedIoTimeMs: 682751,
  });
});

Deno.test("parseDiskstats() accepts any disk name, and skips short lines", () => {
  const disks = parseDiskstats(
    " 259       2 nvme0n1p1 1204 0 35466 310 88 12 812 44 0 190 354\n" +
      " 179       0 mmcblk0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n" +
      "   9       0 md0 1 2 3 4 5 6 7 8 9 10\n\n",
  );
  assertEquals([...disks.keys()], ["259:2", "179:0"]);
  assertEquals(disks.get("179:0")?.weightedIoTimeMs, 11);
});
