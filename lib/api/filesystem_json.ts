import type { FsInfo, FsStats } from "../model/filesystem.ts";
import type { ContainerStats } from "../model/stats.ts";
import { integerJson, timeJson } from "./json_values.ts";
import type { Wire } from "./schema.ts";

const NS_PER_MS = 1_000_000;

/** Returns v1's `filesystem` of a sample, absent if not collected. */
export function filesystemsJson(
  { filesystems }: ContainerStats,
): Pick<Wire<"ContainerStats">, "filesystem"> {
  return { "filesystem": filesystems?.map(fsStatsJson) };
}

/** Returns v2's `filesystem` of a sample, which allows only one. */
export function filesystemsV2Json(
  { filesystems = [] }: ContainerStats,
): Pick<Wire<"ContainerStatsV2">, "filesystem"> {
  const [only, second] = filesystems;
  return {
    "filesystem": only === undefined || second !== undefined ? undefined : {
      "totalUsageBytes": integerJson(only.usageBytes),
      "baseUsageBytes": integerJson(only.baseUsageBytes),
      // cAdvisor's spelling.
      "containter_inode_usage": integerJson(only.inodes),
      "stale": only.isStale,
    },
  };
}

/** Returns `filesystem` of a `machinestats` sample, absent if not collected. */
export function machineFilesystemsJson(
  { filesystems }: ContainerStats,
): Pick<Wire<"MachineStats">, "filesystem"> {
  return { "filesystem": filesystems?.map(machineFsStatsJson) };
}

/** Returns a file system of `machine`. */
export function filesystemInfoJson(info: FsInfo): Wire<"FilesystemInfo"> {
  return {
    "device": info.device,
    "capacity": integerJson(info.capacityBytes),
    "type": info.type,
    "inodes": integerJson(info.inodes),
    "has_inodes": info.inodes !== undefined,
    "stale": info.isStale,
  };
}

/** Returns a file system of `storage`. */
export function fsInfoJson(info: FsInfo): Wire<"FsInfo"> {
  return {
    "timestamp": timeJson(info.timestampMs),
    "device": info.device,
    "mountpoint": info.mountPoint,
    "capacity": integerJson(info.capacityBytes),
    "available": integerJson(info.availableBytes),
    "usage": integerJson(info.usageBytes),
    "labels": info.labels,
    "inodes": integerJson(info.inodes),
    "inodes_free": integerJson(info.inodesFree),
    "stale": info.isStale,
  };
}

function fsStatsJson(stats: FsStats): Wire<"FsStats"> {
  const { io } = stats;
  return {
    "device": stats.device,
    "type": stats.type,
    "capacity": integerJson(stats.capacityBytes),
    "usage": integerJson(stats.usageBytes),
    "base_usage": integerJson(stats.baseUsageBytes),
    "available": integerJson(stats.availableBytes),
    // A container's `inodes` are those in use; it has no free ones.
    "has_inodes": stats.inodesFree !== undefined,
    "inodes": integerJson(stats.inodes),
    "inodes_free": integerJson(stats.inodesFree),
    "reads_completed": integerJson(io?.readsCompleted),
    "reads_merged": integerJson(io?.readsMerged),
    "sectors_read": integerJson(io?.sectorsRead),
    "read_time": integerJson(io?.readTimeMs),
    "writes_completed": integerJson(io?.writesCompleted),
    "writes_merged": integerJson(io?.writesMerged),
    "sectors_written": integerJson(io?.sectorsWritten),
    "write_time": integerJson(io?.writeTimeMs),
    "io_in_progress": integerJson(io?.ioInProgress),
    "io_time": integerJson(io?.ioTimeMs),
    "weighted_io_time": integerJson(io?.weightedIoTimeMs),
    "stale": stats.isStale,
  };
}

function machineFsStatsJson(stats: FsStats): Wire<"MachineFsStats"> {
  const { io } = stats;
  return {
    "device": stats.device,
    "type": stats.type,
    "capacity": integerJson(stats.capacityBytes),
    "usage": integerJson(stats.usageBytes),
    "available": integerJson(stats.availableBytes),
    "inodes_free": integerJson(stats.inodesFree),
    // cAdvisor's name. Nanoseconds here, milliseconds in v1.
    "inline": io && {
      "reads_completed": integerJson(io.readsCompleted),
      "reads_merged": integerJson(io.readsMerged),
      "sectors_read": integerJson(io.sectorsRead),
      "read_duration": integerJson(io.readTimeMs * NS_PER_MS),
      "writes_completed": integerJson(io.writesCompleted),
      "writes_merged": integerJson(io.writesMerged),
      "sectors_written": integerJson(io.sectorsWritten),
      "write_duration": integerJson(io.writeTimeMs * NS_PER_MS),
      "io_in_progress": integerJson(io.ioInProgress),
      "io_duration": integerJson(io.ioTimeMs * NS_PER_MS),
      "weighted_io_duration": integerJson(io.weightedIoTimeMs * NS_PER_MS),
    },
    "stale": stats.isStale,
  };
}
