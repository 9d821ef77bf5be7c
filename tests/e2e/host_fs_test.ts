import { assert, assertEquals } from "@std/assert";
import { ControlFile } from "../../lib/kernfs/control_file.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { readVersions } from "../../lib/kernfs/machine.ts";
import { CAN_MAKE_CGROUPS, HIERARCHIES, TestCgroups } from "./_cgroups.ts";

Deno.test("HostFs reads /proc/sys after its buffer has grown to 16 MiB", async () => {
  const fs = new HostFs();
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, new Uint8Array(5 * 1024 * 1024));
    fs.readOnce(path, 8 * 1024 * 1024);
    assertEquals(fs.bytes.length, 16 * 1024 * 1024);
    assertEquals(readVersions(fs).kernelVersion, Deno.osRelease());
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("HostFs distinguishes the kernel's file systems", () => {
  const fs = new HostFs();
  for (const path of HIERARCHIES.values()) assert(fs.isCgroupfs(path));
  assertEquals(fs.isCgroupfs("/proc"), false);
  // The size of the directory, where procfs reports the number of entries; otherwise the listing.
  const counted = fs.entryCount("/proc/self/fd") ?? NaN;
  const listed = fs.names("/proc/self/fd")?.length ?? NaN;
  assert(Math.abs(counted - listed) <= 1, `${counted} and ${listed}`);
});

Deno.test({
  name:
    "ControlFile.read() returns -1 for a removed cgroup, whose files it closes",
  ignore: !CAN_MAKE_CGROUPS,
  async fn() {
    await using cgroups = new TestCgroups("hostfs");
    const name = cgroups.make("/a");
    const fs = new HostFs();
    const files = [...HIERARCHIES.values()].map((path) =>
      new ControlFile(fs, `${path}${name}/cgroup.procs`)
    ).filter((file) => file.read() === 0);
    assert(files.length > 0);
    assertEquals(fs.openFiles, files.length);
    cgroups.remove("/a");
    for (const file of files) assertEquals(file.read(), -1);
    assertEquals(fs.openFiles, 0);
    // A new cgroup of the same name must not be read.
    cgroups.make("/a");
    for (const file of files) assertEquals(file.read(), -1);
    for (const file of files) file.recheck();
    for (const file of files) assertEquals(file.read(), 0);
    for (const file of files) file.close();
    assertEquals(fs.openFiles, 0);
  },
});
