import { GROUP_COLUMNS } from "../model/sample.ts";
import { counter, type Emit, type Family, gauge, ofKinds } from "./family.ts";
import {
  column,
  columnValue,
  type ContainerSnapshot,
  group,
  groupValue,
  has,
} from "./container_snapshot.ts";
import { MEMORY_EVENT_FAMILIES } from "./memory_event_families.ts";

const HUGETLB = { labels: (size: string) => `pagesize="${size}"` };

const HUGETLB_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  counter(
    "container_hugetlb_failcnt",
    "Number of hits of the huge page limit.",
    group("hugetlb", "failcnt", HUGETLB),
    ["pagesize"],
  ),
  gauge(
    "container_hugetlb_usage_bytes",
    "Memory in huge pages in bytes.",
    group("hugetlb", "usageBytes", HUGETLB),
    ["pagesize"],
  ),
  gauge(
    "container_hugetlb_max_usage_bytes",
    "Maximum memory in huge pages in bytes.",
    group("hugetlb", "maxUsageBytes", HUGETLB),
    ["pagesize"],
  ),
];

const USAGE_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  gauge(
    "container_memory_cache",
    "Page cache in bytes.",
    column("memoryCache"),
  ),
  gauge(
    "container_memory_rss",
    "Anonymous memory in bytes.",
    column("memoryRss"),
  ),
  gauge(
    "container_memory_kernel_usage",
    "Kernel memory in bytes.",
    column("memoryKernel"),
  ),
  gauge(
    "container_memory_mapped_file",
    "Mapped files in bytes.",
    column("memoryMappedFile"),
  ),
  gauge("container_memory_swap", "Swap usage in bytes.", column("memorySwap")),
  counter(
    "container_memory_failcnt",
    "Number of hits of the memory limit (cgroup v1).",
    column("memoryFailcnt"),
  ),
  gauge(
    "container_memory_usage_bytes",
    "Memory usage in bytes, including page cache.",
    column("memoryUsage"),
  ),
  gauge(
    "container_memory_max_usage_bytes",
    "Maximum memory usage in bytes.",
    column("memoryMaxUsage"),
  ),
  gauge(
    "container_memory_working_set_bytes",
    "Working set in bytes: memory usage minus inactive file pages.",
    (snapshot, emit) => {
      const inactive = columnValue(snapshot, "memoryInactiveFile");
      const usage = columnValue(snapshot, "memoryUsage");
      emit(Math.max(0, usage - (Number.isNaN(inactive) ? 0 : inactive)));
    },
  ),
  gauge(
    "container_memory_total_active_file_bytes",
    "Active file pages in bytes.",
    column("memoryActiveFile"),
  ),
  gauge(
    "container_memory_total_inactive_file_bytes",
    "Inactive file pages in bytes.",
    column("memoryInactiveFile"),
  ),
  counter(
    "container_memory_failures_total",
    "Page faults by type and scope.",
    memoryFailures,
    ["failure_type", "scope"],
  ),
  gauge(
    "container_memory_file_dirty_bytes",
    "Dirty file pages in bytes.",
    column("memoryFileDirty"),
  ),
  gauge(
    "container_memory_file_writeback_bytes",
    "File pages under writeback in bytes.",
    column("memoryFileWriteback"),
  ),
  counter(
    "container_memory_pgscan_total",
    "Pages scanned for reclaim.",
    column("memoryPgscan"),
  ),
  counter(
    "container_memory_pgsteal_total",
    "Pages reclaimed.",
    column("memoryPgsteal"),
  ),
  counter(
    "container_memory_workingset_refault_file_total",
    "Refaults of recently reclaimed file pages.",
    column("memoryRefaultFile"),
  ),
  counter(
    "container_memory_workingset_refault_anon_total",
    "Refaults of recently reclaimed anonymous pages.",
    column("memoryRefaultAnon"),
  ),
  ...MEMORY_EVENT_FAMILIES,
];

/** Memory usage, reclaim and faults. */
export const MEMORY_FAMILIES: readonly Family<ContainerSnapshot>[] = [
  ...ofKinds(["hugetlb"], HUGETLB_FAMILIES),
  ...ofKinds(["memory"], USAGE_FAMILIES),
  ...ofKinds(["cpuset"], [
    gauge(
      "container_memory_migrate",
      "1 if pages follow a task to its new NUMA nodes, otherwise 0 (cgroup v1).",
      group("memoryMigrate", "value"),
    ),
  ]),
  ...ofKinds(["memory_numa"], [
    gauge(
      "container_memory_numa_pages",
      "Pages by NUMA node, type and scope.",
      { has: has("numa"), each: numaPages },
      ["type", "scope", "node"],
    ),
  ]),
  ...ofKinds(["referenced_memory"], [
    gauge(
      "container_referenced_bytes",
      "Referenced memory in bytes, since the referenced bits were last cleared.",
      group("referencedMemory", "bytes"),
    ),
  ]),
];

const FAULTS = 'failure_type="pgfault",scope="container"';
const MAJOR_FAULTS = 'failure_type="pgmajfault",scope="container"';
const FAULTS_BELOW = 'failure_type="pgfault",scope="hierarchy"';
const MAJOR_FAULTS_BELOW = 'failure_type="pgmajfault",scope="hierarchy"';

function memoryFailures(
  snapshot: ContainerSnapshot,
  emit: Emit,
): void {
  const faults = columnValue(snapshot, "memoryPgfault");
  const major = columnValue(snapshot, "memoryPgmajfault");
  const own = columnValue(snapshot, "memoryOwnPgfault");
  const ownMajor = columnValue(snapshot, "memoryOwnPgmajfault");
  // v2 counts faults only with descendants.
  const hasOwn = !Number.isNaN(own) || !Number.isNaN(ownMajor);
  emit(hasOwn ? own : faults, FAULTS);
  emit(hasOwn ? ownMajor : major, MAJOR_FAULTS);
  emit(faults, FAULTS_BELOW);
  emit(major, MAJOR_FAULTS_BELOW);
}

function numaPages(
  snapshot: ContainerSnapshot,
  emit: Emit,
): void {
  for (const node of snapshot.layout.of("numa")) {
    for (const [index, name] of GROUP_COLUMNS.numa.entries()) {
      const isHierarchical = name.startsWith("hierarchical");
      const type = name.replace("hierarchical", "").toLowerCase();
      const scope = isHierarchical ? "hierarchy" : "container";
      emit(
        groupValue(snapshot, node, index),
        `type="${type}",scope="${scope}",node="${node.key}"`,
      );
    }
  }
}
