import {
  counter,
  type Emit,
  type Family,
  ofKinds,
  type Some,
  type Values,
} from "./family.ts";
import {
  column,
  columnOf,
  group,
  type Measured,
  remembered,
  valueAt,
} from "./measured.ts";

const NS = 1e9;

const cpuLabel = remembered((key) => `cpu="cpu${key.padStart(2, "0")}"`);

const USAGE_FAMILIES: readonly Family<Measured>[] = [
  counter(
    "container_cpu_user_seconds_total",
    "CPU time in user mode.",
    column("cpuUserNs", NS),
  ),
  counter(
    "container_cpu_system_seconds_total",
    "CPU time in the kernel.",
    column("cpuSystemNs", NS),
  ),
  counter(
    "container_cpu_usage_seconds_total",
    "CPU time, by CPU where the kernel tells it.",
    cpuUsage,
    ["cpu"],
  ),
  counter(
    "container_cpu_cfs_periods_total",
    "Periods of its CPU quota in which it wanted to run.",
    ifQuota(column("cpuPeriods")),
  ),
  counter(
    "container_cpu_cfs_throttled_periods_total",
    "Those of them in which the quota was used up.",
    ifQuota(column("cpuThrottledPeriods")),
  ),
  counter(
    "container_cpu_cfs_throttled_seconds_total",
    "How long its CPUs were kept from it by the quota.",
    ifQuota(column("cpuThrottledNs", NS)),
  ),
  counter(
    "container_cpu_cfs_burst_periods_total",
    "Periods in which it used more than the quota, saved up before.",
    ifQuota(column("cpuBurstPeriods")),
  ),
  counter(
    "container_cpu_cfs_burst_seconds_total",
    "CPU time used above the quota, saved up before.",
    ifQuota(column("cpuBurstNs", NS)),
  ),
];

const SCHED_FAMILIES: readonly Family<Measured>[] = [
  counter(
    "container_cpu_schedstat_run_seconds_total",
    "How long its processes ran on a CPU.",
    group("schedstat", "runTimeNs", { divisor: NS }),
  ),
  counter(
    "container_cpu_schedstat_runqueue_seconds_total",
    "How long its processes waited for a CPU.",
    group("schedstat", "runqueueTimeNs", { divisor: NS }),
  ),
  counter(
    "container_cpu_schedstat_run_periods_total",
    "How often its processes got a CPU.",
    group("schedstat", "runPeriods"),
  ),
];

/** What a container's tasks did on the CPUs. */
export const CPU_FAMILIES: readonly Family<Measured>[] = [
  ...ofKinds(["cpu"], USAGE_FAMILIES),
  ...ofKinds(["sched"], SCHED_FAMILIES),
];

/** As in cAdvisor, what a quota causes is told only where there is one. */
function ifQuota(each: Values<Measured>): Some<Measured> {
  return { has: hasQuota, each };
}

function hasQuota({ spec }: Measured): boolean {
  return spec?.cpu?.quotaUsec !== undefined;
}

function cpuUsage(
  measured: Measured,
  emit: Emit,
): void {
  let isPerCpu = false;
  for (const cpu of measured.layout.of("cpu")) {
    const ns = valueAt(measured, cpu, 0);
    if (Number.isNaN(ns)) continue;
    isPerCpu = true;
    // A machine has many CPUs that a container has never run on.
    if (ns > 0) emit(ns / NS, cpuLabel(cpu.key));
  }
  if (!isPerCpu) emit(columnOf(measured, "cpuUsageNs") / NS, 'cpu="total"');
}
