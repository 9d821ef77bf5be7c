import { assertEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { LookupQueue } from "../../lib/runtimes/lookup_queue.ts";
import { FakeClock } from "../_support/fake_clock.ts";

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

Deno.test("LookupQueue runs lookups in order, 4 at the same time", async () => {
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const queue = new LookupQueue<number>(new FakeClock(), (item) => {
    started.push(item);
    return new Promise((resolve) => ends.push(() => resolve(true)));
  });
  for (let i = 0; i < 6; i++) queue.add(i, []);
  assertEquals(started, [0, 1, 2, 3]);
  ends[2]?.();
  await settle();
  assertEquals(started, [0, 1, 2, 3, 4]);
  assertEquals(queue.size, 5);
  for (const end of ends) end();
  await settle();
  for (const end of ends) end();
  await settle();
  assertEquals(queue.size, 0);
});

Deno.test("LookupQueue retries until the item is found or no retries are left", async () => {
  const clock = new FakeClock();
  const tries: string[] = [];
  const queue = new LookupQueue<string>(clock, (item) => {
    tries.push(item);
    return Promise.resolve(item === "b" && tries.length > 3);
  });
  queue.add("a", [10, 20]);
  queue.add("b", [10, 10, 10, 10]);
  await settle();
  for (let i = 0; i < 10; i++) {
    clock.advance(10);
    await settle();
  }
  assertEquals(tries, ["a", "b", "a", "b", "a"]);
  assertEquals([queue.size, clock.pending], [0, 0]);
});

Deno.test("LookupQueue looks up an item once if it is requested again while waiting", async () => {
  const tries: string[] = [];
  const ends: (() => void)[] = [];
  const clock = new FakeClock();
  const queue = new LookupQueue<string>(clock, (item) => {
    tries.push(item);
    return new Promise((resolve) => ends.push(() => resolve(false)));
  });
  for (const item of ["1", "2", "3", "4"]) queue.add(item, []);
  queue.add("a", [10]);
  queue.add("a", []);
  for (const end of ends.splice(0)) end();
  await settle();
  for (const end of ends.splice(0)) end();
  await settle();
  clock.advance(100);
  assertEquals(tries.filter((item) => item === "a"), ["a"]);
});

Deno.test("LookupQueue counts lookups that hang and keeps their slots", async () => {
  const clock = new FakeClock();
  const find = spy(() => new Promise<boolean>(() => {}));
  const queue = new LookupQueue<number>(clock, find);
  for (let i = 0; i < 100; i++) queue.add(i, []);
  clock.advance(1_999);
  assertEquals(queue.hung, 0);
  clock.advance(1);
  await settle();
  assertEquals([queue.hung, queue.size], [4, 100]);
  assertSpyCalls(find, 4);
  queue.close();
  queue.add(7, []);
  assertEquals(queue.size, 4);
});

Deno.test("LookupQueue.close() resolves when running lookups end, and starts no others", async () => {
  const clock = new FakeClock();
  const looks: string[] = [];
  const response = Promise.withResolvers<boolean>();
  const queue = new LookupQueue<string>(clock, (item) => {
    looks.push(item);
    return response.promise;
  });
  for (const item of ["a", "b", "c", "d", "e"]) queue.add(item, [10]);
  let isClosed = false;
  const closed = queue.close().then(() => isClosed = true);
  await Promise.resolve();
  assertEquals(isClosed, false);
  response.resolve(false);
  await closed;
  clock.advance(100);
  assertEquals(looks, ["a", "b", "c", "d"]);
  await new LookupQueue(clock, () => response.promise).close();
});
