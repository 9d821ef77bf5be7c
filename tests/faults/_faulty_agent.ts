import { assert, assertEquals } from "@std/assert";
import { EventStreams } from "../../lib/api/event_stream.ts";
import { createHandler } from "../../lib/api/routes.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { EventLog } from "../../lib/log/event_log.ts";
import type { Manager } from "../../lib/manager/manager.ts";
import { Metrics } from "../../lib/metrics/metrics.ts";
import type { CgroupName } from "../../lib/model/cgroup.ts";
import type { ContainerInfo } from "../../lib/model/container.ts";
import { UnknownContainerError } from "../../lib/model/errors.ts";
import { openManager } from "../../lib/open_manager.ts";
import { DEFAULT_CONFIG } from "../../lib/config/config.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { SeededRandom } from "../_support/random.ts";
import { Diagnostics } from "./_diagnostics.ts";
import { FaultyDeno } from "./_faulty_deno.ts";
import { FaultyHost, USAGE_BYTES } from "./_faulty_host.ts";

/** Step of the clock between two event-loop iterations. */
const STEP_MS = 200;
/** Maximum time of a recovery, on the agent's clock. */
const RECOVERY_MS = 200_000;

export interface FaultyAgentOptions {
  readonly seed: number;
  /** Whether control files stay open, as on cgroupfs. @default false */
  readonly keepsOpen?: boolean;
}

/**
 * The whole agent except its sockets, on a recorded host in a temporary
 * directory, with a clock and call failures that a test controls.
 */
export class FaultyAgent implements AsyncDisposable {
  readonly random: SeededRandom;
  readonly deno: FaultyDeno;
  readonly clock = new FakeClock();
  readonly diagnostics: Diagnostics = new Diagnostics(this.clock);
  readonly manager: Manager;
  readonly log: EventLog;
  readonly host = new FaultyHost();
  readonly #handle: (request: Request) => Promise<Response>;
  readonly #isCgroupfs = HostFs.prototype.isCgroupfs;

