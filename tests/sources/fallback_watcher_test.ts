import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Logger } from "../../lib/model/logger.ts";
import type { SourceState } from "../../lib/model/source_state.ts";
import type {
  ContainerChange,
  ContainerWatcher,
  WatchCounters,
} from "../../lib/sources/container_watcher.ts";
import { FallbackWatcher } from "../../lib/sources/fallback_watcher.ts";
import { FakeClock } from "../_support/fake_clock.ts";

/** A watcher that lists once, and fails or ends on request. */
class FakeWatcher implements ContainerWatcher {
  readonly #end = Promise.withResolvers<void>();
  readonly #failure: string | undefined;

  constructor(failure: string | undefined) {
    this.#failure = failure;
  }

  get state(): SourceState {
    const state = this.#failure === undefined ? "ok" : "degraded";
    return { name: "cgroups", state, detail: this.#failure ?? "" };
  }

  get counters(): WatchCounters {
    return { directories: 1, rescans: { overflow: 1 } };
  }

  async *changes(): AsyncGenerator<readonly ContainerChange[]> {
    yield [{ type: "listed" }];
    await this.#end.promise;
  }

  fail(): void {
    this.#end.reject(new Error("no inotify"));
  }

  check(): void {}

  reconcile(): void {}

  close(): void {
    this.#end.resolve();
  }
}

class Bench {
  readonly clock = new FakeClock();
  readonly made: FakeWatcher[] = [];
  readonly messages: string[] = [];
  readonly watcher: FallbackWatcher;
  readonly #followed: Promise<void>;
  listed = 0;

  constructor() {
    const say = (message: string) => void this.messages.push(message);
    const logger: Logger = { debug() {}, info: say, warn: say, error: say };
    this.watcher = new FallbackWatcher({
      clock: this.clock,
      logger,
      createWatcher: (failure) => {
        const watcher = new FakeWatcher(failure);
        this.made.push(watcher);
        return watcher;
      },
    });
    this.#followed = this.#follow();
  }

  async #follow(): Promise<void> {
    for await (const _ of this.watcher.changes()) this.listed++;
  }

  async fail(): Promise<void> {
    this.made.at(-1)?.fail();
    await turn();
  }

  /** Calls `retry()` until another watcher is created; returns the number of calls. */
  async retriesUntilReplaced(): Promise<number> {
    const before = this.made.length;
    for (let calls = 1; calls <= 100; calls++) {
      this.watcher.retry();
      await turn();
      if (this.made.length > before) return calls;
    }
    return Infinity;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watcher.close();
    await this.#followed;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("FallbackWatcher polls if inotify fails, and retries inotify", async () => {
  await using bench = new Bench();
  await turn();
  assertEquals(bench.watcher.state.state, "ok");
  await bench.fail();
  assertEquals(bench.watcher.state.state, "degraded");
  assertEquals([bench.made.length, bench.listed], [2, 2]);
  assertEquals(await bench.retriesUntilReplaced(), 1);
  assertEquals(bench.watcher.state.state, "ok");
  assertEquals(bench.messages, [
    "Cannot watch cgroups with inotify, polling them instead",
    "Watching cgroups with inotify again",
  ]);
});

Deno.test("FallbackWatcher doubles the wait before it retries inotify after each failed attempt, and resets it after success", async () => {
  await using bench = new Bench();
  const retries: number[] = [];
  for (let tries = 0; tries < 8; tries++) {
    await bench.fail();
    retries.push(await bench.retriesUntilReplaced());
  }
  assertEquals(retries, [1, 2, 4, 8, 16, 32, 32, 32]);
  bench.watcher.retry();
  await bench.fail();
  assertEquals(await bench.retriesUntilReplaced(), 1);
});

Deno.test("FallbackWatcher logs one warning per minute, and sums the counters of all watchers", async () => {
  await using bench = new Bench();
  for (let tries = 0; tries < 3; tries++) {
    await bench.fail();
    await bench.retriesUntilReplaced();
  }
  const warned = () =>
    bench.messages.filter((message) => message.startsWith("Cannot")).length;
  assertEquals(warned(), 1);
  bench.clock.advance(60_000);
  await bench.fail();
  assertEquals(warned(), 2);
  assertEquals(bench.watcher.counters.rescans, {
    fallback: 4,
    overflow: bench.made.length,
  });
});

Deno.test("FallbackWatcher is degraded while it retries inotify, until the first listing is complete", async () => {
  await using bench = new Bench();
  await bench.fail();
  bench.watcher.retry();
  assertMatch(bench.watcher.state.detail, /^retrying inotify.*no inotify$/);
  assert(bench.watcher.state.state === "degraded");
  await turn();
  assertEquals(bench.watcher.state.state, "ok");
});
