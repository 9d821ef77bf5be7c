import { GROUP_COLUMNS } from "../model/sample.ts";
import { counter, type Emit, type Family, gauge, ofKinds } from "./family.ts";
import {
  column,
  columnOf,
  group,
  has,
  type Measured,
  valueAt,
} from "./measured.ts";
import { MEMORY_EVENT_FAMILIES } from "./memory_event_families.ts";

const HUGETLB = { labels: (size: string) => `pagesize="${size}"` };

const HUGETLB_FAMILIES: readonly Family<Measured>[] = [
  counter(
    "container_hugetlb_failcnt",
    "How often its limit of huge pages was met.",
    group("hugetlb", "failcnt", HUGETLB),
    ["pagesize"],
  ),
  gauge(
    "container_hugetlb_usage_bytes",
    "Memory in huge pages.",
    group("hugetlb", "usageBytes", HUGETLB),
    ["pagesize"],
  ),
  gauge(
    "container_hugetlb_max_usage_bytes",
    "The most memory in huge pages that there was.",
    group("hugetlb", "maxUsageBytes", HUGETLB),
    ["pagesize"],
  ),
];

const USAGE_FAMILIES: readonly Family<Measured>[] = [
  gauge("container_memory_cache", "Page cache.", column("memoryCache")),
  gauge(
    "container_memory_rss",
    "Anonymous memory, which is of no file.",
    column("memoryRss"),
  ),
  gauge(
    "container_memory_kernel_usage",
    "Memory of the kernel's own for it.",
    column("memoryKernel"),
  ),
  gauge(
    "container_memory_mapped_file",
    "Files mapped into memory.",
    column("memoryMappedFile"),
  ),
  gauge("container_memory_swap", "Memory in swap.", column("memorySwap")),
  counter(
    "container_memory_failcnt",
    "How often its limit was met (cgroup v1).",
    column("memoryFailcnt"),
  ),
  gauge(
    "container_memory_usage_bytes",
    "All memory, page cache too.",
    column("memoryUsage"),
  ),
  gauge(
    "container_memory_max_usage_bytes",
    "The most memory that it had.",
    column("memoryMaxUsage"),
  ),
  gauge(
    "container_memory_working_set_bytes",
    "All memory less file pages that were not used lately.",
    (measured, emit) => {
      const inactive = columnOf(measured, "memoryInactiveFile");
      const usage = columnOf(measured, "memoryUsage");
      emit(Math.max(0, usage - (Number.isNaN(inactive) ? 0 : inactive)));
    },
  ),
  gauge(
    "container_memory_total_active_file_bytes",
    "File pages that were used lately.",
    column("memoryActiveFile"),
  ),
  gauge(
    "container_memory_total_inactive_file_bytes",
    "File pages that were not used lately.",
    column("memoryInactiveFile"),
  ),
  counter(
    "container_memory_failures_total",
    "Page faults.",
    memoryFailures,
    ["failure_type", "scope"],
  ),
  gauge(
    "container_memory_file_dirty_bytes",
    "File pages that are yet to be written.",
    column("memoryFileDirty"),
  ),
  gauge(
    "container_memory_file_writeback_bytes",
    "File pages that are being written.",
    column("memoryFileWriteback"),
  ),
  counter(
    "container_memory_pgscan_total",
    "Pages looked at to find some to take away.",
    column("memoryPgscan"),
  ),
  counter(
    "container_memory_pgsteal_total",
    "Pages taken away.",
    column("memoryPgsteal"),
  ),
  counter(
    "container_memory_workingset_refault_file_total",
    "File pages wanted again soon after they were taken away.",
    column("memoryRefaultFile"),
  ),
  counter(
    "container_memory_workingset_refault_anon_total",
    "Anonymous pages wanted again soon after they were taken away.",
    column("memoryRefaultAnon"),
  ),
  ...MEMORY_EVENT_FAMILIES,
];

/** What memory a container has, and what the kernel did to it. */
export const MEMORY_FAMILIES: readonly Family<Measured>[] = [
  ...ofKinds(["hugetlb"], HUGETLB_FAMILIES),
  ...ofKinds(["memory"], USAGE_FAMILIES),
  ...ofKinds(["cpuset"], [
    gauge(
      "container_memory_migrate",
      "1 where pages follow a task to its new nodes (cgroup v1).",
      group("memoryMigrate", "value"),
    ),
  ]),
  ...ofKinds(["memory_numa"], [
    gauge(
      "container_memory_numa_pages",
      "Pages by the node that they are on.",
      { has: has("numa"), each: numaPages },
      ["type", "scope", "node"],
    ),
  ]),
  ...ofKinds(["referenced_memory"], [
    gauge(
      "container_referenced_bytes",
      "Memory that was touched since it was looked at last.",
      group("referencedMemory", "bytes"),
    ),
  ]),
];

const FAULTS = 'failure_type="pgfault",scope="container"';
const MAJOR_FAULTS = 'failure_type="pgmajfault",scope="container"';
const FAULTS_BELOW = 'failure_type="pgfault",scope="hierarchy"';
const MAJOR_FAULTS_BELOW = 'failure_type="pgmajfault",scope="hierarchy"';

function memoryFailures(
  measured: Measured,
  emit: Emit,
): void {
  const faults = columnOf(measured, "memoryPgfault");
  const major = columnOf(measured, "memoryPgmajfault");
  const own = columnOf(measured, "memoryOwnPgfault");
  const ownMajor = columnOf(measured, "memoryOwnPgmajfault");
  // v2 counts no faults of one cgroup alone.
  const hasOwn = !Number.isNaN(own) || !Number.isNaN(ownMajor);
  emit(hasOwn ? own : faults, FAULTS);
  emit(hasOwn ? ownMajor : major, MAJOR_FAULTS);
  emit(faults, FAULTS_BELOW);
  emit(major, MAJOR_FAULTS_BELOW);
}

function numaPages(
  measured: Measured,
  emit: Emit,
): void {
  for (const node of measured.layout.of("numa")) {
    for (const [index, name] of GROUP_COLUMNS.numa.entries()) {
      const isHierarchical = name.startsWith("hierarchical");
      const type = name.replace("hierarchical", "").toLowerCase();
      const scope = isHierarchical ? "hierarchy" : "container";
      emit(
        valueAt(measured, node, index),
        `type="${type}",scope="${scope}",node="${node.key}"`,
      );
    }
  }
}
