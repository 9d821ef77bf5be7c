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

/** A watcher that lists once, and fails or ends when it is told to. */
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
  readonly said: string[] = [];
  readonly steady: FallbackWatcher;
  readonly #followed: Promise<void>;
  listed = 0;

  constructor() {
    const say = (message: string) => void this.said.push(message);
    const logger: Logger = { debug() {}, info: say, warn: say, error: say };
    this.steady = new FallbackWatcher({
      clock: this.clock,
      logger,
      watch: (failure) => {
        const watcher = new FakeWatcher(failure);
        this.made.push(watcher);
        return watcher;
      },
    });
    this.#followed = this.#follow();
  }

  async #follow(): Promise<void> {
    for await (const _ of this.steady.changes()) this.listed++;
  }

  async fail(): Promise<void> {
    this.made.at(-1)?.fail();
    await turn();
  }

  /** Beats until another watcher is made; how many that takes. */
  async beats(): Promise<number> {
    const before = this.made.length;
    for (let beats = 1; beats <= 100; beats++) {
      this.steady.retry();
      await turn();
      if (this.made.length > before) return beats;
    }
    return Infinity;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.steady.close();
    await this.#followed;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("FallbackWatcher goes on without inotify where that fails, and tries it again", async () => {
  await using bench = new Bench();
  await turn();
  assertEquals(bench.steady.state.state, "ok");
  await bench.fail();
  assertEquals(bench.steady.state.state, "degraded");
  assertEquals([bench.made.length, bench.listed], [2, 2]);
  assertEquals(await bench.beats(), 1);
  assertEquals(bench.steady.state.state, "ok");
  assertEquals(bench.said, [
    "Cannot watch cgroups with inotify, listing them instead",
    "Watching cgroups with inotify again",
  ]);
});

Deno.test("FallbackWatcher tries inotify less and less often while it fails at once, and soon where it served", async () => {
  await using bench = new Bench();
  const beats: number[] = [];
  for (let tries = 0; tries < 8; tries++) {
    await bench.fail();
    beats.push(await bench.beats());
  }
  assertEquals(beats, [1, 2, 4, 8, 16, 32, 32, 32]);
  bench.steady.retry();
  await bench.fail();
  assertEquals(await bench.beats(), 1);
});

Deno.test("FallbackWatcher complains once a minute, and keeps counting over all watchers", async () => {
  await using bench = new Bench();
  for (let tries = 0; tries < 3; tries++) {
    await bench.fail();
    await bench.beats();
  }
  const warned = () =>
    bench.said.filter((message) => message.startsWith("Cannot")).length;
  assertEquals(warned(), 1);
  bench.clock.advance(60_000);
  await bench.fail();
  assertEquals(warned(), 2);
  assertEquals(bench.steady.counters.rescans, {
    fallback: 4,
    overflow: bench.made.length,
  });
});

Deno.test("FallbackWatcher says that it is trying until all is listed", async () => {
  await using bench = new Bench();
  await bench.fail();
  bench.steady.retry();
  assertMatch(bench.steady.state.detail, /^trying inotify again.*no inotify$/);
  assert(bench.steady.state.state === "degraded");
  await turn();
  assertEquals(bench.steady.state.state, "ok");
});
