import type { DerivedStats, Percentiles, Usage } from "../model/usage.ts";
import { type JsonObject, timeJson } from "./json_values.ts";

/** What a container used, as `/api/v2.1/summary` tells it. */
export function derivedStatsJson(stats: DerivedStats): JsonObject {
  const { latest, minute, hour, day } = stats;
  return {
    "timestamp": timeJson(stats.timestampMs),
    "latest_usage": { "cpu": latest.cpu, "memory": latest.memory },
    "minute_usage": usageJson(minute),
    "hour_usage": usageJson(hour),
    "day_usage": usageJson(day),
  };
}

function usageJson({ percentComplete, cpu, memory }: Usage): JsonObject {
  return {
    "percent_complete": percentComplete,
    "cpu": percentilesJson(cpu),
    "memory": percentilesJson(memory),
  };
}

/** `present` is cAdvisor's; where it is false there are no numbers. */
function percentilesJson(percentiles: Percentiles | undefined): JsonObject {
  return { "present": percentiles !== undefined, ...percentiles };
}
