import { assert, assertEquals } from "@std/assert";
import { readSpec } from "../../../lib/kernfs/cgroup/cgroup_spec.ts";
import type { ContainerSpec } from "../../../lib/model/container.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/** Returns the limits of a v2 cgroup with these files. */
function unified(files: Record<string, string>): ContainerSpec {
  using cgroup = TestCgroup.create();
  for (const [name, text] of Object.entries(files)) cgroup.file(name, text);
  const { creationTimeMs: _, ...spec } = readSpec(cgroup.hostFs(), {
    name: "/",
    directories: new Map([["unified", cgroup.path]]),
    kinds: new Set(["process"]),
  });
  return spec;
}

/** Returns the limits of a v1 container; file names include the controller. */
function legacy(files: Record<string, string>): ContainerSpec {
  using host = TestCgroup.create();
  const directories = new Map<string, string>();
  for (const [name, text] of Object.entries(files)) {
    host.file(name, text);
    const [controller = ""] = name.split("/");
    directories.set(controller, `${host.path}/${controller}`);
  }
  const { creationTimeMs: _, ...spec } = readSpec(host.hostFs(), {
    name: "/",
    directories,
    kinds: new Set(["process"]),
  });
  return spec;
}

Deno.test("readSpec() reads the limits of v2", () => {
  assertEquals(
    unified({
      "cpu.weight": "100\n",
      "cpu.max": "50000 100000\n",
      "cpuset.cpus.effective": "0-1\n",
      "memory.max": "33554432\n",
      "memory.min": "4096\n",
      "memory.swap.max": "max\n",
      "pids.max": "50\n",
    }),
    {
      cpu: { shares: 2597, quotaUsec: 50000, periodUsec: 100000, mask: "0-1" },
      memory: {
        limitBytes: 33554432,
        reservationBytes: 4096,
        swapLimitBytes: Infinity,
      },
      processes: { limit: 50 },
      hasDiskIo: true,
    },
  );
});

Deno.test("readSpec() converts cpu.weight to shares as the kubelet does", () => {
  const shares = (weight: number) =>
    unified({ "cpu.weight": `${weight}\n` }).cpu?.shares;
  assertEquals(shares(1), 2);
  assertEquals(shares(39), 998);
  assertEquals(shares(100), 2597);
  assertEquals(shares(10_000), 262_144);
});

/** A limit as in a file of v1 or v2, and its parsed value. */
const LIMITS: readonly (readonly [string, number | undefined])[] = [
  ["0", 0],
  ["1", 1],
  ["max", Infinity],
  ["-1", undefined],
  ["9223372036854771712", 9223372036854771712],
  ["9223372036854710272", 9223372036854710272],
  ["9223372036854775807", 2 ** 63],
  ["18446744073709551615", 2 ** 64],
  ["", undefined],
  ["1 2", undefined],
];

Deno.test("readSpec() reads the largest, smallest and missing value of each limit file", () => {
  for (const [text, value] of LIMITS) {
    const v1 = legacy({
      "memory/memory.limit_in_bytes": "1",
      "memory/memory.soft_limit_in_bytes": text,
      "memory/memory.memsw.limit_in_bytes": text,
      "pids/pids.max": text,
    });
    const v2 = unified({
      "memory.max": "1",
      "memory.min": text,
      "memory.swap.max": text,
      "pids.max": text,
    });
    for (const spec of [v1, v2]) {
      assertEquals(spec.memory?.reservationBytes, value, text);
      assertEquals(spec.memory?.swapLimitBytes, value, text);
      assertEquals(spec.processes?.limit, value, text);
    }
    assertEquals(
      legacy({ "memory/memory.limit_in_bytes": text }).memory?.limitBytes,
      value,
    );
    assertEquals(unified({ "memory.max": text }).memory?.limitBytes, value);
  }
});

Deno.test("readSpec() treats a quota, period or weight of 0 as absent", () => {
  for (const none of ["0", "-1", "max", ""]) {
    assertEquals(
      legacy({
        "cpu/cpu.cfs_quota_us": none,
        "cpu/cpu.cfs_period_us": none,
      }).cpu,
      {},
      none,
    );
    assertEquals(unified({ "cpu.max": `${none} ${none}` }).cpu, {}, none);
  }
  for (
    const [weight, shares] of [["0", 2], ["1", 2], ["-1", undefined]] as const
  ) {
    assertEquals(unified({ "cpu.weight": weight }).cpu?.shares, shares);
  }
  assertEquals(legacy({ "cpu/cpu.shares": "2" }).cpu?.shares, 2);
  assertEquals(legacy({ "cpu/cpu.shares": "-1" }).cpu?.shares, undefined);
});

Deno.test("readSpec() treats max as no limit", () => {
  assertEquals(
    unified({
      "cpu.max": "max 100000\n",
      "memory.max": "max\n",
      "pids.max": "max\n",
    }),
    {
      cpu: { periodUsec: 100000 },
      memory: { limitBytes: Infinity },
      processes: { limit: Infinity },
      hasDiskIo: true,
    },
  );
});

