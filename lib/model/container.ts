import type { CgroupName } from "./cgroup.ts";
import type { ContainerStats } from "./stats.ts";

/** Names of a container. */
export interface ContainerReference {
  /** Absolute cgroup name; unique on the machine. */
  readonly name: CgroupName;
  /** ID in the runtime; absent for a raw cgroup. */
  readonly id?: string;
  /** Further names, unique within the namespace. */
  readonly aliases?: readonly string[];
  /**
   * Runtime that assigns the aliases: `docker`, `containerd`, …; absent for a
   * raw cgroup.
   */
  readonly namespace?: string;
}

/** CPU limits. An absent value is unlimited or unknown. */
export interface CpuSpec {
  /** `cpu.shares`, or `cpu.weight` converted to its scale. */
  readonly shares?: number;
  /** Usable CPUs as a kernel list: `0-3,8`. */
  readonly mask?: string;
  /** CPU time allowed per period. */
  readonly quotaUsec?: number;
  readonly periodUsec?: number;
}

/**
 * Memory limits in bytes. `Infinity` is no limit; a value that the kernel does
 * not have is absent.
 */
export interface MemorySpec {
  readonly limitBytes?: number;
  readonly reservationBytes?: number;
  /** v1: memory plus swap; v2: swap only. */
  readonly swapLimitBytes?: number;
  /** v1: swap part of `swapLimitBytes`. */
  readonly swapOnlyLimitBytes?: number;
}

/**
 * Returns the swap limit for either version: `Infinity` without a limit,
 * `undefined` if unknown.
 */
export function swapLimitOf(spec: MemorySpec | undefined): number | undefined {
  return spec?.swapOnlyLimitBytes ?? spec?.swapLimitBytes;
}

/**
 * Limits and attributes of a container. An absent part does not apply to it.
 */
export interface ContainerSpec {
  /** Milliseconds since the epoch; absent if unknown. */
  readonly creationTimeMs?: number;
  /**
   * Last start by the runtime, milliseconds since the epoch; absent for a raw
   * cgroup.
   */
  readonly startTimeMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  /** `starting`, `healthy` or `unhealthy`; absent without a health check. */
  readonly health?: string;
  readonly cpu?: CpuSpec;
  readonly memory?: MemorySpec;
  /** Present with the pids controller; the limit `Infinity` is no limit. */
  readonly processes?: { readonly limit?: number };
  readonly hasDiskIo: boolean;
  /** Whether samples have {@linkcode ContainerStats.hugetlb}. @default false */
  readonly hasHugetlb?: boolean;
  /**
   * Whether samples have their own {@linkcode ContainerStats.network}.
   *
   * @default false
   */
  readonly hasNetwork?: boolean;
  /** @default false */
  readonly hasFilesystems?: boolean;
}

/** A container as in v1 of the API. */
export interface ContainerInfo {
  readonly reference: ContainerReference;
  /** Direct children, in order of their names. */
  readonly subcontainers: readonly ContainerReference[];
  readonly spec: ContainerSpec;
  /** Oldest first. */
  readonly stats: readonly ContainerStats[];
}

/** Selection of samples. */
export interface ContainerInfoRequest {
  /** Maximum number, the newest ones; −1 for all. @default 60 */
  readonly numStats?: number;
  /** Earliest time, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Latest time. */
  readonly endMs?: number;
}

export interface ContainerDescription {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
}

/** A container as in v2 of the API. */
export interface ContainerInfoV2 extends ContainerDescription {
  /** Oldest first, with rates if two samples allow them. */
  readonly stats: readonly ContainerStats[];
}

/** Selection of containers and samples in v2 of the API. */
export interface RequestOptions {
  /** @default "name" */
  readonly type?: "name" | "docker" | "podman";
  /**
   * Maximum number of samples, the newest ones; −1 for all, 0 for none.
   *
   * @default 64
   */
  readonly count?: number;
  /** Whether to include descendants. @default false */
  readonly recursive?: boolean;
  /**
   * Maximum age of the last sample in milliseconds; an older one triggers a new
   * sample.
   */
  readonly maxAgeMs?: number;
}
