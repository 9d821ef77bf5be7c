import { assert, assertEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { Scheduler, type Task } from "../../lib/manager/scheduler.ts";
import type { Clock } from "../../lib/model/clock.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { SeededRandom } from "../_support/random.ts";

/** Tasks that record when they ran. */
class Tasks {
  readonly clock: FakeClock = new FakeClock();
  readonly scheduler: Scheduler = new Scheduler(this.clock);
  readonly ran: string[] = [];

  /** A task that is due again after `intervalMs`; never again by default. */
  task(name: string, intervalMs?: number): Task {
    return {
      run: () => {
        this.ran.push(`${name} ${this.clock.monotonic()}`);
        return intervalMs;
      },
    };
  }
}

/** A clock on which work takes time, and no timer fires during work. */
class BusyClock implements Clock {
  readonly timers: FakeClock = new FakeClock();
  workedMs = 0;

  now(): number {
    return this.timers.now() + this.workedMs;
  }

  monotonic(): number {
    return this.timers.monotonic() + this.workedMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    return this.timers.schedule(delayMs, callback);
  }
}

Deno.test("Scheduler does tasks in the order in which they are due", () => {
  const tasks = new Tasks();
  const { clock, scheduler, ran } = tasks;
  for (
    const [name, delayMs] of [["c", 30], ["a", 10], ["d", 40], [
      "b",
      20,
    ]] as const
  ) {
    scheduler.schedule(tasks.task(name), delayMs);
  }
  clock.advance(9);
  assertEquals(ran, []);
  clock.advance(100);
  assertEquals(ran, ["a 10", "b 20", "c 30", "d 40"]);
  assertEquals(scheduler.size, 0);
  assertEquals(clock.pending, 0);
});

Deno.test("Scheduler runs a task again after the delay it returns", () => {
  const tasks = new Tasks();
  tasks.scheduler.schedule(tasks.task("a", 10), 5);
  tasks.clock.advance(36);
  assertEquals(tasks.ran, ["a 5", "a 15", "a 25", "a 35"]);
  assertEquals(tasks.scheduler.size, 1);
});

Deno.test("Scheduler keeps one timer, for the next that is due", () => {
  const tasks = new Tasks();
  for (let i = 0; i < 100; i++) {
    tasks.scheduler.schedule(tasks.task(`${i}`), 100 - i);
    assertEquals(tasks.clock.pending, 1);
  }
  tasks.clock.advance(1);
  assertEquals(tasks.ran, ["99 1"]);
});

Deno.test("Scheduler yields to the event loop after 2 ms of work", () => {
  const clock = new BusyClock();
  const scheduler = new Scheduler(clock);
  const log: string[] = [];
  for (let i = 0; i < 7; i++) {
    scheduler.schedule({
      run() {
        log.push("task");
        clock.workedMs += 0.75;
        return undefined;
      },
    }, 1);
  }
  const request = () => {
    log.push("request");
    if (log.length < 9) clock.schedule(0, request);
  };
  clock.schedule(1, request);
  clock.timers.advance(1);
  const batch = ["task", "task", "task", "request"];
  assertEquals(log, [...batch, ...batch, "task", "request"]);
});

Deno.test("Scheduler.schedule() puts off a task that was due before", () => {
  const tasks = new Tasks();
  const task = tasks.task("a");
  tasks.scheduler.schedule(task, 10);
  tasks.scheduler.schedule(task, 30);
  assertEquals(tasks.scheduler.size, 1);
  tasks.clock.advance(100);
  assertEquals(tasks.ran, ["a 30"]);
});

Deno.test("Scheduler.schedule() brings a task forward", () => {
  const tasks = new Tasks();
  const task = tasks.task("a");
  tasks.scheduler.schedule(task, 30);
  tasks.scheduler.schedule(task, 10);
  tasks.clock.advance(100);
  assertEquals(tasks.ran, ["a 10"]);
});

Deno.test("Scheduler.cancel() ends a task, and that of an unknown one does nothing", () => {
  const tasks = new Tasks();
  const task = tasks.task("a", 10);
  tasks.scheduler.schedule(task, 10);
  tasks.scheduler.schedule(tasks.task("b"), 20);
  tasks.scheduler.cancel(task);
  tasks.scheduler.cancel(task);
  tasks.scheduler.cancel(tasks.task("c"));
  tasks.clock.advance(100);
  assertEquals(tasks.ran, ["b 20"]);
  assertEquals(tasks.scheduler.size, 0);
});

Deno.test("Scheduler.cancel() ends a task while it runs", () => {
  const tasks = new Tasks();
  const { scheduler, clock } = tasks;
  const task = {
    run: spy((): number => {
      scheduler.cancel(task);
      return 10;
    }),
  };
  scheduler.schedule(task, 10);
  clock.advance(100);
  assertSpyCalls(task.run, 1);
  assertEquals(scheduler.size, 0);
  assertEquals(clock.pending, 0);
});

Deno.test("Scheduler.schedule() of a task while it runs counts, not what it returns", () => {
  const { clock, scheduler } = new Tasks();
  const ran: number[] = [];
  const task = {
    run: () => {
      ran.push(clock.monotonic());
      if (ran.length === 1) scheduler.schedule(task, 50);
      return ran.length < 3 ? 10 : undefined;
    },
  };
  scheduler.schedule(task, 10);
  clock.advance(500);
  assertEquals(ran, [10, 60, 70]);
  assertEquals(scheduler.size, 0);
});

Deno.test("Scheduler.stop() ends all work, from within a task too", () => {
  const tasks = new Tasks();
  const { clock, scheduler, ran } = tasks;
  scheduler.schedule(tasks.task("a", 10), 10);
  scheduler.schedule({
    run() {
      scheduler.stop();
      return 10;
    },
  }, 20);
  scheduler.schedule(tasks.task("b"), 20);
  clock.advance(100);
  assertEquals(ran[0], "a 10");
  assert(!ran.includes("a 30"));
  assertEquals(clock.pending, 0);
  const count = ran.length;
  scheduler.schedule(tasks.task("c"), 1);
  clock.advance(100);
  assertEquals(ran.length, count);
});

Deno.test("Scheduler does not hold on to what was cancelled", () => {
  const tasks = new Tasks();
  const { clock, scheduler } = tasks;
  for (let i = 0; i < 10_000; i++) {
    const task = tasks.task(`${i}`);
    scheduler.schedule(task, 1_000 + i);
    scheduler.cancel(task);
  }
  assertEquals(scheduler.size, 0);
  scheduler.schedule(tasks.task("last"), 5_000);
  clock.advance(20_000);
  assertEquals(tasks.ran, ["last 5000"]);
});

Deno.test("Scheduler runs every task when it is due, with any others scheduled and cancelled in between", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed);
    const { clock, scheduler } = new Tasks();
    const due = new Map<number, number>();
    const ran: string[] = [];
    const expected: string[] = [];
    const tasks = Array.from({ length: 40 }, (_, i): Task => ({
      run() {
        ran.push(`${i} ${clock.monotonic()}`);
        due.delete(i);
        return undefined;
      },
    }));
    for (let step = 0; step < 500; step++) {
      const i = random.below(tasks.length);
      const task = tasks[i] as Task;
      if (random.chance(0.5)) {
        const delayMs = 1 + random.below(300);
        scheduler.schedule(task, delayMs);
        due.set(i, clock.monotonic() + delayMs);
      } else if (random.chance(0.4)) {
        scheduler.cancel(task);
        due.delete(i);
      } else {
        const ms = random.below(40);
        const untilMs = clock.monotonic() + ms;
        for (const [j, dueMs] of due) {
          if (dueMs <= untilMs) expected.push(`${j} ${dueMs}`);
        }
        clock.advance(ms);
      }
      assertEquals(scheduler.size, due.size, `seed ${seed}`);
    }
    assertEquals(ran.toSorted(), expected.toSorted(), `seed ${seed}`);
    const times = ran.map((entry) => Number(entry.split(" ")[1]));
    assertEquals(times, times.toSorted((a, b) => a - b), `seed ${seed}`);
  }
});
