import type { ContainerSpec, CpuSpec, MemorySpec } from "../model/container.ts";
import type { HostFs } from "./host_fs.ts";

/** v1's "no limit" for `cpu.cfs_quota_us`. */
const NO_QUOTA = -1;

/**
 * Reads limits and age. `directories` has the container's directory by
 * controller on v1, and as `unified` alone on v2.
 */
export function readSpec(
  fs: HostFs,
  directories: ReadonlyMap<string, string>,
  withProcesses: boolean,
): ContainerSpec {
  const read = (controller: string, file: string): string | undefined => {
    const directory = directories.get("unified") ?? directories.get(controller);
    if (directory === undefined) return undefined;
    return fs.textAt(`${directory}/${file}`)?.trim();
  };
  const unified = directories.has("unified");
  const cpu = unified ? cpuSpecV2(read) : cpuSpecV1(read);
  const memory = unified ? memorySpecV2(read) : memorySpecV1(read);
  const limit = limitOf(read("pids", "pids.max"));
  const creationTimeMs = creationTime(fs, directories);
  return {
    ...(creationTimeMs !== undefined && { creationTimeMs }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(memory.limitBytes !== undefined && { memory }),
    ...(withProcesses && limit !== undefined && { processes: { limit } }),
    hasDiskIo: directories.has("blkio") || directories.has("unified") ||
      directories.has("io"),
  };
}

type Read = (controller: string, file: string) => string | undefined;

function cpuSpecV1(read: Read): CpuSpec {
  const shares = numberOf(read("cpu", "cpu.shares"));
  const quotaUsec = numberOf(read("cpu", "cpu.cfs_quota_us"));
  const periodUsec = numberOf(read("cpu", "cpu.cfs_period_us"));
  const mask = read("cpuset", "cpuset.cpus");
  return {
    ...(shares !== undefined && { shares }),
    ...(quotaUsec !== undefined && quotaUsec !== NO_QUOTA && { quotaUsec }),
    ...(periodUsec !== undefined && { periodUsec }),
    ...(mask && { mask }),
  };
}

function cpuSpecV2(read: Read): CpuSpec {
  const weight = numberOf(read("cpu", "cpu.weight"));
  const [quota, period] = read("cpu", "cpu.max")?.split(" ") ?? [];
  const quotaUsec = numberOf(quota);
  const periodUsec = numberOf(period);
  const mask = read("cpuset", "cpuset.cpus.effective");
  return {
    ...(weight !== undefined && { shares: sharesOf(weight) }),
    ...(quotaUsec !== undefined && { quotaUsec }),
    ...(periodUsec !== undefined && { periodUsec }),
    ...(mask && { mask }),
  };
}

/** `cpu.weight` 1 … 10000 on the scale of `cpu.shares` 2 … 262144, as the kubelet maps it. */
function sharesOf(weight: number): number {
  return 2 + Math.floor((weight - 1) * 262_142 / 9_999);
}

function memorySpecV1(read: Read): MemorySpec {
  return memorySpec(
    read("memory", "memory.limit_in_bytes"),
    read("memory", "memory.soft_limit_in_bytes"),
    read("memory", "memory.memsw.limit_in_bytes"),
  );
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
 * The kernel does not keep when a cgroup was made. Its directories carry the
 * time at which they were first looked at, which a watch holds in place: the
 * oldest over all hierarchies is the best guess, and never too early.
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

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d+$/.test(text)) return undefined;
  return Number(text);
}

function limitOf(text: string | undefined): number | undefined {
  return text === "max" ? Infinity : numberOf(text);
}
