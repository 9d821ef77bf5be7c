import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  integerJson,
  type JsonObject,
  timeJson,
} from "../../lib/api/json_values.ts";
import {
  containerInfoJson,
  containerStatsJson,
  specJson,
} from "../../lib/api/v1_json.ts";
import type { ContainerStats } from "../../lib/model/stats.ts";

/** Serializes and parses a value. */
function received(json: JsonObject): unknown {
  return JSON.parse(JSON.stringify(json));
}

const PRESSURE = { avg10: 0.5, avg60: 1, avg300: 2.25, totalUsec: 1234 };
const PRESSURE_JSON = { total: 1234, avg10: 0.5, avg60: 1, avg300: 2.25 };

const SAMPLE: ContainerStats = {
  timestampMs: Date.UTC(2026, 0, 1, 0, 0, 1, 500),
  cpu: {
    usageNs: 30,
    userNs: 20,
    systemNs: 10,
    perCpuUsageNs: [10, 20],
    periods: 1,
    throttledPeriods: 2,
    throttledNs: 3,
    burstPeriods: 4,
    burstNs: 5,
    pressure: { some: PRESSURE, full: PRESSURE },
  },
  cpuInst: { usage: 1, user: 1, system: 0 },
  memory: {
    usageBytes: 1,
    maxUsageBytes: 2,
    cacheBytes: 3,
    rssBytes: 4,
    swapBytes: 5,
    mappedFileBytes: 6,
    activeFileBytes: 7,
    inactiveFileBytes: 8,
    workingSetBytes: 9,
    kernelBytes: 10,
    fileDirtyBytes: 11,
    fileWritebackBytes: 12,
    failcnt: 13,
    containerData: { pgfault: 14, pgmajfault: 15 },
    hierarchicalData: { pgfault: 14, pgmajfault: 15 },
    pgscan: 16,
    pgsteal: 17,
    workingsetRefaultFile: 18,
    workingsetRefaultAnon: 19,
    events: { low: 1, high: 2, max: 3, oom: 4, oomKill: 5, oomGroupKill: 6 },
    pressure: { some: PRESSURE },
  },
  diskIo: {
    serviceBytes: [{
      major: 8,
      minor: 0,
      device: "/dev/sda",
      stats: { Read: 4096, Write: 0 },
    }],
    serviced: [{ major: 9, minor: 1, stats: { Read: 1 } }],
    pressure: { full: PRESSURE },
  },
  processes: { processCount: 1, threadsCurrent: 2, threadsMax: 100 },
};

Deno.test("containerStatsJson() has cAdvisor's name for every value", () => {
  const faults = { pgfault: 14, pgmajfault: 15 };
  assertEquals(received(containerStatsJson(SAMPLE)), {
    timestamp: "2026-01-01T00:00:01.5Z",
    cpu: {
      usage: { total: 30, per_cpu_usage: [10, 20], user: 20, system: 10 },
      cfs: {
        periods: 1,
        throttled_periods: 2,
        throttled_time: 3,
        bursts_periods: 4,
        burst_time: 5,
      },
      psi: { full: PRESSURE_JSON, some: PRESSURE_JSON },
    },
    diskio: {
      io_service_bytes: [{
        device: "/dev/sda",
        major: 8,
        minor: 0,
        stats: { Read: 4096, Write: 0 },
      }],
      io_serviced: [{ device: "", major: 9, minor: 1, stats: { Read: 1 } }],
      psi: { full: PRESSURE_JSON },
    },
    memory: {
      usage: 1,
      max_usage: 2,
      cache: 3,
      rss: 4,
      swap: 5,
      mapped_file: 6,
      total_active_file: 7,
      total_inactive_file: 8,
      working_set: 9,
      kernel: 10,
      file_dirty: 11,
      file_writeback: 12,
      failcnt: 13,
      pgscan: 16,
      pgsteal: 17,
      workingset_refault_file: 18,
      workingset_refault_anon: 19,
      container_data: faults,
      hierarchical_data: faults,
      psi: { some: PRESSURE_JSON },
      events: { high: 2, max: 3 },
    },
    processes: { process_count: 1, threads_current: 2, threads_max: 100 },
  });
});

