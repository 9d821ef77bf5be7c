import type { FlagValues } from "../config/flag_values.ts";
import { type Clock, sleep } from "../model/clock.ts";
import { type AgentClient, AgentUnreachableError } from "./agent_client.ts";
import { withPodNames } from "../runtimes/display_name.ts";
import { type ContainerRow, rowOf } from "./container_row.ts";
import { readOomKills } from "./oom_kills.ts";
import type { Json } from "./output.ts";
import { Screen, type ScreenEvent } from "./screen.ts";
import type { Terminal } from "./terminal.ts";
import { applyKeys } from "./top_keys.ts";
import {
  renderOnce,
  renderTop,
  selectRows,
  TOP_CHOICES,
  type TopChoices,
  type TopData,
} from "./top_view.ts";

/** Options. */
export interface TopOptions {
  readonly values: FlagValues;
  /** A filter, combined with `--filter`. */
  readonly text: string | undefined;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly client: AgentClient;
}

const INTERVAL_MS = 2000;
/** Minimum interval as a multiple of the response time, to limit the agent's load. */
const LOAD_FACTOR = 10;

/**
 * Shows containers: on a terminal repeatedly, until a key or signal, across
 * restarts of the agent; otherwise once.
 *
 * @throws {Error} if the first request fails, or nothing matches the filter of
 *   a single table
 */
export async function showTop(options: TopOptions): Promise<void> {
  const { values, text, terminal, clock, client } = options;
  const choices: TopChoices = {
    ...TOP_CHOICES,
    sort: values.has("sort") ? values.choice("sort") : TOP_CHOICES.sort,
    filter: [text, values.text("filter")].filter(Boolean).join(" "),
    isTree: values.bool("tree"),
    isAll: values.bool("all"),
  };
  const source = new TopSource(client, clock);
  await source.refresh();
  if (values.bool("once") || terminal.columns === undefined) {
    const { rows } = source.data;
    if (choices.filter !== "" && selectRows(rows, choices).length === 0) {
      throw new Error(noneOf(rows, choices.filter));
    }
    const lines = renderOnce(rows, choices, terminal.columns);
    terminal.write(`${lines.join("\n")}\n`);
    return;
  }
  // A note would disturb the full screen.
  client.onSlow = undefined;
  await new TopLoop(source, choices, options).run();
}

function noneOf(rows: readonly ContainerRow[], filter: string): string {
  const types = [...new Set(rows.map(({ type }) => type))].toSorted();
  const hint = /(?:^|\s)type:/.test(filter)
    ? `the types are ${types.join(", ")}`
    : "cgwatch list prints the names";
  return `No container matches "${filter}": ${hint}`;
}

/** Rows with rates between responses. */
class TopSource {
  data: TopData;
  readonly #client: AgentClient;
  readonly #clock: Clock;
  /** Previous sample by cgroup. */
  readonly #before = new Map<string, Json>();
  readonly #last = new Map<string, Json>();
  #kills: ReadonlyMap<string, number> = new Map();

  constructor(client: AgentClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.data = { server: client.server, rows: [], nowMs: clock.now() };
  }

  /** @throws {Error} if the agent is unreachable */
  async refresh(): Promise<void> {
    const machine = this.data.cpus === undefined ? await this.#machine() : {};
    const isFirst = this.#last.size === 0;
    const infos: Json[] = JSON.parse(
      await this.#client.text("/api/v1.3/subcontainers/", {
        "num_stats": isFirst ? 2 : 1,
      }),
    );
    this.#kills = await readOomKills(this.#client);
    const rows = infos.map((info) => this.#row(info));
    this.#forget(infos);
    this.data = {
      ...this.data,
      ...machine,
      rows: withPodNames(rows),
      nowMs: this.#clock.now(),
      goneMs: undefined,
    };
  }

  /** Keeps the last data. */
  fail(): void {
    const nowMs = this.#clock.now();
    const { goneMs = nowMs } = this.data;
    this.data = { ...this.data, nowMs, goneMs };
  }

  async #machine(): Promise<Pick<TopData, "cpus" | "memoryBytes">> {
    const machine: Json = JSON.parse(
      await this.#client.text("/api/v2.1/machine"),
    );
    return { cpus: machine.num_cores, memoryBytes: machine.memory_capacity };
  }

  /** Without a new sample, rates are unchanged. */
  #row(info: Json): ContainerRow {
    const { name, stats = [] } = info;
    const last = stats.at(-1);
    const known = this.#last.get(name);
    if (stats.length > 1) this.#before.set(name, stats.at(-2));
    else if (known !== undefined && known.timestamp !== last?.timestamp) {
      this.#before.set(name, known);
    }
    if (last !== undefined) this.#last.set(name, last);
    return rowOf(info, this.#kills, this.#before.get(name));
  }

  #forget(infos: readonly Json[]): void {
    const names = new Set(infos.map(({ name }) => name));
    for (const name of this.#last.keys()) {
      if (names.has(name)) continue;
      this.#last.delete(name);
      this.#before.delete(name);
    }
  }
}

class TopLoop {
  readonly #source: TopSource;
  readonly #options: TopOptions;
  #choices: TopChoices;
  #screen: Screen | undefined;
  /** Shown while paused. */
  #shown: TopData;
  #hasEnded = false;
  #wake: AbortController | undefined;

  constructor(source: TopSource, choices: TopChoices, options: TopOptions) {
    this.#source = source;
    this.#choices = choices;
    this.#options = options;
    this.#shown = source.data;
  }

  async run(): Promise<void> {
    const screen = new Screen((event) => this.#on(event));
    this.#screen = screen;
    try {
      while (!this.#hasEnded) {
        if (!this.#choices.isPaused) this.#shown = this.#source.data;
        this.#draw();
        await this.#wait();
        if (!this.#hasEnded) await this.#refresh();
      }
    } finally {
      screen.close();
    }
  }

  /** Does not wait for the next response. */
  #on(event: ScreenEvent): void {
    if (event.type === "end") this.#end();
    else if (event.type === "redraw") this.#draw();
    else {
      const result = applyKeys(
        event.text,
        this.#choices,
        this.#shown,
        Math.max(1, (this.#screen?.size.rows ?? 24) - 4),
      );
      if (result === "quit") return this.#end();
      this.#choices = result;
      if (!result.isPaused) this.#shown = this.#source.data;
      this.#draw();
    }
  }

  #end(): void {
    this.#hasEnded = true;
    this.#wake?.abort();
  }

  #draw(): void {
    const screen = this.#screen;
    if (screen === undefined || this.#hasEnded) return;
    const { lines, scroll } = renderTop(
      this.#shown,
      this.#choices,
      screen.size,
      this.#options.terminal,
    );
    this.#choices = { ...this.#choices, scroll };
    screen.draw(lines);
  }

  #tookMs = 0;

  async #wait(): Promise<void> {
    const wake = new AbortController();
    this.#wake = wake;
    const delayMs = Math.max(INTERVAL_MS, this.#tookMs * LOAD_FACTOR);
    await sleep(this.#options.clock, delayMs, wake.signal);
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.monotonic();
    const ended = new Promise<void>((resolve) => {
      const wake = new AbortController();
      wake.signal.addEventListener("abort", () => resolve());
      this.#wake = wake;
    });
    try {
      await Promise.race([this.#source.refresh(), ended]);
      this.#tookMs = clock.monotonic() - startMs;
    } catch (error) {
      if (!(error instanceof AgentUnreachableError)) throw error;
      this.#source.fail();
    }
  }
}
