import {
  type ConditionalValues,
  counter,
  type Emit,
  type Family,
  ofKinds,
  type Values,
} from "./family.ts";
import {
  column,
  columnValue,
  type ContainerSnapshot,
  group,
  groupValue,
  memoized,
} from "./container_snapshot.ts";

const NS = 1e9;

const cpuLabel = memoized((key) => `cpu="cpu${key.padStart(2, "0")}"`);

const USAGE_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  counter(
    "container_cpu_user_seconds_total",
    "CPU time in user mode in seconds.",
    column("cpuUserNs", NS),
  ),
  counter(
    "container_cpu_system_seconds_total",
    "CPU time in kernel mode in seconds.",
    column("cpuSystemNs", NS),
  ),
  counter(
    "container_cpu_usage_seconds_total",
    "CPU time in seconds, by CPU if the kernel reports it.",
    cpuUsage,
    ["cpu"],
  ),
  counter(
    "container_cpu_cfs_periods_total",
    "CPU quota periods with runnable tasks.",
    ifQuota(column("cpuPeriods")),
  ),
  counter(
    "container_cpu_cfs_throttled_periods_total",
    "CPU quota periods in which the container was throttled.",
    ifQuota(column("cpuThrottledPeriods")),
  ),
  counter(
    "container_cpu_cfs_throttled_seconds_total",
    "Throttled time in seconds, summed over CPUs.",
    ifQuota(column("cpuThrottledNs", NS)),
  ),
  counter(
    "container_cpu_cfs_burst_periods_total",
    "CPU quota periods with a burst above the quota.",
    ifQuota(column("cpuBurstPeriods")),
  ),
  counter(
    "container_cpu_cfs_burst_seconds_total",
    "CPU time of bursts above the quota in seconds.",
    ifQuota(column("cpuBurstNs", NS)),
  ),
];

const SCHED_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  counter(
    "container_cpu_schedstat_run_seconds_total",
    "Time of processes on a CPU in seconds.",
    group("schedstat", "runTimeNs", { divisor: NS }),
  ),
  counter(
    "container_cpu_schedstat_runqueue_seconds_total",
    "Time of processes waiting for a CPU in seconds.",
    group("schedstat", "runqueueTimeNs", { divisor: NS }),
  ),
  counter(
    "container_cpu_schedstat_run_periods_total",
    "Number of times that processes ran on a CPU.",
    group("schedstat", "runPeriods"),
  ),
];

/** CPU usage, throttling and scheduling. */
export const CPU_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  ...ofKinds(["cpu"], USAGE_FAMILIES),
  ...ofKinds(["sched"], SCHED_FAMILIES),
];

/** Only containers with a quota have quota metrics, as in cAdvisor. */
function ifQuota(
  each: Values<ContainerSnapshot>,
): ConditionalValues<ContainerSnapshot> {
  return { has: hasQuota, each };
}

function hasQuota({ spec }: ContainerSnapshot): boolean {
  return spec?.cpu?.quotaUsec !== undefined;
}

function cpuUsage(
  snapshot: ContainerSnapshot,
  emit: Emit,
): void {
  let isPerCpu = false;
  for (const cpu of snapshot.layout.of("cpu")) {
    const ns = groupValue(snapshot, cpu, 0);
    if (Number.isNaN(ns)) continue;
    isPerCpu = true;
    // Omits CPUs on which the container never ran.
    if (ns > 0) emit(ns / NS, cpuLabel(cpu.key));
  }
  if (!isPerCpu) emit(columnValue(snapshot, "cpuUsageNs") / NS, 'cpu="total"');
}
