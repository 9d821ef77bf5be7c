import { assertEquals } from "@std/assert";
import { TimedStore } from "../../lib/model/timed_store.ts";

function filled(
  times: number[],
  options = {},
): TimedStore<number> {
  const store = new TimedStore<number>(options);
  for (const time of times) store.add(time, time);
  return store;
}

Deno.test("TimedStore returns its items ordered by time, regardless of the order of adding", () => {
  assertEquals(filled([3, 1, 2]).inTimeRange(), [1, 2, 3]);
});

Deno.test("TimedStore keeps items of the same time in the order of adding", () => {
  const store = new TimedStore<string>();
  store.add(1, "a");
  store.add(2, "x");
  store.add(1, "b");
  store.add(1, "c");
  assertEquals(store.inTimeRange(), ["a", "b", "c", "x"]);
  assertEquals([...store.newestFirst()], ["x", "c", "b", "a"]);
});

Deno.test("TimedStore.inTimeRange() includes both ends", () => {
  const store = filled([1, 2, 3, 4]);
  assertEquals(store.inTimeRange(2, 3), [2, 3]);
  assertEquals(store.inTimeRange(2), [2, 3, 4]);
  assertEquals(store.inTimeRange(undefined, 2), [1, 2]);
});

Deno.test("TimedStore.inTimeRange() is empty outside the data, and if the start is after the end", () => {
  const store = filled([10, 20]);
  assertEquals(store.inTimeRange(21), []);
  assertEquals(store.inTimeRange(0, 9), []);
  assertEquals(store.inTimeRange(11, 19), []);
  assertEquals(store.inTimeRange(25, 5), []);
  assertEquals(new TimedStore().inTimeRange(), []);
});

Deno.test("TimedStore.newestFirst() starts at the newest item up to the end", () => {
  const store = filled([1, 2, 3]);
  assertEquals([...store.newestFirst(2)], [2, 1]);
  assertEquals([...store.newestFirst(0)], []);
});

Deno.test("TimedStore drops the oldest items beyond its maximum", () => {
  const store = filled([5, 1, 4, 2, 3], { maxItems: 3 });
  assertEquals(store.inTimeRange(), [3, 4, 5]);
  assertEquals(store.size, 3);
});

Deno.test("TimedStore with a maximum of 0 keeps nothing", () => {
  const store = filled([1, 2, 3], { maxItems: 0 });
  assertEquals(store.size, 0);
  assertEquals([...store.newestFirst()], []);
});

Deno.test("TimedStore with a maximum of -1 keeps all items", () => {
  assertEquals(filled([1, 2, 3], { maxItems: -1 }).size, 3);
});

Deno.test("TimedStore drops items of the maximum age, relative to the added item", () => {
  const store = filled([100, 101, 110], { maxAgeMs: 10 });
  assertEquals(store.inTimeRange(), [101, 110]);
});

Deno.test("TimedStore keeps a late item, and does not use the clock", () => {
  const store = filled([1000, 1], { maxAgeMs: 10 });
  assertEquals(store.inTimeRange(), [1, 1000]);
  store.add(1001, 1001);
  assertEquals(store.inTimeRange(), [1000, 1001]);
});

Deno.test("TimedStore matches a sorted list over many random adds", () => {
  let seed = 42;
  const random = (limit: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % limit;
  };
  const store = new TimedStore<number>({ maxItems: 700, maxAgeMs: 5000 });
  let plain: { time: number; item: number }[] = [];
  for (let item = 0; item < 6000; item++) {
    const time = item + random(2000);
    store.add(time, item);
    plain.push({ time, item });
    plain.sort((a, b) => a.time - b.time || a.item - b.item);
    plain = plain.filter((entry) => entry.time > time - 5000).slice(-700);
    if (item % 500 !== 0) continue;
    assertEquals(store.inTimeRange(), plain.map((entry) => entry.item));
    const [from, to] = [item - 300, item + 300];
    assertEquals(
      store.inTimeRange(from, to),
      plain.filter((entry) => entry.time >= from && entry.time <= to)
        .map((entry) => entry.item),
    );
  }
});
