import { assertEquals, assertNotEquals } from "@std/assert";
import { CONTAINER_FAMILIES } from "../../lib/metrics/container_families.ts";
import { expositionText, section } from "../../lib/metrics/exposition.ts";
import {
  containerLabels,
  type ContainerSnapshot,
} from "../../lib/metrics/container_snapshot.ts";
import { familiesOf } from "../../lib/metrics/metrics.ts";
import {
  COLUMN,
  GROUP_COLUMNS,
  type GroupKind,
  IO_KINDS,
  IO_SUM_KINDS,
  RowBuilder,
} from "../../lib/model/sample.ts";
import { METRIC_KINDS } from "../../lib/config/flags.ts";
import { CADVISOR_CONTAINER_FAMILIES as CADVISOR } from "../_support/cadvisor_families.ts";
import { decodeChunks, parseExposition } from "../_support/exposition.ts";
import { NUMBERED_COUNTERS } from "../_support/disk_counters.ts";

const KEYS: Partial<Record<GroupKind, readonly string[]>> = {
  cpu: ["0", "1"],
  pressure: ["cpu", "memory", "io"],
  numa: ["0"],
  hugetlb: ["2MB"],
  interface: ["eth0"],
  tcp: ["tcp", "tcp6"],
  udp: ["udp", "udp6"],
  ulimit: ["max_open_files"],
  resctrl: ["mon_L3_01"],
};

/** On a disk that the cgroup used, too, and twice on another. */
const FILESYSTEM = {
  device: "/dev/sdb1",
  type: "vfs",
  capacityBytes: 100,
  usageBytes: 60,
  availableBytes: 30,
  inodes: 10,
  inodesFree: 4,
  io: NUMBERED_COUNTERS,
};

/** A container with all values: each column has its index plus 1,000,000. */
function allKnown(): ContainerSnapshot {
  const builder = new RowBuilder();
  for (const kind of Object.keys(GROUP_COLUMNS) as GroupKind[]) {
    for (const key of KEYS[kind] ?? [""]) builder.group(kind, key);
  }
  for (const kind of [...IO_KINDS, ...IO_SUM_KINDS]) builder.group(kind, "8:0");
  const row = builder.row.map((_, index) => 1_000_000 + index);
  const reference = {
    name: "/a",
    aliases: ["web", "abc"],
    id: "abc",
    namespace: "docker",
  };
  const spec = {
    hasDiskIo: true,
    creationTimeMs: 5_999,
    image: "nginx:1",
    labels: { "io.kubernetes.container.name": "c", "my.own-label": 'x"\\\n' },
    cpu: { shares: 512, quotaUsec: 50_000, periodUsec: 100_000 },
    memory: { limitBytes: 1, reservationBytes: Infinity, swapLimitBytes: 3 },
  };
  return {
    reference,
    labels: containerLabels(reference, spec, { name: "p", namespace: "n" }),
    spec,
    row,
    layout: builder.layout,
    layoutVersion: builder.layout.version,
    filesystems: [
      FILESYSTEM,
      { ...FILESYSTEM, device: "/dev/sda" },
      FILESYSTEM,
    ],
    oomKills: 2,
    nowMs: 7_000,
    deviceName: () => "/dev/sda",
  };
}

function expose(snapshot: ContainerSnapshot, families = CONTAINER_FAMILIES) {
  const text = decodeChunks(expositionText(
    [section<ContainerSnapshot>({
      families,
      subjects: [snapshot],
      labelsOf: ({ labels }) => labels,
    })],
    {
      format: "prometheus",
      names: new Set(),
      onError: (error) => {
        throw error;
      },
    },
  ));
  return parseExposition(text);
}

const COMMON = {
  id: "/a",
  name: "web",
  image: "nginx:1",
  container: "c",
  pod: "p",
  namespace: "n",
  "container_label_io_kubernetes_container_name": "c",
  "container_label_my_own_label": 'x"\\\n',
};

for (const { name, type, labels } of CADVISOR) {
  Deno.test(`CONTAINER_FAMILIES have ${name} with cAdvisor's type and labels, if implemented`, () => {
    const family = expose(allKnown()).get(name);
    assertEquals(family?.type, type);
    assertNotEquals(family?.series.length, 0);
    for (const series of family?.series ?? []) {
      const others = Object.keys(series.labels)
        .filter((label) => !(label in COMMON));
      assertEquals(others, labels);
      assertEquals({ ...series.labels, ...COMMON }, series.labels);
    }
  });
}

Deno.test("CONTAINER_FAMILIES have unique names, and cgwatch's own in addition to cAdvisor's", () => {
  const names = CONTAINER_FAMILIES.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const known = new Set(CADVISOR.map(({ name }) => name));
  const events = ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"];
  assertEquals(
    names.filter((name) => !known.has(name)).toSorted(),
    [
      "cgwatch_container_info",
      ...events.filter((event) => event !== "high" && event !== "max")
        .map((event) => `container_memory_events_${event}_total`),
      ...events.map((event) => `container_memory_events_local_${event}_total`),
      ...["fail", "high", "max"]
        .map((event) => `container_memory_swap_events_${event}_total`),
    ].toSorted(),
  );
});

