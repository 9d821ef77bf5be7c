import type {
  CpuCache,
  MachineAttributes,
  VersionInfo,
} from "../model/machine.ts";
import { type Emit, type Family, gauge, ofKinds } from "./family.ts";
import { formatLabels } from "./labels.ts";

/** Attributes that rarely change. */
export type Machine = Omit<MachineAttributes, "disks" | "networkDevices">;

function machineGauge(
  name: string,
  help: string,
  value: (machine: Machine) => number | undefined,
): Family<Machine> {
  return gauge(name, help, (machine, emit) => emit(value(machine)));
}

/** cAdvisor's families of the machine. */
export const MACHINE_FAMILIES: readonly Family<Machine>[] = [
  machineGauge(
    "machine_cpu_physical_cores",
    "Physical cores of the machine.",
    ({ numPhysicalCores }) => numPhysicalCores,
  ),
  machineGauge(
    "machine_cpu_cores",
    "Threads (logical CPUs) of the machine.",
    ({ numCores }) => numCores,
  ),
  machineGauge(
    "machine_cpu_sockets",
    "CPU sockets of the machine.",
    ({ numSockets }) => numSockets,
  ),
  machineGauge(
    "machine_cpu_books",
    "CPU books of the machine (s390).",
    ({ numBooks }) => numBooks,
  ),
  machineGauge(
    "machine_cpu_drawers",
    "CPU drawers of the machine (s390).",
    ({ numDrawers }) => numDrawers,
  ),
  machineGauge(
    "machine_memory_bytes",
    "Memory of the machine in bytes.",
    ({ memoryCapacityBytes }) => memoryCapacityBytes,
  ),
  machineGauge(
    "machine_swap_bytes",
    "Swap space of the machine in bytes.",
    ({ swapCapacityBytes }) => swapCapacityBytes,
  ),
  gauge(
    "machine_dimm_count",
    "Memory modules by type.",
    ({ memoryByType }, emit) => {
      for (const [type, { dimmCount }] of memoryByType) {
        emit(dimmCount, formatLabels([["type", type]]));
      }
    },
    ["type"],
  ),
  gauge(
    "machine_dimm_capacity_bytes",
    "Capacity of memory modules in bytes, by type.",
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
      "Capacity of a CPU cache in bytes; without core_id for a cache of a whole node.",
      cacheCapacities,
      ["node_id", "core_id", "type", "level"],
    ),
    gauge(
      "machine_thread_siblings_count",
      "Threads of the core of a thread, itself included.",
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
      "Memory of a NUMA node in bytes.",
      ({ topology }, emit) => {
        for (const { id, memoryBytes } of topology) {
          emit(memoryBytes, `node_id="${id}"`);
        }
      },
      ["node_id"],
    ),
    gauge(
      "machine_node_hugepages_count",
      "Huge pages of a NUMA node, by page size in KiB.",
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
      "Distance between two NUMA nodes; 10 is the node itself.",
      ({ topology }, emit) => {
        for (const { id, distances } of topology) {
          for (const [at, distance] of distances.entries()) {
            // In order of online nodes.
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
  const emitted = new Set<string>();
  const emitCaches = (
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
      // A core may have two such caches.
      if (!emitted.has(labels)) emit(sizeBytes, labels);
      emitted.add(labels);
    }
  };
  for (const { id, cores, caches } of topology) {
    for (const core of cores) {
      emitCaches(id, core.id, [...core.caches, ...core.uncoreCaches]);
    }
    emitCaches(id, undefined, caches);
  }
}

/** Labels of all series of the machine. */
export function machineLabels(info: Machine): string {
  return formatLabels([
    ["machine_id", info.machineId],
    ["system_uuid", info.systemUuid],
    ["boot_id", info.bootId],
  ]);
}

/** Versions as labels. */
export const VERSION_FAMILIES: readonly Family<VersionInfo>[] = [
  gauge(
    "cadvisor_version_info",
    "Versions of the kernel, the operating system and cgwatch as labels; always 1.",
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
