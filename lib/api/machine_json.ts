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
import { type JsonObject, timeJson, wholeJson } from "./json_values.ts";

/** The machine as `/api/v1.3/machine` and `/api/v2.1/machine` tell it. */
export function machineInfoJson(info: MachineInfo): JsonObject {
  return {
    "timestamp": timeJson(info.timestampMs),
    "vendor_id": info.vendorId,
    "num_cores": info.numCores,
    "num_physical_cores": info.numPhysicalCores,
    "num_sockets": info.numSockets,
    "num_books": info.numBooks,
    "num_drawers": info.numDrawers,
    ...sharedJson(info),
    "swap_capacity": wholeJson(info.swapCapacityBytes),
    "memory_by_type": memoryByTypeJson(info),
    "boot_id": info.bootId,
    "instance_id": info.cloud?.instanceId,
  };
}

/** Machine and versions as `/api/v2.1/attributes` tells them. */
export function attributesJson(
  machine: MachineInfo,
  versions: VersionInfo,
): JsonObject {
  return {
    "kernel_version": versions.kernelVersion,
    "container_os_version": versions.containerOsVersion,
    "cadvisor_version": versions.version,
    "num_cores": machine.numCores,
    ...sharedJson(machine),
  };
}

/** What `machine` and `attributes` both tell. */
function sharedJson(info: MachineInfo): JsonObject {
  return {
    "cpu_frequency_khz": info.cpuFrequencyKhz,
    "memory_capacity": wholeJson(info.memoryCapacityBytes),
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

function memoryByTypeJson({ memoryByType }: MachineInfo): JsonObject {
  return Object.fromEntries(
    [...memoryByType].map(([type, { capacityBytes, dimmCount }]) => [
      type,
      { "capacity": wholeJson(capacityBytes), "dimm_count": dimmCount },
    ]),
  );
}

function hugepagesJson(hugepages: readonly Hugepages[]): JsonObject[] {
  return hugepages.map(({ pageSizeKib, numPages }) => ({
    "page_size": pageSizeKib,
    "num_pages": numPages,
  }));
}

function diskJson(disk: Disk): [string, JsonObject] {
  const { name, major, minor, sizeBytes, scheduler } = disk;
  return [
    `${major}:${minor}`,
    { name, major, minor, "size": wholeJson(sizeBytes), scheduler },
  ];
}

function networkDeviceJson(device: NetworkDevice): JsonObject {
  return {
    "name": device.name,
    "mac_address": device.macAddress,
    "speed": device.speedMbps,
    "mtu": device.mtuBytes,
  };
}

function nodeJson(node: NumaNode): JsonObject {
  return {
    "node_id": node.id,
    "memory": wholeJson(node.memoryBytes),
    "hugepages": hugepagesJson(node.hugepages),
    "cores": node.cores.map(coreJson),
    "caches": node.caches.map(cacheJson),
    "distances": node.distances,
  };
}

function coreJson(core: Core): JsonObject {
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

function cacheJson(cache: CpuCache): JsonObject {
  return {
    "id": cache.id,
    "size": wholeJson(cache.sizeBytes),
    "type": cache.type,
    "level": cache.level,
  };
}
