import { assert, assertEquals } from "@std/assert";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

function text(fs: HostFs, length: number): string {
  return new TextDecoder().decode(fs.bytes.subarray(0, length));
}

Deno.test("HostFs.path() resolves a host path below the root, once", () => {
  const fs = new HostFs({ root: "/rootfs/" });
  assertEquals(fs.root, "/rootfs");
  assertEquals(fs.path("/proc/stat"), "/rootfs/proc/stat");
  assertEquals(fs.path("/rootfs/proc/stat"), "/rootfs/proc/stat");
  assertEquals(fs.path("/rootfs"), "/rootfs");
  assertEquals(fs.path("/rootfs2/x"), "/rootfs/rootfs2/x");
  assertEquals(new HostFs().path("/proc/stat"), "/proc/stat");
});

Deno.test("HostFs.readText() returns the text of a host file, or undefined if it is missing", () => {
  using host = TestCgroup.create();
  host.file("proc/version", "Linux\n").file("proc/large", "ä".repeat(70_000));
  const fs = host.hostFs();
  assertEquals(fs.readText("/proc/version"), "Linux\n");
  assertEquals(fs.readText("/proc/large"), "ä".repeat(70_000));
  assertEquals(fs.readText("/proc/nothing"), undefined);
  assertEquals(fs.readText("/proc"), undefined);
});

Deno.test("HostFs.statDirectory() returns inode, links and modification time of directories only", () => {
  using host = TestCgroup.create();
  const fs = host.file("file", "").hostFs();
  const child = host.child("a");
  host.child("a/b");
  host.child("a/c");
  const found = fs.statDirectory(child.path);
  assertEquals(found?.inode, child.inode);
  assertEquals(
    found?.modifiedMs,
    Deno.statSync(child.path).mtime?.getTime(),
  );
  // A file system that does not count links returns 1.
  assert(found?.links === 4 || found?.links === 1);
  assertEquals(fs.statDirectory(`${host.path}/file`), undefined);
  assertEquals(fs.statDirectory(`${host.path}/file/below`), undefined);
  assertEquals(fs.statDirectory(`${host.path}/none`), undefined);
});

Deno.test("HostFs.subdirectories() lists only directories, and none if the directory is gone", () => {
  using host = TestCgroup.create();
  const fs = host.file("cgroup.procs", "").hostFs();
  host.child("a");
  host.child("b");
  assertEquals(fs.subdirectories(host.path).toSorted(), ["a", "b"]);
  assertEquals(fs.subdirectories(`${host.path}/none`), []);
});

Deno.test("HostFs.isCgroupfs() distinguishes regular files from cgroupfs", () => {
  using host = TestCgroup.create();
  assertEquals(host.hostFs().isCgroupfs(host.path), false);
  assertEquals(host.hostFs().isCgroupfs(`${host.path}/none`), false);
});

Deno.test("HostFs.readOnce() reads to the end, and nothing of a file above the limit", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs();
  for (const bytes of [0, 1, 5000, 64 * 1024, 300_000]) {
    const whole = "x".repeat(bytes);
    const { path } = host.file("smaps", whole);
    assertEquals(fs.readOnce(`${path}/smaps`, 300_000), bytes);
    assertEquals(text(fs, bytes), whole);
    if (bytes > 0) assertEquals(fs.readOnce(`${path}/smaps`, bytes - 1), -1);
  }
  assertEquals(fs.readOnce(`${host.path}/none`, 10), -1);
});

Deno.test("HostFs returns inodes, names and the page size", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs();
  host.file("proc/1/net", "").file("proc/2/net", "");
  const [one, two] = ["1", "2"].map((pid) =>
    fs.inodeAt(`${host.path}/proc/${pid}/net`)
  );
  assert(one !== undefined && two !== undefined && one !== two);
  assertEquals(fs.inodeAt(`${host.path}/proc/3/net`), undefined);
  assertEquals(fs.names(`${host.path}/proc`)?.toSorted(), ["1", "2"]);
  assertEquals(fs.names(`${host.path}/none`), undefined);
  assertEquals(Math.log2(fs.pageBytes) % 1, 0);
});

Deno.test("HostFs requests at most 64 KiB per read, regardless of the buffer's size", () => {
  using host = TestCgroup.create();
  const fs = host.file("large", "x".repeat(5_000_000)).hostFs();
  assertEquals(fs.readOnce(`${host.path}/large`, 5_000_000), 5_000_000);
  const offered: number[] = [];
  host.file("osrelease", "6.18.44\n");
  using file = Deno.openSync(`${host.path}/osrelease`);
  const read = file.readSync.bind(file);
  file.readSync = (bytes) => {
    offered.push(bytes.length);
    return read(bytes);
  };
  assertEquals(text(fs, fs.readControl(file)), "6.18.44\n");
  assertEquals(offered, [64 * 1024]);
});
