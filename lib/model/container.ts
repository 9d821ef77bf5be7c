import type { CgroupName } from "./cgroup.ts";
import type { ContainerStats } from "./stats.ts";

export interface ContainerReference {
  /** Unique on the machine. */
  readonly name: CgroupName;
  /** In the runtime; absent for a raw cgroup. */
  readonly id?: string;
  /** Unique within the namespace. */
  readonly aliases?: readonly string[];
  /** The runtime: `docker`, `containerd`, …; absent for a raw cgroup. */
  readonly namespace?: string;
}

/** Absent values are unlimited or unknown. */
export interface CpuSpec {
  /** `cpu.shares`, or `cpu.weight` on its scale. */
  readonly shares?: number;
  /** Usable CPUs: `0-3,8`. */
  readonly mask?: string;
  /** Per period. */
  readonly quotaUsec?: number;
  readonly periodUsec?: number;
}

/**
 * v1's "no limit", the largest number of pages in bytes, is above. cAdvisor has
 * the same bound.
 */
export const NO_LIMIT_BYTES = 2 ** 62;

/** Bytes; `Infinity` if unlimited, absent if unknown. */
export interface MemorySpec {
  readonly limitBytes?: number;
  readonly reservationBytes?: number;
  /** v1: memory plus swap; v2: swap only. */
  readonly swapLimitBytes?: number;
  /** v1: the swap in `swapLimitBytes`. */
  readonly swapOnlyLimitBytes?: number;
}

/** `Infinity` without a limit, `undefined` if unknown. */
export function swapLimitOf(spec: MemorySpec | undefined): number | undefined {
  return spec?.swapOnlyLimitBytes ?? spec?.swapLimitBytes;
}

/** Parts that do not apply are absent. */
export interface ContainerSpec {
  /** Milliseconds since the epoch. */
  readonly creationTimeMs?: number;
  /** Absent for a raw cgroup. */
  readonly startTimeMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  /** `starting`, `healthy` or `unhealthy`; absent without a health check. */
  readonly health?: string;
  readonly cpu?: CpuSpec;
  readonly memory?: MemorySpec;
  /** Needs the pids controller; `Infinity` if unlimited. */
  readonly processes?: { readonly limit?: number };
  readonly hasDiskIo: boolean;
  /** @default false */
  readonly hasHugetlb?: boolean;
  /** Has its own network namespace. @default false */
  readonly hasNetwork?: boolean;
  /** @default false */
  readonly hasFilesystems?: boolean;
}

/** As in v1 of the API. */
export interface ContainerInfo {
  readonly reference: ContainerReference;
  /** Direct children, by name. */
  readonly subcontainers: readonly ContainerReference[];
  readonly spec: ContainerSpec;
  /** Oldest first. */
  readonly stats: readonly ContainerStats[];
}

export interface ContainerInfoRequest {
  /** Newest samples; −1 for all. @default 60 */
  readonly numStats?: number;
  /** Inclusive, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Inclusive. */
  readonly endMs?: number;
}

export interface ContainerDescription {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
}

/** As in v2 of the API. */
export interface ContainerInfoV2 extends ContainerDescription {
  /** Oldest first; rates from the second on. */
  readonly stats: readonly ContainerStats[];
}

export interface RequestOptions {
  /** @default "name" */
  readonly type?: "name" | "docker" | "podman";
  /** Newest samples; −1 for all, 0 for none. @default 64 */
  readonly count?: number;
  /** Includes descendants. @default false */
  readonly recursive?: boolean;
  /** Older last samples are refreshed. */
  readonly maxAgeMs?: number;
}
