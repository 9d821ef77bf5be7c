/**
 * cAdvisor's tables of samples and specs, one row per field, each with a
 * reference implementation for v1 and v2. If it finds no value, the field must
 * be absent from the response.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { TCP_ADVANCED } from "../../lib/model/tcp_advanced.ts";
import type { ReferenceCgroup } from "./reference_cgroup.ts";

/**
 * Returns the expected value of a row; undefined if the kernel does not have
 * it.
 */
export type Source = (plain: ReferenceCgroup) => unknown;

/** One row. */
export interface StatsRow {
  /** Path in the response. */
  readonly path: string;
  readonly v1: Source;
  readonly v2: Source;
}

const NOTHING: Source = () => undefined;
const UNLIMITED = 18446744073709551615;

function row(path: string, v1: Source, v2: Source = v1): StatsRow {
  return { path, v1, v2 };
}

/** A number from a v1 file, and from a v2 file or one of its keys. */
const one = (controller: string, file: string): Source => (plain) =>
  plain.one(controller, file);
const key =
  (controller: string, file: string, name: string): Source => (plain) =>
    plain.key(controller, file, name);
const times = (factor: number, source: Source): Source => (plain) => {
  const value = source(plain);
  return typeof value === "number" ? value * factor : undefined;
};

function memoryStat(name: string, v1Name: string, v2Name: string): StatsRow {
  return row(
    `memory.${name}`,
    key("memory", "memory.stat", v1Name),
    key("memory", "memory.stat", v2Name),
  );
}

function usage(plain: ReferenceCgroup): number | undefined {
  if (!plain.isV2) return plain.one("memory", "memory.usage_in_bytes");
  const current = plain.one("memory", "memory.current");
  if (current !== undefined) return current;
  const anon = plain.key("memory", "memory.stat", "anon");
  const file = plain.key("memory", "memory.stat", "file");
  return anon === undefined || file === undefined ? undefined : anon + file;
}

function workingSet(name: string): Source {
  return (plain) => {
    const used = usage(plain);
    const inactive = plain.key("memory", "memory.stat", name) ?? 0;
    return used === undefined ? undefined : Math.max(0, used - inactive);
  };
}

function swapV2(plain: ReferenceCgroup): number | undefined {
  const current = plain.one("memory", "memory.swap.current");
  if (current !== undefined) return current;
  const kib = (name: string) =>
    Number(
      new RegExp(`^${name}: +(\\d+) kB`, "m").exec(
        plain.host("/proc/meminfo") ?? "",
      )?.[1],
    );
  return (kib("SwapTotal") - kib("SwapFree")) * 1024;
}

/** v1's families, in order of preference. */
function blkio(name: string): Source {
  return (plain) => {
    const families = [
      ["blkio.bfq.", "_recursive"],
      ["blkio.", "_recursive"],
      ["blkio.throttle.", "_recursive"],
      ["blkio.throttle.", ""],
    ] as const;
    const counting = families.find(([prefix, suffix]) =>
      plain.blkio(`${prefix}io_service_bytes${suffix}`) !== undefined
    );
    if (counting === undefined) return undefined;
    return plain.blkio(`${counting[0]}${name}${counting[1]}`);
  };
}

const ioStat =
  (operations: Readonly<Record<string, string>>): Source => (plain) =>
    plain.ioStat(operations);

function hugetlb(plain: ReferenceCgroup): unknown {
  const sizes = Object.fromEntries(["1GB", "2MB"].flatMap((size) => {
    const of = (name: string) =>
      plain.one("hugetlb", `hugetlb.${size}.rsvd.${name}`) ??
        plain.one("hugetlb", `hugetlb.${size}.${name}`);
    const numbers = plain.isV2
      ? {
        usage: of("current"),
        failcnt: plain.key("hugetlb", `hugetlb.${size}.events`, "max"),
      }
      : {
        usage: of("usage_in_bytes"),
        max_usage: of("max_usage_in_bytes"),
        failcnt: of("failcnt"),
      };
    return numbers.usage === undefined ? [] : [[size, numbers]];
  }));
  return Object.keys(sizes).length === 0 ? undefined : sizes;
}

