import { assertEquals } from "@std/assert";
import { ProcessStatsReader } from "../../../lib/kernfs/proc/process_stats.ts";
import { RowBuilder } from "../../../lib/model/sample.ts";
import { type Filled, filled } from "../../_support/read_file.ts";
import { readRecorded } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/** A host with a cgroup whose processes have these times. */
class Processes implements Disposable {
  readonly host = TestCgroup.create();
  readonly builder = new RowBuilder();

  reader(...kinds: string[]): ProcessStatsReader {
    const { host } = this;
    return new ProcessStatsReader(
      host.hostFs(),
      [`${host.path}/none`, `${host.path}/cgroup`],
      new Set(kinds),
    );
  }

  in(cgroup: string, ...pids: number[]): this {
    this.host.file(
      `${cgroup}/cgroup.procs`,
      pids.map((pid) => `${pid}\n`).join(""),
    );
    return this;
  }

  has(pid: number, file: string, text: string): this {
    this.host.file(`proc/${pid}/${file}`, text);
    return this;
  }

  read(reader: ProcessStatsReader, initPid?: number): Filled {
    this.builder.clear();
    reader.read(this.builder, () => initPid);
    return filled(this.builder);
  }

  [Symbol.dispose](): void {
    this.host.remove();
  }
}

Deno.test("ProcessStatsReader sums schedstat over the subtree, and keeps the times of exited processes", () => {
  using all = new Processes();
  const reader = all.in("cgroup", 7, 0).in("cgroup/a/b", 8).in("cgroup/a")
    .has(7, "schedstat", "10 20 3\n").has(8, "schedstat", "1 2 3\n")
    .reader("sched");
  assertEquals(all.read(reader), { "schedstat ": [11, 22, 6] });
  all.in("cgroup/a/b").has(7, "schedstat", "15 25 4\n");
  assertEquals(all.read(reader), { "schedstat ": [16, 27, 7] });
  // Another process with the same PID.
  all.has(7, "schedstat", "1 1 1\n");
  assertEquals(all.read(reader), { "schedstat ": [17, 28, 8] });
});

Deno.test("ProcessStatsReader omits schedstat if the kernel has none, or the cgroup is gone", () => {
  using all = new Processes();
  const reader = all.in("cgroup", 7).reader("sched");
  assertEquals(all.read(reader), {});
  all.in("cgroup");
  assertEquals(all.read(reader), { "schedstat ": [0, 0, 0] });
  Deno.removeSync(`${all.host.path}/cgroup`, { recursive: true });
  assertEquals(filled(all.builder)["schedstat "], [0, 0, 0]);
  assertEquals(all.read(reader), { "schedstat ": [NaN, NaN, NaN] });
});

Deno.test("ProcessStatsReader omits sums over more processes than its limit", () => {
  using all = new Processes();
  const pids = Array.from({ length: 1001 }, (_, index) => index + 1);
  all.in("cgroup", ...pids).has(1, "schedstat", "1 1 1\n");
  const kinds = ["sched", "descriptors", "referenced_memory"];
  assertEquals(all.read(all.reader(...kinds)), {});
  all.in("cgroup", ...pids.slice(1));
  assertEquals(
    Object.keys(all.read(all.reader("descriptors"))),
    ["descriptors "],
  );
});

Deno.test("ProcessStatsReader sums referenced memory from smaps_rollup or smaps", () => {
  using all = new Processes();
  const mapping = "00400000-00401000 r-xp 00000000 08:01 1  /bin/x\n" +
    "Rss: 8 kB\nReferenced:            4 kB\n";
  all.in("cgroup", 7, 8, 9)
    .has(7, "smaps_rollup", readRecorded("proc", "6.18-smaps_rollup.txt"))
    .has(8, "smaps", mapping.repeat(100));
  assertEquals(all.read(all.reader("referenced_memory")), {
    "referencedMemory ": [(14500 + 400) * 1024],
  });
});

Deno.test("ProcessStatsReader reads the limit of open files of the given process", () => {
  using all = new Processes();
  const reader = all.in("cgroup")
    .has(7, "limits", readRecorded("proc", "6.18-limits.txt"))
    .has(8, "limits", "Max open files   unlimited   unlimited   files\n")
    .reader("descriptors");
  assertEquals(all.read(reader, 7)["ulimit max_open_files"], [20000, 20000]);
  assertEquals(all.read(reader, 8)["ulimit max_open_files"], [
    Infinity,
    Infinity,
  ]);
  assertEquals(all.read(reader, 9)["ulimit max_open_files"], [NaN, NaN]);
});

Deno.test("ProcessStatsReader counts descriptors, and reads nothing of disabled kinds", () => {
  using all = new Processes();
  all.in("cgroup", 7, 8).has(7, "fd/0", "").has(7, "fd/1", "")
    .has(8, "fd/0", "").has(7, "schedstat", "1 1 1\n");
  assertEquals(all.read(all.reader("process")), {});
  assertEquals(all.read(all.reader("descriptors")), { "descriptors ": [3, 0] });
});

Deno.test("ProcessStatsReader counts no descriptors if a descriptor table is too large", () => {
  using all = new Processes();
  all.in("cgroup", 7).has(7, "fd/0", "").has(7, "status", "FDSize:\t16384\n");
  assertEquals(all.read(all.reader("descriptors")), { "descriptors ": [1, 0] });
  all.has(7, "status", "Name:\ta\nFDSize:\t32768\nGroups:\t0\n");
  assertEquals(all.read(all.reader("descriptors")), {
    "descriptors ": [NaN, NaN],
  });
});

Deno.test("ProcessStatsReader returns the process that the kernel lists first", () => {
  using all = new Processes();
  assertEquals(all.reader().firstPid(), undefined);
  assertEquals(all.in("cgroup").reader().firstPid(), undefined);
  assertEquals(all.in("cgroup", 0, 12, 7).reader().firstPid(), 12);
  const many = Array.from({ length: 5000 }, (_, index) => 5000 - index);
  assertEquals(all.in("cgroup", ...many).reader().firstPid(), 5000);
});
