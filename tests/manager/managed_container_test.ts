import { assert, assertEquals } from "@std/assert";
import { SampleRing } from "../../lib/cache/memory_cache.ts";
import {
  type HousekeepingOptions,
  ManagedContainer,
} from "../../lib/manager/managed_container.ts";
import type { ContainerSpec } from "../../lib/model/container.ts";
import type { FsStats } from "../../lib/model/filesystem.ts";
import type { LogFields, Logger } from "../../lib/model/logger.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { COLUMN, RowBuilder } from "../../lib/model/sample.ts";
import type {
  ContainerHandler,
  SampleResult,
} from "../../lib/registry/handler_registry.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** A handler whose container uses the memory that the test specifies. */
class TestHandler implements ContainerHandler {
  readonly collectsDiskIo = true;
  readonly deviceName = () => undefined;
  oomKills(): undefined {}
  isCompleteAfterMs = 0;
  isComplete(ageMs: number): boolean {
    return ageMs >= this.isCompleteAfterMs;
  }
  memoryInode(): undefined {}
  usesCpu = false;
  hasUsedCpu(): boolean {
    return this.usesCpu;
  }
  memoryLimitHits(): undefined {}
  readonly reference = { name: "/web" };
  readonly builder = new RowBuilder();
  memoryBytes = 1;
  result: SampleResult = { gone: false };
  fsStats: readonly FsStats[] | undefined;
  specNow: ContainerSpec = { hasDiskIo: false };
  samples = 0;
  specs = 0;
  refreshes = 0;
  closes = 0;

  sample(): SampleResult {
    this.samples++;
    this.builder.row[COLUMN.memoryUsage] = this.memoryBytes;
    return this.result;
  }

  spec(): ContainerSpec {
    this.specs++;
    return this.specNow;
  }

  filesystems(timestampMs: number): readonly FsStats[] | undefined {
    return this.fsStats?.map((stats) => ({
      ...stats,
      device: `at ${timestampMs}`,
    }));
  }

  refresh(): void {
    this.refreshes++;
  }

  close(): void {
    this.closes++;
  }
}

interface Warning {
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** A container, with its dependencies. */
class Bench {
  readonly handler = new TestHandler();
  readonly clock = new FakeClock(1_000_000);
  readonly warnings: Warning[] = [];
  goneCount = 0;
  onGone: () => void = () => this.goneCount++;
  readonly container: ManagedContainer;

  constructor(
    housekeeping: Partial<HousekeepingOptions> = {},
    createdMs?: number,
    isNew = false,
  ) {
    const logger: Logger = {
      ...silentLogger,
      warn: (message, fields) => this.warnings.push({ message, fields }),
    };
    this.container = new ManagedContainer({
      handler: this.handler,
      ring: new SampleRing(this.handler.builder.layout, 120_000, 180),
      createdMs,
      isNew,
      housekeeping: {
        intervalMs: 1_000,
        maxIntervalMs: 60_000,
        dynamic: true,
        jitterFactor: 0,
        ...housekeeping,
      },
      clock: this.clock,
      logger,
      onGone: () => this.onGone(),
    });
  }

  /** Returns the milliseconds between the next samples. */
  intervals(count: number): number[] {
    const times: number[] = [];
    while (times.length <= count) {
      const { samples } = this.handler;
      const delayMs = this.container.run();
      if (this.handler.samples > samples) times.push(this.clock.monotonic());
      this.clock.advance(delayMs);
    }
    return times.slice(1).map((ms, at) => ms - (times[at] ?? NaN));
  }