Deno.test("readSpec() reads the limits of v1", () => {
  assertEquals(
    legacy({
      "cpu/cpu.shares": "1024\n",
      "cpu/cpu.cfs_quota_us": "50000\n",
      "cpu/cpu.cfs_period_us": "100000\n",
      "cpuset/cpuset.cpus": "0-3,8\n",
      "memory/memory.limit_in_bytes": "33554432\n",
      "memory/memory.soft_limit_in_bytes": "9223372036854771712\n",
      "memory/memory.memsw.limit_in_bytes": "67108864\n",
      "pids/pids.max": "max\n",
      "blkio/tasks": "",
    }),
    {
      cpu: {
        shares: 1024,
        quotaUsec: 50000,
        periodUsec: 100000,
        mask: "0-3,8",
      },
      memory: {
        limitBytes: 33554432,
        reservationBytes: 9223372036854771712,
        swapLimitBytes: 67108864,
        swapOnlyLimitBytes: 33554432,
      },
      processes: { limit: Infinity },
      hasDiskIo: true,
    },
  );
});

Deno.test("readSpec() treats a quota of -1 as absent", () => {
  assertEquals(
    legacy({
      "cpu/cpu.cfs_quota_us": "-1\n",
      "cpu/cpu.cfs_period_us": "100000\n",
    }),
    { cpu: { periodUsec: 100000 }, hasDiskIo: false },
  );
});

Deno.test("readSpec() omits missing and malformed values", () => {
  assertEquals(unified({}), { cpu: {}, processes: {}, hasDiskIo: true });
  assertEquals(legacy({}), { hasDiskIo: false });
  assertEquals(
    unified({
      "cpu.max": "\n",
      "cpu.weight": "heavy\n",
      "cpuset.cpus.effective": "\n",
      "memory.min": "0\n",
      "pids.max": "",
    }),
    { cpu: {}, processes: {}, hasDiskIo: true },
  );
});

Deno.test("readSpec() omits the process limit if the kind is disabled", () => {
  using cgroup = TestCgroup.create();
  cgroup.file("pids.max", "50\n");
  const spec = readSpec(cgroup.hostFs(), {
    name: "/",
    directories: new Map([["unified", cgroup.path]]),
    kinds: new Set(),
  });
  assertEquals(spec.processes, undefined);
});

Deno.test("readSpec() uses the age of the oldest directory", () => {
  using host = TestCgroup.create();
  const directories = new Map<string, string>();
  for (
    const [controller, ms] of [["cpu", 3_000], ["memory", 1_000], [
      "pids",
      2_000,
    ]] as const
  ) {
    const { path } = host.child(controller);
    Deno.utimeSync(path, ms / 1000, ms / 1000);
    directories.set(controller, path);
  }
  const fs = host.hostFs();
  const read = (directories: ReadonlyMap<string, string>) =>
    readSpec(fs, { name: "/", directories, kinds: new Set() });
  assertEquals(read(directories).creationTimeMs, 1_000);
  const gone = read(new Map([["cpu", `${host.path}/gone`]]));
  assert(!("creationTimeMs" in gone));
});

Deno.test("readSpec() uses the CPUs of the nearest ancestor that has any, otherwise the online ones", () => {
  using host = TestCgroup.create();
  host.file("cg/cpuset.cpus.effective", "0-7\n")
    .file("cg/a/cpuset.cpus.effective", "2-3\n")
    .file("cg/a/b/c/cpuset.cpus.effective", "\n")
    .file("sys/devices/system/cpu/online", "0-15\n");
  const mask = (name: string) =>
    readSpec(host.hostFs(), {
      name,
      directories: new Map([["unified", `${host.path}/cg${name}`]]),
      kinds: new Set(),
    }).cpu?.mask;
  assertEquals(mask("/a/b/c"), "2-3");
  assertEquals(mask("/a"), "2-3");
  assertEquals(mask("/d"), "0-7");
  Deno.removeSync(`${host.path}/cg/cpuset.cpus.effective`);
  assertEquals(mask("/d"), "0-15");
  // A v1 container outside the cpuset hierarchy.
  const { cpu } = readSpec(host.hostFs(), {
    name: "/d",
    directories: new Map([["cpu", `${host.path}/cpu/d`]]),
    kinds: new Set(),
  });
  assertEquals(cpu, { mask: "0-15" });
});

Deno.test("readSpec() reports huge pages if they are counted and enabled", () => {
  using host = TestCgroup.create();
  host.child("sys/kernel/mm/hugepages/hugepages-2048kB");
  host.file("v1/hugetlb.2MB.usage_in_bytes", "0\n")
    .file("v2/hugetlb.2MB.current", "0\n").child("none");
  const has = (hierarchy: string, directory: string, kind = "hugetlb") =>
    readSpec(host.hostFs(), {
      name: "/",
      directories: new Map([[hierarchy, `${host.path}/${directory}`]]),
      kinds: new Set([kind]),
    }).hasHugetlb;
  assertEquals(has("hugetlb", "v1"), true);
  assertEquals(has("unified", "v2"), true);
  assertEquals(has("unified", "none"), undefined);
  assertEquals(has("hugetlb", "v1", "cpu"), undefined);
});

Deno.test("readSpec() reads limits of v2 if a hybrid host has the controller there", () => {
  assertEquals(
    legacy({
      "cpu/cpu.shares": "512\n",
      "memory/memory.max": "4096\n",
      "memory/memory.swap.max": "max\n",
    }),
    {
      cpu: { shares: 512 },
      memory: { limitBytes: 4096, swapLimitBytes: Infinity },
      hasDiskIo: false,
    },
  );
});
