import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
} from "@std/assert";
import { UsageSummary } from "../../lib/cache/usage_summary.ts";
import { COLUMN, FIXED_COLUMNS } from "../../lib/model/sample.ts";
import type { Percentiles } from "../../lib/model/usage.ts";
import { SeededRandom } from "../_support/random.ts";

interface Taken {
  readonly timestampMs: number;
  readonly cpuNs: number;
  readonly memoryBytes: number;
}

const START_MS = Date.UTC(2026, 10, 23);
const MINUTE_MS = 60_000;

function rowOf(cpuNs: number, memoryBytes: number): Float64Array {
  const row = new Float64Array(FIXED_COLUMNS).fill(NaN);
  row[COLUMN.cpuUsageNs] = cpuNs;
  row[COLUMN.memoryUsage] = memoryBytes + 4096;
  row[COLUMN.memoryInactiveFile] = 4096;
  return row;
}

function add(summary: UsageSummary, ...samples: Taken[]): void {
  for (const { timestampMs, cpuNs, memoryBytes } of samples) {
    summary.add(timestampMs, rowOf(cpuNs, memoryBytes));
  }
}

/** A container with varying usage, sampled at about the given interval. */
function history(
  spanMs: number,
  everyMs: number,
  random: SeededRandom,
): Taken[] {
  const samples: Taken[] = [];
  let timestampMs = START_MS;
  let cpuNs = 0;
  while (timestampMs <= START_MS + spanMs) {
    const memoryBytes = 4096 * random.below(1 << 20);
    samples.push({ timestampMs, cpuNs, memoryBytes });
    const elapsedMs = everyMs + random.below(everyMs);
    timestampMs += elapsedMs;
    cpuNs += elapsedMs * random.below(4_000_000);
  }
  return samples;
}

/** The samples of each whole minute, starting with the last of the previous minute. */
function minutesOf(samples: Taken[]): Taken[][] {
  const minutes: Taken[][] = [];
  let current: Taken[] = [];
  for (const sample of samples) {
    current.push(sample);
    const first = current[0] ?? sample;
    if (sample.timestampMs - first.timestampMs <= MINUTE_MS) continue;
    minutes.push(current);
    current = [sample];
  }
  return minutes;
}

function ratesOf(samples: Taken[]): number[] {
  return samples.slice(1).map((sample, index) => {
    const before = samples[index] ?? sample;
    const elapsedMs = sample.timestampMs - before.timestampMs;
    return Math.floor((sample.cpuNs - before.cpuNs) / elapsedMs / 1000);
  });
}

/** Reference implementation: the percentile by its textbook definition. */
function percentile(numbers: number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = part * (sorted.length + 1);
  const index = Math.floor(at);
  const low = sorted[index - 1] ?? NaN;
  const high = sorted[index] ?? low;
  if (index <= 1) return low;
  return low + (at - index) * (high - low);
}

