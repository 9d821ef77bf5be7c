/**
 * One run of the load test, from the agent's start to the report.
 *
 * @module
 */
import { AGENT, AgentProcess, delay, until } from "../e2e/_agent.ts";
import { HIERARCHIES, TestCgroups } from "../e2e/_cgroups.ts";
import { type Actor, startActor, type Task } from "./_actor.ts";
import { stateOf } from "./_agent_state.ts";
import { ConsistencyReport, countBy } from "./_consistency_report.ts";
import { Clients } from "./_clients.ts";
import { checkKills, checkLifetimes, checkSequence } from "./_event_checks.ts";
import type { Flood } from "./_flood.ts";
import type { CgroupLifetime } from "./_lifetimes.ts";
import { RotatedLog } from "./_log.ts";
import type { OomKilledContainer } from "./_ooms.ts";
import {
  checkContainers,
  checkResources,
  checkResponses,
  reportLosses,
  totalsOf,
  valueOf,
} from "./_resource_checks.ts";
import { checkStreams } from "./_stream_checks.ts";
import type { StreamReport } from "./_streams.ts";

/** Duration and random seed of the load. */
export interface LoadOptions {
  readonly seconds: number;
  readonly seed: number;
}

const CHURNERS = 3;

/** Time after which all sources are `ok` again: a loss degrades the state for a minute. */
const SETTLE_MS = 75_000;

/** Threads of Deno's blocking pool end after 10 idle seconds. */
const IDLE_MS = 12_000;

/** Reports of the actors. */
interface Reports {
  readonly lifetimes: CgroupLifetime[];
  readonly killed: OomKilledContainer[];
  readonly flood: Flood;
}

/** The load, and the agent's state before and after it. */
export class LoadRun implements AsyncDisposable {
  readonly report = new ConsistencyReport();
  readonly #cgroups: TestCgroups;
  readonly #log: RotatedLog;
  readonly #dir: string;
  readonly #agent: AgentProcess;
  readonly #clients: Clients;
  readonly #actors: Actor<unknown>[] = [];
  readonly #options: LoadOptions;

  private constructor(
    options: LoadOptions,
    dir: string,
    log: RotatedLog,
    cgroups: TestCgroups,
    agent: AgentProcess,
  ) {
    this.#options = options;
    this.#dir = dir;
    this.#log = log;
    this.#cgroups = cgroups;
    this.#agent = agent;
    this.#clients = new Clients(agent.url, agent.pid);
  }

  /** Starts the agent. */
  static async start(options: LoadOptions): Promise<LoadRun> {
    const dir = await Deno.makeTempDir({
      dir: "/tmp",
      prefix: "cgwatch-load-",
    });
    const log = new RotatedLog(dir);
    const cgroups = new TestCgroups("load");
    const args = [
      `--event-log=${log.path}`,
      "--event-log-max-size=1MiB",
      "--event-log-keep=200",
      "--event-storage-event-limit=default=2000",
    ];
    const command = reserveCpu(cgroups, "/agent");
    const agent = await AgentProcess.start(args, {}, command);
    return new LoadRun(options, dir, log, cgroups, agent);
  }

