import { assert, assertEquals } from "@std/assert";
import { type Libc, zeroEnded } from "../../lib/kernfs/libc.ts";
import { libc } from "../_support/libc.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

function open(): Libc {
  assert(libc !== undefined);
  return libc;
}

Deno.test("Libc reads a file by the name that it has in a directory, from where the last read ended", () => {
  using host = TestCgroup.create();
  host.file("cpu.stat", "usage_usec 1234\n");
  const calls = open();
  const directory = calls.openDirectory(zeroEnded(host.path));
  const file = calls.openAt(directory, zeroEnded("cpu.stat"));
  const buffer = new Uint8Array(11);
  assertEquals(calls.read(file, buffer, 0), 11);
  assertEquals(new TextDecoder().decode(buffer), "usage_usec ");
  const larger = new Uint8Array(100);
  assertEquals(calls.read(file, larger, 20), 5);
  assertEquals(new TextDecoder().decode(larger.subarray(20, 25)), "1234\n");
  assert(larger.subarray(25).every((byte) => byte === 0));
  assertEquals(calls.read(file, larger, 20), 0);
  calls.close(file);
  calls.close(directory);
});

Deno.test("Libc says -1 of what cannot be opened or read", () => {
  using host = TestCgroup.create();
  host.child("io.stat");
  const calls = open();
  assertEquals(calls.openDirectory(zeroEnded(`${host.path}/none`)), -1);
  const directory = calls.openDirectory(zeroEnded(host.path));
  assertEquals(calls.openAt(directory, zeroEnded("none")), -1);
  assertEquals(calls.openAt(undefined, zeroEnded(`${host.path}/none`)), -1);
  assert(calls.failedToFind);
  const file = calls.openAt(undefined, zeroEnded(`${host.path}/io.stat`));
  assertEquals(calls.read(file, new Uint8Array(10), 0), -1);
  assert(!calls.failedToFind);
  calls.close(file);
  calls.close(directory);
});

Deno.test("Libc finds nothing in a directory that was removed", () => {
  using host = TestCgroup.create();
  const cgroup = host.child("web").file("pids.max", "max\n");
  const calls = open();
  const directory = calls.openDirectory(zeroEnded(cgroup.path));
  cgroup.recreate().file("pids.max", "1\n");
  assertEquals(calls.openAt(directory, zeroEnded("pids.max")), -1);
  calls.close(directory);
});

Deno.test("Libc.directory() tells the same as Deno, and nothing of what is no directory", () => {
  using host = TestCgroup.create();
  host.file("a/b/file", "").child("a/c");
  const calls = open();
  const path = `${host.path}/a`;
  const { ino, nlink, mtime } = Deno.lstatSync(path);
  assertEquals(calls.directory(zeroEnded(path)), {
    inode: ino ?? NaN,
    links: nlink ?? NaN,
    modifiedMs: mtime?.getTime(),
  });
  assertEquals(calls.directory(zeroEnded(`${path}/b/file`)), undefined);
  // A link.
  assertEquals(calls.directory(zeroEnded("/proc/self")), undefined);
  assertEquals(calls.directory(zeroEnded(`${path}/none`)), -1);
  assert(calls.failedToFind);
  assertEquals(calls.directory(zeroEnded(`${path}/b/file/below`)), -1);
  assert(calls.failedToFind);
});
