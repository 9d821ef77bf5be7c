/**
 * One run of the load, from the agent's start to the books.
 *
 * @module
 */
import { AGENT, AgentProcess, delay, until } from "../e2e/_agent.ts";
import { HIERARCHIES, TestCgroups } from "../e2e/_cgroups.ts";
import { type Actor, startActor, type Task } from "./_actor.ts";
import { stateOf } from "./_agent_state.ts";
import { Books, countBy } from "./_books.ts";
import { Clients } from "./_clients.ts";
import { bookKills, bookLives, bookNumbers } from "./_event_books.ts";
import type { Flood } from "./_flood.ts";
import type { Life } from "./_lives.ts";
import { RotatedLog } from "./_log.ts";
import type { StruckContainer } from "./_ooms.ts";
import {
  bookAnswers,
  bookKnown,
  bookState,
  noteLosses,
  totalsOf,
  valueOf,
} from "./_state_books.ts";
import { bookStreams } from "./_stream_books.ts";
import type { StreamReport } from "./_streams.ts";

/** How long the load is on, and what chooses what it does. */
export interface LoadOptions {
  readonly seconds: number;
  readonly seed: number;
}

const CHURNERS = 3;

/** So long after the load all is well again: of a loss the state tells for a minute. */
const SETTLE_MS = 75_000;

/** Deno's threads for files end after ten idle seconds. */
const IDLE_MS = 12_000;

/** What the actors told. */
interface Reports {
  readonly lives: Life[];
  readonly struck: StruckContainer[];
  readonly flood: Flood;
}

/** The whole load, and what is known of the agent before and after. */
export class LoadRun implements AsyncDisposable {
  readonly books = new Books();
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

  /** Puts the load on it, takes it off, and writes the books. */
  async run(): Promise<void> {
    const { books } = this;
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
    const reports = await this.#makeLoad(task);
    const loadSeconds = (performance.now() - fromMs) / 1000;
    const loaded = stateOf(this.#agent.pid);
    const troubles = await this.#untilQuiet();
    const lastSeq = (await this.#log.read()).events.at(-1)?.seq ?? 0;
    await streams.finish(lastSeq);
    const streamReports = await streams.report;
    await delay(IDLE_MS);
    const after = stateOf(this.#agent.pid);

    const { events, parts, disordered } = await this.#log.read();
    books.note("seconds of load", Math.round(loadSeconds));
    books.note(
      "CPU of the agent meanwhile",
      `${
        Math.round((loaded.cpuSeconds - before.cpuSeconds) / loadSeconds * 100)
      } % of a core`,
    );
    books.note(
      "seconds that it waited for a CPU",
      Math.round(loaded.waitedSeconds - before.waitedSeconds),
    );
    books.note(
      "records written to the kernel's log, forged ones among them",
      `${reports.flood.records}, ${reports.flood.forged}`,
    );
    books.note(
      "parts of the event log, moved away by another, SIGHUPs",
      `${parts}, ${this.#log.moved}, ${this.#log.hangups}`,
    );
    books.equal(
      "parts that are not in order",
      0,
      disordered.length,
      disordered,
    );
    bookNumbers(books, events, sinceSeq);
    bookLives(books, reports.lives, events, root);
    bookKills(books, reports.struck, nodeKills() - kills, events);
    bookAnswers(books, this.#clients);
    bookState(books, before, after, this.#clients.states);
    books.equal("sources that are not well", 0, troubles.length, troubles);
    const scrape = await this.#clients.scrape();
    const streamLost = valueOf(scrape, "cgwatch_stream_lost_total");
    bookStreams(
      books,
      streamReports,
      events,
      sinceSeq,
      lastSeq,
      streamLost,
      seconds,
    );
    bookKnown(books, scrape, root, await this.#agent.names(root));
    await this.#bookTotals();
    books.equal(
      "cgwatch_oom_kills_total",
      nodeKills() - kills,
      valueOf(scrape, "cgwatch_oom_kills_total"),
    );
    noteLosses(books, scrape);
  }

  /** The events of each type; whoever else makes cgroups may come between the two looks. */
  async #bookTotals(): Promise<void> {
    let told = new Map<string, number>();
    let logged = new Map<string, number>();
    await until(async () => {
      told = totalsOf(await this.#clients.scrape());
      const { events } = await this.#log.read();
      logged = countBy(events.map(({ event_type: type }) => type));
      return [...told].every(([type, count]) => logged.get(type) === count);
    });
    for (const [type, count] of told) {
      this.books.equal(
        `cgwatch_events_total of ${type}`,
        logged.get(type) ?? 0,
        count,
      );
    }
  }

  async #makeLoad(task: Omit<Task, "seed">): Promise<Reports> {
    const { root, seconds } = task;
    const { seed } = this.#options;
    const endMs = Date.now() + seconds * 1000;
    const churners = Array.from(
      { length: CHURNERS },
      (_, at) =>
        this.#startActor<Life[]>("_churn.ts", {
          ...task,
          seed: seed + at,
          root: `${root}/churn${at}`,
        }),
    );
    const ooms = this.#startActor<StruckContainer[]>("_ooms.ts", {
      ...task,
      seed,
      root: `${root}/ooms`,
    });
    const flood = this.#startActor<Flood>("_flood.ts", { ...task, seed });
    const [churn, struck] = await Promise.all([
      Promise.all(churners.map(({ report }) => report)),
      ooms.report,
      this.#clients.scrapeUntil(endMs),
      this.#clients.askUntil(endMs, seed, root),
      this.#log.rotateUntil(endMs, seed, this.#agent.pid),
    ]);
    return {
      lives: [...churn.flat(), ...struck.map(({ life }) => life)],
      struck,
      flood: await flood.report,
    };
  }

  #startActor<Report>(file: string, task: Task): Actor<Report> {
    const actor = startActor<Report>(file, task);
    this.#actors.push(actor);
    return actor;
  }

  /** Waits until nothing is amiss and nothing is told any more; gives what is still amiss. */
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
        // It has ended by itself.
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
 * A command that starts the agent before all others, as who runs it for its
 * events would have it: what it misses then is its own fault, not for want of
 * a CPU.
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
