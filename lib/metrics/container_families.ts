import { CPU_FAMILIES } from "./cpu_families.ts";
import { DISK_FAMILIES, FILESYSTEM_FAMILIES } from "./disk_families.ts";
import type { Family } from "./family.ts";
import { INFO_FAMILIES } from "./info_families.ts";
import type { ContainerSnapshot } from "./container_snapshot.ts";
import { MEMORY_FAMILIES } from "./memory_families.ts";
import { NETWORK_FAMILIES } from "./network_families.ts";
import { SPEC_FAMILIES } from "./spec_families.ts";
import { TASK_FAMILIES } from "./task_families.ts";

/**
 * cAdvisor's families of containers, and further ones, in order. Unavailable
 * values are absent.
 */
export const CONTAINER_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  ...SPEC_FAMILIES,
  ...CPU_FAMILIES,
  ...MEMORY_FAMILIES,
  ...FILESYSTEM_FAMILIES,
  ...DISK_FAMILIES,
  ...NETWORK_FAMILIES,
  ...TASK_FAMILIES,
  ...INFO_FAMILIES,
];
