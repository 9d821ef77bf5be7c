import { dirname } from "@std/path";
import { type CgroupName, parentOf, ROOT } from "../../model/cgroup.ts";
import {
  type ContainerSpec,
  type CpuSpec,
  type MemorySpec,
  NO_LIMIT_BYTES,
} from "../../model/container.ts";
import type { HostFs } from "../host_fs.ts";
import { hugePageSizes, hugetlbFiles } from "./hugetlb_files.ts";

const MIN_SHARES = 2;

export interface SpecOptions {
  readonly name: CgroupName;
  /** By controller on v1; only `unified` on v2. */
  readonly directories: ReadonlyMap<string, string>;
  /** Enabled metric kinds. */
  readonly kinds: ReadonlySet<string>;
  /** If known: directory timestamps may be later, never earlier. */
  readonly creationTimeMs?: number;
  /** @default false */
  readonly hasNetwork?: boolean;
}

/** Reads limits, creation time and which metrics exist. */
export function readSpec(fs: HostFs, options: SpecOptions): ContainerSpec {
  const { directories, kinds, hasNetwork = false } = options;
  const unified = directories.get("unified");
  const read: Read = (controller, file) => {
    const directory = unified ?? directories.get(controller);
    if (directory === undefined) return undefined;
    return fs.textAt(`${directory}/${file}`)?.trim();
  };
  const has = (controller: string) =>
    unified !== undefined || directories.has(controller);
  const hasCpu = has("cpu") || has("cpuacct");
  // No file name is in both versions; hybrid hosts may have either.
  const cpu = { ...cpuSpecV1(read), ...cpuSpecV2(read) };
  const mask = hasCpu ? readMask(fs, options) : undefined;
  const memory = { ...memorySpecV1(read), ...memorySpecV2(read) };
  const limit = limitOf(read("pids", "pids.max"));
  const { creationTimeMs = creationTime(fs, directories) } = options;
  return {
    ...(creationTimeMs !== undefined && { creationTimeMs }),
    ...(hasCpu && { cpu: { ...cpu, ...(mask && { mask }) } }),
    ...(memory.limitBytes !== undefined && { memory }),
    ...(kinds.has("process") && has("pids") &&
      { processes: limit === undefined ? {} : { limit } }),
    hasDiskIo: has("blkio") || has("io"),
    ...(kinds.has("hugetlb") && hasHugetlb(fs, options) &&
      { hasHugetlb: true }),
    ...(hasNetwork && { hasNetwork }),
  };
}

/** v2's own `cpuset.cpus` is only the requested value. */
const MASK_FILES = ["cpuset.cpus.effective", "cpuset.cpus"] as const;

/**
 * Returns the CPUs of the nearest cgroup, from this one upwards, that has any,
 * otherwise the online ones. `cpuset.cpus` is empty until written, and missing
 * on v2 without the controller.
 */
function readMask(
  fs: HostFs,
  { name, directories }: SpecOptions,
): string | undefined {
  const unified = directories.get("unified");
  let directory = unified ?? directories.get("cpuset");
  for (let cgroup = name; directory !== undefined; cgroup = parentOf(cgroup)) {
    for (const file of MASK_FILES) {
      const mask = fs.textAt(`${directory}/${file}`)?.trim();
      if (mask) return mask;
    }
    if (cgroup === ROOT) break;
    directory = dirname(directory);
  }
  return fs.readText("/sys/devices/system/cpu/online")?.trim();
}

function hasHugetlb(fs: HostFs, { directories }: SpecOptions): boolean {
  const directory = directories.get("unified") ?? directories.get("hugetlb");
  if (directory === undefined) return false;
  const sizes = hugePageSizes(fs);
  return [...hugetlbFiles(1, sizes), ...hugetlbFiles(2, sizes)].some((
    { fallback },
  ) =>
    fallback !== undefined &&
    fs.textAt(`${directory}/${fallback}`) !== undefined
  );
}

type Read = (controller: string, file: string) => string | undefined;

function cpuSpecV1(read: Read): CpuSpec {
  const shares = numberOf(read("cpu", "cpu.shares"));
  const quotaUsec = timeOf(read("cpu", "cpu.cfs_quota_us"));
  const periodUsec = timeOf(read("cpu", "cpu.cfs_period_us"));
  return {
    ...(shares !== undefined && { shares }),
    ...(quotaUsec !== undefined && { quotaUsec }),
    ...(periodUsec !== undefined && { periodUsec }),
  };
}

function cpuSpecV2(read: Read): CpuSpec {
  const weight = numberOf(read("cpu", "cpu.weight"));
  const [quota, period] = read("cpu", "cpu.max")?.split(" ") ?? [];
  const quotaUsec = timeOf(quota);
  const periodUsec = timeOf(period);
  return {
    ...(weight !== undefined && { shares: sharesOf(weight) }),
    ...(quotaUsec !== undefined && { quotaUsec }),
    ...(periodUsec !== undefined && { periodUsec }),
  };
}

/**
 * Converts `cpu.weight` 1 … 10000 to `cpu.shares` 2 … 262144, as the kubelet
 * does. With `cpu.idle` (Linux 5.15) the weight is 0.
 */
function sharesOf(weight: number): number {
  const shares = Math.floor((weight - 1) * 262_142 / 9_999);
  return MIN_SHARES + Math.max(0, shares);
}

function memorySpecV1(read: Read): MemorySpec {
  const spec = memorySpec(
    read("memory", "memory.limit_in_bytes"),
    read("memory", "memory.soft_limit_in_bytes"),
    read("memory", "memory.memsw.limit_in_bytes"),
  );
  const { limitBytes, swapLimitBytes } = spec;
  if (limitBytes === undefined || swapLimitBytes === undefined) return spec;
  // `memsw` is memory plus swap, at least the memory limit.
  const swapOnlyLimitBytes = swapLimitBytes > NO_LIMIT_BYTES
    ? Infinity
    : swapLimitBytes - limitBytes;
  return { ...spec, swapOnlyLimitBytes };
}

function memorySpecV2(read: Read): MemorySpec {
  return memorySpec(
    read("memory", "memory.max"),
    read("memory", "memory.min"),
    read("memory", "memory.swap.max"),
  );
}

function memorySpec(
  limit: string | undefined,
  reservation: string | undefined,
  swapLimit: string | undefined,
): MemorySpec {
  const limitBytes = limitOf(limit);
  const reservationBytes = limitOf(reservation);
  const swapLimitBytes = limitOf(swapLimit);
  return {
    ...(limitBytes !== undefined && { limitBytes }),
    ...(reservationBytes !== undefined && { reservationBytes }),
    ...(swapLimitBytes !== undefined && { swapLimitBytes }),
  };
}

/**
 * Returns the oldest modification time: the kernel stores no creation time. An
 * inode's timestamp is set on first access and kept while watched, so it is
 * never too early.
 */
function creationTime(
  fs: HostFs,
  directories: ReadonlyMap<string, string>,
): number | undefined {
  let oldest = Infinity;
  for (const directory of new Set(directories.values())) {
    oldest = Math.min(oldest, fs.modifiedMs(directory) ?? Infinity);
  }
  return oldest === Infinity ? undefined : oldest;
}

/** `undefined` also for −1, v1's "no limit". */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  return Number(text);
}

/** 0 means none. */
function timeOf(text: string | undefined): number | undefined {
  return numberOf(text) || undefined;
}

function limitOf(text: string | undefined): number | undefined {
  return text === "max" ? Infinity : numberOf(text);
}
