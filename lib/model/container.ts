import type { CgroupName } from "./cgroup.ts";
import type { ContainerStats } from "./stats.ts";

/** Names of a container. */
export interface ContainerReference {
  /** Unique on the machine. */
  readonly name: CgroupName;
  /** ID in the runtime; absent for a raw cgroup. */
  readonly id?: string;
  /** Unique within the namespace. */
  readonly aliases?: readonly string[];
  /**
   * Runtime that assigns the aliases: `docker`, `containerd`, …; absent for a
   * raw cgroup.
   */
  readonly namespace?: string;
}

/** An absent value is unlimited or unknown. */
export interface CpuSpec {
  /** `cpu.shares`, or `cpu.weight` converted to its scale. */
  readonly shares?: number;
  /** Usable CPUs as a kernel list: `0-3,8`. */
  readonly mask?: string;
  /** CPU time per period. */
  readonly quotaUsec?: number;
  readonly periodUsec?: number;
}

/**
 * v1 prints "no limit" as the largest number of pages in bytes, which is above
 * this. cAdvisor reports larger values as no limit, too.
 */
export const NO_LIMIT_BYTES = 2 ** 62;

/** Bytes; `Infinity` if unlimited, absent if unknown. */
export interface MemorySpec {
  readonly limitBytes?: number;
  readonly reservationBytes?: number;
  /** v1: memory plus swap; v2: swap only. */
  readonly swapLimitBytes?: number;
  /** v1: swap part of `swapLimitBytes`. */
  readonly swapOnlyLimitBytes?: number;
}

/**
 * Returns the swap limit: `Infinity` without a limit, `undefined` if unknown.
 */
export function swapLimitOf(spec: MemorySpec | undefined): number | undefined {
  return spec?.swapOnlyLimitBytes ?? spec?.swapLimitBytes;
}

/**
 * Limits and attributes of a container. An absent part does not apply to it.
 */
export interface ContainerSpec {
  /** Milliseconds since the epoch. */
  readonly creationTimeMs?: number;
  /** Milliseconds since the epoch; absent for a raw cgroup. */
  readonly startTimeMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  /** `starting`, `healthy` or `unhealthy`; absent without a health check. */
  readonly health?: string;
  readonly cpu?: CpuSpec;
  readonly memory?: MemorySpec;
  /** Present with the pids controller; `Infinity` if unlimited. */
  readonly processes?: { readonly limit?: number };
  readonly hasDiskIo: boolean;
  /** @default false */
  readonly hasHugetlb?: boolean;
  /** Whether it has its own network namespace. @default false */
  readonly hasNetwork?: boolean;
  /** @default false */
  readonly hasFilesystems?: boolean;
}

/** A container as v1 of the API returns it. */
export interface ContainerInfo {
  readonly reference: ContainerReference;
  /** Direct children by name. */
  readonly subcontainers: readonly ContainerReference[];
  readonly spec: ContainerSpec;
  /** Oldest first. */
  readonly stats: readonly ContainerStats[];
}

export interface ContainerInfoRequest {
  /** Number of newest samples; −1 for all. @default 60 */
  readonly numStats?: number;
  /** Inclusive, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Inclusive, milliseconds since the epoch. */
  readonly endMs?: number;
}

export interface ContainerDescription {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
}

/** A container as v2 of the API returns it. */
export interface ContainerInfoV2 extends ContainerDescription {
  /** Oldest first, with rates from the second sample on. */
  readonly stats: readonly ContainerStats[];
}

/** Selection in v2 of the API. */
export interface RequestOptions {
  /** @default "name" */
  readonly type?: "name" | "docker" | "podman";
  /**
   * Number of newest samples; −1 for all, 0 for none.
   *
   * @default 64
   */
  readonly count?: number;
  /** Includes descendants. @default false */
  readonly recursive?: boolean;
  /**
   * Age in milliseconds above which the last sample is refreshed.
   */
  readonly maxAgeMs?: number;
}
