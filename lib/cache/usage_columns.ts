import {
  COLUMN,
  type ColumnName,
  type GroupKind,
  type RowLayout,
} from "../model/sample.ts";
import type { StoredSample } from "./memory_cache.ts";

/** A sample, and the container's previous one, for rates. */
export interface UsageSample {
  readonly layout: RowLayout;
  readonly sample: StoredSample;
  readonly before: StoredSample | undefined;
}

/** `NaN` if unmeasured, or for a rate without previous sample. */
type UsageColumn = (usage: UsageSample) => number;

/** Columns in a group: `Read` and `Write` of a disk, bytes of an interface. */
const READ = 0;
const WRITE = 1;
const RECEIVED = 0;
const SENT = 4;

const CPU_DIGITS = 1e4;

/** Columns of `/api/v2.1/usage`. */
export const USAGE_COLUMNS = {
  /** Milliseconds since the epoch. */
  "timestamp": ({ sample }) => Math.round(sample.timestampMs),
  /** CPUs in use. */
  "cpu": (usage) =>
    Math.round(
      increase(usage, "cpuUsageNs") / seconds(usage) / 1e9 *
        CPU_DIGITS,
    ) / CPU_DIGITS,
  /** Fraction of CFS periods, 0 to 1. */
  "throttled": (usage) => {
    const periods = increase(usage, "cpuPeriods");
    const throttled = increase(usage, "cpuThrottledPeriods");
    return periods === 0 ? 0 : Math.min(1, throttled / periods);
  },
  /** Bytes. */
  "memory": ({ sample }) => valueOf(sample, "memoryUsage"),
  /** Bytes, without inactive page cache. */
  "working_set": ({ sample }) => {
    const inactive = valueOf(sample, "memoryInactiveFile");
    const usage = valueOf(sample, "memoryUsage");
    return Math.max(0, usage - (Number.isNaN(inactive) ? 0 : inactive));
  },
  /** Bytes per second, all disks. */
  "io_read": (usage) => groupRate(usage, "serviceBytes", READ),
  "io_write": (usage) => groupRate(usage, "serviceBytes", WRITE),
  /** Bytes per second, all interfaces. */
  "network_rx": (usage) => groupRate(usage, "interface", RECEIVED),
  "network_tx": (usage) => groupRate(usage, "interface", SENT),
  "processes": ({ sample }) => valueOf(sample, "processCount"),
} as const satisfies Readonly<Record<string, UsageColumn>>;

function valueOf({ row }: StoredSample, name: ColumnName): number {
  return row[COLUMN[name]] ?? NaN;
}

/** Increase since the previous sample; `NaN` if the counter decreased. */
function increase({ sample, before }: UsageSample, name: ColumnName): number {
  if (before === undefined) return NaN;
  const change = valueOf(sample, name) - valueOf(before, name);
  return change >= 0 ? change : NaN;
}

function seconds({ sample, before }: UsageSample): number {
  const ms = sample.timestampMs - (before?.timestampMs ?? NaN);
  return ms > 0 ? ms / 1000 : NaN;
}

/** Sum of rates over all groups in both samples. */
function groupRate(usage: UsageSample, kind: GroupKind, index: number): number {
  const { sample, before, layout } = usage;
  if (before === undefined) return NaN;
  let sum = NaN;
  for (const { offset } of layout.of(kind)) {
    const change = (sample.row[offset + index] ?? NaN) -
      (before.row[offset + index] ?? NaN);
    if (change >= 0) sum = (Number.isNaN(sum) ? 0 : sum) + change;
  }
  return Math.round(sum / seconds(usage));
}
