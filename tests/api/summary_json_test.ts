import { assertEquals, assertMatch } from "@std/assert";
import { nodeSummaryJson } from "../../lib/api/summary_json.ts";
import { parseUptime } from "../../lib/kernfs/proc/boot_time.ts";
import { readTaskLimits } from "../../lib/kernfs/proc/task_limits.ts";
import { PodDiskUsage } from "../../lib/manager/pod_disk_usage.ts";
import { groupByPod } from "../../lib/manager/pods.ts";
import type {
  DescribedContainer,
  NodeSummary,
} from "../../lib/model/node_summary.ts";
import {
  type CgroupDriver,
  KubepodsTree,
  labelsOf,
} from "../_support/kubepods_tree.ts";
import { MetricsFixture } from "../_support/metrics_fixture.ts";

const INTERFACES = ["eth0", "eth1"].map((name, index) => ({
  name,
  rxBytes: 10 + index,
  rxPackets: 1,
  rxErrors: 0,
  rxDropped: 0,
  txBytes: 20 + index,
  txPackets: 1,
  txErrors: 2,
  txDropped: 0,
}));

const FILESYSTEM = {
  timestampMs: Date.UTC(2026, 10, 23, 6, 31, 0),
  device: "/dev/vda1",
  type: "vfs",
  mountPoint: "/",
  major: 254,
  minor: 1,
  labels: ["root"],
  capacityBytes: 100,
  usageBytes: 60,
  availableBytes: 30,
  inodes: 10,
  inodesFree: 4,
};

const FILESYSTEM_JSON = {
  time: "2026-11-23T06:31:00Z",
  availableBytes: 30,
  capacityBytes: 100,
  usedBytes: 60,
  inodesFree: 4,
  inodes: 10,
  inodesUsed: 6,
};

/** Returns the summary of a composed node, with or without a runtime. */
function summaryOf(driver: CgroupDriver, isTold: boolean): NodeSummary {
  using tree = new KubepodsTree(driver);
  using scraped = new MetricsFixture(tree.recorded);
  const { clock } = scraped;
  const described = scraped.containers.map((container): DescribedContainer => {
    container.sample();
    const [stats] = container.stats({ count: 1 });
    const { reference, spec } = container;
    const labels = isTold ? labelsOf(reference.name) : undefined;
    // The recorded pids belong to no process here.
    const isSandbox = /1{64}/.test(reference.name);
    return {
      reference,
      spec: { ...spec, ...(labels !== undefined && { labels }) },
      ...(stats !== undefined && {
        stats: isSandbox
          ? { ...stats, network: { interfaces: INTERFACES } }
          : stats,
      }),
    };
  });
  const { fs } = tree.recorded;
  const disks = new PodDiskUsage({
    usage: {
      sizeOf: () => ({ timestampMs: clock.now(), bytes: 5, inodes: 2 }),
      isMissing: () => false,
      forget() {},
      isBehind: false,
      caughtUp: () => Promise.resolve(),
    },
    volumeScanner: {
      volumesOf: () => undefined,
      forget() {},
      isBehind: false,
      caughtUp: () => Promise.resolve(),
    },
    filesystems: { mounts: [], latest: [] },
  });
  const grouped = groupByPod(described);
  return {
    ...grouped,
    pods: disks.measure(grouped.pods, FILESYSTEM),
    nodeName: "n1",
    bootMs: clock.now() - parseUptime(fs.readText("/proc/uptime") ?? "") * 1000,
    tasks: readTaskLimits(fs, clock.now()),
    filesystems: { root: FILESYSTEM, images: FILESYSTEM },
  };
}

function json(
  summary: NodeSummary,
  options?: { onlyCpuAndMemory: boolean },
  // deno-lint-ignore no-explicit-any
): any {
  return JSON.parse(JSON.stringify(nodeSummaryJson(summary, options)));
}

const TIME_REGEXP = /^2026-11-23T\d\d:\d\d:\d\dZ$/;

