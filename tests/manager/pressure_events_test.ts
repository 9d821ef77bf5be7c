import { assertEquals } from "@std/assert";
import { EventManager } from "../../lib/events/event_manager.ts";
import { CgroupHandler } from "../../lib/handlers/cgroup_handler.ts";
import { PressureEvents } from "../../lib/manager/pressure_events.ts";
import { Scheduler } from "../../lib/manager/scheduler.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { RecordedTree, type RecordingName } from "../_support/recorded_tree.ts";
import type { TestCgroup } from "../_support/test_cgroup.ts";

/** Throttled 193 times when it was recorded. */
const HIGH = "/lab/high";

/** A recorded host whose containers are read every second. */
class PressedHost implements Disposable {
  readonly clock = new FakeClock(1_000_000);
  readonly events = new EventManager({
    node: "n1",
    bootId: "b",
    clock: this.clock,
  });
  readonly #recorded: RecordedTree;
  readonly #scheduler = new Scheduler(this.clock);
  readonly pressure = new PressureEvents({
    clock: this.clock,
    events: this.events,
    scheduler: this.#scheduler,
    intervalMs: 1_000,
  });
  readonly #handlers: CgroupHandler[] = [];

  constructor(name: RecordingName = "6.1-v2") {
    this.#recorded = new RecordedTree(name);
  }

  /** Opens a container and reads it once. */
  open(name: string, isNew = false): CgroupHandler {
    const { fs, hierarchies } = this.#recorded;
    const kinds = new Set<string>();
    const handler = new CgroupHandler({ name }, { fs, hierarchies, kinds });
    this.#handlers.push(handler);
    this.pressure.open(handler, isNew);
    this.clock.advance(0);
    return handler;
  }

  cgroup(name: string): TestCgroup {
    return this.#recorded.root.child(`sys/fs/cgroup${name}`);
  }

  /** Writes a cgroup's own counts as the kernel would. */
  count(
    name: string,
    high: number,
    max: number,
    file = "memory.events.local",
  ): void {
    this.cgroup(name).file(
      file,
      `low 0\nhigh ${high}\nmax ${max}\noom 0\noom_kill 0\noom_group_kill 0\n`,
    );
  }

  /** Returns the events since the last call: `seconds type name count`. */
  reported(): string[] {
    const events = this.events.getEvents({ sinceSeq: this.#seq });
    this.#seq = this.events.lastSeq;
    return events.map(({ event, timestampMs }) => {
      const { count } = event.event_data.memory_pressure ?? {};
      const seconds = (timestampMs - 1_000_000) / 1_000;
      return `${seconds} ${event.event_type} ${event.container_name} ${count}`;
    });
  }
  #seq = 0;

  [Symbol.dispose](): void {
    this.#scheduler.stop();
    for (const handler of this.#handlers) handler.close();
    this.#recorded[Symbol.dispose]();
  }
}

Deno.test("PressureEvents report the increase of each count, at the next read", () => {
  using host = new PressedHost();
  host.open(HIGH);
  host.clock.advance(1_500);
  assertEquals(host.reported(), []);
  host.count(HIGH, 200, 3);
  host.clock.advance(1_000);
  assertEquals(host.reported(), [
    `2 memoryHigh ${HIGH} 7`,
    `2 memoryMax ${HIGH} 3`,
  ]);
});

Deno.test("PressureEvents report a container and type every ten seconds, with the whole increase since", () => {
  using host = new PressedHost();
  host.open(HIGH);
  for (let second = 1; second <= 25; second++) {
    host.count(HIGH, 193 + second, second < 5 ? 0 : 1);
    host.clock.advance(1_000);
  }
  assertEquals(host.reported(), [
    `1 memoryHigh ${HIGH} 1`,
    `5 memoryMax ${HIGH} 1`,
    `11 memoryHigh ${HIGH} 10`,
    `21 memoryHigh ${HIGH} 10`,
  ]);
  host.clock.advance(60_000);
  assertEquals(host.reported(), [`31 memoryHigh ${HIGH} 4`]);
});

Deno.test("PressureEvents report the whole count of a container created after the start", () => {
  using host = new PressedHost();
  host.open(HIGH, true);
  assertEquals(host.reported(), [`0 memoryHigh ${HIGH} 193`]);
});

Deno.test("PressureEvents report the cgroup that has the limit, not its ancestors", () => {
  using host = new PressedHost();
  host.open("/lab/io");
  host.count("/lab/io", 7, 7, "memory.events");
  host.clock.advance(1_000);
  assertEquals(host.reported(), []);
});

Deno.test("PressureEvents read memory.events where there is no .local, before Linux 5.3", () => {
  using host = new PressedHost();
  Deno.removeSync(`${host.cgroup(HIGH).path}/memory.events.local`);
  host.open(HIGH);
  host.count(HIGH, 194, 0, "memory.events");
  host.clock.advance(1_000);
  assertEquals(host.reported(), [`1 memoryHigh ${HIGH} 1`]);
});

Deno.test("PressureEvents count from 0 where the memory controller was off", () => {
  using host = new PressedHost();
  host.open(HIGH);
  host.count(HIGH, 5, 0);
  host.clock.advance(1_000);
  assertEquals(host.reported(), [`1 memoryHigh ${HIGH} 5`]);
});

Deno.test("PressureEvents report nothing for /, which has no limits", () => {
  using host = new PressedHost();
  host.open("/");
  host.clock.advance(5_000);
  assertEquals(host.reported(), []);
});

Deno.test("PressureEvents stop reading a removed container", () => {
  using host = new PressedHost();
  const handler = host.open(HIGH);
  host.clock.advance(1_000);
  host.pressure.close(HIGH);
  handler.close();
  host.count(HIGH, 300, 0);
  host.clock.advance(5_000);
  assertEquals(host.reported(), []);
  host.pressure.close(HIGH);
});

Deno.test("PressureEvents continue if a count cannot be read", () => {
  using host = new PressedHost();
  host.open(HIGH);
  for (const text of ["high many\n", "high 193\n"]) {
    host.cgroup(HIGH).file("memory.events.local", text);
    host.clock.advance(1_000);
  }
  host.count(HIGH, 194, 0);
  host.clock.advance(1_000);
  assertEquals(host.reported(), [`3 memoryHigh ${HIGH} 1`]);
});

Deno.test("PressureEvents find nothing on cgroup v1", () => {
  using host = new PressedHost("6.1-v1-legacy");
  const [name = ""] = Deno.readDirSync(host.cgroup("/memory/docker").path)
    .filter(({ isDirectory }) => isDirectory)
    .map((entry) => `/docker/${entry.name}`);
  const handler = host.open(name, true);
  assertEquals(handler.oomKills()?.source, "memory.oom_control");
  assertEquals(handler.memoryLimitHits(), undefined);
  host.clock.advance(1_000);
  assertEquals(host.reported(), []);
});
