import type { DerivedStats, Percentiles, Usage } from "../model/usage.ts";
import { timeJson } from "./json_values.ts";
import type { Wire } from "./schema.ts";

/** Returns usage for `/api/v2.1/summary`. */
export function derivedStatsJson(stats: DerivedStats): Wire<"DerivedStats"> {
  const { latest, minute, hour, day } = stats;
  return {
    "timestamp": timeJson(stats.timestampMs),
    "latest_usage": { "cpu": latest.cpu, "memory": latest.memory },
    "minute_usage": usageJson(minute),
    "hour_usage": usageJson(hour),
    "day_usage": usageJson(day),
  };
}

function usageJson({ percentComplete, cpu, memory }: Usage): Wire<"Usage"> {
  return {
    "percent_complete": percentComplete,
    "cpu": percentilesJson(cpu),
    "memory": percentilesJson(memory),
  };
}

/** Omits unknown values, with `present` false. */
function percentilesJson(
  percentiles: Percentiles | undefined,
): Wire<"Percentiles"> {
  return {
    "present": percentiles !== undefined,
    "mean": percentiles?.mean,
    "std": percentiles?.std,
    "max": percentiles?.max,
    "fifty": percentiles?.fifty,
    "ninety": percentiles?.ninety,
    "ninetyfive": percentiles?.ninetyfive,
    "count": percentiles?.count,
  };
}
