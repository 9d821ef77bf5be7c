import { assertEquals } from "@std/assert";
import { OomCounters } from "../../lib/oom/counters.ts";
import type { ContainerHandler } from "../../lib/registry/handler_registry.ts";
import { FakeClock } from "../_support/fake_clock.ts";

const SOURCE = "memory.events.local";

/** Containers with counts set by the test. */
class Bench {
  readonly clock = new FakeClock();
  readonly counters = new OomCounters(this.clock);
  readonly #counts = new Map<string, [count: number, groups?: number]>();

  /** With containers that have no kill yet. */
  onRead: (name: string) => void = () => {};

  constructor(...names: string[]) {
    for (const [at, name] of names.entries()) {
      this.set(name, 0);
      this.open(name, at + 1);
    }
  }

  set(name: string, count: number, groups?: number): void {
    this.#counts.set(name, groups === undefined ? [count] : [count, groups]);
  }

  open(name: string, inode: number, isNew = true): void {
    const handler = {
      reference: { name },
      memoryInode: () => inode,
      oomKills: () => {
        this.onRead(name);
        const [count, groupKills] = this.#counts.get(name) ?? [];
        return count === undefined ? undefined : {
          count,
          source: SOURCE,
          ...(groupKills !== undefined && { groupKills }),
        };
      },
    };
    this.counters.open(handler as unknown as ContainerHandler, isNew);
  }

  close(name: string): void {
    this.#counts.delete(name);
    this.counters.close(name);
  }

  locate(count: number, areAll = true): string[] {
    this.counters.readAll();
    return this.counters.locate(count, areAll)
      .map(({ count, victimCgroup = "?", source, group }) =>
        `${count} ${victimCgroup} ${source}${group ? " group" : ""}`
      );
  }

  kills(): Record<string, number> {
    return Object.fromEntries(this.counters.killsByContainer());
  }
}

Deno.test("OomCounters locates kills if the counts are unambiguous", () => {
  const bench = new Bench();
  bench.set("/a", 3);
  bench.set("/b", 0);
  bench.open("/a", 1, false);
  bench.open("/b", 2);
  assertEquals(bench.locate(1), ["1 ? vmstat"]);
  bench.counters.settle(() => true);
  bench.set("/a", 5);
  bench.set("/b", 1);
  assertEquals(bench.locate(4), [
    `2 /a ${SOURCE}`,
    `1 /b ${SOURCE}`,
    "1 ? vmstat",
  ]);
  assertEquals(bench.kills(), { "/a": 2, "/b": 1 });
  assertEquals(bench.locate(1), ["1 ? vmstat"]);
});

Deno.test("OomCounters does not locate kills whose record may still arrive", () => {
  const bench = new Bench("/a", "/b");
  bench.set("/a", 1);
  bench.set("/b", 1);
  assertEquals(bench.locate(1, false), ["1 ? vmstat"]);
  assertEquals(bench.kills(), {});
});

Deno.test("OomCounters locates kills of a container found after its first kill", () => {
  const bench = new Bench();
  assertEquals(bench.locate(1), ["1 ? vmstat"]);
  bench.set("/a", 2);
  bench.open("/a", 1);
  assertEquals(bench.locate(1), [`1 /a ${SOURCE}`]);
});

Deno.test("OomCounters assigns a kill reported without a cgroup to its container once all are accounted for", () => {
  const bench = new Bench("/a", "/b");
  bench.set("/a", 1);
  bench.set("/b", 1);
  assertEquals(bench.counters.recordKill(undefined), undefined);
  // Either may be the reported one.
  assertEquals(bench.locate(1), ["1 ? vmstat"]);
  bench.counters.settle(() => false);
  assertEquals(bench.kills(), {});
  bench.counters.settle(() => true);
  assertEquals(bench.kills(), { "/a": 1, "/b": 1 });
});

Deno.test("OomCounters returns the file that counted a kill, and does not count a repeat as a kill", () => {
  const bench = new Bench("/a");
  bench.set("/a", 2);
  assertEquals(bench.counters.recordKill("/a"), SOURCE);
  bench.counters.recordRepeat("/a");
  assertEquals(bench.locate(1), ["1 ? vmstat"]);
  assertEquals(bench.counters.recordKill("/a"), undefined);
  assertEquals(bench.kills(), { "/a": 2 });
});

Deno.test("OomCounters.findHolder() finds a container only if it counted all open kills and all kills without a cgroup", () => {
  const bench = new Bench("/a", "/b");
  const { counters } = bench;
  const holder = (open: number | undefined) => counters.findHolder(() => open);
  bench.set("/a", 2);
  assertEquals(holder(undefined), undefined);
  assertEquals(holder(0), undefined);
  assertEquals(holder(2), "/a");
  // One kill is counted in a container that is not known yet.
  assertEquals(holder(3), undefined);
  bench.set("/b", 1);
  assertEquals(holder(3), undefined);
  counters.recordKill("/b");
  assertEquals(holder(2), "/a");
  // The first of two kills in the same container has been reported without it.
  counters.recordKill(undefined);
  assertEquals(holder(1), "/a");
  // It was in either.
  bench.set("/a", 1);
  bench.set("/b", 2);
  assertEquals(holder(1), undefined);
});

