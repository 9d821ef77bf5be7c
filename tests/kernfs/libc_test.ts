import { assert, assertEquals } from "@std/assert";
import type { Libc } from "../../lib/kernfs/libc.ts";
import { libc } from "../_support/libc.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

function open(): Libc {
  assert(libc !== undefined);
  return libc;
}

Deno.test("Libc reads a file from where the last read ended, or again from its beginning", () => {
  using host = TestCgroup.create();
  host.file("cpu.stat", "usage_usec 1234\n");
  const calls = open();
  const file = calls.open(`${host.path}/cpu.stat`);
  const buffer = new Uint8Array(11);
  assertEquals(calls.read(file, buffer, 0), 11);
  assertEquals(new TextDecoder().decode(buffer), "usage_usec ");
  const larger = new Uint8Array(100);
  assertEquals(calls.read(file, larger, 20), 5);
  assertEquals(new TextDecoder().decode(larger.subarray(20, 25)), "1234\n");
  assert(larger.subarray(25).every((byte) => byte === 0));
  assertEquals(calls.read(file, larger, 20), 0);
  assertEquals(calls.readAgain(file, buffer, 0), 11);
  assertEquals(new TextDecoder().decode(buffer), "usage_usec ");
  // The offset in the buffer is that in the file.
  assertEquals(calls.readAgain(file, larger, 11), 5);
  assertEquals(new TextDecoder().decode(larger.subarray(11, 16)), "1234\n");
  calls.close(file);
});

Deno.test("Libc says -1 of what cannot be opened or read, and whether it is not there", () => {
  using host = TestCgroup.create();
  host.child("io.stat");
  const calls = open();
  assertEquals(calls.open(`${host.path}/none`), -1);
  assert(calls.failedToFind);
  const file = calls.open(`${host.path}/io.stat`);
  assertEquals(calls.read(file, new Uint8Array(10), 0), -1);
  assert(!calls.failedToFind);
  calls.close(file);
  assertEquals(calls.readAgain(file, new Uint8Array(10), 0), -1);
  assert(!calls.failedToFind);
});

Deno.test("Libc.directory() tells the same as Deno, and nothing of what is no directory", () => {
  using host = TestCgroup.create();
  host.file("a/b/file", "").child("a/c");
  const calls = open();
  const path = `${host.path}/a`;
  const { ino, nlink, mtime } = Deno.lstatSync(path);
  assertEquals(calls.directory(path), {
    inode: ino ?? NaN,
    links: nlink ?? NaN,
    modifiedMs: mtime?.getTime(),
  });
  assertEquals(calls.directory(`${path}/b/file`), undefined);
  // A link.
  assertEquals(calls.directory("/proc/self"), undefined);
  assertEquals(calls.directory(`${path}/none`), -1);
  assert(calls.failedToFind);
  assertEquals(calls.directory(`${path}/b/file/below`), -1);
  assert(calls.failedToFind);
});