  constructor({ seed, keepsOpen = false }: FaultyAgentOptions) {
    this.random = new SeededRandom(seed);
    this.deno = new FaultyDeno(this.random);
    if (keepsOpen) HostFs.prototype.isCgroupfs = () => true;
    const { clock, diagnostics: logger } = this;
    const options = {
      root: this.host.root,
      clock,
      logger,
      kmsg: `${this.host.root}/kmsg`,
      housekeepingIntervalMs: 2_000,
      allowDynamicHousekeeping: false,
      globalHousekeepingIntervalMs: 10_000,
    };
    this.manager = openManager({
      ...options,
      sinks: () => [this.log.state],
    });
    const { events } = this.manager;
    this.log = new EventLog(events, {
      path: this.host.logPath,
      maxSizeBytes: 8_192,
      keep: 99,
      clock,
      logger,
    });
    const streams = new EventStreams({ events, clock });
    this.#handle = createHandler({
      manager: this.manager,
      page: () => Promise.resolve(undefined),
      events,
      streams,
      metrics: new Metrics({
        manager: this.manager,
        clock,
        logger,
        kinds: DEFAULT_CONFIG.metricKinds,
        maxAgeMs: 60_000,
        ownFs: new HostFs({ root: this.host.root }),
        counters: () => ({ streams, eventLog: this.log.counters }),
      }),
      logger,
      allowPs: "off",
    });
  }

  /** Starts the agent, which becomes ready despite any fault. */
  async start(): Promise<void> {
    this.log.start();
    let isReady = false;
    this.manager.start().then(() => isReady = true);
    assert(await this.until(() => isReady), "The agent does not become ready");
  }

  /** Starts the agent without faults. */
  async startHealthy(): Promise<void> {
    await this.start();
    assert(
      await this.until(() => this.degraded.size === 0),
      `Degraded: ${[...this.degraded.values()]}`,
    );
  }

  /** Advances time in steps. */
  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.clock.advance(STEP_MS);
      await runPending();
    }
  }

  /** Advances time in one step, running only timers. */
  async skip(ms: number): Promise<void> {
    await this.run(3 * STEP_MS);
    this.clock.advance(ms);
    await this.run(3 * STEP_MS);
  }

  /** Advances time until a condition holds; returns whether it did. */
  async until(holds: () => boolean, limitMs = RECOVERY_MS): Promise<boolean> {
    // On a busy machine, files and notifications are slower than the clock.
    const endMs = performance.now() + 4_000;
    const limit = this.clock.monotonic() + limitMs;
    while (!holds()) {
      const isLate = this.clock.monotonic() > limit;
      if (isLate && performance.now() > endMs) return false;
      this.clock.advance(isLate ? STEP_MS / 10 : STEP_MS);
      await runPending();
    }
    return true;
  }

  /** Degraded sources with their details. */
  get degraded(): ReadonlyMap<string, string> {
    return new Map(
      this.manager.sources().filter(({ state }) => state === "degraded")
        .map(({ name, detail }) => [name, detail]),
    );
  }

  /** Returns how often a container's creation and deletion were reported. */
  reported(name: CgroupName): [creations: number, deletions: number] {
    const types = this.manager.events.getEvents({ containerName: name })
      .map(({ event }) => event.event_type);
    const count = (type: string) => types.filter((other) => other === type);
    return [
      count("containerCreation").length,
      count("containerDeletion").length,
    ];
  }

  /** Returns the container's name from its runtime, if known. */
  nameOf(name: CgroupName): string | undefined {
    const { aliases } = this.#infoOf(name)?.reference ?? {};
    return aliases?.find((alias) => alias.startsWith("app-"));
  }

  /** Returns how often the kill of a process was reported. */
  reportedKills(pid: number): number {
    return this.manager.events.getEvents({ types: new Set(["oomKill"]) })
      .filter(({ event }) => event.event_data.oom?.pid === pid).length;
  }

  /** Adds an event, which the log must contain. */
  addEvent(): void {
    this.manager.events.addEvent({
      timestampMs: this.clock.now(),
      type: "nodeEvent",
      containerName: "/",
      data: {
        "node_event": { "reason": "Test", "message": "", "type": "Normal" },
      },
    });
  }

  /**
   * Returns whether a container was sampled since a time, with correct values.
   */
  isSampled(name: CgroupName, sinceMs: number): boolean {
    const { timestampMs = -Infinity, memory, cpu } =
      this.#infoOf(name)?.stats[0] ?? {};
    return timestampMs > sinceMs && memory?.usageBytes === USAGE_BYTES &&
      cpu?.usageNs !== undefined;
  }

  /** Asserts that the API and /metrics contain these containers. */
  async assertResponses(names: readonly CgroupName[]): Promise<void> {
    const get = async (path: string) => {
      const responding = this.#handle(new Request(`http://localhost${path}`));
      let response: Response | undefined;
      responding.then((result) => response = result);
      await this.until(() => response !== undefined);
      const text = (await responding).text();
      let isRead = false;
      text.then(() => isRead = true, () => isRead = true);
      await this.until(() => isRead);
      assertEquals(response?.status, 200, `${path}: ${await text}`);
      return await text;
    };
    const infos: { name: string }[] = JSON.parse(
      await get("/api/v1.3/subcontainers"),
    );
    const listed = new Set(infos.map(({ name }) => name));
    const metrics = await get("/metrics");
    for (const name of names) {
      assert(listed.has(name), `The API omits ${name}`);
      assert(
        metrics.includes(`container_memory_usage_bytes{id="${name}"`),
        `/metrics omits ${name}`,
      );
    }
  }

  #infoOf(name: CgroupName): ContainerInfo | undefined {
    try {
      return this.manager.containerInfo(name, { numStats: 1 });
    } catch (error) {
      if (error instanceof UnknownContainerError) return undefined;
      throw error;
    }
  }

  /**
   * Asserts that events are numbered without gaps, and each is in the log once.
   */
  async assertLogComplete(): Promise<void> {
    const { lastSeq } = this.manager.events;
    const { lost } = this.log.counters;
    assertEquals(lost, 0);
    assert(
      await this.until(() => this.host.loggedSeqs().length >= lastSeq),
      `Of ${lastSeq} events ${this.host.loggedSeqs().length} are in the log`,
    );
    assertEquals(
      this.host.loggedSeqs(),
      Array.from({ length: lastSeq }, (_, at) => at + 1),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.deno.heal();
    HostFs.prototype.isCgroupfs = this.#isCgroupfs;
    let isClosed = false;
    Promise.all([this.manager.stop(), this.log.close()])
      .then(() => isClosed = true);
    await this.until(() => isClosed);
    await this.run(1_000);
    this.deno[Symbol.dispose]();
    this.host[Symbol.dispose]();
  }
}

/** Runs pending callbacks. */
function runPending(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