Deno.test("OomCounters.findHolder() reads the containers' counts before the node's", () => {
  const bench = new Bench("/a");
  const { counters } = bench;
  let open = 1;
  const holder = counters.findHolder(() => {
    // A kill in a container that is not known yet, then one in this container.
    bench.set("/a", 1);
    return open++;
  });
  assertEquals(holder, undefined);
});

Deno.test("OomCounters.findHolder() does not find the container of a possible repeat", () => {
  const bench = new Bench("/a");
  bench.set("/a", 2);
  bench.counters.recordRepeat(undefined);
  assertEquals(bench.counters.findHolder(() => 1), undefined);
});

Deno.test("OomCounters reads all counts in a flood of kills in at most a tenth of the time", () => {
  const bench = new Bench("/a", "/b");
  const { counters, clock } = bench;
  let reads = 0;
  bench.onRead = (name) => {
    if (name === "/b") reads++;
    clock.advance(10);
  };
  bench.set("/a", 1);
  while (clock.monotonic() < 2_000) {
    assertEquals(counters.findHolder(() => 2), undefined);
    clock.advance(20);
  }
  // Each takes 20 ms.
  assertEquals(reads, 10);
});

Deno.test("OomCounters does not locate a kill that may be a repeat without a cgroup", () => {
  const bench = new Bench("/a", "/b");
  const { counters } = bench;
  // A group kill of one process, counted twice, and a kill whose record is lost.
  bench.set("/a", 2);
  counters.recordKill(undefined);
  counters.recordRepeat(undefined);
  bench.set("/b", 1);
  assertEquals(bench.locate(1), ["1 ? vmstat"]);
  counters.settle(() => true);
  // Which of the three is the repeat is unknown.
  assertEquals(bench.kills(), {});
  assertEquals(counters.isSettled, true);
});

Deno.test("OomCounters does not count kills again if a cgroup is renamed", () => {
  for (const isClosedFirst of [true, false]) {
    const bench = new Bench();
    bench.set("/old", 0);
    bench.open("/old", 7);
    bench.set("/old", 3);
    for (let i = 0; i < 3; i++) bench.counters.recordKill("/old");
    bench.set("/new", 4);
    if (isClosedFirst) bench.close("/old");
    bench.open("/new", 7);
    if (!isClosedFirst) bench.close("/old");
    assertEquals(bench.locate(2), [`1 /new ${SOURCE}`, "1 ? vmstat"]);
  }
});

Deno.test("OomCounters counts a recreated container from 0, and keeps the kills reported for its name", () => {
  const bench = new Bench("/a");
  bench.set("/a", 2);
  bench.counters.recordKill("/a");
  bench.counters.recordKill("/a");
  bench.close("/a");
  assertEquals(bench.kills(), { "/a": 2 });
  bench.set("/a", 1);
  bench.open("/a", 2);
  assertEquals(bench.locate(1), [`1 /a ${SOURCE}`]);
  assertEquals(bench.kills(), { "/a": 3 });
});

Deno.test("OomCounters recognizes a kill of a container named by an event before it was found", () => {
  const bench = new Bench();
  assertEquals(bench.counters.recordKill("/a"), undefined);
  bench.set("/a", 1);
  bench.open("/a", 1);
  assertEquals(bench.locate(1), ["1 ? vmstat"]);
});

Deno.test("OomCounters keeps the kills of a removed container for five minutes", () => {
  const bench = new Bench("/a");
  bench.counters.recordKill("/a");
  bench.counters.recordKill("/never-found");
  bench.close("/a");
  bench.clock.advance(299_000);
  assertEquals(bench.kills(), { "/a": 1, "/never-found": 1 });
  bench.clock.advance(1_000);
  assertEquals(bench.kills(), {});
});

Deno.test("OomCounters reports whether a cgroup or an ancestor was killed as a whole", () => {
  const bench = new Bench();
  for (const [at, name] of ["/pod", "/pod/a", "/b"].entries()) {
    bench.set(name, 0, 0);
    bench.open(name, at);
  }
  bench.set("/pod", 0, 1);
  bench.set("/pod/a", 2, 0);
  assertEquals(bench.locate(2), [`2 /pod/a ${SOURCE} group`]);
  bench.counters.settle(() => true);
  bench.set("/pod/a", 3, 0);
  bench.set("/b", 1, 1);
  assertEquals(bench.locate(2), [
    `1 /pod/a ${SOURCE}`,
    `1 /b ${SOURCE} group`,
  ]);
});

Deno.test("OomCounters locates kills of a container beyond the number reported without a cgroup", () => {
  const bench = new Bench("/a", "/b");
  bench.set("/a", 3);
  bench.set("/b", 1);
  bench.counters.recordKill(undefined);
  assertEquals(bench.locate(3), [`2 /a ${SOURCE}`, "1 ? vmstat"]);
  bench.counters.settle(() => true);
  assertEquals(bench.kills(), { "/a": 3, "/b": 1 });
});
