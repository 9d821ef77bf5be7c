import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  controlFiles,
  PRESSURE_FILES,
  V1_FILES,
  V2_FILES,
} from "../../../lib/kernfs/cgroup/cgroup_files.ts";
import { perCpuFile } from "../../../lib/kernfs/cgroup/cpu_files.ts";
import {
  BLKIO_FAMILIES,
  parseBlkio,
} from "../../../lib/kernfs/cgroup/io_files.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";
import { type Filled, readAs, readWith } from "../../_support/read_file.ts";
import { recordedFiles } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/** Returns the recorded text of a control file. */
function recorded(dump: string, file: string): string {
  const found = recordedFiles(file).find((other) => other.dump === dump);
  if (found === undefined) throw new RangeError(`No "${file}" in "${dump}"`);
  return found.text;
}

function v1(dump: string, file: string): Filled {
  return readAs(V1_FILES, file, recorded(dump, file));
}

function v2(dump: string, file: string): Filled {
  return readAs(V2_FILES, file, recorded(dump, file));
}

const N = NaN;
const DOCKER_V1 = "6.1-v1-legacy-docker.txt";
const DOCKER_V2 = "6.1-v2-docker.txt";

Deno.test("V1_FILES read the recorded files of a container", () => {
  assertEquals(v1(DOCKER_V1, "cpuacct.usage"), { cpuUsageNs: 1875447288 });
  // Ticks of 10 ms.
  assertEquals(v1(DOCKER_V1, "cpuacct.stat"), {
    cpuUserNs: 390_000_000,
    cpuSystemNs: 1_480_000_000,
  });
  const perCpu = recorded(DOCKER_V1, "cpuacct.usage_percpu");
  assertEquals(readAs([perCpuFile([])], "cpuacct.usage_percpu", perCpu), {
    "cpu 0": [951033982],
    "cpu 1": [939530628],
  });
  assertEquals(v1(DOCKER_V1, "cpu.stat"), {
    cpuPeriods: 151,
    cpuThrottledPeriods: 7,
    cpuThrottledNs: 774990284,
    cpuBurstPeriods: 0,
    cpuBurstNs: 0,
  });
  assertEquals(v1(DOCKER_V1, "memory.usage_in_bytes"), { memoryUsage: 983040 });
  assertEquals(v1(DOCKER_V1, "memory.max_usage_in_bytes"), {
    memoryMaxUsage: 7229440,
  });
  assertEquals(v1(DOCKER_V1, "memory.kmem.usage_in_bytes"), {
    memoryKernel: 360448,
  });
  assertEquals(v1("6.18-hybrid-crun-after-oom.txt", "memory.failcnt"), {
    memoryFailcnt: 60,
  });
  assertEquals(v1("6.18-hybrid-crun-after-oom.txt", "memory.oom_control"), {
    memoryOomKill: 1,
  });
  assertEquals(v1(DOCKER_V1, "pids.current"), { threadsCurrent: 2 });
  assertEquals(v1(DOCKER_V1, "pids.max"), { threadsMax: 50 });
  assertEquals(v1(DOCKER_V1, "cgroup.procs"), { processCount: 2 });
});

Deno.test("V1_FILES read memory.stat of the subtree", () => {
  assertEquals(v1(DOCKER_V1, "memory.stat"), {
    memoryCache: 397312,
    memoryRss: 114688,
    memorySwap: 0,
    memoryMappedFile: 0,
    memoryActiveFile: 61440,
    memoryInactiveFile: 335872,
    memoryFileDirty: 0,
    memoryFileWriteback: 0,
    memoryPgfault: 3376,
    memoryPgmajfault: 3,
    memoryOwnPgfault: 3376,
    memoryOwnPgmajfault: 3,
    memoryRefaultFile: 0,
    memoryRefaultAnon: 0,
  });
  assertEquals(
    readAs(V1_FILES, "memory.stat", "cache 1\nrss 2\ntotal_cache 10\n"),
    { memoryCache: 10, memoryRss: 2 },
  );
});