Deno.test("containerStatsJson() has cAdvisor's names for values of some containers only", () => {
  const eth0 = {
    name: "eth0",
    rxBytes: 1,
    rxPackets: 2,
    rxErrors: 3,
    rxDropped: 4,
    txBytes: 5,
    txPackets: 6,
    txErrors: 7,
    txDropped: 8,
  };
  const eth0Json = {
    name: "eth0",
    "rx_bytes": 1,
    "rx_packets": 2,
    "rx_errors": 3,
    "rx_dropped": 4,
    "tx_bytes": 5,
    "tx_packets": 6,
    "tx_errors": 7,
    "tx_dropped": 8,
  };
  const json = containerStatsJson({
    timestampMs: 0,
    hugetlb: { "2MB": { usageBytes: 1 }, "1GB": { failcnt: 2 } },
    network: {
      interfaces: [eth0, { ...eth0, name: "eth1" }],
      udp: { listen: 1, dropped: 2, rxQueued: 3, txQueued: 4 },
      tcpAdvanced: { RtoAlgorithm: 1, MaxConn: -1, PAWSEstab: 5 },
    },
    processes: {
      fdCount: 1,
      socketCount: 2,
      ulimits: [{ name: "x", softLimit: 3, hardLimit: Infinity }],
    },
    referencedMemoryBytes: 4096,
    cpusetMemoryMigrate: 1,
    resctrl: {
      memoryBandwidth: [{ totalBytes: 1, localBytes: 2 }],
      cache: [{ llcOccupancyBytes: 3 }],
    },
  });
  assertEquals(received(json), {
    timestamp: "1970-01-01T00:00:00Z",
    hugetlb: { "1GB": { failcnt: 2 }, "2MB": { usage: 1 } },
    network: {
      ...eth0Json,
      interfaces: [eth0Json, { ...eth0Json, name: "eth1" }],
      udp: { Listen: 1, Dropped: 2, RxQueued: 3, TxQueued: 4 },
      tcp_advanced: { RtoAlgorithm: 1, MaxConn: -1, PAWSEstab: 5 },
    },
    processes: {
      fd_count: 1,
      socket_count: 2,
      ulimits: [{ name: "x", soft_limit: 3, hard_limit: -1 }],
    },
    referenced_memory: 4096,
    resctrl: {
      memory_bandwidth: [{ mbm_total_bytes: 1, mbm_local_bytes: 2 }],
      cache: [{ llc_occupancy: 3 }],
    },
    cpuset: { memory_migrate: 1 },
  });
});

Deno.test("containerStatsJson() leaves out what was not collected, and keeps zeros", () => {
  assertEquals(received(containerStatsJson({ timestampMs: 0 })), {
    timestamp: "1970-01-01T00:00:00Z",
  });
  const sparse = containerStatsJson({
    timestampMs: 0,
    cpu: { usageNs: 0 },
    memory: { usageBytes: 0, events: { oom: 1 } },
    diskIo: { serviceBytes: [], serviced: [] },
    processes: { threadsCurrent: 0, threadsMax: Infinity },
  });
  assertEquals(received(sparse), {
    timestamp: "1970-01-01T00:00:00Z",
    cpu: { usage: { total: 0 } },
    memory: { usage: 0 },
    diskio: {},
    processes: { threads_current: 0 },
  });
});

