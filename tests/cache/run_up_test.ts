import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { MemoryCache } from "../../lib/cache/memory_cache.ts";
import { COLUMN, FIXED_COLUMNS, RowBuilder } from "../../lib/model/sample.ts";
import { runUpOf, type RunUpSample } from "../../lib/cache/run_up.ts";

const KILLED_MS = 1_000_000;

function sample(
  ageMs: number,
  usage: number,
  others: Partial<Record<"anon" | "file" | "inactive", number>> = {},
): RunUpSample {
  const row = new Float64Array(FIXED_COLUMNS).fill(NaN);
  row[COLUMN.memoryUsage] = usage;
  row[COLUMN.memoryRss] = others.anon ?? NaN;
  row[COLUMN.memoryCache] = others.file ?? NaN;
  row[COLUMN.memoryInactiveFile] = others.inactive ?? NaN;
  return { timestampMs: KILLED_MS - ageMs, row };
}

Deno.test("runUpOf() returns the samples of the last two minutes, the oldest first", () => {
  const samples = [
    sample(130_000, 1),
    sample(20_000, 4096, { anon: 1000, file: 3000, inactive: 2000 }),
    sample(9_000, 8192),
    sample(1_000, 24576),
    sample(-5, 9),
  ];
  assertEquals(runUpOf(samples, KILLED_MS), {
    run_up: [
      {
        age_ms: 20_000,
        usage_bytes: 4096,
        working_set_bytes: 2096,
        anon_bytes: 1000,
        file_bytes: 3000,
      },
      { age_ms: 9_000, usage_bytes: 8192, working_set_bytes: 8192 },
      { age_ms: 1_000, usage_bytes: 24576, working_set_bytes: 24576 },
    ],
    growth_bytes_per_second: 2048,
  });
});

Deno.test("runUpOf() returns nothing without samples, and no growth for a single sample", () => {
  assertEquals(runUpOf([], KILLED_MS), {});
  assertEquals(runUpOf([sample(5, NaN)], KILLED_MS), {});
  const { growth_bytes_per_second: growth, run_up } = runUpOf(
    [sample(20_000, 1), sample(5, 2)],
    KILLED_MS,
  );
  assertEquals(run_up?.length, 2);
  assertEquals(growth, undefined);
});

Deno.test("runUpOf() returns at most 30 points and 2 KB, including the newest", () => {
  for (const bytes of [7, 2 ** 35]) {
    const samples = Array.from(
      { length: 120 },
      (_, i) =>
        sample(120_000 - 1_000 * i, bytes + i, {
          anon: bytes,
          file: bytes,
          inactive: 1,
        }),
    );
    const { run_up: points = [] } = runUpOf(samples, KILLED_MS);
    assert(points.length > 10);
    assertLessOrEqual(points.length, 30);
    assertLessOrEqual(JSON.stringify(points).length, 2_048);
    assertEquals(points[0]?.age_ms, 120_000);
    assertEquals(points.at(-1)?.age_ms, 1_000);
    const ages = points.map(({ age_ms }) => age_ms);
    assertEquals(ages, ages.toSorted((a, b) => b - a));
  }
});

Deno.test("MemoryCache keeps the samples of the last removed containers", () => {
  const cache = new MemoryCache({ maxAgeMs: 120_000, intervalMs: 1_000 });
  const { layout, row } = new RowBuilder();
  for (let i = 0; i < 40; i++) {
    cache.ring(`/c${i}`, layout).add(i, row);
    cache.remove(`/c${i}`);
  }
  assertEquals(cache.size, 0);
  assertEquals(cache.recent("/c7"), undefined);
  assertEquals(cache.recent("/c8")?.size, 1);
  // A current container of that name takes precedence.
  cache.ring("/c39", layout);
  assertEquals(cache.recent("/c39")?.size, 0);
});
