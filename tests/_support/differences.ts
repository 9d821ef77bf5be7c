// Exceeds 300 lines: one table. docs/migrating-from-cadvisor.md is generated from it.

import { assert, assertEquals } from "@std/assert";
import type { ParsedFamily, Series } from "./exposition.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

/** Responses of one agent, and the files that it reads. */
export interface AgentClient {
  json(path: string): Promise<Json>;
  status(path: string, method?: string): Promise<number>;
  /** Returns `/metrics` or another text page. */
  text(path: string): Promise<string>;
  families(path: string): Promise<ReadonlyMap<string, ParsedFamily>>;
  /** Returns a control file of a container. */
  control(name: string, controller: string, file: string): string;
  /** The Docker container, or the pod's. */
  readonly container: string;
}

/** Agents of a host with cgroup v1, a host with v2, and a Kubernetes node. */
export type Hosts = Readonly<Record<"v1" | "v2" | "node", AgentClient>>;

/** An intended difference from cAdvisor or the kubelet. */
export interface Difference {
  readonly what: string;
  readonly theirs: string;
  readonly ours: string;
  readonly reason: string;
  /** @throws if the agent's responses differ */
  readonly holds: (hosts: Hosts) => Promise<void>;
}

/** Differences in the order of the documentation. */
export type Differences = readonly Difference[];

async function stats(client: AgentClient): Promise<Json> {
  const { stats } = await client.json(
    `/api/v1.3/containers${client.container}`,
  );
  return stats.at(-1);
}

/** Returns the series of a family for the Docker container, or the pod's. */
async function series(
  client: AgentClient,
  family: string,
  id: string = client.container,
): Promise<readonly Series[]> {
  const families = await client.families("/metrics");
  return (families.get(family)?.series ?? [])
    .filter(({ labels }) => labels["id"] === id);
}

function keyed(text: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1]);
}

