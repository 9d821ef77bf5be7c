import { assertEquals } from "@std/assert";
import { expositionText } from "../../lib/metrics/exposition.ts";
import { resourceSections } from "../../lib/metrics/resource_families.ts";
import type {
  DescribedContainer,
  NodeSummary,
} from "../../lib/model/node_summary.ts";
import { decodeChunks, parseExposition } from "../_support/exposition.ts";

const USED: DescribedContainer = {
  reference: { name: "/x" },
  spec: {
    hasDiskIo: false,
    startTimeMs: 5_500,
    creationTimeMs: 1_000,
    // v1, where the kernel counts memory and swap together.
    memory: { limitBytes: 60, swapLimitBytes: 150, swapOnlyLimitBytes: 90 },
  },
  stats: {
    timestampMs: 0,
    cpu: { usageNs: 2_500_000_000 },
    memory: { workingSetBytes: 40, swapBytes: 10 },
  },
};

const POD = {
  uid: "u",
  name: "web-0",
  namespace: "shop",
  cgroup: USED,
  sandbox: USED,
  containers: [{ ...USED, name: "app" }],
};

const SUMMARY: NodeSummary = {
  nodeName: "n1",
  root: USED,
  systemContainers: [],
  pods: [POD, {
    uid: "v",
    cgroup: USED,
    containers: [{ ...USED, name: "f00" }],
  }],
  tasks: { timestampMs: 0 },
  filesystems: {},
};

function exposed(summary: NodeSummary | undefined): string[] {
  const text = decodeChunks(expositionText(resourceSections(summary), {
    format: "prometheus",
    names: new Set(),
    onError: () => {},
  }));
  return [...parseExposition(text).values()].flatMap(({ type, series }) =>
    series.map(({ name, labels, value }) =>
      [name, type, ...Object.entries(labels).flat(), value].join(" ")
    )
  );
}

Deno.test("resourceSections() has node, containers and pods as the kubelet, without unnamed pods", () => {
  const container = "container app pod web-0 namespace shop";
  const pod = "pod web-0 namespace shop";
  assertEquals(exposed(SUMMARY), [
    "node_cpu_usage_seconds_total counter 2.5",
    "node_memory_working_set_bytes gauge 40",
    "node_swap_usage_bytes gauge 10",
    `container_start_time_seconds gauge ${container} 5.5`,
    `container_cpu_usage_seconds_total counter ${container} 2.5`,
    `container_memory_working_set_bytes gauge ${container} 40`,
    `container_swap_usage_bytes gauge ${container} 10`,
    `container_swap_limit_bytes gauge ${container} 90`,
    `pod_cpu_usage_seconds_total counter ${pod} 2.5`,
    `pod_memory_working_set_bytes gauge ${pod} 40`,
    `pod_swap_usage_bytes gauge ${pod} 10`,
    "resource_scrape_error gauge 0",
    "scrape_error gauge 0",
  ]);
});

Deno.test("resourceSections() reports a failure, and nothing else then", () => {
  assertEquals(exposed(undefined), [
    "resource_scrape_error gauge 1",
    "scrape_error gauge 1",
  ]);
});
