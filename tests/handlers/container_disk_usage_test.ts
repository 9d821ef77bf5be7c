import { assertEquals } from "@std/assert";
import type { ContainerMetadata } from "../../lib/model/container_metadata.ts";
import type { FsInfo } from "../../lib/model/filesystem.ts";
import { ContainerDiskUsage } from "../../lib/handlers/container_disk_usage.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

const LAYER =
  "/var/lib/docker/overlay2/8500b76f1df062cbefb0f36483d74d5ced489c2d8f3f10743f8a3a6510931abf/diff";
const MOUNTINFO = Deno.readTextFileSync(
  new URL(
    "../testdata/runtimes/docker-20.10-mountinfo.txt",
    import.meta.url,
  ),
);
const METADATA: ContainerMetadata = {
  runtime: "docker",
  id: "1",
  logPath: "/logs/1/1-json.log",
};

/** A container whose directory sizes a test sets. */
function newDisk(host: TestCgroup) {
  const sizes = new Map<string, number>();
  const asked = new Set<string>();
  const forgotten: string[] = [];
  const time = { ms: 1_000 };
  const disk = new ContainerDiskUsage({
    fs: host.hostFs(),
    usage: {
      sizeOf(path) {
        asked.add(path);
        const bytes = sizes.get(path);
        return bytes === undefined
          ? undefined
          : { timestampMs: time.ms, bytes, inodes: 3 };
      },
      forget: (path) => void forgotten.push(path),
      after() {},
    },
    filesystems: {
      ofDirectory: () =>
        Promise.resolve(
          { device: "/dev/vda", capacityBytes: 100 } as unknown as FsInfo,
        ),
    },
  });
  return { disk, sizes, asked, forgotten, time };
}

Deno.test("ContainerDiskUsage counts the overlay's upper directory and the directory of Docker's logs", async () => {
  using host = TestCgroup.create();
  host.file("proc/7/mountinfo", MOUNTINFO);
  const { disk, sizes, asked, forgotten } = newDisk(host);
  assertEquals(disk.at(1_000, 7, METADATA), undefined);
  assertEquals([...asked], [LAYER, "/logs/1"]);
  sizes.set(LAYER, 4096);
  // A partial count is not reported.
  assertEquals(disk.at(1_000, 7, METADATA), undefined);
  sizes.set("/logs/1", 100);
  await Promise.resolve();
  assertEquals(disk.at(1_000, 7, METADATA), [{
    timestampMs: 1_000,
    type: "vfs",
    usageBytes: 4196,
    baseUsageBytes: 4096,
    inodes: 3,
    device: "/dev/vda",
    capacityBytes: 100,
  }]);
  disk.close();
  assertEquals(forgotten, [LAYER, "/logs/1"]);
});

Deno.test("ContainerDiskUsage returns the last count before a time", () => {
  using host = TestCgroup.create();
  host.file("proc/7/mountinfo", MOUNTINFO);
  const { disk, sizes, time } = newDisk(host);
  const baseAt = (ms: number) => disk.at(ms, 7, undefined)?.[0]?.baseUsageBytes;
  sizes.set(LAYER, 1);
  assertEquals(baseAt(500), 1);
  time.ms = 2_000;
  sizes.set(LAYER, 2);
  assertEquals(baseAt(2_500), 2);
  assertEquals(baseAt(1_500), 1);
  for (let bytes = 3; bytes <= 5; bytes++) {
    time.ms = bytes * 1_000;
    sizes.set(LAYER, bytes);
    assertEquals(baseAt(time.ms), bytes);
  }
  // The first count is no longer kept.
  assertEquals(baseAt(1_500), undefined);
  assertEquals(baseAt(2_500), 2);
});

Deno.test("ContainerDiskUsage counts nothing without a process, a mountinfo or an overlay", () => {
  using host = TestCgroup.create();
  host.file("proc/8/mountinfo", "1 1 8:1 / / rw - ext4 /dev/vda rw\n");
  const { disk, asked } = newDisk(host);
  for (const pid of [undefined, 7, 8]) {
    assertEquals(disk.at(0, pid, METADATA), undefined);
  }
  assertEquals(asked.size, 0);
  assertEquals([7, 8].map((pid) => disk.isCounted(pid, METADATA)), [
    true,
    true,
  ]);
});

Deno.test("ContainerDiskUsage.isCounted() starts the first count, and is true once it ended", () => {
  using host = TestCgroup.create();
  host.file("proc/7/mountinfo", MOUNTINFO);
  const { disk, sizes, asked } = newDisk(host);
  assertEquals(disk.isCounted(7, METADATA), false);
  assertEquals([...asked], [LAYER, "/logs/1"]);
  sizes.set(LAYER, 4096);
  assertEquals(disk.isCounted(7, METADATA), false);
  sizes.set("/logs/1", 100);
  assertEquals(disk.isCounted(7, METADATA), true);
});
