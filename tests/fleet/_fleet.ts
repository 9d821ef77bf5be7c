/**
 * One run of the fleet test, from the first agent to the report.
 *
 * @module
 */
import { AGENT, delay, SOURCE, until, type WireEvent } from "../e2e/_agent.ts";
import { PrometheusProcess } from "../e2e/_prometheus.ts";
import { ConsistencyReport, countBy } from "../load/_consistency_report.ts";
import { dashboardQueries, DEPLOY } from "../_support/deploy_queries.ts";
import { SeededRandom } from "../_support/random.ts";
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

/** An agent that is killed this soon after a removal may not have reported it. */
const REPORT_MS = 2_000;

/** Agents that start at the same time. */
const STARTING = 4;

const SETTLE_MS = 120_000;

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
    this.#collector = collector(directory, this.#store);
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
    const logged = await this.#logged();
    await this.#checkStore(logged);
    this.#checkLogs(logged);
    await this.#checkPrometheus(logged);
  }

  /** Returns the events in the logs of all nodes. */
  async #logged(): Promise<Map<FleetNode, WireEvent[]>> {
    const logged = new Map<FleetNode, WireEvent[]>();
    let files = 0;
    for (const node of this.#nodes) {
      const { events, parts } = await node.log.read();
      logged.set(node, events);
      files += parts;
    }
    this.report.note("files of event logs", files);
    return logged;
  }

  /** The store has each line once. */
  async #checkStore(
    logged: ReadonlyMap<FleetNode, readonly WireEvent[]>,
  ): Promise<void> {
    const { report } = this;
    const wanted = new Map<string, WireEvent>();
    for (const event of [...logged.values()].flat()) {
      wanted.set(identity(event), event);
    }
    let stored = new Map<string, number>();
    await until(async () => {
      const records = await this.#store.query("* | fields node, boot_id, seq");
      stored = countBy(records.map(identity));
      return stored.size >= wanted.size;
    }, { timeoutMs: SETTLE_MS, everyMs: 1_000 });
    const missing = [...wanted.keys()].filter((key) => !stored.has(key));
    report.equal(
      "events in the store",
      wanted.size,
      stored.size,
      missing.map((key) => JSON.stringify(wanted.get(key))),
    );
    const repeated = [...stored].filter(([, count]) => count > 1);
    report.equal(
      "events that are repeated in the store",
      0,
      repeated.length,
      repeated.map(([key, count]) => `${count} times ${key}`),
    );
    const kills = [...wanted.values()].filter((event) =>
      event.event_type === "oomKill" &&
      event.container?.pod?.namespace === "shop"
    );
    const mapped = await this.#store.query(
      'event_type:="oomKill" severity_text:="ERROR" host.name:* k8s.namespace.name:="shop" container.runtime:="containerd"',
    );
    report.equal(
      "kills in the store with severity, node and pod",
      kills.length,
      mapped.length,
    );
  }

  /** The logs have each container that an agent saw, and each kill. */
  #checkLogs(logged: ReadonlyMap<FleetNode, readonly WireEvent[]>): void {
    const { report } = this;
    let observed = 0;
    const wrong: string[] = [];
    const gaps: string[] = [];
    const kills = { wanted: 0, reported: 0, exact: 0, historical: 0 };
    for (const [node, events] of logged) {
      for (const [at, { seq }] of events.entries()) {
        if (seq !== at + 1) {
          gaps.push(`${node.name}: ${seq} is event ${at + 1}`);
          break;
        }
      }
      const created = countBy(of(events, "containerCreation").map(idOf));
      const deleted = countBy(of(events, "containerDeletion").map(idOf));
      for (const lifetime of node.lifetimes) {
        if (!node.isObserved(lifetime, REPORT_MS)) continue;
        observed++;
        const { id } = lifetime;
        if (created.get(id) !== 1 || deleted.get(id) !== 1) {
          wrong.push(
            `${node.name} ${id}: created ${created.get(id)} times, deleted ${
              deleted.get(id)
            } times`,
          );
        }
      }
      const reported = of(events, "oomKill").map(({ event_data }) =>
        event_data.oom
      );
      kills.wanted += node.kills.length;
      kills.historical += reported.filter((oom) => oom.historical).length;
      const numbers = new Set(reported.map((oom) => oom.kmsg_seq));
      kills.exact += node.kills
        .filter(({ kmsgSeq }) => numbers.has(kmsgSeq)).length;
      kills.reported += reported.length;
    }
    const lifetimes = this.#nodes.flatMap((node) => node.lifetimes).length;
    report.note("containers", lifetimes);
    report.equal(
      "containers with one creation and one deletion, of those while an agent ran",
      observed,
      observed - wrong.length,
      wrong,
    );
    report.equal("gaps in seq", 0, gaps.length, gaps);
    report.equal("kills in the logs", kills.wanted, kills.reported);
    report.equal("kills with their record", kills.wanted, kills.exact);
    report.note("of these, while no agent ran", kills.historical);
  }

  /** Prometheus has each node once, and each kill. */
  async #checkPrometheus(
    logged: ReadonlyMap<FleetNode, readonly WireEvent[]>,
  ): Promise<void> {
    const { report } = this;
    const { nodes } = this.#options;
    const value = async (query: string) =>
      (await this.#query(query))[0]?.points.at(-1)?.[1] ?? 0;
    report.equal("nodes that are up", nodes, await value("sum(up)"));
    report.equal("targets", nodes, await value("count(up)"));
    for (
      const family of ["cgwatch_containers", 'container_last_seen{id="/"}']
    ) {
      report.equal(
        `nodes with one series of ${family}`,
        nodes,
        await value(`count(count by (instance) (${family}) == 1)`),
      );
    }
    report.equal(
      "series of containers that do not exist",
      0,
      await value('count(container_last_seen{id=~".*cri-containerd-.*"})'),
    );
    report.equal(
      "series of nested slices",
      0,
      await value('count({id=~"/.+/.+[.]slice"})'),
    );
    const kills = this.#nodes.flatMap((node) => node.kills).length;
    report.equal(
      "kills in the kernel's counter, container_memory_events_oom_kill_total",
      kills,
      await value(
        'sum(container_memory_events_oom_kill_total{id="/kubepods.slice"})',
      ),
    );
    const counted = await this.#killsOfRuns();
    const killEvents = [...logged.values()].flatMap((events) =>
      of(events, "oomKill")
    );
    const current = killEvents.filter(({ event_data }) =>
      !event_data.oom.historical
    );
    // A run's last kills may have happened after its last scrape.
    const unscraped = current.filter(({ node: name, timestamp }) =>
      this.#nodes.find((node) => node.name === name)?.runs.some(({ endMs }) =>
        endMs - Date.parse(timestamp) > 0 &&
        endMs - Date.parse(timestamp) < 2 * SCRAPE_SECONDS * 1000
      )
    );
    report.atLeast(
      "kills in cgwatch_oom_kills_total, except after the last scrape of a run",
      current.length - unscraped.length,
      counted,
    );
    report.atMost("the same, at most", current.length, counted);
    for (const query of await dashboardQueries("grafana-fleet.json")) {
      const results = await this.#query(
        query.replaceAll("$__rate_interval", "1m"),
      );
      if (results.length === 0) report.equal(query, "data", "none");
    }
    const own = await (await fetch(`${this.#prometheus?.url}/metrics`)).text();
    const counter = (name: string) =>
      [...own.matchAll(RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, "gm"))]
        .reduce((sum, [, text]) => sum + Number(text), 0);
    for (
      const name of [
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_rule_evaluation_failures_total",
      ]
    ) {
      report.equal(name, 0, counter(name));
    }
    report.note("series in Prometheus", counter("prometheus_tsdb_head_series"));
    report.note(
      "samples in Prometheus",
      counter("prometheus_tsdb_head_samples_appended_total"),
    );
    report.note(
      "resident bytes of Prometheus",
      counter("process_resident_memory_bytes"),
    );
  }

  /** Returns the kills that the agents counted: a lower value is a new run. */
  async #killsOfRuns(): Promise<number> {
    let kills = 0;
    const window = this.#options.seconds + 600;
    for (
      const { points } of await this.#query(
        `cgwatch_oom_kills_total[${window}s]`,
      )
    ) {
      let before = 0;
      for (const [, value] of points) {
        kills += value < before ? value : value - before;
        before = value;
      }
    }
    return kills;
  }

  async #query(query: string) {
    return await this.#prometheus?.query(query) ?? [];
  }
}

function identity({ node, boot_id: boot, seq }: WireEvent): string {
  return `${node} ${boot} ${seq}`;
}

function of(events: readonly WireEvent[], type: string): WireEvent[] {
  return events.filter(({ event_type }) => event_type === type);
}

function idOf({ container, container_name: name }: WireEvent): string {
  return container?.id ?? name;
}