  /** Runs the load and writes the report. */
  async run(): Promise<void> {
    const { report } = this;
    const { seconds, seed } = this.#options;
    const root = this.#cgroups.make("");
    for (const below of ["/ooms", "/churn0", "/churn1", "/churn2"]) {
      this.#cgroups.make(below);
    }
    const kills = nodeKills();
    await delay(IDLE_MS);
    const before = stateOf(this.#agent.pid);
    const sinceSeq = (await this.#log.read()).events.at(-1)?.seq ?? 0;
    const fromMs = performance.now();
    const task = { seconds, root, url: this.#agent.url, sinceSeq };
    const streams = this.#startActor<StreamReport[]>("_streams.ts", {
      ...task,
      seed,
    });
    const reports = await this.#runLoad(task);
    const loadSeconds = (performance.now() - fromMs) / 1000;
    const loaded = stateOf(this.#agent.pid);
    const troubles = await this.#untilQuiet();
    const lastSeq = (await this.#log.read()).events.at(-1)?.seq ?? 0;
    await streams.finish(lastSeq);
    const streamReports = await streams.report;
    await delay(IDLE_MS);
    const after = stateOf(this.#agent.pid);

    const { events, parts, disordered } = await this.#log.read();
    report.note("seconds of load", Math.round(loadSeconds));
    report.note(
      "CPU usage of the agent",
      `${
        Math.round((loaded.cpuSeconds - before.cpuSeconds) / loadSeconds * 100)
      } % of a core`,
    );
    report.note(
      "seconds of waiting for a CPU",
      Math.round(loaded.waitedSeconds - before.waitedSeconds),
    );
    report.note(
      "records written to the kernel log, and forged ones",
      `${reports.flood.records}, ${reports.flood.forged}`,
    );
    report.note(
      "parts of the event log, renamed parts, SIGHUPs",
      `${parts}, ${this.#log.moved}, ${this.#log.hangups}`,
    );
    report.equal(
      "parts that are out of order",
      0,
      disordered.length,
      disordered,
    );
    checkSequence(report, events, sinceSeq);
    checkLifetimes(report, reports.lifetimes, events, root);
    checkKills(report, reports.killed, nodeKills() - kills, events);
    checkResponses(report, this.#clients);
    checkResources(report, before, after, this.#clients.states);
    report.equal("degraded sources", 0, troubles.length, troubles);
    const scrape = await this.#clients.scrape();
    const streamLost = valueOf(scrape, "cgwatch_stream_lost_total");
    checkStreams(
      report,
      streamReports,
      events,
      sinceSeq,
      lastSeq,
      streamLost,
      seconds,
    );
    checkContainers(report, scrape, root, await this.#agent.names(root));
    await this.#checkTotals();
    report.equal(
      "cgwatch_oom_kills_total",
      nodeKills() - kills,
      valueOf(scrape, "cgwatch_oom_kills_total"),
    );
    reportLosses(report, scrape);
  }

  /**
   * Compares the events by type, repeatedly, because other programs may create
   * cgroups between the two reads.
   */
  async #checkTotals(): Promise<void> {
    let reported = new Map<string, number>();
    let logged = new Map<string, number>();
    await until(async () => {
      reported = totalsOf(await this.#clients.scrape());
      const { events } = await this.#log.read();
      logged = countBy(events.map(({ event_type: type }) => type));
      return [...reported].every(([type, count]) => logged.get(type) === count);
    });
    for (const [type, count] of reported) {
      this.report.equal(
        `cgwatch_events_total of ${type}`,
        logged.get(type) ?? 0,
        count,
      );
    }
  }

  async #runLoad(task: Omit<Task, "seed">): Promise<Reports> {
    const { root, seconds } = task;
    const { seed } = this.#options;
    const endMs = Date.now() + seconds * 1000;
    const churners = Array.from(
      { length: CHURNERS },
      (_, at) =>
        this.#startActor<CgroupLifetime[]>("_churn.ts", {
          ...task,
          seed: seed + at,
          root: `${root}/churn${at}`,
        }),
    );
    const ooms = this.#startActor<OomKilledContainer[]>("_ooms.ts", {
      ...task,
      seed,
      root: `${root}/ooms`,
    });
    const flood = this.#startActor<Flood>("_flood.ts", { ...task, seed });
    const [churn, killed] = await Promise.all([
      Promise.all(churners.map(({ report }) => report)),
      ooms.report,
      this.#clients.scrapeUntil(endMs),
      this.#clients.requestUntil(endMs, seed, root),
      this.#log.rotateUntil(endMs, seed, this.#agent.pid),
    ]);
    return {
      lifetimes: [...churn.flat(), ...killed.map(({ lifetime }) => lifetime)],
      killed,
      flood: await flood.report,
    };
  }

  #startActor<Report>(file: string, task: Task): Actor<Report> {
    const actor = startActor<Report>(file, task);
    this.#actors.push(actor);
    return actor;
  }

  /** Waits until no source is degraded; returns those that still are. */
  async #untilQuiet(): Promise<string[]> {
    let troubles: string[] = [];
    await delay(5_000);
    await until(async () => {
      troubles = await this.#clients.troubles();
      return troubles.length === 0;
    }, { timeoutMs: SETTLE_MS, everyMs: 1_000 });
    return troubles;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#actors) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has already ended.
      }
      await child.status;
    }
    this.#clients[Symbol.dispose]();
    await this.#agent.stop();
    await this.#cgroups[Symbol.asyncDispose]();
    await Deno.remove(this.#dir, { recursive: true });
  }
}

function nodeKills(): number {
  const text = Deno.readTextFileSync("/proc/vmstat");
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1]);
}

/**
 * Returns a command that starts the agent with a high CPU weight, so that
 * missed containers are not caused by a lack of CPU time.
 */
function reserveCpu(cgroups: TestCgroups, below: string): string[] {
  if (!HIERARCHIES.has("cpu")) return [AGENT];
  cgroups.make(below, ["cpu"]);
  for (const name of ["", below]) {
    cgroups.write(name, "cpu", "cpu.shares", "100000");
  }
  const [path] = cgroups.paths(["cpu"]);
  const enter = `echo $$ >"${path}${cgroups.name}${below}/cgroup.procs"`;
  return ["sh", "-c", `${enter} && exec "$0" "$@"`, AGENT];
}
