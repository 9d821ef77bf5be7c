import { assertEquals } from "@std/assert";
import { EventManager } from "../../lib/events/event_manager.ts";
import { Deletions } from "../../lib/manager/deletions.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** Deletions, and a short form of their events: names with exit codes, in the order of `seq`. */
class Bench {
  readonly clock = new FakeClock();
  readonly events = new EventManager({
    node: "n",
    bootId: "b",
    clock: this.clock,
  });
  readonly deletions = new Deletions(this);

  get reported(): string[] {
    return this.events.getEvents({ sinceSeq: 0 }).map(({ event }) =>
      [
        event.container_name,
        event.event_data.container_deletion?.exit_code ?? "",
      ].join(" ")
    );
  }

  /** Another container's event. */
  other(): void {
    this.events.addEvent({
      timestampMs: this.clock.now(),
      type: "containerCreation",
      containerName: "/other",
    });
  }
}

Deno.test("Deletions.add() reports a deletion immediately if its exit code is known, or will not be reported", () => {
  const bench = new Bench();
  bench.deletions.add("/a", 137, true);
  bench.deletions.add("/b", undefined, false);
  bench.deletions.add("/c", 0, true);
  assertEquals(bench.reported, ["/a 137", "/b -1", "/c 0"]);
  assertEquals(bench.clock.pending, 0);
});

Deno.test("Deletions wait for a code that is reported, while other containers' events are emitted", () => {
  const bench = new Bench();
  const { deletions, clock, events } = bench;
  const wentMs = clock.now();
  deletions.add("/docker/a", undefined, true);
  clock.advance(33);
  bench.other();
  assertEquals(deletions.awaits("/docker/a"), true);
  deletions.end("/docker/a", 3);
  assertEquals(bench.reported, ["/other ", "/docker/a 3"]);
  // The event has the time at which its cgroup was removed.
  assertEquals(events.getEvents({ sinceSeq: 1 })[0]?.timestampMs, wentMs);
  assertEquals(deletions.awaits("/docker/a"), false);
  assertEquals(clock.pending, 0);
});

Deno.test("Deletions wait 250 ms, and no longer", () => {
  const bench = new Bench();
  bench.deletions.add("/docker/a", undefined, true);
  bench.clock.advance(249);
  assertEquals(bench.reported, []);
  bench.clock.advance(1);
  assertEquals(bench.reported, ["/docker/a -1"]);
  bench.deletions.end("/docker/a", 3);
  assertEquals(bench.reported, ["/docker/a -1"]);
});

Deno.test("Deletions report a container after its descendants", () => {
  const bench = new Bench();
  const { deletions } = bench;
  deletions.add("/pod/a", undefined, true);
  deletions.add("/pod/b", undefined, true);
  deletions.add("/pod", undefined, false);
  deletions.add("/pods", undefined, false);
  assertEquals(bench.reported, ["/pods -1"]);
  deletions.end("/pod/b", 0);
  assertEquals(bench.reported, ["/pods -1", "/pod/b 0"]);
  deletions.end("/pod/a", 1);
  assertEquals(bench.reported, ["/pods -1", "/pod/b 0", "/pod/a 1", "/pod -1"]);
});

Deno.test("Deletions.flush() emits a deletion before the next container of the same name", () => {
  const bench = new Bench();
  const { deletions, clock } = bench;
  deletions.add("/a/b", undefined, true);
  deletions.add("/a", undefined, true);
  deletions.add("/ab", undefined, true);
  deletions.flush("/a");
  assertEquals(bench.reported, ["/a/b -1", "/a -1"]);
  deletions.stop();
  assertEquals(bench.reported, ["/a/b -1", "/a -1", "/ab -1"]);
  assertEquals(clock.pending, 0);
});

Deno.test("Deletions of a thousand waiting containers take negligible time", () => {
  const bench = new Bench();
  const startMs = performance.now();
  for (let i = 0; i < 1_000; i++) {
    bench.deletions.add(`/docker/${i}`, undefined, true);
  }
  for (let i = 0; i < 1_000; i++) bench.deletions.end(`/docker/${i}`, 0);
  assertEquals(bench.reported.length, 1_000);
  // 60 ms (Deno 2.9.6, 2 cores); the bound is for a busy machine.
  assertEquals(performance.now() - startMs < 2_000, true);
});
