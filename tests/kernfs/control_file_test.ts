import { assert, assertEquals, assertThrows } from "@std/assert";
import type { ControlFile } from "../../lib/kernfs/control_file.ts";
import type { HostFs } from "../../lib/kernfs/host_fs.ts";
import { libc } from "../_support/libc.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

function text(fs: HostFs, file: ControlFile): string {
  const length = file.read();
  return new TextDecoder().decode(fs.bytes.subarray(0, length));
}

// The plain way is what the fast one is measured against: both give the same.
for (
  const [way, options] of [["plainly", {}], ["by libc", { libc }]] as const
) {
  Deno.test(`ControlFile.read() reads ${way} what is there now`, () => {
    using host = TestCgroup.create();
    const fs = host.file("memory.current", "4096\n").hostFs(options);
    const directory = fs.controlDirectory(host.path);
    const file = directory.file("memory.current");
    assertEquals(text(fs, file), "4096\n");
    Deno.writeTextFileSync(file.path, "8\n");
    assertEquals(text(fs, file), "8\n");
    directory.close();
    assertEquals(text(fs, file), "8\n");
    directory.close();
    directory.close();
    assertEquals(fs.openDescriptors, 0);
  });

  Deno.test(`ControlFile.read() says -1 ${way} of a file that is not there, until it is rechecked`, () => {
    using host = TestCgroup.create();
    const directory = host.hostFs(options).controlDirectory(host.path);
    const file = directory.file("memory.peak");
    assertEquals(file.read(), -1);
    host.file("memory.peak", "1\n");
    assertEquals(file.read(), -1);
    file.recheck();
    assertEquals(file.read(), 2);
    directory.close();
  });

  Deno.test(`ControlFile.read() finds ${way} the files of a directory that comes later`, () => {
    using host = TestCgroup.create();
    const directory = host.hostFs(options)
      .controlDirectory(`${host.path}/later`);
    const file = directory.file("memory.peak");
    assertEquals(file.read(), -1);
    host.file("later/memory.peak", "1\n");
    file.recheck();
    assertEquals(file.read(), 2);
    directory.close();
  });

  Deno.test(`ControlFile.read() reads an empty file ${way} as no bytes`, () => {
    using host = TestCgroup.create();
    const fs = host.file("io.stat", "").hostFs(options);
    const directory = fs.controlDirectory(host.path);
    assertEquals(directory.file("io.stat").read(), 0);
    directory.close();
  });

  Deno.test(`ControlFile.read() throws ${way} where the file cannot be read as a file`, () => {
    using host = TestCgroup.create();
    host.child("memory.stat");
    const directory = host.hostFs(options).controlDirectory(host.path);
    const file = directory.file("memory.stat");
    assertThrows(() => file.read(), Error, "os error 21");
    directory.close();
  });

  Deno.test(`ControlFile.read() makes room ${way} for a file larger than the buffer`, () => {
    using host = TestCgroup.create();
    const fs = host.hostFs(options);
    const directory = fs.controlDirectory(host.path);
    const file = directory.file("memory.stat");
    for (const bytes of [4_000, 65_535, 65_536, 65_537, 300_000, 10]) {
      const large = "x".repeat(bytes - 1) + "\n";
      host.file("memory.stat", large);
      assertEquals(text(fs, file), large);
      assertEquals(text(fs, file), large);
    }
    directory.close();
  });
}

Deno.test("ControlDirectory stays open where there is a libc, within the budget", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs({ libc, maxOpenDescriptors: 3 });
  const directories = Array.from({ length: 10 }, (_, i) => {
    const { path } = host.file(`c${i}/pids.max`, `${i}\n`).child(`c${i}`);
    return fs.controlDirectory(path);
  });
  const files = directories.map((directory) => directory.file("pids.max"));
  for (let round = 0; round < 3; round++) {
    for (const [i, file] of files.entries()) {
      assertEquals(text(fs, file), `${i}\n`);
      assert(fs.openDescriptors <= 3);
    }
  }
  assertEquals(fs.openDescriptors, 3);
  directories[0]?.close();
  assertEquals(files[9]?.read(), 2);
  assertEquals(fs.openDescriptors, 3);
  for (const directory of directories) directory.close();
  assertEquals(fs.openDescriptors, 0);
});

Deno.test("ControlFile.read() reads what is there now from a file that is kept open", () => {
  using host = TestCgroup.create();
  const fs = host.file("memory.stat", "a\n").hostFs({ libc });
  const directory = fs.controlDirectory(host.path);
  const file = directory.file("memory.stat", { keepOpen: true });
  for (const bytes of [3, 4_000, 65_535, 65_536, 300_000, 0, 10]) {
    const now = "x".repeat(bytes);
    Deno.writeTextFileSync(file.path, now);
    assertEquals(text(fs, file), now);
    // The file and its directory.
    assertEquals(fs.openDescriptors, 2);
  }
  directory.close();
  assertEquals(fs.openDescriptors, 0);
  assertEquals(text(fs, file), "x".repeat(10));
  directory.close();
});

Deno.test("ControlFile.read() looks for a file that is to be kept open and is not there only when told to", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs({ libc });
  const directory = fs.controlDirectory(host.path);
  const file = directory.file("memory.peak", { keepOpen: true });
  assertEquals(file.read(), -1);
  host.file("memory.peak", "1\n");
  assertEquals(file.read(), -1);
  file.recheck();
  assertEquals(file.read(), 2);
  directory.close();
  assertEquals(fs.openDescriptors, 0);
});

Deno.test("ControlFile.read() does not take another cgroup of the same name for its own", () => {
  using host = TestCgroup.create();
  const fs = host.hostFs({ libc });
  const cgroup = host.child("web").file("memory.current", "1\n");
  const directory = fs.controlDirectory(cgroup.path);
  const file = directory.file("memory.current");
  assertEquals(text(fs, file), "1\n");
  cgroup.recreate().file("memory.current", "22\n");
  assertEquals(file.read(), -1);
  file.recheck();
  assertEquals(file.read(), -1);
  // Who finds out that it is the same container after all begins anew.
  directory.close();
  file.recheck();
  assertEquals(text(fs, file), "22\n");
  directory.close();
});
