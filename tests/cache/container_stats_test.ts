import { assertEquals } from "@std/assert";
import { toContainerStats } from "../../lib/cache/container_stats.ts";
import type { StoredSample } from "../../lib/cache/memory_cache.ts";
import {
  COLUMN,
  type ColumnName,
  type GroupKind,
  RowBuilder,
} from "../../lib/model/sample.ts";
import type { ContainerStats } from "../../lib/model/stats.ts";

type Columns = Partial<Record<ColumnName, number>>;
type Groups = readonly (readonly [GroupKind, string, readonly number[]])[];

/** Samples of one container, built from columns and groups. */
class Samples {
  readonly builder = new RowBuilder();

  at(timestampMs: number, columns: Columns, groups: Groups = []): StoredSample {
    this.builder.clear();
    for (const [name, value] of Object.entries(columns)) {
      this.builder.row[COLUMN[name as ColumnName]] = value;
    }
    for (const [kind, key, values] of groups) {
      const first = this.builder.group(kind, key);
      this.builder.row.set(values, first);
    }
    return { timestampMs, row: this.builder.row.slice() };
  }

  stats(
    sample: StoredSample,
    previous?: StoredSample,
    diskIo = false,
  ): ContainerStats {
    return toContainerStats(sample, this.builder.layout, { diskIo }, previous);
  }
}

const N = NaN;
const TIMES = { cpuUsageNs: 1e9, cpuUserNs: 6e8, cpuSystemNs: 4e8 };

Deno.test("toContainerStats() omits values that were not collected", () => {
  const samples = new Samples();
  assertEquals(samples.stats(samples.at(7, {})), { timestampMs: 7 });
  assertEquals(samples.stats(samples.at(7, { cpuUsageNs: 0 })), {
    timestampMs: 7,
    cpu: { usageNs: 0 },
  });
});

Deno.test("toContainerStats() distinguishes 0 from absent", () => {
  const samples = new Samples();
  const { memory, processes } = samples.stats(
    samples.at(7, { memoryFailcnt: 0, threadsMax: Infinity }),
  );
  assertEquals(memory, { failcnt: 0 });
  assertEquals(processes, { threadsMax: Infinity });
});

Deno.test("toContainerStats() computes the working set as usage minus inactive file, at least 0", () => {
  const samples = new Samples();
  const workingSet = (columns: Columns) =>
    samples.stats(samples.at(7, columns)).memory?.workingSetBytes;
  assertEquals(workingSet({ memoryUsage: 100, memoryInactiveFile: 30 }), 70);
  assertEquals(workingSet({ memoryUsage: 100, memoryInactiveFile: 300 }), 0);
  assertEquals(workingSet({ memoryUsage: 100 }), 100);
  assertEquals(workingSet({ memoryInactiveFile: 30 }), undefined);
});

Deno.test("toContainerStats() computes CPU nanoseconds per second from the previous sample", () => {
  const samples = new Samples();
  const before = samples.at(1_000, TIMES, [["cpu", "0", [4e8]], ["cpu", "1", [
    6e8,
  ]]]);
  const now = samples.at(
    3_000,
    { cpuUsageNs: 2e9, cpuUserNs: 1.2e9, cpuSystemNs: 8e8 },
    [["cpu", "0", [5e8]], ["cpu", "1", [15e8]]],
  );
  assertEquals(samples.stats(now, before).cpuInst, {
    usage: 5e8,
    user: 3e8,
    system: 2e8,
    perCpuUsage: [5e7, 45e7],
  });
  assertEquals(samples.stats(now).cpuInst, undefined);
});

Deno.test("toContainerStats() rounds rates down, as cAdvisor does", () => {
  const samples = new Samples();
  const before = samples.at(0, { cpuUsageNs: 0, cpuUserNs: 0, cpuSystemNs: 0 });
  const now = samples.at(3_000, {
    cpuUsageNs: 10,
    cpuUserNs: 2,
    cpuSystemNs: 0,
  });
  assertEquals(samples.stats(now, before).cpuInst, {
    usage: 3,
    user: 0,
    system: 0,
  });
});

Deno.test("toContainerStats() omits rates if time or a counter decreased or was not collected", () => {
  const samples = new Samples();
  const before = samples.at(1_000, TIMES);
  for (
    const [timestampMs, columns] of [
      [1_000, TIMES],
      [999, { ...TIMES, cpuUsageNs: 2e9 }],
      [2_000, { ...TIMES, cpuUsageNs: 1 }],
      [2_000, { ...TIMES, cpuUserNs: 1 }],
      [2_000, { cpuUsageNs: 2e9 }],
      [2_000, {}],
    ] as const
  ) {
    const now = samples.at(timestampMs, columns);
    assertEquals(samples.stats(now, before).cpuInst, undefined);
  }
});

Deno.test("toContainerStats() omits the rates per CPU if a CPU is new", () => {
  const samples = new Samples();
  const before = samples.at(1_000, TIMES, [["cpu", "0", [1]]]);
  const now = samples.at(2_000, TIMES, [["cpu", "0", [2]], ["cpu", "1", [1]]]);
  assertEquals(samples.stats(now, before).cpuInst, {
    usage: 0,
    user: 0,
    system: 0,
  });
});

Deno.test("toContainerStats() returns disks with their counters", () => {
  const samples = new Samples();
  const sample = samples.at(7, {}, [
    ["serviceBytes", "8:0", [1, 2, N, N, N, 3]],
    ["serviceBytes", "259:16", [N, N, N, N, N, N]],
    ["serviced", "8:0", [N, 4, N, N, N, N]],
  ]);
  assertEquals(samples.stats(sample, undefined, true).diskIo, {
    serviceBytes: [
      { major: 8, minor: 0, stats: { Read: 1, Write: 2, Total: 3 } },
    ],
    serviced: [{ major: 8, minor: 0, stats: { Write: 4 } }],
  });
  assertEquals(samples.stats(sample).diskIo, undefined);
});

