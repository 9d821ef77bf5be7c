import type { ContainerInfoV2 } from "../model/container.ts";
import type { ContainerStats, CpuInstStats } from "../model/stats.ts";
import type { ContainerDescription } from "./questions.ts";
import {
  type JsonObject,
  sectionsJson,
  specJson,
  timeJson,
  wholeJson,
} from "./v1_json.ts";

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

function containerStatsV2Json(stats: ContainerStats): JsonObject {
  return {
    "timestamp": timeJson(stats.timestampMs),
    "cpu_inst": stats.cpuInst && cpuInstJson(stats.cpuInst),
    ...sectionsJson(stats),
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
