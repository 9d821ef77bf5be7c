/**
 * One run of the fleet test, from the first agent to the report.
 *
 * @module
 */
import { AGENT, delay, SOURCE, type WireEvent } from "../e2e/_agent.ts";
import { PrometheusProcess } from "../e2e/_prometheus.ts";
import { ConsistencyReport } from "../load/_consistency_report.ts";
import { DEPLOY } from "../_support/deploy_queries.ts";
import { SeededRandom } from "../_support/random.ts";
import {
  checkLogs,
  checkPrometheus,
  checkStore,
  REPORT_MS,
} from "./_checks.ts";
import { collector, type Engine, LogStore } from "./_engines.ts";
import { churn, FleetNode } from "./_node.ts";

/** Size of a run. */
export interface FleetOptions {
  readonly nodes: number;
  readonly seconds: number;
  readonly seed: number;
}

/** Per second and node: 20,000 lifetimes and 1,000 kills of 50 nodes in 10 minutes. */
const LIFETIMES = 20_000 / 50 / 600;
const KILLS = 1_000 / 50 / 600;

/** Restarts of each agent in a run. */
const RESTARTS = 2;

const SCRAPE_SECONDS = 5;

/** Agents that start at the same time. */
const STARTING = 4;

/** Agents, the programs that they report to, and the checks at the end. */
export class Fleet implements AsyncDisposable {
  readonly report = new ConsistencyReport();
  readonly #options: FleetOptions;
  readonly #random: SeededRandom;
  readonly #directory: string;
  readonly #nodes: FleetNode[];
  readonly #store: LogStore;
  readonly #collector: Engine;
  #prometheus: PrometheusProcess | undefined;
  /** Directory of Prometheus, with the list of targets. */
  #scraping = "";
  readonly #restarts = { killed: 0, upgraded: 0, moved: 0 };

  private constructor(options: FleetOptions, directory: string) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#directory = directory;
    this.#store = new LogStore(directory);
    this.#collector = collector(directory, this.#store.url);
    const tokenFile = `${directory}/token`;
    Deno.writeTextFileSync(tokenFile, `${crypto.randomUUID()}\n`, {
      mode: 0o600,
    });
    this.#nodes = Array.from(
      { length: options.nodes },
      (_, at) => new FleetNode({ name: `n${at + 1}`, directory, tokenFile }),
    );
  }

  /** Starts all programs and agents. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const directory = await Deno.makeTempDir({
      dir: "/tmp",
      prefix: "cgwatch-fleet-",
    });
    const fleet = new Fleet(options, directory);
    try {
      await fleet.#start();
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
    return fleet;
  }

  async #start(): Promise<void> {
    this.#store.start();
    this.#collector.start();
    const nodes = [...this.#nodes];
    await Promise.all(Array.from({ length: STARTING }, async () => {
      for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
        await node.start(SOURCE);
      }
    }));
    const scraping = await Deno.makeTempDir({ dir: "/tmp" });
    this.#scraping = scraping;
    const config = await Deno.readTextFile(`${DEPLOY}/prometheus.yml`);
    await Deno.writeTextFile(
      `${scraping}/prometheus.yml`,
      config.replace(/_interval: 15s/g, `_interval: ${SCRAPE_SECONDS}s`),
    );
    await Deno.copyFile(
      `${DEPLOY}/prometheus-rules.yml`,
      `${scraping}/prometheus-rules.yml`,
    );
    await Deno.copyFile(
      `${this.#directory}/token`,
      `${scraping}/cgwatch.token`,
    );
    await Deno.mkdir(`${scraping}/cgwatch-targets`);
    await this.#writeTargets();
    this.#prometheus = await PrometheusProcess.startIn(scraping);
  }

  /** Runs the load and writes the report. */
  async run(): Promise<void> {
    const { seconds, seed } = this.#options;
    const ms = seconds * 1000;
    await Promise.all([
      ...this.#nodes.map((node, at) =>
        churn(node, new SeededRandom(seed + at), {
          ms,
          lifetimes: Math.round(LIFETIMES * seconds),
          kills: Math.round(KILLS * seconds),
        })
      ),
      this.#restartAgents(ms),
      this.#restart(this.#collector, [0.2 * ms, 0.6 * ms]),
      this.#restart(this.#store, [0.4 * ms, 0.6 * ms]),
    ]);
    await this.#check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop("SIGKILL")));
    await this.#collector.stop();
    await this.#store.stop();
    await this.#prometheus?.stop();
    for (const node of this.#nodes) node.remove();
    await Deno.remove(this.#directory, { recursive: true });
  }

  /** Prometheus reads the list again when the file is replaced. */
  async #writeTargets(): Promise<void> {
    const targets = this.#nodes.map(({ name, address }) => ({
      targets: [address],
      labels: { instance: name },
    }));
    await Deno.writeTextFile(
      `${this.#scraping}/targets.new`,
      JSON.stringify(targets),
    );
    await Deno.rename(
      `${this.#scraping}/targets.new`,
      `${this.#scraping}/cgwatch-targets/fleet.json`,
    );
  }

  /** Restarts each agent some times, one after the other. */
  async #restartAgents(ms: number): Promise<void> {
    const order = Array.from(
      { length: RESTARTS },
      () => this.#random.shuffle(this.#nodes),
    ).flat();
    const startMs = performance.now();
    for (const [at, node] of order.entries()) {
      const dueMs = startMs + ms * (at + 1) / (order.length + 1);
      await delay(Math.max(0, dueMs - performance.now()));
      const port = Number(node.address.split(":").at(-1));
      const way = this.#random.pick(["killed", "upgraded", "moved"] as const);
      await node.stop(way === "killed" ? "SIGKILL" : "SIGTERM");
      if (this.#random.chance(0.5)) await delay(this.#random.below(2_000));
      await node.start(AGENT, way === "moved" ? 0 : port);
      if (way === "moved") await this.#writeTargets();
      this.#restarts[way]++;
    }
  }

  /** Stops an engine at some times, for a few seconds. */
  async #restart(engine: Engine, timesMs: readonly number[]): Promise<void> {
    const startMs = performance.now();
    for (const time of timesMs) {
      await delay(startMs + time - performance.now());
      await engine.stop();
      await delay(3_000 + this.#random.below(3_000));
      engine.start();
    }
  }

  async #check(): Promise<void> {
    const { report } = this;
    const { nodes, seconds } = this.#options;
    report.note("agents, seconds", `${nodes}, ${seconds}`);
    report.note(
      "agents killed, upgraded, moved",
      Object.values(this.#restarts).join(", "),
    );
    // An agent reports and Prometheus scrapes what happened last.
    await delay(REPORT_MS + 2 * SCRAPE_SECONDS * 1000);
    const logged = new Map<FleetNode, WireEvent[]>();
    let files = 0;
    for (const node of this.#nodes) {
      const { events, parts } = await node.log.read();
      logged.set(node, events);
      files += parts;
    }
    report.note("files of event logs", files);
    checkLogs(report, logged);
    await checkStore(report, logged, this.#store);
    if (this.#prometheus === undefined) return;
    await checkPrometheus(report, logged, this.#prometheus, SCRAPE_SECONDS);
  }
}
