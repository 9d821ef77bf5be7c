import type { CgroupName } from "./cgroup.ts";
import type { ContainerStats } from "./stats.ts";

/** What a container is known by. */
export interface ContainerReference {
  /** Absolute cgroup name; unique on the machine. */
  readonly name: CgroupName;
  /** The runtime's id; absent for a plain cgroup. */
  readonly id?: string;
  /** Other names, unique within the namespace. */
  readonly aliases?: readonly string[];
  /** Who gives the aliases: `docker`, `containerd`, …; absent for a plain cgroup. */
  readonly namespace?: string;
}

/** CPU limits. An absent number is no limit, or not known. */
export interface CpuSpec {
  /** `cpu.shares`, or `cpu.weight` on that scale. */
  readonly shares?: number;
  /** CPUs that may be used, in the kernel's list form: `0-3,8`. */
  readonly mask?: string;
  /** Time allowed in a period. */
  readonly quotaUsec?: number;
  readonly periodUsec?: number;
}

/**
 * Memory limits in bytes. An absent number means that the kernel has no such
 * fact; `Infinity` that it says there is no limit.
 */
export interface MemorySpec {
  readonly limitBytes?: number;
  readonly reservationBytes?: number;
  /** As the kernel has it: of v1 memory and swap together, of v2 swap alone. */
  readonly swapLimitBytes?: number;
  /** Of v1 alone: how much of `swapLimitBytes` is swap. */
  readonly swapOnlyLimitBytes?: number;
}

/** How much may be swapped out, on either version; `Infinity` for no limit, undefined where it is not known. */
export function swapLimitOf(spec: MemorySpec | undefined): number | undefined {
  return spec?.swapOnlyLimitBytes ?? spec?.swapLimitBytes;
}

/** Limits and identity of a container; an absent part is one it does not have. */
export interface ContainerSpec {
  /** Milliseconds since the epoch; absent where nothing tells. */
  readonly creationTimeMs?: number;
  /** When the runtime started it, milliseconds since the epoch; absent of a plain cgroup. */
  readonly startTimeMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  /** `starting`, `healthy` or `unhealthy`; absent where nothing checks it. */
  readonly health?: string;
  readonly cpu?: CpuSpec;
  readonly memory?: MemorySpec;
  /** The pids controller is there; `Infinity` is no limit. */
  readonly processes?: { readonly limit?: number };
  readonly hasDiskIo: boolean;
  /** Its samples have a {@linkcode ContainerStats.hugetlb}. @default false */
  readonly hasHugetlb?: boolean;
  /** Its samples have a {@linkcode ContainerStats.network} of its own. @default false */
  readonly hasNetwork?: boolean;
  /** @default false */
  readonly hasFilesystems?: boolean;
}

/** What v1 of the API tells of a container. */
export interface ContainerInfo {
  readonly reference: ContainerReference;
  /** Direct children, by name. */
  readonly subcontainers: readonly ContainerReference[];
  readonly spec: ContainerSpec;
  /** Oldest first. */
  readonly stats: readonly ContainerStats[];
}

/** Which samples are asked for. */
export interface ContainerInfoRequest {
  /** The newest so many; −1 for all. @default 60 */
  readonly numStats?: number;
  /** Not before, milliseconds since the epoch. */
  readonly startMs?: number;
  /** Not after. */
  readonly endMs?: number;
}

/** Identity and limits of a container. */
export interface ContainerDescription {
  readonly reference: ContainerReference;
  readonly spec: ContainerSpec;
}

/** What v2 of the API tells of a container. */
export interface ContainerInfoV2 extends ContainerDescription {
  /** Oldest first, with rates where two samples allow them. */
  readonly stats: readonly ContainerStats[];
}

/** How v2 of the API names the containers it asks for. */
export interface RequestOptions {
  /** @default "name" */
  readonly type?: "name" | "docker" | "podman";
  /** The newest so many samples; −1 for all, 0 for none. @default 64 */
  readonly count?: number;
  /** Those below it too. @default false */
  readonly recursive?: boolean;
  /** Sample anew where the last sample is older than this, milliseconds. */
  readonly maxAgeMs?: number;
}
