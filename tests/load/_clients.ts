/**
 * Those who ask while the load is on: a scraper each second, people who look
 * around, and the one who rotates the log.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { SeededRandom } from "../_support/random.ts";
import { type AgentState, stateOf } from "./_agent_state.ts";

/** How answers came. */
export class Answers {
  readonly #latenciesMs: number[] = [];
  /** Answers that nobody should have got. */
  readonly wrong: string[] = [];

  get count(): number {
    return this.#latenciesMs.length;
  }

  add(latencyMs: number): void {
    this.#latenciesMs.push(latencyMs);
  }

  /** `p50 / p99 / the longest`. */
  format(): string {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const at = (share: number) =>
      (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(1);
    return `${at(0.5)} / ${at(0.99)} / ${at(1)} ms`;
  }
}

/** Paths that may be asked for at any time; ROOT is where containers come and go. */
const PATHS: readonly string[] = [
  "/healthz",
  "/readyz",
  "/api/v1.3/machine",
  "/api/v1.3/containers/",
  "/api/v1.3/containers/ROOT",
  "/api/v1.3/subcontainers/ROOT",
  "/api/v1.3/events?max_events=100&all_events=true&subcontainers=true",
  "/api/v1.3/events/ROOT?oom_kill_events=true&subcontainers=true",
  "/api/v2.1/stats/ROOT?recursive=true&count=1",
  "/api/v2.1/summary/",
  "/api/v2.0/spec/ROOT?recursive=true",
  "/stats/summary",
  "/metrics/resource",
];

const SCRAPE_MS = 1_000;
const MAX_QUESTION_PAUSE_MS = 400;

/** What one scrape told. */
export interface Scrape {
  readonly values: ReadonlyMap<string, number>;
  readonly text: string;
}

/** Asks the agent over connections that none of the streams has. */
export class Clients implements Disposable {
  readonly scrapes = new Answers();
  readonly questions = new Answers();
  /** The agent's process at each scrape. */
  readonly states: AgentState[] = [];
  readonly #url: string;
  readonly #pid: number;
  readonly #http = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

  constructor(url: string, pid: number) {
    this.#url = url;
    this.#pid = pid;
  }

  /** Scrapes once a second until then. */
  async scrapeUntil(endMs: number): Promise<void> {
    for (let dueMs = Date.now(); dueMs < endMs; dueMs += SCRAPE_MS) {
      await delay(Math.max(0, dueMs - Date.now()));
      await this.#ask("/metrics", this.scrapes);
      this.states.push(stateOf(this.#pid));
    }
  }

  /** Asks this and that until then. */
  async askUntil(endMs: number, seed: number, root: string): Promise<void> {
    const random = new SeededRandom(seed);
    while (Date.now() < endMs) {
      const path = random.pick(PATHS).replace("/ROOT", root);
      await this.#ask(path, this.questions);
      await delay(random.below(MAX_QUESTION_PAUSE_MS));
    }
  }

  /** Scrapes now. */
  async scrape(): Promise<Scrape> {
    const text = await this.#ask("/metrics", new Answers());
    const values = new Map<string, number>();
    for (const line of text.split("\n")) {
      const at = line.lastIndexOf(" ");
      if (line.startsWith("#") || at < 0) continue;
      values.set(line.slice(0, at), Number(line.slice(at + 1)));
    }
    return { values, text };
  }

  /** The sources that are neither well nor off. */
  async troubles(): Promise<string[]> {
    const { sources } = JSON.parse(await this.#ask("/readyz", new Answers()));
    return (sources as { name: string; state: string; detail: string }[])
      .filter(({ state }) => state === "degraded")
      .map(({ name, detail }) => `${name}: ${detail}`);
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }

  async #ask(path: string, answers: Answers): Promise<string> {
    const fromMs = performance.now();
    const response = await fetch(this.#url + path, { client: this.#http });
    const text = await response.text();
    answers.add(performance.now() - fromMs);
    if (!response.ok) answers.wrong.push(`${path}: ${response.status} ${text}`);
    return text;
  }
}
