import { assert, assertEquals, assertThrows } from "@std/assert";
import { ControlFile } from "../../lib/kernfs/control_file.ts";
import type { HostFs } from "../../lib/kernfs/host_fs.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

function text(fs: HostFs, file: ControlFile): string {
  const length = file.read();
  return new TextDecoder().decode(fs.bytes.subarray(0, length));
}

for (const open of [0, 1]) {
  const way = open ? "from an open file" : "from a file opened each time";
  const keepOpen = open === 1;

  Deno.test(`ControlFile.read() reads the current content ${way}`, () => {
    using host = TestCgroup.create();
    const fs = host.file("memory.current", "4096\n").hostFs();
    const file = new ControlFile(fs, `${host.path}/memory.current`, keepOpen);
    assertEquals(text(fs, file), "4096\n");
    assertEquals(fs.openFiles, open);
    Deno.writeTextFileSync(file.path, "8\n");
    assertEquals(text(fs, file), "8\n");
    assertEquals(fs.openFiles, open);
    file.close();
    file.close();
    assertEquals(fs.openFiles, 0);
  });

  Deno.test(`ControlFile.read() returns -1 ${way} for a missing file until it is rechecked`, () => {
    using host = TestCgroup.create();
    const fs = host.hostFs();
    const file = new ControlFile(fs, `${host.path}/memory.peak`, keepOpen);
    assertEquals(file.read(), -1);
    host.file("memory.peak", "1\n");
    assertEquals(file.read(), -1);
    file.recheck();
    assertEquals(file.read(), 2);
    file.close();
  });

  Deno.test(`ControlFile.read() reads an empty file ${way} as no bytes`, () => {
    using host = TestCgroup.create();
    const fs = host.file("io.stat", "").hostFs();
    const file = new ControlFile(fs, `${host.path}/io.stat`, keepOpen);
    assertEquals(file.read(), 0);
    file.close();
  });

  Deno.test(`ControlFile.read() throws ${way} if the path is not a readable file`, () => {
    using host = TestCgroup.create();
    host.child("memory.stat");
    const fs = host.hostFs();
    const file = new ControlFile(fs, `${host.path}/memory.stat`, keepOpen);
    assertThrows(() => file.read(), Error, "os error 21");
    assertEquals(fs.openFiles, 0);
  });

  Deno.test(`ControlFile.read() grows the buffer ${way} for a larger file`, () => {
    using host = TestCgroup.create();
    const fs = host.hostFs();
    const file = new ControlFile(fs, `${host.path}/memory.stat`, keepOpen);
    for (const bytes of [4_000, 65_535, 65_536, 65_537, 300_000, 10]) {
      const large = "x".repeat(bytes - 1) + "\n";
      host.file("memory.stat", large);
      assertEquals(text(fs, file), large);
      assertEquals(text(fs, file), large);
    }
    file.close();
  });
}

Deno.test("HostFs limits the number of open files, and reads further ones anyway", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs({ maxOpenFiles: 3 });
  const files = Array.from({ length: 10 }, (_, i) => {
    host.file(`f${i}`, `${i}\n`);
    return new ControlFile(fs, `${host.path}/f${i}`);
  });
  for (let round = 0; round < 3; round++) {
    for (const [i, file] of files.entries()) {
      assertEquals(text(fs, file), `${i}\n`);
      assert(fs.openFiles <= 3);
    }
  }
  assertEquals(fs.openFiles, 3);
  files[0]?.close();
  assertEquals(files[9]?.read(), 2);
  assertEquals(fs.openFiles, 3);
  for (const file of files) file.close();
  assertEquals(fs.openFiles, 0);
});