  /** Samples taken at these times, each with its time as memory. */
  sampleAt(...times: number[]): void {
    for (const ms of times) {
      this.clock.advance(ms - this.clock.monotonic());
      this.handler.memoryBytes = ms;
      this.container.sample();
    }
  }
}

Deno.test("ManagedContainer.run() doubles its interval while nothing changes, and stays at the longest", () => {
  assertEquals(new Bench().intervals(10), [
    // The first sample differs from none.
    1_000,
    2_000,
    4_000,
    8_000,
    16_000,
    32_000,
    60_000,
    60_000,
    60_000,
    60_000,
  ]);
});

Deno.test("ManagedContainer has no sample of a new container until that is complete, for any caller", () => {
  const { container, handler, clock } = new Bench({}, undefined, true);
  handler.isCompleteAfterMs = 250;
  for (const ms of [0, 100, 200]) {
    clock.advance(ms - clock.monotonic());
    assertEquals(container.run(), 100);
    assertEquals(container.refresh(Infinity), false);
    assertEquals(container.stats({}), []);
    assert(!container.hasSample);
  }
  assertEquals(handler.samples, 0);
  const { refreshes } = handler;
  clock.advance(50);
  assertEquals(container.run(), 1_000);
  // Missing files are searched again.
  assertEquals([handler.samples, handler.refreshes], [1, refreshes + 1]);
  // The container stays complete.
  handler.isCompleteAfterMs = Infinity;
  assertEquals(container.refresh(Infinity), true);
  assertEquals(container.stats({}).length, 2);
});

Deno.test("ManagedContainer samples a new container if the check whether it is complete fails", () => {
  const { container, handler } = new Bench({}, undefined, true);
  handler.isComplete = () => {
    throw new Error("EIO");
  };
  container.run();
  assert(container.hasSample);
});

Deno.test("ManagedContainer.run() returns to the shortest interval when something changes", () => {
  const bench = new Bench();
  assertEquals(bench.intervals(5).at(-1), 16_000);
  bench.handler.memoryBytes = 2;
  assertEquals(bench.intervals(2), [1_000, 2_000]);
});

Deno.test("ManagedContainer.run() notices CPU usage within 10 s, at any interval", () => {
  const bench = new Bench();
  const { container, handler, clock } = bench;
  assertEquals(bench.intervals(8).at(-1), 60_000);
  container.run();
  const { samples } = handler;
  const checks = Array.from({ length: 4 }, () => {
    clock.advance(10_000);
    return container.run();
  });
  assertEquals(checks, [10_000, 10_000, 10_000, 10_000]);
  assertEquals(handler.samples, samples);
  handler.usesCpu = true;
  handler.memoryBytes = 2;
  clock.advance(1_000);
  assertEquals(container.run(), 1_000);
  assertEquals(handler.samples, samples + 1);
});

Deno.test("ManagedContainer.run() keeps to its interval where it is not dynamic", () => {
  const { container } = new Bench({ dynamic: false });
  for (let i = 0; i < 5; i++) assertEquals(container.run(), 1_000);
});

Deno.test("ManagedContainer.run() does not go below its interval for a longest that is shorter", () => {
  const { container } = new Bench({ maxIntervalMs: 500 });
  for (let i = 0; i < 5; i++) assertEquals(container.run(), 1_000);
});

Deno.test("ManagedContainer.run() adds a random part of the interval, to spread the samples", () => {
  const { container } = new Bench({ dynamic: false, jitterFactor: 1 });
  const intervals = Array.from({ length: 1_000 }, () => container.run());
  assert(intervals.every((ms) => ms >= 1_000 && ms < 2_000));
  assert(Math.min(...intervals) < 1_100);
  assert(Math.max(...intervals) > 1_900);
});

Deno.test("ManagedContainer.run() continues if a sample fails, with any error", () => {
  const bench = new Bench();
  const { container, handler, warnings } = bench;
  handler.result = { gone: true };
  bench.onGone = () => {
    throw new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  };
  assertEquals(container.run(), 2_000);
  assertEquals(warnings.length, 1);
});

Deno.test("ManagedContainer.refresh() samples where the last sample is too old", () => {
  const { container, handler, clock } = new Bench();
  const refresh = (maxAgeMs: number) =>
    container.refresh(clock.monotonic() - maxAgeMs);
  assertEquals(refresh(1_000), true);
  clock.advance(1_000);
  assertEquals(refresh(1_000), false);
  clock.advance(1);
  assertEquals(refresh(1_000), true);
  assertEquals(refresh(0), false);
  assertEquals(handler.samples, 2);
});

Deno.test("ManagedContainer logs at most one warning per minute for a container", () => {
  const { container, handler, clock, warnings } = new Bench();
  handler.result = { gone: false, error: new Error("line 1 is bad") };
  container.sample();
  clock.advance(59_999);
  container.sample();
  assertEquals(warnings, [{
    message: "Cannot read a control file, leaving out its values",
    fields: { container: "/web", error: "line 1 is bad" },
  }]);
  clock.advance(1);
  container.sample();
  assertEquals(warnings.length, 2);
});

Deno.test("ManagedContainer reports that the cgroup is gone if a read shows it", () => {
  const bench = new Bench();
  bench.container.sample();
  assertEquals(bench.goneCount, 0);
  bench.handler.result = { gone: true };
  bench.container.sample();
  assertEquals(bench.goneCount, 1);
});

Deno.test("ManagedContainer.stats() returns the newest `count` samples, with the rates of the first", () => {
  const bench = new Bench();
  const { row } = bench.handler.builder;
  for (const ms of [1_000, 2_000, 3_000]) {
    row[COLUMN.cpuUsageNs] = ms * 1e5;
    row[COLUMN.cpuUserNs] = 0;
    row[COLUMN.cpuSystemNs] = 0;
    bench.sampleAt(ms);
  }
  const stats = bench.container.stats({ count: 2 });
  assertEquals(stats.map(({ memory }) => memory?.usageBytes), [2_000, 3_000]);
  assertEquals(stats.map(({ cpuInst }) => cpuInst?.usage), [1e8, 1e8]);
  const all = bench.container.stats({});
  assertEquals(all.length, 3);
  assertEquals(all[0]?.cpuInst, undefined);
  assertEquals(bench.container.stats({ count: 0 }), []);
  assertEquals(bench.container.stats({ count: 9 }).length, 3);
});

Deno.test("ManagedContainer.stats() uses the wall clock for the timestamps of samples", () => {
  const bench = new Bench();
  bench.sampleAt(1_000, 2_000, 3_000);
  const times = bench.container.stats({ startMs: 1_001_500 })
    .map(({ timestampMs }) => timestampMs);
  assertEquals(times, [1_002_000, 1_003_000]);
  assertEquals(bench.container.stats({ endMs: 1_001_999 }).length, 1);
});

Deno.test("ManagedContainer.stats() has the file systems as they were at each sample", () => {
  const bench = new Bench();
  bench.sampleAt(1_000, 2_000);
  const devices = () =>
    bench.container.stats({}).map(({ filesystems }) =>
      filesystems?.map(({ device }) => device)
    );
  assertEquals(devices(), [undefined, undefined]);
  bench.handler.fsStats = [{ type: "vfs" }];
  assertEquals(devices(), [["at 1001000"], ["at 1002000"]]);
});

Deno.test("ManagedContainer.spec is read again after 5 s, and missing files are searched then", () => {
  const { container, handler, clock } = new Bench();
  handler.specNow = { hasDiskIo: false, memory: { limitBytes: 1 } };
  assertEquals(container.spec.memory?.limitBytes, 1);
  handler.specNow = { hasDiskIo: false, memory: { limitBytes: 2 } };
  clock.advance(4_999);
  assertEquals(container.spec.memory?.limitBytes, 1);
  clock.advance(1);
  assertEquals(container.spec.memory?.limitBytes, 2);
  assertEquals([handler.specs, handler.refreshes], [2, 2]);
});

Deno.test("ManagedContainer.run() reads limits after the first sample, again after five to ten minutes, and after a write", () => {
  const { container, handler, clock } = new Bench();
  container.run();
  assertEquals(handler.specs, 0);
  container.run();
  assertEquals(handler.specs, 1);
  clock.advance(299_000);
  container.run();
  assertEquals(handler.specs, 1);
  handler.specNow = { hasDiskIo: false, memory: { limitBytes: 2 } };
  clock.advance(301_001);
  container.run();
  assertEquals(handler.specs, 2);
  assertEquals(container.specNoOlderThan(Infinity).memory?.limitBytes, 2);
  handler.specNow = { hasDiskIo: false, memory: { limitBytes: 3 } };
  assertEquals(container.specNoOlderThan(Infinity).memory?.limitBytes, 2);
  container.invalidateSpec();
  assertEquals(container.specNoOlderThan(Infinity).memory?.limitBytes, 3);
  container.invalidateSpec();
  clock.advance(60_000);
  container.run();
  assertEquals(handler.specs, 4);
});

Deno.test("ManagedContainer.run() still samples if its limits cannot be read", () => {
  const { container, handler, clock, warnings } = new Bench();
  container.run();
  handler.spec = () => {
    throw new TypeError("broken");
  };
  clock.advance(1_000);
  container.run();
  assertEquals(handler.samples, 2);
  assertEquals(warnings.length, 1);
});

Deno.test("ManagedContainer.spec has the earliest time of creation that is known", () => {
  for (
    const [ofFiles, seen, earliest] of [
      [500, 700, 500],
      [700, 500, 500],
      [undefined, 500, 500],
      [500, undefined, 500],
      [undefined, undefined, undefined],
    ] as const
  ) {
    const { container, handler } = new Bench({}, seen);
    handler.specNow = {
      hasDiskIo: false,
      ...(ofFiles !== undefined && { creationTimeMs: ofFiles }),
    };
    assertEquals(container.spec.creationTimeMs, earliest);
  }
});

Deno.test("ManagedContainer reads nothing after it was closed, which would open files again", () => {
  const { container, handler } = new Bench();
  container.sample();
  container.close();
  assertEquals(handler.closes, 1);
  assertEquals(container.sample(), false);
  container.refresh(Infinity);
  assertEquals(handler.samples, 1);
  assertEquals(container.stats({}).length, 1);
});