Deno.test("toContainerStats() returns an empty disk section if nothing was counted yet", () => {
  const samples = new Samples();
  assertEquals(samples.stats(samples.at(7, {}), undefined, true), {
    timestampMs: 7,
    diskIo: { serviceBytes: [], serviced: [] },
  });
});

Deno.test("toContainerStats() returns the pressure of a resource with its available lines", () => {
  const samples = new Samples();
  const { cpu, memory, diskIo } = samples.stats(
    samples.at(7, {}, [
      ["pressure", "cpu", [1, 2, 3, 4, N, N, N, N]],
      ["pressure", "memory", [N, N, N, N, N, N, N, N]],
      ["pressure", "io", [1, 2, 3, 4, 5, 6, 7, 8]],
    ]),
    undefined,
    true,
  );
  const some = { avg10: 1, avg60: 2, avg300: 3, totalUsec: 4 };
  const full = { avg10: 5, avg60: 6, avg300: 7, totalUsec: 8 };
  assertEquals(cpu, { pressure: { some } });
  assertEquals(memory, undefined);
  assertEquals(diskIo?.pressure, { some, full });
});

Deno.test("toContainerStats() omits groups added after the sample was stored", () => {
  const samples = new Samples();
  const early = samples.at(7, { cpuUsageNs: 1 });
  samples.at(8, {}, [
    ["cpu", "0", [1]],
    ["serviced", "8:0", [1, 1, 1, 1, 1, 1]],
    ["pressure", "cpu", [1, 2, 3, 4, 5, 6, 7, 8]],
  ]);
  assertEquals(samples.stats(early, undefined, true), {
    timestampMs: 7,
    cpu: { usageNs: 1 },
    diskIo: { serviceBytes: [], serviced: [] },
  });
});

Deno.test("toContainerStats() returns groups of each kind", () => {
  const samples = new Samples();
  const sample = samples.at(7, {
    memoryPgfault: 9,
    memoryOwnPgfault: 4,
    memoryPgmajfault: 1,
  }, [
    ["schedstat", "", [1, 2, 3]],
    ["eventsLocal", "", [1, N, N, N, N, 6]],
    ["swapEvents", "", [N, 2, N]],
    ["numa", "0", [1, 2, N, 4, N, 6]],
    ["numa", "1", [3, N, N, N, N, N]],
    ["hugetlb", "2MB", [1, N, 3]],
    ["hugetlb", "1GB", [N, N, N]],
    ["interface", "eth0", [1, 2, 3, 4, 5, 6, 7, 8]],
    ["interface", "gone", [N, N, N, N, N, N, N, N]],
    ["udp", "udp6", [1, 2, 3, 4]],
    ["descriptors", "", [5, 6]],
    ["ulimit", "max_open_files", [1, Infinity]],
    ["referencedMemory", "", [4096]],
    ["memoryMigrate", "", [0]],
    ["resctrl", "mon_L3_00", [1, 2, 3]],
  ]);
  assertEquals(samples.stats(sample), {
    timestampMs: 7,
    cpu: { schedstat: { runTimeNs: 1, runqueueTimeNs: 2, runPeriods: 3 } },
    memory: {
      containerData: {
        pgfault: 4,
        numaStats: { file: { 0: 1, 1: 3 }, anon: { 0: 2 } },
      },
      hierarchicalData: {
        pgfault: 9,
        pgmajfault: 1,
        numaStats: { file: { 0: 4 }, unevictable: { 0: 6 } },
      },
      eventsLocal: { low: 1, oomGroupKill: 6 },
      swapEvents: { max: 2 },
    },
    hugetlb: { "2MB": { usageBytes: 1, failcnt: 3 } },
    network: {
      interfaces: [{
        name: "eth0",
        rxBytes: 1,
        rxPackets: 2,
        rxErrors: 3,
        rxDropped: 4,
        txBytes: 5,
        txPackets: 6,
        txErrors: 7,
        txDropped: 8,
      }],
      udp6: { listen: 1, dropped: 2, rxQueued: 3, txQueued: 4 },
    },
    processes: {
      fdCount: 5,
      socketCount: 6,
      ulimits: [{ name: "max_open_files", softLimit: 1, hardLimit: Infinity }],
    },
    referencedMemoryBytes: 4096,
    cpusetMemoryMigrate: 0,
    resctrl: {
      memoryBandwidth: [{ totalBytes: 1, localBytes: 2 }],
      cache: [{ llcOccupancyBytes: 3 }],
    },
  });
});

Deno.test("toContainerStats() returns known disk paths, and counters without operations", () => {
  const samples = new Samples();
  const sample = samples.at(7, {}, [
    ["costUsageUsec", "8:0", [3]],
    ["sectors", "8:16", [4]],
  ]);
  const { diskIo } = toContainerStats(sample, samples.builder.layout, {
    diskIo: true,
    deviceName: (device) => device === "8:0" ? "/dev/sda" : undefined,
  });
  assertEquals(diskIo, {
    serviceBytes: [],
    serviced: [],
    costUsageUsec: [
      { major: 8, minor: 0, device: "/dev/sda", stats: { Count: 3 } },
    ],
    sectors: [{ major: 8, minor: 16, stats: { Count: 4 } }],
  });
});