function schedstat(column: number): Source {
  return (plain) =>
    plain.sumSubtree((pid) => {
      const text = plain.host(`/proc/${pid}/schedstat`);
      return text === undefined ? undefined : Number(text.split(" ")[column]);
    });
}

function ulimits(plain: ReferenceCgroup): unknown {
  const match = /^Max open files +(\d+) +(\d+)/m
    .exec(plain.process("limits") ?? "");
  return match === null ? undefined : [{
    name: "max_open_files",
    soft_limit: Number(match[1]),
    hard_limit: Number(match[2]),
  }];
}

function referenced(plain: ReferenceCgroup): number | undefined {
  return plain.sum((pid) => {
    const text = plain.host(`/proc/${pid}/smaps`) ??
      plain.host(`/proc/${pid}/smaps_rollup`);
    if (text === undefined) return undefined;
    return [...text.matchAll(/^Referenced: +(\d+) kB$/gm)]
      .reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
  });
}

const PAGE_BYTES = 4096;

/**
 * `ContainerStats`. Descriptors and sockets are counted by users of the table
 * that can.
 */
export const STATS_ROWS: readonly StatsRow[] = [
  row(
    "cpu.usage.total",
    one("cpuacct", "cpuacct.usage"),
    times(1000, key("cpu", "cpu.stat", "usage_usec")),
  ),
  row(
    "cpu.usage.per_cpu_usage",
    (plain) =>
      plain.text("cpuacct", "cpuacct.usage_percpu")?.trim().split(" ")
        .map(Number),
    NOTHING,
  ),
  ...["user", "system"].map((name) =>
    row(
      `cpu.usage.${name}`,
      times(1e7, key("cpuacct", "cpuacct.stat", name)),
      times(1000, key("cpu", "cpu.stat", `${name}_usec`)),
    )
  ),
  row("cpu.cfs.periods", key("cpu", "cpu.stat", "nr_periods")),
  row("cpu.cfs.throttled_periods", key("cpu", "cpu.stat", "nr_throttled")),
  row(
    "cpu.cfs.throttled_time",
    key("cpu", "cpu.stat", "throttled_time"),
    times(1000, key("cpu", "cpu.stat", "throttled_usec")),
  ),
  row("cpu.cfs.bursts_periods", key("cpu", "cpu.stat", "nr_bursts")),
  row(
    "cpu.cfs.burst_time",
    key("cpu", "cpu.stat", "burst_time"),
    times(1000, key("cpu", "cpu.stat", "burst_usec")),
  ),
  row("cpu.schedstat.run_time", schedstat(0)),
  row("cpu.schedstat.runqueue_time", schedstat(1)),
  row("cpu.schedstat.run_periods", schedstat(2)),
  row("cpu.load_average", NOTHING),
  row("cpu.load_d_average", NOTHING),
  ...["cpu", "memory", "io"].flatMap((controller) =>
    (["full", "some"] as const).map((line) =>
      row(
        `${controller === "io" ? "diskio" : controller}.psi.${line}`,
        (plain) => plain.pressure(controller, line),
      )
    )
  ),

  row("memory.usage", usage),
  row(
    "memory.max_usage",
    one("memory", "memory.max_usage_in_bytes"),
    one("memory", "memory.peak"),
  ),
  row("memory.failcnt", one("memory", "memory.failcnt"), NOTHING),
  row(
    "memory.kernel",
    one("memory", "memory.kmem.usage_in_bytes"),
    key("memory", "memory.stat", "kernel"),
  ),
  memoryStat("cache", "total_cache", "file"),
  memoryStat("rss", "total_rss", "anon"),
  row("memory.swap", key("memory", "memory.stat", "total_swap"), swapV2),
  memoryStat("mapped_file", "total_mapped_file", "file_mapped"),
  memoryStat("total_active_file", "total_active_file", "active_file"),
  memoryStat("total_inactive_file", "total_inactive_file", "inactive_file"),
  row(
    "memory.working_set",
    workingSet("total_inactive_file"),
    workingSet("inactive_file"),
  ),
  memoryStat("file_dirty", "total_dirty", "file_dirty"),
  memoryStat("file_writeback", "total_writeback", "file_writeback"),
  memoryStat("pgscan", "pgscan", "pgscan"),
  memoryStat("pgsteal", "pgsteal", "pgsteal"),
  ...["file", "anon"].map((what) =>
    memoryStat(
      `workingset_refault_${what}`,
      `total_workingset_refault_${what}`,
      `workingset_refault_${what}`,
    )
  ),
  ...["pgfault", "pgmajfault"].flatMap((name) => [
    memoryStat(`container_data.${name}`, name, name),
    memoryStat(`hierarchical_data.${name}`, `total_${name}`, name),
  ]),
  ...["file", "anon", "unevictable"].flatMap((kind) => [
    row(
      `memory.container_data.numa_stats.${kind}`,
      (plain) => plain.numa(kind),
      NOTHING,
    ),
    row(
      `memory.hierarchical_data.numa_stats.${kind}`,
      (plain) => plain.numa(`hierarchical_${kind}`),
      (plain) => plain.numa(kind, PAGE_BYTES),
    ),
  ]),
  row("memory.events.high", NOTHING, key("memory", "memory.events", "high")),
  row("memory.events.max", NOTHING, key("memory", "memory.events", "max")),

  row(
    "diskio.io_service_bytes",
    blkio("io_service_bytes"),
    ioStat({ rbytes: "Read", wbytes: "Write", dbytes: "Discard" }),
  ),
  row(
    "diskio.io_serviced",
    blkio("io_serviced"),
    ioStat({ rios: "Read", wios: "Write", dios: "Discard" }),
  ),
  ...["io_queued", "io_service_time", "io_wait_time", "io_merged"].map((name) =>
    row(`diskio.${name}`, blkio(name), NOTHING)
  ),
  row("diskio.sectors", NOTHING),
  row("diskio.io_time", NOTHING),
  ...["usage", "wait", "indebt", "indelay"].map((name) =>
    row(
      `diskio.io_cost_${name}`,
      NOTHING,
      ioStat({ [`cost.${name}`]: "Count" }),
    )
  ),

  row("hugetlb", hugetlb),
  row("network.interfaces", (plain) => plain.interfaces()),
  ...[
    "name",
    "rx_bytes",
    "rx_packets",
    "rx_errors",
    "rx_dropped",
    "tx_bytes",
    "tx_packets",
    "tx_errors",
    "tx_dropped",
  ].map((name) =>
    row(`network.${name}`, (plain) => plain.interfaces()?.[0]?.[name])
  ),
  row("network.tcp", (plain) => plain.tcp("tcp")),
  row("network.tcp6", (plain) => plain.tcp("tcp6")),
  row("network.udp", (plain) => plain.udp("udp")),
  row("network.udp6", (plain) => plain.udp("udp6")),
  row("network.tcp_advanced", (plain) => plain.tcpCounters(TCP_ADVANCED)),

  row("processes.process_count", (plain) => {
    const controller = plain.isV2 ? "unified" : "pids";
    return plain.text(controller, "cgroup.procs")?.split("\n")
      .filter((line) => line !== "").length;
  }),
  row("processes.threads_current", one("pids", "pids.current")),
  row("processes.threads_max", one("pids", "pids.max")),
  row("processes.ulimits", ulimits),
  row("referenced_memory", referenced),
  row(
    "cpuset.memory_migrate",
    one("cpuset", "cpuset.memory_migrate"),
    NOTHING,
  ),
  // The agent has no source for these.
  ...[
    "task_stats",
    "accelerators",
    "custom_metrics",
    "perf_stats",
    "perf_uncore_stats",
    "resctrl",
    "oom_events",
    "health",
  ].map((path) => row(path, NOTHING)),
];

