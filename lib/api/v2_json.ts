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
import { integerJson, timeJson } from "./json_values.ts";
import type { Wire } from "./schema.ts";
import { networkJson, sectionsJson, specJson } from "./v1_json.ts";

/** Returns a container for `/api/v2.1/stats`. */
export function containerInfoV2Json(
  info: ContainerInfoV2,
): Wire<"ContainerInfoV2"> {
  const stats = info.stats.map(containerStatsV2Json);
  return {
    "spec": containerSpecV2Json(info),
    "stats": stats.length === 0 ? undefined : stats,
  };
}

/**
 * Returns a container for `/api/v2.1/spec`, with CPU quota, CPU period and
 * process limit, which cAdvisor omits in v2.
 */
export function containerSpecV2Json(
  description: ContainerDescription,
): Wire<"ContainerSpecV2"> {
  const { aliases, namespace } = description.reference;
  return {
    ...specJson(description.spec),
    "aliases": aliases?.length === 0 ? undefined : aliases,
    "namespace": namespace,
  };
}

/**
 * Returns a sample for `/api/v2.0/stats`: each section follows a flag for its
 * presence, `filesystem` is v1's array. Unlike in cAdvisor, `has_processes` is
 * set like other flags.
 */
export function deprecatedContainerStatsJson(
  stats: ContainerStats,
): Wire<"DeprecatedContainerStats"> {
  const sections = containerStatsV2Json(stats);
  const { filesystem } = filesystemsJson(stats);
  return {
    "timestamp": sections.timestamp,
    "has_cpu": sections.cpu !== undefined,
    "cpu": sections.cpu,
    "cpu_inst": sections.cpu_inst,
    "has_diskio": sections.diskio !== undefined,
    "diskio": sections.diskio,
    "has_memory": sections.memory !== undefined,
    "memory": sections.memory,
    "has_hugetlb": sections.hugetlb !== undefined,
    "hugetlb": sections.hugetlb,
    "has_network": sections.network !== undefined,
    "network": sections.network,
    "has_processes": sections.processes !== undefined,
    "processes": sections.processes,
    "has_filesystem": filesystem !== undefined,
    "filesystem": filesystem,
    "has_load": false,
    "has_custom_metrics": false,
    "referenced_memory": sections.referenced_memory,
    "resctrl": sections.resctrl,
  };
}

/** Returns a sample of the root for `/api/v2.1/machinestats`. */
export function machineStatsJson(stats: ContainerStats): Wire<"MachineStats"> {
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

/** Returns a v2.1 sample. */
export function containerStatsV2Json(
  stats: ContainerStats,
): Wire<"ContainerStatsV2"> {
  return {
    "timestamp": timeJson(stats.timestampMs),
    "cpu_inst": stats.cpuInst && cpuInstJson(stats.cpuInst),
    ...sectionsJson(stats),
    "network": stats.network && networkJson(stats.network),
    ...filesystemsV2Json(stats),
  };
}

/** Nanoseconds per second, rounded down. */
function cpuInstJson(rates: CpuInstStats): Wire<"CpuInstStats"> {
  return {
    "usage": {
      "total": integerJson(rates.usage),
      "per_cpu_usage": rates.perCpuUsage?.map((ns) => integerJson(ns)),
      "user": integerJson(rates.user),
      "system": integerJson(rates.system),
    },
  };
}
