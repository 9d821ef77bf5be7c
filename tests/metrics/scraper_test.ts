import { assertEquals } from "@std/assert";
import { SampleRing } from "../../lib/cache/memory_cache.ts";
import { ManagedContainer } from "../../lib/manager/managed_container.ts";
import { Scraper } from "../../lib/metrics/scraper.ts";
import type { Clock } from "../../lib/model/clock.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { RowBuilder } from "../../lib/model/sample.ts";

/** A clock that work moves, and no waiting. */
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

/** Containers whose limits take a millisecond to read, and who was read in which scrape. */
class Bench {
  readonly clock = new WorkClock();
  reads: string[] = [];
  readonly containers: readonly ManagedContainer[];
  readonly scraper: Scraper;

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
          isWhole: () => true,
          memoryInode() {},
          memoryLimitHits() {},
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
    this.scraper = new Scraper({
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
    const { containers } = await this.scraper.containers({});
    assertEquals(containers.length, this.containers.length);
    return this.reads.join("");
  }
}

Deno.test("Scraper.containers() reads the limits of all at first, and leaves them to the beat then", async () => {
  const bench = new Bench("abcdefgh");
  assertEquals(await bench.scrape(), "abcdefgh");
  assertEquals(await bench.scrape(), "");
  assertEquals(await bench.scrape(1_000_000), "");
});
