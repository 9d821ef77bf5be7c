import type { DiskCounters, FsInfo, FsStats } from "../model/filesystem.ts";
import type { ContainerStats } from "../model/stats.ts";
import { type JsonObject, timeJson, wholeJson } from "./json_values.ts";

const NS_PER_MS = 1_000_000;

/** `filesystem` of a sample in the form of v1, or nothing where it was not collected. */
export function filesystemsJson({ filesystems }: ContainerStats): JsonObject {
  return { "filesystem": filesystems?.map(fsStatsJson) };
}

/** `filesystem` of a sample in the form of v2, which has a place for one alone. */
export function filesystemsV2Json(
  { filesystems = [] }: ContainerStats,
): JsonObject {
  const [only, second] = filesystems;
  if (only === undefined || second !== undefined) return {};
  return {
    "filesystem": {
      "totalUsageBytes": wholeJson(only.usageBytes),
      "baseUsageBytes": wholeJson(only.baseUsageBytes),
      // Spelt as cAdvisor spells it.
      "containter_inode_usage": wholeJson(only.inodes),
      "stale": only.isStale,
    },
  };
}

/** `filesystem` of a sample as `machinestats` tells it, or nothing where it was not collected. */
export function machineFilesystemsJson(
  { filesystems }: ContainerStats,
): JsonObject {
  return { "filesystem": filesystems?.map(machineFsStatsJson) };
}

/** A file system as `machine` tells it. */
export function filesystemInfoJson(info: FsInfo): JsonObject {
  return {
    "device": info.device,
    "capacity": wholeJson(info.capacityBytes),
    "type": info.type,
    "inodes": wholeJson(info.inodes),
    "has_inodes": info.inodes !== undefined,
    "stale": info.isStale,
  };
}

/** A file system as `storage` tells it. */
export function fsInfoJson(info: FsInfo): JsonObject {
  return {
    "timestamp": timeJson(info.timestampMs),
    "device": info.device,
    "mountpoint": info.mountPoint,
    "capacity": wholeJson(info.capacityBytes),
    "available": wholeJson(info.availableBytes),
    "usage": wholeJson(info.usageBytes),
    "labels": info.labels,
    "inodes": wholeJson(info.inodes),
    "inodes_free": wholeJson(info.inodesFree),
    "stale": info.isStale,
  };
}

function fsStatsJson(stats: FsStats): JsonObject {
  return {
    "device": stats.device,
    "type": stats.type,
    "capacity": wholeJson(stats.capacityBytes),
    "usage": wholeJson(stats.usageBytes),
    "base_usage": wholeJson(stats.baseUsageBytes),
    "available": wholeJson(stats.availableBytes),
    // Inodes of a container are those that it has, and none are free.
    "has_inodes": stats.inodesFree !== undefined,
    "inodes": wholeJson(stats.inodes),
    "inodes_free": wholeJson(stats.inodesFree),
    ...(stats.io && countersJson(stats.io)),
    "stale": stats.isStale,
  };
}

function machineFsStatsJson(stats: FsStats): JsonObject {
  const { io } = stats;
  return {
    "device": stats.device,
    "type": stats.type,
    "capacity": wholeJson(stats.capacityBytes),
    "usage": wholeJson(stats.usageBytes),
    "available": wholeJson(stats.availableBytes),
    "inodes_free": wholeJson(stats.inodesFree),
    // So named by cAdvisor. Times are in nanoseconds here, and milliseconds in v1.
    "inline": io && {
      "reads_completed": wholeJson(io.readsCompleted),
      "reads_merged": wholeJson(io.readsMerged),
      "sectors_read": wholeJson(io.sectorsRead),
      "read_duration": wholeJson(io.readTimeMs * NS_PER_MS),
      "writes_completed": wholeJson(io.writesCompleted),
      "writes_merged": wholeJson(io.writesMerged),
      "sectors_written": wholeJson(io.sectorsWritten),
      "write_duration": wholeJson(io.writeTimeMs * NS_PER_MS),
      "io_in_progress": wholeJson(io.ioInProgress),
      "io_duration": wholeJson(io.ioTimeMs * NS_PER_MS),
      "weighted_io_duration": wholeJson(io.weightedIoTimeMs * NS_PER_MS),
    },
    "stale": stats.isStale,
  };
}

function countersJson(io: DiskCounters): JsonObject {
  return {
    "reads_completed": wholeJson(io.readsCompleted),
    "reads_merged": wholeJson(io.readsMerged),
    "sectors_read": wholeJson(io.sectorsRead),
    "read_time": wholeJson(io.readTimeMs),
    "writes_completed": wholeJson(io.writesCompleted),
    "writes_merged": wholeJson(io.writesMerged),
    "sectors_written": wholeJson(io.sectorsWritten),
    "write_time": wholeJson(io.writeTimeMs),
    "io_in_progress": wholeJson(io.ioInProgress),
    "io_time": wholeJson(io.ioTimeMs),
    "weighted_io_time": wholeJson(io.weightedIoTimeMs),
  };
}