Deno.test("CONTAINER_FAMILIES emit exactly the labels that a family declares", () => {
  const exposed = expose(allKnown());
  for (const { name, labels = [] } of CONTAINER_FAMILIES) {
    const [series] = exposed.get(name)?.series ?? [];
    const own = Object.keys(series?.labels ?? {})
      .filter((label) => !(label in COMMON));
    // A label with an empty value is omitted.
    assertEquals(own, labels.filter((label) => label !== "pod_uid"), name);
  }
});

Deno.test("CONTAINER_FAMILIES emit values in Prometheus units, from the right columns", () => {
  const snapshot = allKnown();
  const exposed = expose(snapshot);
  const value = (name: string, labels: Record<string, string> = {}) =>
    exposed.get(name)?.series.find((series) =>
      Object.entries(labels).every(([key, text]) => series.labels[key] === text)
    )?.value;
  const at = (index: number) => 1_000_000 + index;
  assertEquals(
    value("container_cpu_user_seconds_total"),
    at(COLUMN.cpuUserNs) / 1e9,
  );
  assertEquals(value("container_memory_rss"), at(COLUMN.memoryRss));
  assertEquals(value("container_memory_working_set_bytes"), 0);
  assertEquals(value("container_last_seen"), 7);
  assertEquals(value("container_start_time_seconds"), 5);
  assertEquals(value("container_spec_memory_reservation_limit_bytes"), 0);
  assertEquals(value("container_oom_events_total"), 2);
  const offset = (kind: GroupKind, key: string) =>
    snapshot.layout.offsetOf(kind, key);
  assertEquals(
    value("container_cpu_usage_seconds_total", { cpu: "cpu01" }),
    at(offset("cpu", "1")) / 1e9,
  );
  assertEquals(
    value("container_pressure_memory_stalled_seconds_total"),
    at(offset("pressure", "memory") + 7) / 1e6,
  );
  assertEquals(
    value("container_fs_writes_bytes_total", { device: "/dev/sda" }),
    at(offset("serviceBytes", "8:0") + 1),
  );
  // cAdvisor divides these milliseconds by 10^9.
  assertEquals(
    value("container_fs_io_time_seconds_total", { device: "/dev/sdb1" }),
    0.01,
  );
  assertEquals(
    value("container_fs_io_time_seconds_total", { device: "/dev/sda" }),
    at(offset("serviceTimeNs", "8:0") + 5) / 1e9,
  );
  assertEquals(
    value("container_network_transmit_bytes_total"),
    at(offset("interface", "eth0") + 4),
  );
  assertEquals(
    value("container_memory_failures_total", {
      "failure_type": "pgfault",
      scope: "container",
    }),
    at(COLUMN.memoryOwnPgfault),
  );
});

Deno.test("CONTAINER_FAMILIES emit only OOM kills for a removed container", () => {
  const { reference, labels, layout, layoutVersion, deviceName } = allKnown();
  const exposed = expose({
    reference,
    labels,
    layout,
    layoutVersion,
    deviceName,
    row: new Float64Array(),
    oomKills: 3,
    nowMs: 0,
  });
  assertEquals([...exposed.keys()], ["container_oom_events_total"]);
});

Deno.test("CONTAINER_FAMILIES emit the total if the kernel has no CPU time per CPU, and no quota metrics without a quota", () => {
  const { row: _, layout: __, ...rest } = allKnown();
  const builder = new RowBuilder();
  builder.row.fill(1e9);
  const exposed = expose({
    ...rest,
    spec: { hasDiskIo: false, cpu: { shares: 1 } },
    row: builder.row,
    layout: builder.layout,
    layoutVersion: builder.layout.version,
  });
  const series = exposed.get("container_cpu_usage_seconds_total")?.series ?? [];
  assertEquals(series.map(({ labels, value }) => [labels["cpu"], value]), [
    ["total", 1],
  ]);
  assertEquals(exposed.has("container_cpu_cfs_periods_total"), false);
});

Deno.test("familiesOf() omits disabled kinds", () => {
  const names = (kinds: readonly string[]) =>
    familiesOf(CONTAINER_FAMILIES, new Set(kinds)).map(({ name }) => name);
  assertEquals(names(METRIC_KINDS).length, CONTAINER_FAMILIES.length);
  const none = names([]);
  assertEquals(none.filter((name) => !name.startsWith("container_spec")), [
    "container_last_seen",
    "container_health_state",
    "container_creation_time_seconds",
    "container_start_time_seconds",
    "cgwatch_container_info",
  ]);
  assertEquals(
    names(["pressure"]).includes("container_pressure_io_waiting_seconds_total"),
    false,
  );
  assertEquals(
    names(["pressure", "diskIO"]).includes(
      "container_pressure_io_waiting_seconds_total",
    ),
    true,
  );
});

Deno.test("CONTAINER_FAMILIES emit health as cAdvisor does", () => {
  const { spec, ...rest } = allKnown();
  const state = (health: { readonly health?: string }) =>
    expose({ ...rest, spec: { hasDiskIo: false, ...spec, ...health } })
      .get("container_health_state")?.series[0]?.value;
  assertEquals(
    [
      state({ health: "healthy" }),
      state({ health: "starting" }),
      state({ health: "unhealthy" }),
      state({}),
    ],
    [1, 0, 0, -1],
  );
});
