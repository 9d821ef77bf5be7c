import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  MemoryCache,
  type SampleRange,
  SampleRing,
} from "../../lib/cache/memory_cache.ts";
import {
  FIXED_COLUMNS,
  RowBuilder,
  RowLayout,
} from "../../lib/model/sample.ts";
import { SeededRandom } from "../_support/random.ts";

/** A row with this value in the first column. */
function rowOf(number: number): Float64Array {
  return new Float64Array(FIXED_COLUMNS).fill(NaN).fill(number, 0, 1);
}

/** A ring with a sample at each of these times. */
function ringOf(
  times: readonly number[],
  maxAgeMs = 1e6,
  maxRows = 1e3,
): SampleRing {
  const ring = new SampleRing(new RowLayout(), maxAgeMs, maxRows);
  for (const timeMs of times) ring.add(timeMs, rowOf(timeMs));
  return ring;
}

function timesOf(ring: SampleRing, range?: SampleRange): number[] {
  return ring.samples(range).map(({ timestampMs }) => timestampMs);
}

Deno.test("SampleRing returns samples oldest first", () => {
  const ring = ringOf([10, 20, 30]);
  assertEquals(ring.size, 3);
  assertEquals(timesOf(ring), [10, 20, 30]);
  assertEquals(ring.samples().map(({ row }) => row[0]), [10, 20, 30]);
  assertEquals(ringOf([]).samples(), []);
});

Deno.test("SampleRing.samples() returns the given number of newest samples", () => {
  const ring = ringOf([10, 20, 30]);
  assertEquals(timesOf(ring, { count: 2 }), [20, 30]);
  assertEquals(timesOf(ring, { count: 9 }), [10, 20, 30]);
  assertEquals(timesOf(ring, { count: 0 }), []);
  assertEquals(timesOf(ring, { count: -1 }), [10, 20, 30]);
});

Deno.test("SampleRing.samples() returns the samples of a time range, both ends included", () => {
  const ring = ringOf([10, 20, 30, 40]);
  assertEquals(timesOf(ring, { startMs: 20, endMs: 30 }), [20, 30]);
  assertEquals(timesOf(ring, { startMs: 21 }), [30, 40]);
  assertEquals(timesOf(ring, { endMs: 29 }), [10, 20]);
  assertEquals(timesOf(ring, { endMs: 30, count: 1 }), [30]);
  assertEquals(timesOf(ring, { startMs: 41 }), []);
  assertEquals(timesOf(ring, { startMs: 30, endMs: 20 }), []);
});

Deno.test("SampleRing.samples() returns copies", () => {
  const ring = ringOf([10]);
  ring.samples()[0]?.row.fill(7);
  assertEquals(ring.samples()[0]?.row[0], 10);
});

Deno.test("SampleRing drops samples older than the newest by more than the maximum age", () => {
  assertEquals(timesOf(ringOf([10, 20, 30, 40], 25)), [20, 30, 40]);
  assertEquals(timesOf(ringOf([10, 20, 1000], 25)), [1000]);
});

Deno.test("SampleRing limits the number of rows", () => {
  for (const bound of [2, 3, 4, 5, 60]) {
    const times = Array.from({ length: 100 }, (_, i) => i);
    assertEquals(timesOf(ringOf(times, 1e6, bound)), times.slice(-bound));
  }
});

Deno.test("SampleRing is emptied by a clock that was set back", () => {
  const ring = ringOf([10, 20, 15]);
  assertEquals(timesOf(ring), [15]);
  assertEquals(ring.add(15, rowOf(15)), false);
});

Deno.test("SampleRing.add() returns whether a sample differs from the previous one", () => {
  const ring = new SampleRing(new RowLayout(), 1e6, 100);
  assertEquals(ring.add(1, rowOf(7)), true);
  assertEquals(ring.add(2, rowOf(7)), false);
  assertEquals(ring.add(3, rowOf(8)), true);
  assertEquals(ring.add(4, rowOf(NaN)), true);
  assertEquals(ring.add(5, rowOf(NaN)), false);
});

Deno.test("SampleRing widens its rows when a disk is first seen", () => {
  const builder = new RowBuilder();
  const ring = new SampleRing(builder.layout, 1e6, 100);
  builder.row[0] = 1;
  ring.add(1, builder.row);
  const column = builder.group("serviced", "8:0");
  builder.row[column] = 5;
  // The layout has grown, the rows have not.
  assertEquals(ring.samples()[0]?.row.length, FIXED_COLUMNS);
  assertEquals(ring.add(2, builder.row), true);
  const [first, second] = ring.samples();
  assertEquals([first?.row[0], first?.row[column]], [1, NaN]);
  assertEquals([second?.row[0], second?.row[column]], [1, 5]);
  assertEquals(ring.add(3, builder.row), false);
});

Deno.test("SampleRing behaves like an array under random operations", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed);
    const maxAgeMs = 1 + random.below(200);
    const maxRows = 2 + random.below(40);
    const builder = new RowBuilder();
    const ring = new SampleRing(builder.layout, maxAgeMs, maxRows);
    let kept: { timestampMs: number; row: number[] }[] = [];
    let nowMs = 1000;
    for (let step = 0; step < 300; step++) {
      nowMs += random.chance(0.01) ? -random.below(100) : random.below(20);
      if (random.chance(0.02)) builder.group("cpu", `${step}`);
      builder.row[random.below(builder.row.length)] = random.below(3);
      const last = kept.at(-1);
      if (last !== undefined && nowMs < last.timestampMs) kept = [];
      ring.add(nowMs, builder.row);
      kept = kept.filter(({ timestampMs }) => timestampMs > nowMs - maxAgeMs);
      kept.push({ timestampMs: nowMs, row: [...builder.row] });
      kept = kept.slice(-maxRows);
      const width = builder.layout.width;
      assertEquals(
        ring.samples().map(({ timestampMs, row }) => ({
          timestampMs,
          row: [...row],
        })),
        kept.map(({ timestampMs, row }) => ({
          timestampMs,
          row: [...row, ...new Array(width - row.length).fill(NaN)],
        })),
        `seed ${seed}`,
      );
    }
  }
});

Deno.test("MemoryCache has one ring per container, and removes it with the container", () => {
  const cache = new MemoryCache({ maxAgeMs: 120_000, intervalMs: 1_000 });
  const layout = new RowLayout();
  const ring = cache.ring("/a", layout);
  assertStrictEquals(cache.ring("/a", layout), ring);
  assertEquals(cache.size, 1);
  ring.add(1, rowOf(1));
  // A new container of that name has another layout.
  assertEquals(cache.ring("/a", new RowLayout()).size, 0);
  assertEquals(cache.size, 1);
  cache.remove("/a");
  cache.remove("/never");
  assertEquals(cache.size, 0);
});

Deno.test("MemoryCache limits a ring to the samples of its age and some on demand", () => {
  const cache = new MemoryCache({ maxAgeMs: 2_000, intervalMs: 1_000 });
  const ring = cache.ring("/a", new RowLayout());
  for (let i = 0; i < 1000; i++) ring.add(i, rowOf(i));
  assert(ring.size >= 60 && ring.size <= 70);
});