for (const driver of ["cgroupfs", "systemd"] as const) {
  Deno.test(`nodeSummaryJson() has node, pods and containers of the ${driver} driver with every known field`, () => {
    const { node, pods } = json(summaryOf(driver, true));
    assertEquals(node.nodeName, "n1");
    assertEquals(node.startTime, "2026-11-23T06:01:53Z");
    assertEquals(Object.keys(node), [
      "nodeName",
      "systemContainers",
      "startTime",
      "cpu",
      "memory",
      "io",
      "swap",
      "fs",
      "runtime",
      "rlimit",
    ]);
    assertEquals(node.fs, FILESYSTEM_JSON);
    // The usage of images is unknown.
    const { usedBytes: _, inodesUsed: __, ...imageFs } = FILESYSTEM_JSON;
    assertEquals(node.runtime, { imageFs });
    assertEquals(node.rlimit, {
      time: "2026-11-23T06:31:14Z",
      maxpid: 32768,
      curproc: 80,
    });
    assertEquals(
      node.systemContainers.map(({ name }: { name: string }) => name),
      ["pods"],
    );
    const refs = pods.map((
      { podRef, containers }: {
        podRef: { name: string; namespace: string; uid: string };
        containers: { name: string }[];
      },
    ) => [
      podRef.name,
      podRef.namespace,
      podRef.uid,
      containers.map(({ name }) => name),
    ]);
    assertEquals(refs.toSorted(), [
      ["", "", "aaaa1111-bbbb-2222-cccc-333344445555", ["6".repeat(64)]],
      ["etcd-n1", "shop", "0123456789abcdef0123456789abcdef", ["etcd"]],
      ["web-0", "shop", "0f1e2d3c-1111-2222-3333-444455556666", [
        "app",
        "sidecar",
      ]],
    ]);
    const web = pods.find(({ podRef }: { podRef: { name: string } }) =>
      podRef.name === "web-0"
    );
    assertEquals(Object.keys(web), [
      "podRef",
      "startTime",
      "containers",
      "cpu",
      "memory",
      "io",
      "swap",
      "network",
      "process_stats",
    ]);
    assertEquals(web.startTime, "2026-11-23T06:00:00Z");
    // Two processes in each of two containers, without those of pod and sandbox.
    assertEquals(web["process_stats"]["process_count"], 4);
    const { time, ...network } = web.network;
    assertMatch(time, TIME_REGEXP);
    const own = {
      name: "eth0",
      rxBytes: 10,
      rxErrors: 0,
      txBytes: 20,
      txErrors: 2,
    };
    assertEquals(network, {
      ...own,
      interfaces: [own, { ...own, name: "eth1", rxBytes: 11, txBytes: 21 }],
    });
    const [app] = web.containers;
    assertEquals(Object.keys(app), [
      "name",
      "startTime",
      "cpu",
      "memory",
      "io",
      "swap",
      "logs",
    ]);
    assertEquals(app.logs, {
      ...FILESYSTEM_JSON,
      time: "2026-11-23T06:31:14Z",
      usedBytes: 5,
      inodesUsed: 2,
    });
    assertEquals(Object.keys(app.cpu), [
      "time",
      "usageNanoCores",
      "usageCoreNanoSeconds",
      "psi",
    ]);
    assertEquals(app.cpu.usageCoreNanoSeconds, 1_008_690_000);
    assertEquals(app.cpu.usageNanoCores, 0);
    assertEquals(Object.keys(app.memory), [
      "time",
      "availableBytes",
      "usageBytes",
      "workingSetBytes",
      "rssBytes",
      "pageFaults",
      "majorPageFaults",
      "psi",
    ]);
    assertEquals(
      app.memory.availableBytes,
      33_554_432 - app.memory.workingSetBytes,
    );
    assertEquals(app.memory.rssBytes, 110_592);
    assertEquals(Object.keys(app.memory.psi.full), [
      "total",
      "avg10",
      "avg60",
      "avg300",
    ]);
    assertEquals(app.cpu.psi.some.total, 256_409);
    assertEquals(Object.keys(app.swap), [
      "time",
      "swapAvailableBytes",
      "swapUsageBytes",
    ]);
  });

  Deno.test(`nodeSummaryJson() has the pods in cgroup names of the ${driver} driver if there is no runtime`, () => {
    const { pods } = json(summaryOf(driver, false));
    assertEquals(
      pods.map((
        { podRef, containers }: {
          podRef: { name: string; uid: string };
          containers: unknown[];
        },
      ) => [podRef.name, podRef.uid, containers.length]).toSorted(),
      [
        ["", "0123456789abcdef0123456789abcdef", 2],
        ["", "0f1e2d3c-1111-2222-3333-444455556666", 3],
        ["", "aaaa1111-bbbb-2222-cccc-333344445555", 1],
      ],
    );
  });
}