/** Differences from cAdvisor. */
export const FROM_CADVISOR: Differences = [
  {
    what: "errors",
    theirs: "500 and plain text for each",
    ours: '404, 400, 405 with JSON `{"error":…}`',
    reason: "a client can distinguish an unknown name from a failure",
    async holds({ v2 }) {
      assertEquals(await v2.status("/api/v1.3/containers/none"), 404);
      assertEquals(await v2.status("/api/v2.1/stats?count=x"), 400);
      assertEquals(await v2.status("/api/v2.1/stats?count=-2"), 400);
      assertEquals(await v2.status("/api/v1.3/machine", "DELETE"), 405);
      assert("error" in JSON.parse(await v2.text("/api/v1.3/containers/none")));
    },
  },
  {
    what: "`/events` without a parameter",
    theirs: "`[]`",
    ours: "all events",
    reason: "a request for nothing has no use",
    async holds({ v2 }) {
      assert((await v2.json("/api/v1.3/events")).length > 1);
    },
  },
  {
    what: "`max_events`",
    theirs: "applies to each type, before the container is selected",
    ours: "applies after all other parameters",
    reason: "ten events of a quiet container are found on a busy machine",
    async holds({ v2 }) {
      const [event, ...more] = await v2.json(
        `/api/v1.3/events${v2.container}?creation_events=true&max_events=1`,
      );
      assertEquals(event.container_name, v2.container);
      assertEquals(more, []);
    },
  },
  {
    what: "containers below `/a`",
    theirs: "`/ab` is one",
    ours: "`/a/b` is, `/ab` is not",
    reason: "names are paths",
    async holds({ v2 }) {
      const path = `/api/v2.1/stats${v2.container.slice(0, -1)}?recursive=true`;
      assertEquals(await v2.status(path), 404);
    },
  },
  {
    what: "numbers that the kernel does not have",
    theirs: "0",
    ours: "absent",
    reason: "0 is a measurement; Go decodes an absent number as 0",
    async holds({ v1, v2 }) {
      const [first, second] = [await stats(v1), await stats(v2)];
      assertEquals(first.memory.events, undefined);
      assertEquals(first.cpu.psi, undefined);
      assertEquals(second.memory.failcnt, undefined);
      assertEquals(await series(v2, "container_memory_failcnt"), []);
    },
  },
  {
    what:
      "`load_average`, `task_stats`, `container_cpu_load_…`, `container_tasks_state`; `container_perf_…`; `custom_metrics`",
    theirs: "0, or from netlink, perf events and containers",
    ours: "absent",
    reason: "no file has them",
    async holds({ v2 }) {
      const { cpu, task_stats } = await stats(v2);
      assertEquals([cpu.load_average, cpu.load_d_average, task_stats], [
        undefined,
        undefined,
        undefined,
      ]);
      const text = await v2.text("/metrics");
      assertEquals(
        text.match(/container_(?:tasks_state|cpu_load|perf_)/),
        null,
      );
    },
  },
  {
    what:
      "`cloud_provider`, `instance_type`, `instance_id`, `nvm` of the machine",
    theirs: '`"Unknown"`, zeros',
    ours: "absent if firmware does not name a cloud; no `nvm`",
    reason:
      "unknown values are absent; the agent makes no requests over a network",
    async holds({ v2 }) {
      const machine = await v2.json("/api/v1.3/machine");
      for (const key of ["cloud_provider", "instance_type", "nvm"]) {
        assertEquals(machine[key], undefined);
      }
    },
  },
  {
    what:
      '`container_memory_failures_total{scope="hierarchy"}`, `hierarchical_data`, on v1',
    theirs: 'the faults of the cgroup alone, as with `scope="container"`',
    ours: "those of the cgroup and its descendants (`total_pgfault`)",
    reason: "the label value `hierarchy` means this; v2 counts no others",
    async holds({ v1 }) {
      const text = v1.control(v1.container, "memory", "memory.stat");
      const faults = await series(v1, "container_memory_failures_total");
      const of = (scope: string) =>
        faults.find(({ labels }) =>
          labels["scope"] === scope && labels["failure_type"] === "pgfault"
        )?.value;
      assertEquals(of("container"), keyed(text, "pgfault"));
      assertEquals(of("hierarchy"), keyed(text, "total_pgfault"));
    },
  },
  {
    what: "`file_dirty`, `file_writeback` on v1",
    theirs: "0: read by the keys of v2",
    ours: "`dirty`, `writeback` of v1's `memory.stat`",
    reason: "the kernel has them under other keys",
    async holds({ v1 }) {
      const text = v1.control(v1.container, "memory", "memory.stat");
      const { memory } = await stats(v1);
      assertEquals(memory.file_dirty, keyed(text, "total_dirty"));
      assertEquals(memory.file_writeback, keyed(text, "total_writeback"));
    },
  },
  {
    what: "`container_fs_*` of input and output, of a container",
    theirs: "0, of the disk that its layer is on",
    ours: "what its cgroup did, by disk",
    reason: "counters of a disk are not those of one container",
    async holds({ v2 }) {
      const text = v2.control(v2.container, "io", "io.stat");
      const [, bytes] = /^259:0 rbytes=(\d+)/m.exec(text) ?? [];
      const [read, ...more] = await series(
        v2,
        "container_fs_reads_bytes_total",
      );
      assertEquals([read?.value, more], [Number(bytes), []]);
    },
  },
  {
    what: "`container_fs_*` of `/`",
    theirs: "file systems that were mounted when it started",
    ours: "those mounted now, except those of containers and pods",
    reason:
      "they are created and removed with pods, which have `volume` and `rootfs`",
    async holds({ node }) {
      const devices = (await series(node, "container_fs_limit_bytes", "/"))
        .map(({ labels }) => labels["device"] ?? "");
      assert(devices.length > 0);
      assertEquals(devices.filter((device) => /\/pods\//.test(device)), []);
      const storage = await node.json("/api/v2.1/storage");
      assert(
        storage.some(({ mountpoint }: Json) => /\/pods\//.test(mountpoint)),
      );
    },
  },
  {
    what: "timestamps and empty labels in `/metrics`",
    theirs: 'the time of each sample; `name=""` of a raw cgroup',
    ours: "none",
    reason:
      "a removed container has no series at the next scrape; an empty label is equivalent to an absent one",
    async holds({ v1, v2, node }) {
      for (const client of [v1, v2, node]) {
        const text = await client.text("/metrics");
        assertEquals(text.match(/^\w+(?:\{.*\})? \S+ \S+$/m), null);
        assertEquals(text.match(/=""[,}]/), null);
      }
    },
  },
  {
    what: "`container_cpu_usage_seconds_total`, while it is 0",
    theirs: "absent",
    ours: "0",
    reason: "otherwise `rate()` misses the first second of use",
    async holds({ v2 }) {
      const used = await series(
        v2,
        "container_cpu_usage_seconds_total",
        "/idle",
      );
      assertEquals(used.map(({ value }) => value), [0]);
    },
  },
  {
    what: "v2's `spec`",
    theirs: "without CPU quota, period and limit of processes",
    ours: "with them",
    reason: "v1's has them",
    async holds({ v2 }) {
      const spec =
        (await v2.json(`/api/v2.1/spec${v2.container}`))[v2.container];
      assertEquals([spec.cpu.quota, spec.cpu.period], [50_000, 100_000]);
    },
  },
  {
    what: "`envs` of `spec`",
    theirs: "the variables of `env_metadata_whitelist`",
    ours: "absent",
    reason: "environment variables often contain secrets",
    async holds({ v2 }) {
      const { spec } = await v2.json(`/api/v1.3/containers${v2.container}`);
      assertEquals([spec.has_cpu, spec.envs], [true, undefined]);
    },
  },
  {
    what: "`go_*` in `/metrics`",
    theirs: "of the Go runtime",
    ours: "absent; `process_*` and `cgwatch_*`",
    reason: "the agent is not a Go program",
    async holds({ v2 }) {
      const text = await v2.text("/metrics");
      assertEquals(text.match(/^go_/m), null);
      assert(/^process_cpu_seconds_total /m.test(text));
    },
  },
  {
    what: "`has_hugetlb`, `has_processes`",
    theirs: "false of all of v2, and of v1's root",
    ours: "true where samples have them",
    reason: "a spec matches its samples",
    async holds({ v2 }) {
      const { spec, stats } = await v2.json(
        `/api/v1.3/containers${v2.container}`,
      );
      assertEquals(spec.has_processes, true);
      assert(stats.at(-1).processes !== undefined);
    },
  },
];

/**
 * Differences from the kubelet's `/stats/summary` and `/metrics/resource`
 * (1.32).
 */
export const FROM_KUBELET: Differences = [
  {
    what: "`runtime.imageFs` and `containerFs`: `usedBytes`, `inodesUsed`",
    theirs: "what the runtime returns over CRI",
    ours: "absent",
    reason: "no file has it; other data may be on that file system",
    async holds({ node }) {
      const { node: { runtime } } = await node.json("/stats/summary");
      assert(runtime.imageFs.capacityBytes > 0);
      assertEquals([runtime.imageFs.usedBytes, runtime.imageFs.inodesUsed], [
        undefined,
        undefined,
      ]);
    },
  },
  {
    what: "`psi`, `io`",
    theirs: "behind the gate KubeletPSI",
    ours: "wherever the kernel has them",
    reason: "clients ignore unknown fields",
    async holds({ node }) {
      const { node: { cpu, io } } = await node.json("/stats/summary");
      assert(cpu.psi.some.total >= 0 && io.psi.full.total >= 0);
    },
  },
  {
    what: "`systemContainers`: `runtime`",
    theirs: "with `--runtime-cgroups` or by systemd alone",
    ours: "the cgroup of the process that runs containers, wherever it is",
    reason: "the agent does not have the kubelet's flags",
    async holds({ node }) {
      const { node: { systemContainers } } = await node.json("/stats/summary");
      assertEquals(
        systemContainers.map(({ name }: Json) => name),
        ["kubelet", "runtime", "pods"],
      );
    },
  },
  {
    what: "`systemContainers`: `startTime` of `kubelet`",
    theirs: "the start of its process",
    ours: "the creation of its cgroup",
    reason: "systemd creates it at each start",
    async holds({ node }) {
      const { node: { systemContainers } } = await node.json("/stats/summary");
      const { startTime } = systemContainers[0];
      const { spec } = await node.json(
        "/api/v1.3/containers/system.slice/kubelet.service",
      );
      const createdMs = Date.parse(spec.creation_time);
      assertEquals(Date.parse(startTime), Math.floor(createdMs / 1000) * 1000);
    },
  },
  {
    what: "`swapAvailableBytes` of a container with a limit",
    theirs: "0 from containerd before 1.7, which does not report it",
    ours: "what is left of its limit of swap, and of the node's",
    reason: "the kernel has it",
    async holds({ node }) {
      const { pods } = await node.json("/stats/summary");
      const containers = pods.flatMap(({ containers }: Json) => containers);
      assert(containers.length > 0);
      for (const { swap } of containers) {
        assert(swap.swapAvailableBytes > 0);
      }
    },
  },
  {
    what: "`startTime` of a container",
    theirs: "the creation time of CRI",
    ours:
      "containerd's `CreatedAt`, up to a second earlier, or that of its cgroup",
    reason: "available without CRI",
    async holds({ node }) {
      const { pods: [{ containers: [container] }] } = await node.json(
        "/stats/summary",
      );
      assert(Date.parse(container.startTime) > 0);
    },
  },
  {
    what: "`pvcRef` of a volume, `accelerators`, `userDefinedMetrics`",
    theirs: "from the API server and from containers",
    ours: "absent",
    reason: "the agent queries neither",
    async holds({ node }) {
      const text = await node.text("/stats/summary");
      assertEquals(text.match(/pvcRef|accelerators|userDefinedMetrics/), null);
    },
  },
  {
    what: "`/metrics/resource`",
    theirs: "with timestamps; swap and `scrape_error` by version",
    ours: "without; all families of all versions",
    reason: "as `/metrics`",
    async holds({ node }) {
      const families = await node.families("/metrics/resource");
      for (
        const family of [
          "scrape_error",
          "resource_scrape_error",
          "node_swap_usage_bytes",
          "container_swap_limit_bytes",
        ]
      ) {
        assert(families.has(family), family);
      }
    },
  },
];

/** Bugs of cAdvisor that are not repeated; each has its own test. */
export const NOT_REPEATED: readonly (readonly [
  what: string,
  theirs: string,
  ours: string,
  test: string,
])[] = [
  [
    "`container_oom_events_total`",
    "counts old records of the kernel log again after a restart",
    "counts the kills of this run",
    "tests/e2e/restart_test.ts",
  ],
  [
    "`container_fs_{read,write,io_time,io_time_weighted}_seconds_total` of file systems",
    "milliseconds over 1,000,000,000",
    "seconds",
    "tests/metrics/container_families_test.ts",
  ],
  [
    "`container_network_udp{,6}_usage_total`, `rxqueued` and `txqueued`",
    "swapped",
    "as the kernel has them",
    "tests/kernfs/proc/network_files_test.ts",
  ],
  [
    "a device without a name",
    "two of them have one series, of which one is dropped",
    '`device="8:0"`',
    "tests/metrics/container_families_test.ts",
  ],
  [
    "`day_usage`",
    "of one hour of minutes",
    "of a day",
    "tests/cache/usage_summary_test.ts",
  ],
  [
    "two aliases of one container",
    "make a name ambiguous",
    "are one container",
    "tests/manager/alias_table_test.ts",
  ],
  [
    "a client that does not read its stream",
    "delays all others",
    "delays no other; it receives a `lost` event when it continues",
    "tests/e2e/stream_test.ts",
  ],
  [
    "`cgroup_path` in `ps` of a container",
    "empty",
    "its cgroup",
    "tests/e2e/ps_test.ts",
  ],
];