Deno.test("V2_FILES read the recorded files of a container", () => {
  assertEquals(v2(DOCKER_V2, "cpu.stat"), {
    cpuUsageNs: 1_008_690_000,
    cpuUserNs: 224_607_000,
    cpuSystemNs: 784_083_000,
    cpuPeriods: 63,
    cpuThrottledPeriods: 4,
    cpuThrottledNs: 197_235_000,
    cpuBurstPeriods: 0,
    cpuBurstNs: 0,
  });
  assertEquals(v2(DOCKER_V2, "memory.current"), { memoryUsage: 483328 });
  assertEquals(v2(DOCKER_V2, "memory.peak"), { memoryMaxUsage: 6639616 });
  assertEquals(v2(DOCKER_V2, "memory.swap.current"), { memorySwap: 0 });
  assertEquals(v2("6.1-v2-memory-high.txt", "memory.events"), {
    memoryLow: 0,
    memoryHigh: 193,
    memoryMax: 0,
    memoryOom: 0,
    memoryOomKill: 0,
    memoryOomGroupKill: 0,
  });
  assertEquals(v2(DOCKER_V2, "pids.current"), { threadsCurrent: 2 });
  assertEquals(v2(DOCKER_V2, "pids.max"), { threadsMax: 50 });
  assertEquals(v2("6.1-v2-system-slice.txt", "pids.max"), {
    threadsMax: Infinity,
  });
  assertEquals(v2("6.1-v2-root.txt", "cgroup.procs"), { processCount: 62 });
  assertEquals(v2("6.1-v2-system-slice.txt", "cgroup.procs"), {
    processCount: 0,
  });
});

Deno.test("V2_FILES read memory.stat", () => {
  assertEquals(v2("6.1-v2-system-slice.txt", "memory.stat"), {
    memoryRss: 5128192,
    memoryCache: 17842176,
    memoryKernel: 4444160,
    memoryMappedFile: 3776512,
    memoryFileDirty: 172032,
    memoryFileWriteback: 0,
    memoryActiveFile: 9277440,
    memoryInactiveFile: 8245248,
    memoryPgfault: 32414,
    memoryPgmajfault: 87,
    memoryPgscan: 0,
    memoryPgsteal: 0,
    memoryRefaultFile: 0,
    memoryRefaultAnon: 0,
  });
});

Deno.test("V2_FILES read only the times of a cpu.stat without the controller", () => {
  assertEquals(v2("6.1-v2-system-slice.txt", "cpu.stat"), {
    cpuUsageNs: 16_777_315_000,
    cpuUserNs: 7_839_182_000,
    cpuSystemNs: 8_938_133_000,
  });
});

Deno.test("V2_FILES read io.stat by disk", () => {
  assertEquals(v2("6.1-v2-io.txt", "io.stat"), {
    "serviceBytes 259:0": [6553600, 4194304, N, N, 0, N],
    "serviced 259:0": [100, 64, N, N, 0, N],
  });
  assertEquals(v2("6.1-v2-throttled.txt", "io.stat"), {});
});

Deno.test("V2_FILES omit disks of io.stat without counters", () => {
  assertEquals(v2("6.1-v2-root.txt", "io.stat"), {
    "serviceBytes 259:2": [1073152, 0, N, N, 0, N],
    "serviced 259:2": [49, 0, N, N, 0, N],
    "serviceBytes 259:1": [268288, 0, N, N, 0, N],
    "serviced 259:1": [68, 0, N, N, 0, N],
    "serviceBytes 259:0": [34782208, 1327104, N, N, 0, N],
    "serviced 259:0": [872, 34, N, N, 0, N],
  });
  // Truncated while the cgroup was being created.
  assertEquals(readAs(V2_FILES, "io.stat", "252:0 "), {});
});

Deno.test("V2_FILES assign counters in io.stat to the last disk before them", () => {
  const text = "7:7 7:6 7:4 rbytes=28672 wbytes=0 rios=22 wios=1 dbytes=0\n";
  assertEquals(readAs(V2_FILES, "io.stat", text), {
    "serviceBytes 7:4": [28672, 0, N, N, 0, N],
    "serviced 7:4": [22, 1, N, N, N, N],
  });
});

Deno.test("V2_FILES skip unknown keys and disks of io.stat", () => {
  const text = "(unknown) rbytes=1 wbytes=2\n" +
    "8:0 cost.vrate=99.50 rbytes=4 constructor=1 __proto__=2 new\n";
  assertEquals(readAs(V2_FILES, "io.stat", text), {
    "serviceBytes 8:0": [4, N, N, N, N, N],
  });
});

Deno.test("V2_FILES throw if a known key of io.stat has no number", () => {
  for (
    const bad of ["8:0 rbytes", "8:0 rbytes=", "8:0 wios=x", "8:0 rios=1,"]
  ) {
    const error = assertThrows(
      () => readAs(V2_FILES, "io.stat", `${bad}\n8:1 rbytes=1\n`),
      KernfsSyntaxError,
      `Cannot parse "io.stat": line ${JSON.stringify(bad)} has an`,
    );
    assertEquals(error.path, "io.stat");
  }
});

