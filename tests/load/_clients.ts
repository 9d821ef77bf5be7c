/**
 * Clients during the load: a scraper with an interval of 1 s, and one that
 * requests random paths.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { SeededRandom } from "../_support/random.ts";
import { type AgentState, stateOf } from "./_agent_state.ts";

/** Latencies and errors of responses. */
export class ResponseStats {
  readonly #latenciesMs: number[] = [];
  /** Unexpected responses. */
  readonly wrong: string[] = [];

  get count(): number {
    return this.#latenciesMs.length;
  }

  add(latencyMs: number): void {
    this.#latenciesMs.push(latencyMs);
  }

  /** Formats `p50 / p99 / maximum`. */
  format(): string {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const at = (share: number) =>
      (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(1);
    return `${at(0.5)} / ${at(0.99)} / ${at(1)} ms`;
  }
}

/** Paths for random requests; ROOT stands for the cgroup of the test's containers. */
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
const MAX_REQUEST_PAUSE_MS = 400;

/** The result of one scrape. */
export interface Scrape {
  readonly values: ReadonlyMap<string, number>;
  readonly text: string;
}

/** Sends requests to the agent over separate connections. */
export class Clients implements Disposable {
  readonly scrapes = new ResponseStats();
  readonly requests = new ResponseStats();
  /** State of the agent's process at each scrape. */
  readonly states: AgentState[] = [];
  readonly #url: string;
  readonly #pid: number;
  readonly #http = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

  constructor(url: string, pid: number) {
    this.#url = url;
    this.#pid = pid;
  }

  /** Scrapes once per second until `endMs`. */
  async scrapeUntil(endMs: number): Promise<void> {
    for (let dueMs = Date.now(); dueMs < endMs; dueMs += SCRAPE_MS) {
      await delay(Math.max(0, dueMs - Date.now()));
      await this.#request("/metrics", this.scrapes);
      this.states.push(stateOf(this.#pid));
    }
  }

  /** Requests random paths until `endMs`. */
  async requestUntil(endMs: number, seed: number, root: string): Promise<void> {
    const random = new SeededRandom(seed);
    while (Date.now() < endMs) {
      const path = random.pick(PATHS).replace("/ROOT", root);
      await this.#request(path, this.requests);
      await delay(random.below(MAX_REQUEST_PAUSE_MS));
    }
  }

  /** Scrapes once. */
  async scrape(): Promise<Scrape> {
    const text = await this.#request("/metrics", new ResponseStats());
    const values = new Map<string, number>();
    for (const line of text.split("\n")) {
      const at = line.lastIndexOf(" ");
      if (line.startsWith("#") || at < 0) continue;
      values.set(line.slice(0, at), Number(line.slice(at + 1)));
    }
    return { values, text };
  }

  /** Returns the degraded sources. */
  async troubles(): Promise<string[]> {
    const { sources } = JSON.parse(
      await this.#request("/readyz", new ResponseStats()),
    );
    return (sources as { name: string; state: string; detail: string }[])
      .filter(({ state }) => state === "degraded")
      .map(({ name, detail }) => `${name}: ${detail}`);
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }

  async #request(path: string, responses: ResponseStats): Promise<string> {
    const fromMs = performance.now();
    const response = await fetch(this.#url + path, { client: this.#http });
    const text = await response.text();
    responses.add(performance.now() - fromMs);
    if (!response.ok) {
      responses.wrong.push(`${path}: ${response.status} ${text}`);
    }
    return text;
  }
}
