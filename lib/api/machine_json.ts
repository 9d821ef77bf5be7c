import type {
  Core,
  CpuCache,
  Disk,
  Hugepages,
  MachineInfo,
  NetworkDevice,
  NumaNode,
  VersionInfo,
} from "../model/machine.ts";
import { filesystemInfoJson } from "./filesystem_json.ts";
import { integerJson, timeJson } from "./json_values.ts";
import type { Wire } from "./schema.ts";

/** Returns the machine for `/api/v1.3/machine` and `/api/v2.1/machine`. */
export function machineInfoJson(info: MachineInfo): Wire<"MachineInfo"> {
  return {
    "timestamp": timeJson(info.timestampMs),
    "vendor_id": info.vendorId,
    "num_cores": info.numCores,
    "num_physical_cores": info.numPhysicalCores,
    "num_sockets": info.numSockets,
    "num_books": info.numBooks,
    "num_drawers": info.numDrawers,
    ...sharedJson(info),
    "swap_capacity": integerJson(info.swapCapacityBytes),
    "memory_by_type": memoryByTypeJson(info),
    "boot_id": info.bootId,
    "instance_id": info.cloud?.instanceId,
  };
}

/** Returns machine and versions for `/api/v2.1/attributes`. */
export function attributesJson(
  machine: MachineInfo,
  versions: VersionInfo,
): Wire<"Attributes"> {
  return {
    "kernel_version": versions.kernelVersion,
    "container_os_version": versions.containerOsVersion,
    "cadvisor_version": versions.version,
    "num_cores": machine.numCores,
    ...sharedJson(machine),
  };
}

/** Returns the fields shared by `machine` and `attributes`. */
function sharedJson(
  info: MachineInfo,
): Omit<Wire<"Attributes">, `${string}_version` | "num_cores"> {
  return {
    "cpu_frequency_khz": info.cpuFrequencyKhz,
    "memory_capacity": integerJson(info.memoryCapacityBytes),
    "hugepages": hugepagesJson(info.hugepages),
    "machine_id": info.machineId,
    "system_uuid": info.systemUuid,
    "filesystems": info.filesystems.map(filesystemInfoJson),
    "disk_map": Object.fromEntries(info.disks.map(diskJson)),
    "network_devices": info.networkDevices.map(networkDeviceJson),
    "topology": info.topology.map(nodeJson),
    "cloud_provider": info.cloud?.provider,
    "instance_type": info.cloud?.instanceType,
  };
}

function memoryByTypeJson(
  { memoryByType }: MachineInfo,
): Readonly<Record<string, Wire<"MemoryInfo">>> {
  return Object.fromEntries(
    [...memoryByType].map(([type, { capacityBytes, dimmCount }]) => [
      type,
      { "capacity": integerJson(capacityBytes), "dimm_count": dimmCount },
    ]),
  );
}

function hugepagesJson(
  hugepages: readonly Hugepages[],
): Wire<"Hugepages">[] {
  return hugepages.map(({ pageSizeKib, numPages }) => ({
    "page_size": pageSizeKib,
    "num_pages": numPages,
  }));
}

function diskJson(disk: Disk): [string, Wire<"Disk">] {
  const { name, major, minor, sizeBytes, scheduler } = disk;
  return [
    `${major}:${minor}`,
    { name, major, minor, "size": integerJson(sizeBytes), scheduler },
  ];
}

function networkDeviceJson(device: NetworkDevice): Wire<"NetworkDevice"> {
  return {
    "name": device.name,
    "mac_address": device.macAddress,
    "speed": device.speedMbps,
    "mtu": device.mtuBytes,
  };
}

function nodeJson(node: NumaNode): Wire<"Node"> {
  return {
    "node_id": node.id,
    "memory": integerJson(node.memoryBytes),
    "hugepages": hugepagesJson(node.hugepages),
    "cores": node.cores.map(coreJson),
    "caches": node.caches.map(cacheJson),
    "distances": node.distances,
  };
}

function coreJson(core: Core): Wire<"Core"> {
  return {
    "core_id": core.id,
    "thread_ids": core.threadIds,
    "caches": core.caches.map(cacheJson),
    "uncore_caches": core.uncoreCaches.map(cacheJson),
    "socket_id": core.socketId,
    "book_id": core.bookId,
    "drawer_id": core.drawerId,
  };
}

function cacheJson(cache: CpuCache): Wire<"Cache"> {
  return {
    "id": cache.id,
    "size": integerJson(cache.sizeBytes),
    "type": cache.type,
    "level": cache.level,
  };
}