Deno.test("parseBlkio() reads operations by disk, without the total", () => {
  const dump = "6.18-v1-blkio-with-io.txt";
  const file = "blkio.throttle.io_service_bytes_recursive";
  assertEquals(readWith(parseBlkio("serviceBytes"), recorded(dump, file)), {
    "serviceBytes 7:0": [2097152, 4194304, 6291456, 0, 0, 6291456],
  });
  const counts = recorded(dump, "blkio.throttle.io_serviced_recursive");
  assertEquals(readWith(parseBlkio("serviced"), counts), {
    "serviced 7:0": [32, 64, 96, 0, 0, 96],
  });
});

Deno.test("parseBlkio() omits missing operations and disks without a number", () => {
  const text = "8:0 Read 1\n8:16 Write 2\n(unknown) Read 3\n8:32 Trim 4\n" +
    "8:0 5\n\nTotal 6\n";
  assertEquals(readWith(parseBlkio("serviced"), text), {
    "serviced 8:0": [1, N, N, N, N, N],
    "serviced 8:16": [N, 2, N, N, N, N],
  });
  assertEquals(readWith(parseBlkio("serviced"), "Total 0\n"), {});
  assertEquals(readWith(parseBlkio("serviced"), ""), {});
});

Deno.test("parseBlkio() throws if an operation has no number", () => {
  for (const bad of ["8:0 Read", "8:0 Read ", "8:0 Read x", "8:0 Total 1k"]) {
    assertThrows(
      () => readWith(parseBlkio("serviced"), `${bad}\n`, "blkio.x"),
      KernfsSyntaxError,
      `Cannot parse "blkio.x": line ${JSON.stringify(bad)} has an`,
    );
  }
});

Deno.test("perCpuFile() reads each CPU of cpuacct.usage_percpu with its number", () => {
  const file = "cpuacct.usage_percpu";
  const readPossible = (text: string, possible: readonly number[] = []) =>
    readAs([perCpuFile(possible)], file, text);
  const many = Array.from({ length: 256 }, (_, cpu) => cpu * 1e9);
  const read = readPossible(`${many.join(" ")} \n`);
  assertEquals(Object.keys(read).length, 256);
  assertEquals(read["cpu 255"], [255e9]);
  assertEquals(readPossible("7 8 9 \n", [0, 1, 4]), {
    "cpu 0": [7],
    "cpu 1": [8],
    "cpu 4": [9],
  });
  assertEquals(readPossible("\n"), {});
  assertEquals(readPossible(""), {});
  assertThrows(() => readPossible("1 x 3\n"), KernfsSyntaxError);
});

Deno.test("controlFiles() use the numbers of the host's possible CPUs", () => {
  using host = TestCgroup.create();
  host.file("sys/devices/system/cpu/possible", "0,2-3\n");
  const files = controlFiles(1, host.hostFs(), new Set(["percpu"]));
  assertEquals(readAs(files, "cpuacct.usage_percpu", "5 6 7\n"), {
    "cpu 0": [5],
    "cpu 2": [6],
    "cpu 3": [7],
  });
});

Deno.test("PRESSURE_FILES read one pressure file each", () => {
  assertEquals(v2(DOCKER_V2, "io.pressure"), {
    "pressure io": [0, 0, 0, 611, 0, 0, 0, 99],
  });
  const text = recorded("6.18-hybrid-docker.txt", "cpu.pressure");
  assertEquals(readAs(PRESSURE_FILES, "cpu.pressure", text), {
    "pressure cpu": [0, 0, 0, 4612, 0, 0, 0, 2858],
  });
});

Deno.test("V1_FILES and V2_FILES read all recorded files in their tables", () => {
  let count = 0;
  for (const files of [V1_FILES, V2_FILES]) {
    for (const { file, parse } of files) {
      const dumps = recordedFiles(file);
      assert(dumps.length > 0, `${file} is not recorded`);
      for (const { text } of dumps) {
        readWith(parse, text, file);
        count++;
      }
    }
  }
  assert(count > 100);
});

Deno.test("BLKIO_FAMILIES end with the throttle files", () => {
  assertEquals(
    BLKIO_FAMILIES.map(({ serviceBytes }) =>
      serviceBytes?.includes("throttle")
    ),
    [false, false, true, true],
  );
});