function mean(numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

function spread(numbers: number[]): Percentiles {
  const middle = mean(numbers);
  const squares = numbers.map((number) => (number - middle) ** 2);
  return {
    mean: Math.floor(middle),
    std: Math.floor(
      Math.sqrt(squares.reduce((a, b) => a + b, 0) / (numbers.length - 1)),
    ),
    max: Math.max(...numbers),
    fifty: Math.floor(percentile(numbers, 0.5)),
    ninety: Math.floor(percentile(numbers, 0.9)),
    ninetyfive: Math.floor(percentile(numbers, 0.95)),
    count: numbers.length,
  };
}

function spreadOfMinutes(minutes: Percentiles[]): Percentiles {
  return {
    ...spread(minutes.map(({ ninety }) => ninety)),
    mean: mean(minutes.map((minute) => minute.mean)),
    max: Math.max(...minutes.map(({ max }) => max)),
  };
}

function assertSpread(found: Percentiles | undefined, wanted: Percentiles) {
  assert(found !== undefined);
  for (const [key, value] of Object.entries(wanted)) {
    // Minutes are stored as floats, and results are truncated to integers.
    const tolerance = Math.max(1, value * 2e-7);
    assertAlmostEquals(
      found[key as keyof Percentiles],
      value,
      tolerance,
      key,
    );
  }
}

Deno.test("UsageSummary is empty before the first sample, and has the last sample after it", () => {
  const summary = new UsageSummary();
  const nothing = { percentComplete: 0 };
  const spans = { minute: nothing, hour: nothing, day: nothing };
  assertEquals(summary.derived(), { latest: {}, ...spans });
  add(summary, { timestampMs: START_MS, cpuNs: 5, memoryBytes: 8192 });
  assertEquals(summary.derived(), {
    timestampMs: START_MS,
    latest: { memory: 8192 },
    ...spans,
  });
  add(summary, {
    timestampMs: START_MS + 2_000,
    cpuNs: 5 + 3_000_000_000,
    memoryBytes: 0,
  });
  assertEquals(summary.derived().latest, { cpu: 1500, memory: 0 });
});

Deno.test("UsageSummary is exact for the last whole minute", () => {
  const samples = history(10 * MINUTE_MS, 1_000, new SeededRandom(1));
  const summary = new UsageSummary();
  let checked = 0;
  for (const [index, sample] of samples.entries()) {
    add(summary, sample);
    const minute = minutesOf(samples.slice(0, index + 1)).at(-1);
    if (minute === undefined) continue;
    assertEquals(summary.derived().minute, {
      percentComplete: 100,
      cpu: spread(ratesOf(minute)),
      memory: spread(minute.map(({ memoryBytes }) => memoryBytes)),
    });
    checked++;
  }
  assert(checked > 300);
});

for (
  const [what, spanMs, everyMs] of [
    ["an hour", 50 * MINUTE_MS, 1_000],
    ["more than an hour", 100 * MINUTE_MS, 1_000],
    ["more than a day", 27 * 60 * MINUTE_MS, 10_000],
    ["more than a day of an idle container", 30 * 60 * MINUTE_MS, 60_000],
  ] as const
) {
  Deno.test(`UsageSummary returns hour and day after ${what}`, () => {
    const samples = history(spanMs, everyMs, new SeededRandom(2));
    const summary = new UsageSummary();
    add(summary, ...samples);
    const minutes = minutesOf(samples);
    const endMs = minutes.at(-1)?.at(-1)?.timestampMs ?? NaN;
    const { hour, day } = summary.derived();
    for (
      const [found, lengthMs] of [
        [hour, 60 * MINUTE_MS],
        [day, 24 * 60 * MINUTE_MS],
      ] as const
    ) {
      const within = minutes.filter((minute) => {
        const minuteEndMs = minute.at(-1)?.timestampMs ?? NaN;
        return Math.round(minuteEndMs / 1000) >
          Math.round(endMs / 1000) - lengthMs / 1000;
      });
      assertSpread(
        found.cpu,
        spreadOfMinutes(within.map((minute) => spread(ratesOf(minute)))),
      );
      assertSpread(
        found.memory,
        spreadOfMinutes(
          within.map((minute) =>
            spread(minute.map(({ memoryBytes }) => memoryBytes))
          ),
        ),
      );
      const seen = Math.min(1, (endMs - START_MS) / lengthMs);
      assertAlmostEquals(found.percentComplete, 100 * seen, 3);
    }
  });
}

Deno.test("UsageSummary omits values that were not measured", () => {
  const summary = new UsageSummary();
  for (let second = 0; second < 70; second++) {
    add(summary, {
      timestampMs: START_MS + second * 1000,
      cpuNs: NaN,
      memoryBytes: second < 35 ? NaN : second,
    });
  }
  const { latest, minute, hour } = summary.derived();
  assertEquals(latest, { memory: 69 });
  assertEquals([minute.cpu, hour.cpu], [undefined, undefined]);
  // From the 35th second to the 61st, which ends the minute.
  assertEquals(minute.memory?.count, 27);
});

Deno.test("UsageSummary restarts its minute if the clock was set back, and removes future minutes", () => {
  const summary = new UsageSummary();
  const cpuNs = 0;
  const samples = (startMs: number, count: number) => {
    for (let i = 0; i < count; i++) {
      add(summary, { timestampMs: startMs + i * 1000, cpuNs, memoryBytes: i });
    }
  };
  samples(START_MS, 190);
  assertEquals(summary.derived().hour.memory?.count, 3);
  samples(START_MS - 3_600_000, 62);
  const { hour, minute } = summary.derived();
  assertEquals(hour.memory?.count, 1);
  assertEquals(minute.memory?.max, 61);
});

Deno.test("UsageSummary ignores samples less than 100 ms apart", () => {
  const summary = new UsageSummary();
  for (let ms = 0; ms <= 60_100; ms += 10) {
    add(summary, { timestampMs: START_MS + ms, cpuNs: 0, memoryBytes: 0 });
  }
  assertEquals(summary.derived().minute.memory?.count, 602);
});

Deno.test("UsageSummary adds 1,000 samples in less than 5 ms", () => {
  const row = rowOf(0, 0);
  const summaries = Array.from({ length: 1000 }, () => new UsageSummary());
  const times: number[] = [];
  for (let second = 0; second < 120; second++) {
    const startMs = performance.now();
    for (const summary of summaries) {
      summary.add(START_MS + second * 1000, row);
    }
    times.push(performance.now() - startMs);
  }
  // The median: one second in sixty completes a minute.
  assertLess(times.toSorted((a, b) => a - b)[60] ?? NaN, 5);
});
