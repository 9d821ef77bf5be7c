import { assert, assertEquals, assertThrows } from "@std/assert";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

function text(fs: HostFs, length: number): string {
  return new TextDecoder().decode(fs.bytes.subarray(0, length));
}

Deno.test("HostFs.path() places a host path below the root, once", () => {
  const fs = new HostFs({ root: "/rootfs/" });
  assertEquals(fs.root, "/rootfs");
  assertEquals(fs.path("/proc/stat"), "/rootfs/proc/stat");
  assertEquals(fs.path("/rootfs/proc/stat"), "/rootfs/proc/stat");
  assertEquals(fs.path("/rootfs"), "/rootfs");
  assertEquals(fs.path("/rootfs2/x"), "/rootfs/rootfs2/x");
  assertEquals(new HostFs().path("/proc/stat"), "/proc/stat");
});

Deno.test("HostFs.readText() gives the text of a host file, and nothing where there is none", () => {
  using host = TestCgroup.create();
  const fs = host.file("proc/version", "Linux\n").hostFs();
  assertEquals(fs.readText("/proc/version"), "Linux\n");
  assertEquals(fs.readText("/proc/nothing"), undefined);
  assertEquals(fs.readText("/proc"), undefined);
});

Deno.test("HostFs.directory() tells inode, links and age of a directory, and of nothing else", () => {
  using host = TestCgroup.create();
  const fs = host.file("file", "").hostFs();
  const child = host.child("a");
  host.child("a/b");
  host.child("a/c");
  const found = fs.directory(child.path);
  assertEquals(found?.inode, child.inode);
  assertEquals(
    found?.modifiedMs,
    Deno.statSync(child.path).mtime?.getTime(),
  );
  // A file system that does not count them says 1.
  assert(found?.links === 4 || found?.links === 1);
  assertEquals(fs.directory(`${host.path}/file`), undefined);
  assertEquals(fs.directory(`${host.path}/file/below`), undefined);
  assertEquals(fs.directory(`${host.path}/none`), undefined);
});

Deno.test("HostFs.subdirectories() names directories only, and none where all is gone", () => {
  using host = TestCgroup.create();
  const fs = host.file("cgroup.procs", "").hostFs();
  host.child("a");
  host.child("b");
  assertEquals(fs.subdirectories(host.path).toSorted(), ["a", "b"]);
  assertEquals(fs.subdirectories(`${host.path}/none`), []);
});

Deno.test("HostFs.isCgroupfs() tells plain files from the kernel's cgroups", () => {
  using host = TestCgroup.create();
  assertEquals(host.hostFs().isCgroupfs(host.path), false);
  assertEquals(host.hostFs().isCgroupfs(`${host.path}/none`), false);
});

Deno.test("ControlFile.read() reads what is there now, from the open file", () => {
  using host = TestCgroup.create();
  const fs = host.file("memory.current", "4096\n").hostFs();
  const control = fs.controlFile(`${host.path}/memory.current`);
  assertEquals(text(fs, control.read()), "4096\n");
  assertEquals(fs.openFiles, 1);
  Deno.writeTextFileSync(control.path, "8\n");
  assertEquals(text(fs, control.read()), "8\n");
  assertEquals(fs.openFiles, 1);
  control.close();
  control.close();
  assertEquals(fs.openFiles, 0);
});

Deno.test("ControlFile.read() opens a file anew each time where it is not to be kept open", () => {
  using host = TestCgroup.create();
  const fs = host.file("cgroup.procs", "1\n").hostFs();
  const control = fs.controlFile(`${host.path}/cgroup.procs`, false);
  assertEquals(control.read(), 2);
  assertEquals(fs.openFiles, 0);
  Deno.removeSync(control.path);
  host.file("cgroup.procs", "1\n22\n");
  assertEquals(control.read(), 5);
});

Deno.test("ControlFile.read() says -1 of a file that is not there, until it is rechecked", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs();
  const control = fs.controlFile(`${host.path}/memory.peak`);
  assertEquals(control.read(), -1);
  host.file("memory.peak", "1\n");
  assertEquals(control.read(), -1);
  control.recheck();
  assertEquals(control.read(), 2);
  control.close();
});

Deno.test("ControlFile.read() reads an empty file as no bytes", () => {
  using host = TestCgroup.create();
  const fs = host.file("io.stat", "").hostFs();
  const control = fs.controlFile(`${host.path}/io.stat`);
  assertEquals(control.read(), 0);
  control.close();
});

Deno.test("ControlFile.read() throws where the file cannot be read as a file", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs();
  host.child("memory.stat");
  const control = fs.controlFile(`${host.path}/memory.stat`);
  assertThrows(() => control.read(), Error, "os error 21");
  assertEquals(fs.openFiles, 0);
});

Deno.test("ControlFile.read() makes room for a file larger than the buffer", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs();
  for (const bytes of [4_000, 65_535, 65_536, 65_537, 300_000]) {
    const large = "x".repeat(bytes - 1) + "\n";
    host.file("memory.stat", large);
    const control = fs.controlFile(`${host.path}/memory.stat`);
    assertEquals(control.read(), bytes);
    assertEquals(text(fs, bytes), large);
    assertEquals(control.read(), bytes);
    control.close();
  }
});

Deno.test("HostFs keeps no more files open than it may, and reads the others all the same", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs({ maxOpenFiles: 3 });
  const controls = Array.from({ length: 10 }, (_, i) => {
    host.file(`f${i}`, `${i}\n`);
    return fs.controlFile(`${host.path}/f${i}`);
  });
  for (let round = 0; round < 3; round++) {
    for (const [i, control] of controls.entries()) {
      assertEquals(text(fs, control.read()), `${i}\n`);
      assert(fs.openFiles <= 3);
    }
  }
  assertEquals(fs.openFiles, 3);
  controls[0]?.close();
  assertEquals(controls[9]?.read(), 2);
  assertEquals(fs.openFiles, 3);
  for (const control of controls) control.close();
  assertEquals(fs.openFiles, 0);
});

Deno.test("HostFs.readOnce() reads to the end, and nothing of what is larger than wanted", () => {
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

Deno.test("HostFs tells inodes, names and the size of a page", () => {
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
