import { assertEquals } from "@std/assert";
import { SampleRing } from "../../lib/cache/memory_cache.ts";
import { ManagedContainer } from "../../lib/manager/managed_container.ts";
import { ContainerCollector } from "../../lib/metrics/container_collector.ts";
import type { Clock } from "../../lib/model/clock.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { RowBuilder } from "../../lib/model/sample.ts";

/** A clock that advances with work, and has no timers. */
class WorkClock implements Clock {
  ms = 0;

  now(): number {
    return this.ms;
  }

  monotonic(): number {
    return this.ms;
  }

  schedule(_delayMs: number, callback: () => void): () => void {
    queueMicrotask(callback);
    return () => {};
  }
}

/**
 * Containers whose limits take a millisecond to read, with a record of reads
 * per scrape.
 */
class Bench {
  readonly clock = new WorkClock();
  reads: string[] = [];
  readonly containers: readonly ManagedContainer[];
  readonly collector: ContainerCollector;

  constructor(names: string) {
    const { clock } = this;
    this.containers = Array.from(names, (name) => {
      const builder = new RowBuilder();
      return new ManagedContainer({
        handler: {
          reference: { name: `/${name}` },
          builder,
          collectsDiskIo: false,
          deviceName: () => undefined,
          oomKills() {},
          isComplete: () => true,
          memoryInode() {},
          memoryLimitHits() {},
          hasUsedCpu: () => false,
          sample: () => ({ gone: false }),
          spec: () => {
            clock.ms++;
            this.reads.push(name);
            return { hasDiskIo: false };
          },
          refresh() {},
          close() {},
        },
        ring: new SampleRing(builder.layout, 1_000, 4),
        createdMs: undefined,
        housekeeping: { intervalMs: 1, maxIntervalMs: 1, dynamic: false },
        clock,
        logger: silentLogger,
        onGone() {},
      });
    });
    this.collector = new ContainerCollector({
      clock,
      logger: silentLogger,
      maxAgeMs: 0,
      manager: {
        managedContainers: () => Promise.resolve(this.containers),
        removedContainer: () => undefined,
        oomKills: () => [],
      },
    });
  }

  async scrape(afterMs = 0): Promise<string> {
    this.clock.ms += afterMs;
    this.reads = [];
    const { containers } = await this.collector.containers({});
    assertEquals(containers.length, this.containers.length);
    return this.reads.join("");
  }
}

Deno.test("ContainerCollector.containers() reads all limits for the first scrape, later ones by housekeeping", async () => {
  const bench = new Bench("abcdefgh");
  assertEquals(await bench.scrape(), "abcdefgh");
  assertEquals(await bench.scrape(), "");
  assertEquals(await bench.scrape(1_000_000), "");
});