Deno.test("nodeSummaryJson() with onlyCpuAndMemory leaves out everything else", () => {
  const { node, pods } = json(summaryOf("systemd", true), {
    onlyCpuAndMemory: true,
  });
  assertEquals(Object.keys(node), [
    "nodeName",
    "systemContainers",
    "startTime",
    "cpu",
    "memory",
  ]);
  assertEquals(node.startTime, "2026-11-23T06:00:00Z");
  for (const pod of pods) {
    assertEquals(Object.keys(pod), [
      "podRef",
      "startTime",
      "containers",
      "cpu",
      "memory",
    ]);
    for (const container of pod.containers) {
      assertEquals(Object.keys(container), [
        "name",
        "startTime",
        "cpu",
        "memory",
      ]);
    }
  }
});

/** Returns a node with one pod and the given containers. */
function nodeOf(
  containers: readonly Partial<DescribedContainer>[],
  sandbox?: Partial<DescribedContainer>,
): NodeSummary {
  const whole = (container: Partial<DescribedContainer>) => ({
    reference: { name: "/x" },
    spec: { hasDiskIo: false },
    ...container,
  });
  const root = whole({
    spec: { hasDiskIo: false, memory: { swapLimitBytes: 1_000 } },
    stats: {
      timestampMs: 0,
      memory: { swapBytes: 400 },
      network: { interfaces: INTERFACES },
    },
  });
  return {
    nodeName: "n1",
    root,
    systemContainers: [],
    pods: [{
      uid: "u",
      cgroup: whole({ stats: { timestampMs: 0, memory: { swapBytes: 5 } } }),
      ...(sandbox !== undefined && { sandbox: whole(sandbox) }),
      containers: containers.map((container, index) => ({
        ...whole(container),
        name: `c${index}`,
      })),
      volumes: [],
    }],
    tasks: { timestampMs: 0 },
    filesystems: {},
  };
}

Deno.test("nodeSummaryJson() has the node's network for a pod on it, and none if the network is unknown", () => {
  const networkOf = (summary: NodeSummary) => json(summary).pods[0].network;
  const onHost = networkOf(nodeOf([{}], { isOnHostNetwork: true }));
  assertEquals(onHost, json(nodeOf([{}])).node.network);
  assertEquals(onHost.name, "eth0");
  assertEquals(networkOf(nodeOf([{ isOnHostNetwork: true }])), onHost);
  assertEquals(networkOf(nodeOf([{}], {})), undefined);
});

Deno.test("nodeSummaryJson() has no volumes for a pod without volumes", () => {
  assertEquals("volume" in json(nodeOf([{}])).pods[0], false);
});

Deno.test("nodeSummaryJson() has available swap: without memory on v1, 0 if unlimited, and at most the node's", () => {
  const swapOf = (
    memory: NonNullable<DescribedContainer["spec"]["memory"]>,
    swapBytes: number | undefined = 10,
  ) => {
    const spec = { hasDiskIo: false, memory };
    const stats = {
      timestampMs: 0,
      memory: swapBytes < 0 ? {} : { swapBytes },
    };
    const [{ containers, swap }] = json(nodeOf([{ spec, stats }])).pods;
    assertEquals(swap, { time: "1970-01-01T00:00:00Z", swapUsageBytes: 5 });
    return containers[0].swap?.swapAvailableBytes;
  };
  const limitBytes = 600;
  assertEquals(
    swapOf({ limitBytes, swapLimitBytes: 700, swapOnlyLimitBytes: 100 }),
    90,
  );
  assertEquals(
    swapOf({ limitBytes, swapLimitBytes: 600, swapOnlyLimitBytes: 0 }, 0),
    0,
  );
  assertEquals(
    swapOf({ limitBytes, swapLimitBytes: 9_999, swapOnlyLimitBytes: 9_399 }),
    990,
  );
  assertEquals(swapOf({ limitBytes, swapLimitBytes: 100 }), 90);
  assertEquals(swapOf({ limitBytes, swapLimitBytes: 100 }, 200), 0);
  assertEquals(swapOf({ limitBytes, swapLimitBytes: Infinity }), 0);
  assertEquals(swapOf({ limitBytes }), 0);
  assertEquals(swapOf({ limitBytes }, -1), undefined);
});
