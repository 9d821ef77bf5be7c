import type {
  ContainerDescription,
  ContainerInfoV2,
} from "../model/container.ts";
import type { ContainerStats, CpuInstStats } from "../model/stats.ts";
import {
  filesystemsJson,
  filesystemsV2Json,
  machineFilesystemsJson,
} from "./filesystem_json.ts";
import { type JsonObject, timeJson, wholeJson } from "./json_values.ts";
import { networkJson, sectionsJson, specJson } from "./v1_json.ts";

/** A container as `/api/v2.1/stats` tells it: its `spec`, and `stats` oldest first. */
export function containerInfoV2Json(info: ContainerInfoV2): JsonObject {
  const stats = info.stats.map(containerStatsV2Json);
  return {
    "spec": containerSpecV2Json(info),
    "stats": stats.length === 0 ? undefined : stats,
  };
}

/**
 * A container as `/api/v2.1/spec` tells it. Quota and period of the CPU and the
 * limit of processes are there, which cAdvisor loses on the way from v1 to v2.
 */
export function containerSpecV2Json(
  description: ContainerDescription,
): JsonObject {
  const { aliases, namespace } = description.reference;
  return {
    ...specJson(description.spec),
    "aliases": aliases?.length === 0 ? undefined : aliases,
    "namespace": namespace,
  };
}

/**
 * One sample as `/api/v2.0/stats` tells it: each section after a flag that says
 * whether it is there. `filesystem` is the array of v1. cAdvisor sets
 * `has_processes` never; here it is true like the others.
 */
export function deprecatedContainerStatsJson(
  stats: ContainerStats,
): JsonObject {
  const sections = {
    ...containerStatsV2Json(stats),
    ...filesystemsJson(stats),
  };
  return {
    "timestamp": sections["timestamp"],
    ...flagged("cpu", sections),
    "cpu_inst": sections["cpu_inst"],
    ...flagged("diskio", sections),
    ...flagged("memory", sections),
    ...flagged("hugetlb", sections),
    ...flagged("network", sections),
    ...flagged("processes", sections),
    ...flagged("filesystem", sections),
    "has_load": false,
    "has_custom_metrics": false,
    "referenced_memory": sections["referenced_memory"],
    "resctrl": sections["resctrl"],
  };
}

function flagged(name: string, sections: JsonObject): JsonObject {
  const section = sections[name];
  return { [`has_${name}`]: section !== undefined, [name]: section };
}

/** A sample of the root as `/api/v2.1/machinestats` tells it. */
export function machineStatsJson(stats: ContainerStats): JsonObject {
  const { timestamp, cpu, cpu_inst: cpuInst, memory, network } =
    containerStatsV2Json(stats);
  return {
    timestamp,
    cpu,
    "cpu_inst": cpuInst,
    memory,
    network,
    ...machineFilesystemsJson(stats),
  };
}

/** One sample in the form of v2.1. */
export function containerStatsV2Json(stats: ContainerStats): JsonObject {
  return {
    "timestamp": timeJson(stats.timestampMs),
    "cpu_inst": stats.cpuInst && cpuInstJson(stats.cpuInst),
    ...sectionsJson(stats),
    "network": stats.network && networkJson(stats.network),
    ...filesystemsV2Json(stats),
  };
}

/** Nanoseconds a second, cut to whole ones. */
function cpuInstJson(rates: CpuInstStats): JsonObject {
  return {
    "usage": {
      "total": wholeJson(rates.usage),
      "per_cpu_usage": rates.perCpuUsage?.map(wholeJson),
      "user": wholeJson(rates.user),
      "system": wholeJson(rates.system),
    },
  };
}
