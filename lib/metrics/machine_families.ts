import type { CpuCache, MachineFacts, VersionInfo } from "../model/machine.ts";
import { type Emit, type Family, gauge, ofKinds } from "./family.ts";
import { formatLabels } from "./labels.ts";

/** What of a machine is told: it seldom changes. */
export type Machine = Omit<MachineFacts, "disks" | "networkDevices">;

/** Has one number of the machine. */
function machineGauge(
  name: string,
  help: string,
  value: (machine: Machine) => number | undefined,
): Family<Machine> {
  return gauge(name, help, (machine, emit) => emit(value(machine)));
}

/** cAdvisor's families of the machine, by its names. */
export const MACHINE_FAMILIES: readonly Family<Machine>[] = [
  machineGauge(
    "machine_cpu_physical_cores",
    "Cores of all CPUs.",
    ({ numPhysicalCores }) => numPhysicalCores,
  ),
  machineGauge(
    "machine_cpu_cores",
    "Threads of all cores.",
    ({ numCores }) => numCores,
  ),
  machineGauge(
    "machine_cpu_sockets",
    "Sockets with a CPU.",
    ({ numSockets }) => numSockets,
  ),
  machineGauge(
    "machine_cpu_books",
    "Books with a CPU, of s390.",
    ({ numBooks }) => numBooks,
  ),
  machineGauge(
    "machine_cpu_drawers",
    "Drawers with a CPU, of s390.",
    ({ numDrawers }) => numDrawers,
  ),
  machineGauge(
    "machine_memory_bytes",
    "Memory of the machine.",
    ({ memoryCapacityBytes }) => memoryCapacityBytes,
  ),
  machineGauge(
    "machine_swap_bytes",
    "Swap of the machine.",
    ({ swapCapacityBytes }) => swapCapacityBytes,
  ),
  gauge(
    "machine_dimm_count",
    "Memory modules, by type.",
    ({ memoryByType }, emit) => {
      for (const [type, { dimmCount }] of memoryByType) {
        emit(dimmCount, formatLabels([["type", type]]));
      }
    },
    ["type"],
  ),
  gauge(
    "machine_dimm_capacity_bytes",
    "Size of all memory modules, by type.",
    ({ memoryByType }, emit) => {
      for (const [type, { capacityBytes }] of memoryByType) {
        emit(capacityBytes, formatLabels([["type", type]]));
      }
    },
    ["type"],
  ),
  ...ofKinds<Machine>(["cpu_topology"], [
    gauge(
      "machine_cpu_cache_capacity_bytes",
      "Size of a cache; without a core_id that of one which a whole node shares.",
      cacheCapacities,
      ["node_id", "core_id", "type", "level"],
    ),
    gauge(
      "machine_thread_siblings_count",
      "Threads of the core that a thread is of.",
      ({ topology }, emit) => {
        for (const { id, cores } of topology) {
          for (const core of cores) {
            for (const thread of core.threadIds) {
              emit(
                core.threadIds.length,
                `node_id="${id}",core_id="${core.id}",thread_id="${thread}"`,
              );
            }
          }
        }
      },
      ["node_id", "core_id", "thread_id"],
    ),
    gauge(
      "machine_node_memory_capacity_bytes",
      "Memory of a node.",
      ({ topology }, emit) => {
        for (const { id, memoryBytes } of topology) {
          emit(memoryBytes, `node_id="${id}"`);
        }
      },
      ["node_id"],
    ),
    gauge(
      "machine_node_hugepages_count",
      "Huge pages of a node, by their size in KiB.",
      ({ topology }, emit) => {
        for (const { id, hugepages } of topology) {
          for (const { pageSizeKib, numPages } of hugepages) {
            emit(numPages, `node_id="${id}",page_size="${pageSizeKib}"`);
          }
        }
      },
      ["node_id", "page_size"],
    ),
    gauge(
      "machine_node_distance",
      "How far one node is from another; 10 is itself.",
      ({ topology }, emit) => {
        for (const { id, distances } of topology) {
          for (const [at, distance] of distances.entries()) {
            // One for each node that is online, in the order of their numbers.
            const target = topology[at]?.id;
            if (target === undefined) continue;
            emit(distance, `node_id="${id}",target_node_id="${target}"`);
          }
        }
      },
      ["node_id", "target_node_id"],
    ),
  ]),
];

function cacheCapacities({ topology }: Machine, emit: Emit): void {
  const told = new Set<string>();
  const tell = (
    node: number,
    core: number | undefined,
    caches: readonly CpuCache[],
  ) => {
    for (const { sizeBytes, type, level } of caches) {
      const labels = formatLabels([
        ["node_id", node],
        ["core_id", core],
        ["type", type],
        ["level", level],
      ]);
      // A core may have two that these labels do not tell apart.
      if (!told.has(labels)) emit(sizeBytes, labels);
      told.add(labels);
    }
  };
  for (const { id, cores, caches } of topology) {
    for (const core of cores) {
      tell(id, core.id, [...core.caches, ...core.uncoreCaches]);
    }
    tell(id, undefined, caches);
  }
}

/** The labels that all series of the machine have. */
export function machineLabels(info: Machine): string {
  return formatLabels([
    ["machine_id", info.machineId],
    ["system_uuid", info.systemUuid],
    ["boot_id", info.bootId],
  ]);
}

/** What runs here, as labels of one series. */
export const VERSION_FAMILIES: readonly Family<VersionInfo>[] = [
  gauge(
    "cadvisor_version_info",
    "Versions of the kernel, the operating system and cgwatch, as labels; always 1.",
    (versions, emit) =>
      emit(
        1,
        formatLabels([
          ["kernelVersion", versions.kernelVersion],
          ["osVersion", versions.containerOsVersion],
          ["cadvisorVersion", versions.version],
        ]),
      ),
    ["kernelVersion", "osVersion", "cadvisorVersion"],
  ),
];