Deno.test("specJson() has cAdvisor's names for limits, and flags for its parts", () => {
  const spec = specJson({
    creationTimeMs: Date.UTC(2026, 0, 1),
    labels: { app: "web" },
    image: "nginx:1",
    cpu: { shares: 1024, mask: "0-3", quotaUsec: 50000, periodUsec: 100000 },
    memory: { limitBytes: 1, reservationBytes: 2, swapLimitBytes: 3 },
    processes: { limit: 4 },
    hasDiskIo: true,
  });
  assertEquals(received(spec), {
    creation_time: "2026-01-01T00:00:00Z",
    start_time: "0001-01-01T00:00:00Z",
    labels: { app: "web" },
    has_cpu: true,
    cpu: {
      limit: 1024,
      max_limit: 0,
      mask: "0-3",
      quota: 50000,
      period: 100000,
    },
    has_memory: true,
    memory: { limit: 1, reservation: 2, swap_limit: 3 },
    has_hugetlb: false,
    has_network: false,
    has_processes: true,
    processes: { limit: 4 },
    has_filesystem: false,
    has_diskio: true,
    has_custom_metrics: false,
    image: "nginx:1",
  });
});

Deno.test("specJson() of a container without controllers has no limits and no time", () => {
  assertEquals(received(specJson({ labels: {}, hasDiskIo: false })), {
    creation_time: "0001-01-01T00:00:00Z",
    start_time: "0001-01-01T00:00:00Z",
    has_cpu: false,
    has_memory: false,
    has_hugetlb: false,
    has_network: false,
    has_processes: false,
    has_filesystem: false,
    has_diskio: false,
    has_custom_metrics: false,
  });
});

Deno.test("specJson() has the largest 64-bit integer for unlimited", () => {
  const json = JSON.stringify(specJson({
    memory: { limitBytes: Infinity, swapLimitBytes: Infinity },
    processes: { limit: Infinity },
    hasDiskIo: false,
  }));
  assertStringIncludes(
    json,
    '"memory":{"limit":18446744073709551615,"swap_limit":18446744073709551615}',
  );
  assertStringIncludes(json, '"processes":{"limit":18446744073709551615}');
});

Deno.test("containerInfoJson() has the fields of the reference at the top level", () => {
  const info = containerInfoJson({
    reference: {
      name: "/docker/eac18",
      id: "eac18",
      aliases: ["web", "eac18"],
      namespace: "docker",
    },
    subcontainers: [{ name: "/docker/eac18/a", aliases: [] }],
    spec: { hasDiskIo: false },
    stats: [{ timestampMs: 1 }, { timestampMs: 2 }],
  });
  const { spec: _, ...rest } = info;
  assertEquals(received(rest), {
    id: "eac18",
    name: "/docker/eac18",
    aliases: ["web", "eac18"],
    namespace: "docker",
    subcontainers: [{ name: "/docker/eac18/a" }],
    stats: [
      { timestamp: "1970-01-01T00:00:00.001Z" },
      { timestamp: "1970-01-01T00:00:00.002Z" },
    ],
  });
});

Deno.test("containerInfoJson() of a raw cgroup without samples leaves out the lists", () => {
  const info = containerInfoJson({
    reference: { name: "/a" },
    subcontainers: [],
    spec: { hasDiskIo: false },
    stats: [],
  });
  assertEquals(Object.keys(received(info) as object), ["name", "spec"]);
});

Deno.test("integerJson() keeps all digits", () => {
  const noLimitOfV1 = 9223372036854771712;
  assertEquals(
    JSON.stringify([
      integerJson(noLimitOfV1),
      integerJson(2 ** 53 - 1),
      integerJson(1.9),
      integerJson(0),
    ]),
    "[9223372036854771712,9007199254740991,1,0]",
  );
});

Deno.test("timeJson() trims zeros and has the year 1 for an unset time", () => {
  assertEquals(timeJson(undefined), "0001-01-01T00:00:00Z");
  assertEquals(timeJson(Date.UTC(2026, 10, 20)), "2026-11-20T00:00:00Z");
  assertEquals(timeJson(10.25), "1970-01-01T00:00:00.01025Z");
  assertEquals(timeJson(10_000), "1970-01-01T00:00:10Z");
});
