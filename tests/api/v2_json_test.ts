import { assertEquals } from "@std/assert";
import {
  containerInfoV2Json,
  containerSpecV2Json,
  deprecatedContainerStatsJson,
} from "../../lib/api/v2_json.ts";

function received(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const SPEC = {
  cpu: { shares: 2, quotaUsec: 50000, periodUsec: 100000 },
  processes: { limit: 10 },
  hasDiskIo: true,
};

Deno.test("containerSpecV2Json() has aliases, namespace and all limits", () => {
  const reference = { name: "/d/e", aliases: ["web"], namespace: "docker" };
  assertEquals(received(containerSpecV2Json({ reference, spec: SPEC })), {
    creation_time: "0001-01-01T00:00:00Z",
    start_time: "0001-01-01T00:00:00Z",
    aliases: ["web"],
    namespace: "docker",
    has_cpu: true,
    cpu: { limit: 2, max_limit: 0, quota: 50000, period: 100000 },
    has_memory: false,
    has_hugetlb: false,
    has_network: false,
    has_processes: true,
    processes: { limit: 10 },
    has_filesystem: false,
    has_diskio: true,
    has_custom_metrics: false,
  });
});

Deno.test("containerInfoV2Json() has a spec, and samples with integer rates", () => {
  const info = containerInfoV2Json({
    reference: { name: "/a" },
    spec: SPEC,
    stats: [
      { timestampMs: 0, cpu: { usageNs: 1 } },
      {
        timestampMs: 1000,
        cpu: { usageNs: 2 },
        cpuInst: { usage: 10.9, user: 1.1, system: 0, perCpuUsage: [10.9] },
        memory: { usageBytes: 5 },
        processes: { threadsCurrent: 1 },
      },
    ],
  });
  assertEquals(received(info["stats"]), [
    { timestamp: "1970-01-01T00:00:00Z", cpu: { usage: { total: 1 } } },
    {
      timestamp: "1970-01-01T00:00:01Z",
      cpu: { usage: { total: 2 } },
      cpu_inst: {
        usage: { total: 10, per_cpu_usage: [10], user: 1, system: 0 },
      },
      memory: { usage: 5 },
      processes: { threads_current: 1 },
    },
  ]);
  assertEquals(
    received(info["spec"]),
    received(containerSpecV2Json({ reference: { name: "/a" }, spec: SPEC })),
  );
});

Deno.test("containerInfoV2Json() without samples has a spec only", () => {
  const info = {
    reference: { name: "/a", aliases: [] },
    spec: SPEC,
    stats: [],
  };
  const json = received(containerInfoV2Json(info));
  assertEquals(Object.keys(json as object), ["spec"]);
});

Deno.test("v2.0 has the file systems as an array, v2.1 an object if there is only one", () => {
  const filesystem = { device: "/dev/vda", type: "vfs", usageBytes: 60 };
  for (const count of [1, 2]) {
    const stats = {
      timestampMs: 0,
      filesystems: new Array(count).fill(filesystem),
    };
    const { filesystem: all, has_filesystem: has } =
      deprecatedContainerStatsJson(stats);
    assertEquals([has, all?.length], [true, count]);
    const { stats: samples } = containerInfoV2Json({
      reference: { name: "/a" },
      spec: SPEC,
      stats: [stats],
    });
    assertEquals(
      samples?.[0]?.filesystem?.totalUsageBytes,
      count === 1 ? 60 : undefined,
    );
  }
});