/** 2^64 − 1 for `max`. */
function limit(controller: string, file: string): Source {
  return (plain) => {
    const text = plain.text(controller, file)?.trim();
    return text === "max" ? UNLIMITED : plain.one(controller, file);
  };
}

function shares(plain: ReferenceCgroup): unknown {
  const weight = plain.one("cpu", "cpu.weight");
  return weight === undefined
    ? undefined
    : 2 + Math.floor((weight - 1) * 262142 / 9999);
}

function cpuMax(field: number): Source {
  return (plain) => {
    const text = plain.text("cpu", "cpu.max")?.trim().split(" ")[field];
    return text === undefined || text === "max" ? undefined : Number(text);
  };
}

function quota(plain: ReferenceCgroup): unknown {
  const value = plain.one("cpu", "cpu.cfs_quota_us");
  return value === -1 ? undefined : value;
}

const has = (controller: string, file: string): Source => (plain) =>
  plain.text(controller, file) !== undefined;

/** `ContainerSpec` of a cgroup other than the root. */
export const SPEC_ROWS: readonly StatsRow[] = [
  row("has_cpu", has("cpu", "cpu.shares"), has("cpu", "cpu.stat")),
  row("cpu.limit", one("cpu", "cpu.shares"), shares),
  row("cpu.quota", quota, cpuMax(0)),
  row("cpu.period", one("cpu", "cpu.cfs_period_us"), cpuMax(1)),
  row(
    "has_memory",
    has("memory", "memory.limit_in_bytes"),
    has("memory", "memory.max"),
  ),
  row(
    "memory.limit",
    one("memory", "memory.limit_in_bytes"),
    limit("memory", "memory.max"),
  ),
  row(
    "memory.reservation",
    one("memory", "memory.soft_limit_in_bytes"),
    limit("memory", "memory.min"),
  ),
  row(
    "memory.swap_limit",
    one("memory", "memory.memsw.limit_in_bytes"),
    limit("memory", "memory.swap.max"),
  ),
  row("has_hugetlb", (plain) => hugetlb(plain) !== undefined),
  row("has_network", (plain) => plain.interfaces() !== undefined),
  row(
    "has_processes",
    has("pids", "cgroup.procs"),
    has("unified", "cgroup.procs"),
  ),
  row("processes.limit", limit("pids", "pids.max")),
  row(
    "has_diskio",
    (plain) => plain.has("blkio"),
    () => true,
  ),
  row("has_custom_metrics", () => false),
  row("custom_metrics", NOTHING),
  row("image", NOTHING),
  row("labels", NOTHING),
  row("envs", NOTHING),
];

