import { assertEquals } from "@std/assert";
import { BlkioFiles } from "../../../lib/kernfs/cgroup/blkio.ts";
import { RowBuilder } from "../../../lib/model/sample.ts";
import { filled } from "../../_support/read_file.ts";
import { RecordedTree } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

const N = NaN;

function read(files: BlkioFiles): ReturnType<typeof filled> {
  const builder = new RowBuilder();
  files.read(builder);
  return filled(builder);
}

Deno.test("BlkioFiles reads the first family that lists a disk", () => {
  using host = new RecordedTree("6.18-hybrid");
  const directory = `${host.root.path}/sys/fs/cgroup/blkio/rt-blkio`;
  const files = new BlkioFiles(host.fs, directory);
  assertEquals(read(files), {
    "serviceBytes 7:0": [2097152, 4194304, 6291456, 0, 0, 6291456],
    "serviced 7:0": [32, 64, 96, 0, 0, 96],
  });
  assertEquals(read(files), read(files));
  files.close();
  assertEquals(host.fs.openFiles, 0);
});

Deno.test("BlkioFiles prefers the family of the disk's scheduler", () => {
  using cgroup = TestCgroup.create();
  cgroup.file("blkio.bfq.io_service_bytes_recursive", "8:0 Read 1\nTotal 1\n")
    .file("blkio.bfq.io_serviced_recursive", "8:0 Read 2\nTotal 2\n")
    .file("blkio.throttle.io_service_bytes_recursive", "8:0 Read 3\n")
    .file("blkio.throttle.io_serviced_recursive", "8:0 Read 4\n");
  const files = new BlkioFiles(cgroup.hostFs(), cgroup.path);
  assertEquals(read(files), {
    "serviceBytes 8:0": [1, N, N, N, N, N],
    "serviced 8:0": [2, N, N, N, N, N],
  });
  files.close();
});

Deno.test("BlkioFiles keeps reading the chosen family", () => {
  using cgroup = TestCgroup.create();
  cgroup.file("blkio.bfq.io_service_bytes_recursive", "Total 0\n")
    .file("blkio.throttle.io_service_bytes", "8:0 Read 3\n");
  const files = new BlkioFiles(cgroup.hostFs(), cgroup.path);
  const first = read(files);
  assertEquals(first, { "serviceBytes 8:0": [3, N, N, N, N, N] });
  cgroup.file("blkio.bfq.io_service_bytes_recursive", "8:0 Read 1\n");
  assertEquals(read(files), first);
  files.close();
});

Deno.test("BlkioFiles reads nothing if no disk was used, and retries later", () => {
  using cgroup = TestCgroup.create();
  const fs = cgroup.hostFs();
  const files = new BlkioFiles(fs, cgroup.path);
  assertEquals(read(files), {});
  cgroup.file("blkio.throttle.io_service_bytes", "Total 0\n");
  files.recheck();
  assertEquals(read(files), {});
  cgroup.file("blkio.throttle.io_service_bytes", "8:0 Read 3\nTotal 3\n");
  assertEquals(read(files), { "serviceBytes 8:0": [3, N, N, N, N, N] });
  files.close();
  assertEquals(fs.openFiles, 0);
});

Deno.test("BlkioFiles reads the other files of the family", () => {
  using cgroup = TestCgroup.create();
  for (const prefix of ["blkio.bfq", "blkio"]) {
    cgroup.file(`${prefix}.io_service_bytes_recursive`, "8:0 Read 1\n")
      .file(`${prefix}.io_queued_recursive`, "8:0 Total 2\n")
      .file(`${prefix}.sectors_recursive`, "8:0 3\n")
      .file(`${prefix}.io_service_time_recursive`, "8:0 Write 4\n")
      .file(`${prefix}.io_wait_time_recursive`, "8:0 Sync 5\n")
      .file(`${prefix}.io_merged_recursive`, "8:0 Async 6\nTotal 6\n")
      .file(`${prefix}.time_recursive`, "8:0 7\n");
    const fs = cgroup.hostFs();
    const files = new BlkioFiles(fs, cgroup.path);
    assertEquals(read(files), {
      "serviceBytes 8:0": [1, N, N, N, N, N],
      "queued 8:0": [N, N, N, N, N, 2],
      "sectors 8:0": [3],
      "serviceTimeNs 8:0": [N, 4, N, N, N, N],
      "waitTimeNs 8:0": [N, N, 5, N, N, N],
      "merged 8:0": [N, N, N, 6, N, N],
      "timeMs 8:0": [7],
    });
    files.close();
    assertEquals(fs.openFiles, 0);
    Deno.removeSync(`${cgroup.path}/${prefix}.io_service_bytes_recursive`);
  }
});
