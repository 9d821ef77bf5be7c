import type { OomContext, OomRunUpPoint } from "../model/event.ts";
import { COLUMN } from "../model/sample.ts";

/** Milliseconds since the epoch, and columns. */
export interface RunUpSample {
  readonly timestampMs: number;
  readonly row: Float64Array;
}

/** Milliseconds before the kill. */
export const RUN_UP_MS = 120_000;

const MAX_POINTS = 30;
/** Maximum size of the JSON. */
const MAX_BYTES = 2_048;

const GROWTH_MS = 10_000;

/**
 * Returns memory usage before a kill: the newest sample, and others at even
 * distances.
 *
 * @param samples oldest first
 */
export function runUpOf(
  samples: readonly RunUpSample[],
  killedMs: number,
): Pick<OomContext, "run_up" | "growth_bytes_per_second"> {
  const before = samples.filter(({ timestampMs, row }) =>
    timestampMs <= killedMs && timestampMs >= killedMs - RUN_UP_MS &&
    !Number.isNaN(row[COLUMN.memoryUsage])
  );
  if (before.length === 0) return {};
  const growth = growthOf(before);
  const all = before.map((sample) => pointOf(sample, killedMs));
  let points = thin(all, MAX_POINTS);
  while (JSON.stringify(points).length > MAX_BYTES) {
    points = thin(all, points.length - 1);
  }
  return {
    "run_up": points,
    ...(growth !== undefined && { "growth_bytes_per_second": growth }),
  };
}

/** Returns at most `most` points at even distances, including the last. */
function thin(points: readonly OomRunUpPoint[], most: number): OomRunUpPoint[] {
  if (points.length <= most) return [...points];
  const step = (points.length - 1) / (most - 1);
  return Array.from(
    { length: most },
    (_, i) => points[Math.round(i * step)] as OomRunUpPoint,
  );
}

function pointOf(
  { timestampMs, row }: RunUpSample,
  killedMs: number,
): OomRunUpPoint {
  const usage = row[COLUMN.memoryUsage] ?? NaN;
  const inactive = row[COLUMN.memoryInactiveFile] ?? NaN;
  const anon = row[COLUMN.memoryRss] ?? NaN;
  const file = row[COLUMN.memoryCache] ?? NaN;
  return {
    "age_ms": Math.round(killedMs - timestampMs),
    "usage_bytes": usage,
    "working_set_bytes": Math.max(
      0,
      usage - (Number.isNaN(inactive) ? 0 : inactive),
    ),
    ...(!Number.isNaN(anon) && { "anon_bytes": anon }),
    ...(!Number.isNaN(file) && { "file_bytes": file }),
  };
}

/**
 * Growth over the last 10 s, bytes per second; `undefined` below two samples.
 */
function growthOf(samples: readonly RunUpSample[]): number | undefined {
  const last = samples.at(-1);
  if (last === undefined) return undefined;
  const first = samples.find(({ timestampMs }) =>
    timestampMs >= last.timestampMs - GROWTH_MS
  );
  const ms = last.timestampMs - (first ?? last).timestampMs;
  if (first === undefined || ms === 0) return undefined;
  const grown = (last.row[COLUMN.memoryUsage] ?? NaN) -
    (first.row[COLUMN.memoryUsage] ?? NaN);
  return Math.round(grown * 1000 / ms);
}
