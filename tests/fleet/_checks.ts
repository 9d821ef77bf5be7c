/**
 * Checks at the end of the fleet test: logs, store and Prometheus agree with the
 * containers and kills of the nodes.
 *
 * @module
 */
import { until, type WireEvent } from "../e2e/_agent.ts";
import { outputOf } from "../e2e/_programs.ts";
import type { PrometheusProcess } from "../e2e/_prometheus.ts";
import {
  type ConsistencyReport,
  countBy,
} from "../load/_consistency_report.ts";
import { dashboardQueries } from "../_support/deploy_queries.ts";
import type { LogStore } from "./_engines.ts";
import type { FleetNode } from "./_node.ts";

/** Events in the logs of each node, by `seq`. */
export type Logged = ReadonlyMap<FleetNode, readonly WireEvent[]>;

/** An agent that is killed this soon after a removal may not have reported it. */
export const REPORT_MS = 2_000;

const SETTLE_MS = 120_000;

/** The logs have each container that an agent saw, and each kill. */
export function checkLogs(report: ConsistencyReport, logged: Logged): void {
  const nodes = [...logged.keys()];
  const all = [...logged.values()].flat();
  for (
    const type of ["containerCreation", "containerDeletion", "oom", "oomKill"]
  ) {
    const sizes = of(all, type).map((event) => JSON.stringify(event).length);
    report.note(
      `mean bytes of ${type}`,
      Math.round(sizes.reduce((sum, size) => sum + size, 0) / sizes.length),
    );
  }
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
  const lifetimes = nodes.flatMap((node) => node.lifetimes).length;
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

/** The store has each line once. */
export async function checkStore(
  report: ConsistencyReport,
  logged: Logged,
  store: LogStore,
): Promise<void> {
  const wanted = new Map<string, WireEvent>();
  for (const event of [...logged.values()].flat()) {
    wanted.set(identity(event), event);
  }
  let stored = new Map<string, number>();
  await until(async () => {
    const records = await store.query("* | fields node, boot_id, seq");
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
  const [used = ""] = (await outputOf("du", "-sb", `${store.directory}`))
    .split("\t");
  report.note(
    "bytes of the store per event",
    Math.round(Number(used) / stored.size),
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
  const mapped = await store.query(
    'event_type:="oomKill" severity_text:="ERROR" host.name:* k8s.node.name:* k8s.namespace.name:="shop" container.runtime.name:="containerd" container.image.name:="registry.example/app" container.image.tags:="[\\"1\\"]"',
  );
  report.equal(
    "kills in the store with severity, node and pod",
    kills.length,
    mapped.length,
  );
}

/** Prometheus has each node once, and each kill. */
export async function checkPrometheus(
  report: ConsistencyReport,
  logged: Logged,
  prometheus: PrometheusProcess,
  scrapeSeconds: number,
): Promise<void> {
  const nodes = logged.size;
  const value = async (query: string) =>
    (await prometheus.query(query))[0]?.points.at(-1)?.[1] ?? 0;
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
    "series of slices in slices",
    0,
    await value('count({id=~".+[.]slice/[^/]+[.]slice"})'),
  );
  const kills = [...logged.keys()].flatMap((node) => node.kills).length;
  report.equal(
    "kills in the kernel's counter, container_memory_events_oom_kill_total",
    kills,
    await value(
      'sum(container_memory_events_oom_kill_total{id="/kubepods.slice"})',
    ),
  );
  const counted = await killsOfRuns(prometheus);
  const killEvents = [...logged.values()].flatMap((events) =>
    of(events, "oomKill")
  );
  const current = killEvents.filter(({ event_data }) =>
    !event_data.oom.historical
  );
  // A run's last kills may have happened after its last scrape.
  const unscraped = current.filter(({ node: name, timestamp }) =>
    [...logged.keys()].find((node) => node.name === name)?.runs.some((
      { endMs },
    ) =>
      endMs - Date.parse(timestamp) > 0 &&
      endMs - Date.parse(timestamp) < 2 * scrapeSeconds * 1000
    )
  );
  report.atLeast(
    "kills in cgwatch_oom_kills_total, except after the last scrape of a run",
    current.length - unscraped.length,
    counted,
  );
  report.atMost("the same, at most", current.length, counted);
  for (const query of await dashboardQueries("grafana-fleet.json")) {
    const results = await prometheus.query(query);
    if (results.length === 0) report.equal(query, "data", "none");
  }
  const own = await (await fetch(`${prometheus.url}/metrics`)).text();
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
async function killsOfRuns(prometheus: PrometheusProcess): Promise<number> {
  let kills = 0;
  for (
    const { points } of await prometheus.query("cgwatch_oom_kills_total[1d]")
  ) {
    let before = 0;
    for (const [, value] of points) {
      kills += value < before ? value : value - before;
      before = value;
    }
  }
  return kills;
}

/** Identifies an event of the fleet. */
export function identity({ node, boot_id: boot, seq }: WireEvent): string {
  return `${node} ${boot} ${seq}`;
}

function of(events: readonly WireEvent[], type: string): WireEvent[] {
  return events.filter(({ event_type }) => event_type === type);
}

function idOf({ container, container_name: name }: WireEvent): string {
  return container?.id ?? name;
}