/** Returns the value at a path of a response. */
export function at(response: unknown, path: string): unknown {
  let value: unknown = response;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/**
 * Checks the rows: each value must be that of the reading before or after, or
 * between them.
 */
export function checkRows(
  rows: readonly StatsRow[],
  response: unknown,
  before: ReferenceReading,
  after: ReferenceReading = before,
): number {
  let present = 0;
  for (const { path } of rows) {
    const value = withoutDevices(at(response, path));
    assertBetween(path, value, before.get(path), after.get(path));
    if (value !== undefined) present++;
  }
  return present;
}

/** Expected values of the rows. */
export type ReferenceReading = ReadonlyMap<string, unknown>;

/** Reads the expected values of all rows. */
export function readRows(
  rows: readonly StatsRow[],
  plain: ReferenceCgroup,
): ReferenceReading {
  return new Map(
    rows.map(({ path, v1, v2 }) => [path, (plain.isV2 ? v2 : v1)(plain)]),
  );
}

function assertBetween(
  path: string,
  value: unknown,
  before: unknown,
  after: unknown,
): void {
  if (typeof value === "number") {
    assert(
      typeof before === "number" && typeof after === "number",
      `${path} is ${value}, and should not be there`,
    );
    const [low, high] = [Math.min(before, after), Math.max(before, after)];
    assert(low <= value && value <= high, `${path}: ${low} ${value} ${high}`);
  } else if (typeof value === "object" && value !== null) {
    assert(
      typeof before === "object" && before !== null,
      `${path} is ${JSON.stringify(value)}, and should not be there`,
    );
    const names = new Set([...Object.keys(value), ...Object.keys(before)]);
    for (const name of names) {
      assertBetween(
        `${path}.${name}`,
        at(value, name),
        at(before, name),
        at(after, name),
      );
    }
  } else assertEquals(value, before, path);
}

/** Device names are tested elsewhere. */
function withoutDevices(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item) => {
    if (typeof item !== "object" || item === null) return item;
    const { device: _, ...rest } = item as Record<string, unknown>;
    return rest;
  });
}
