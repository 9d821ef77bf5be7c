/**
 * Data from the agent: requests with the token, the table of containers, the stream of events.
 * Nothing is fetched while the page is hidden. @module
 */
import { Series } from "./charts.js";
import { encoded } from "./dom.js";

/** @typedef {import("./dom.js").Json} Json */

const TOKEN_KEY = "cgwatch-token";
/** Each container makes a refresh of the table wait longer: an agent of 3,000 has one every 1.5 s. */
const ROW_PAUSE_MS = 0.5;
const RETRY_MS = 1_000;
/** A stream is silent for 15 s at most; after so long the connection is dead. */
const SILENCE_MS = 40_000;
const KEPT_EVENTS = 1_000;
const FIRST_EVENTS = 200;
/** Names are there a moment after the cgroup is. */
const NAME_MS = 100;
/** New containers that are requested one by one; more are a reason for the whole table. */
const MAX_SINGLE = 8;
const ALL_EVENTS =
  "api/v1.3/events?all_events=true&update_events=true&pressure_events=true&node_events=true&subcontainers=true";

/** A response with a status other than 200. */
class ApiError extends Error {}

/** Functions of the shell around the views. */
export const shell = {
  /** Shows how the connection is. @type {(problem: string) => void} */
  report: () => {},
  /** Requests the token from the person. @type {(wasRefused: boolean) => Promise<string>} */
  requestToken: () => Promise.reject(new Error("No dialog")),
};

/** @type {Promise<string> | undefined} */
let tokenRequest;

/** Whether the agent requires a token. */
export const hasToken = () => sessionStorage.getItem(TOKEN_KEY) !== null;

/** A response of the agent, by a path relative to the page's. @param {string} path @param {RequestInit} [init] @returns {Promise<Response>} */
export async function request(path, init = {}) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = new Headers(token === null ? {} : { authorization: `Bearer ${token}` });
  const response = await fetch(path, { ...init, headers });
  if (response.ok) return response;
  if (response.status !== 401) {
    const { error } = await response.json().catch(() => ({}));
    throw new ApiError(error ?? `Status ${response.status}`);
  }
  // Several requests wait for one token, unless it was set while this one was pending.
  if (token === sessionStorage.getItem(TOKEN_KEY)) {
    tokenRequest ??= shell.requestToken(token !== null);
    sessionStorage.setItem(TOKEN_KEY, await tokenRequest);
    tokenRequest = undefined;
  }
  return await request(path, init);
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<Json>} */
export async function json(path, init) {
  return await (await request(path, init)).json();
}

/** A container with its newest samples. @param {string} cgroup @param {number} samples @param {AbortSignal} signal */
export function containerInfo(cgroup, samples, signal) {
  const body = JSON.stringify({ "num_stats": samples });
  return json(`api/v1.3/containers${encoded(cgroup)}`, { method: "POST", body, signal });
}

/** @param {number} ms @param {AbortSignal} signal */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });
}

/** Resolves when the page is shown, or when it is hidden. @param {boolean} hidden @param {AbortSignal} [signal] */
async function visibility(hidden, signal) {
  while (document.hidden !== hidden && !signal?.aborted) {
    await new Promise((resolve) => {
      document.addEventListener("visibilitychange", resolve, { once: true });
      signal?.addEventListener("abort", resolve, { once: true });
    });
  }
}

/** Runs now and again after a pause, until the signal aborts; not while the page is hidden. @param {() => number} pauseMs @param {AbortSignal} signal @param {() => Promise<void>} run */
export async function every(pauseMs, signal, run) {
  for (;;) {
    await visibility(false, signal);
    if (signal.aborted) return;
    const startMs = performance.now();
    try {
      await run();
      shell.report("");
    } catch (error) {
      // A view shows errors of its own requests; no response at all concerns all views.
      const isAnswer = error instanceof ApiError || signal.aborted;
      if (!isAnswer) shell.report("The agent is not reachable; trying again.");
    }
    await sleep(startMs + pauseMs() - performance.now(), signal);
  }
}

/**
 * One line of the table. Numbers are `NaN` where they are not measured.
 * @typedef {object} Row
 * @property {string} cgroup @property {string} name @property {string} type
 * @property {string} pod @property {string} image
 * @property {string} text what a filter searches @property {string} path of which the order is that of the tree
 * @property {number} timestamp @property {number} cpu @property {number} throttled
 * @property {number} memory @property {number} memory_limit @property {number} working_set
 * @property {number} io @property {number} network @property {number} processes
 * @property {number} restarts @property {number} oom_kills
 * @property {Series} history CPU of two minutes
 * @property {"none" | "requested" | "known"} past whether the history goes back
 */

const TEXTS = ["name", "type", "pod", "image"];
const NUMBERS =
  "timestamp,cpu,throttled,memory,memory_limit,working_set,io_read,io_write,network_rx,network_tx,processes,oom_kills";

/** The table of containers. */
export const usage = {
  /** @type {Map<string, Row>} */
  rows: new Map(),
  /** @type {Set<() => void>} Called after each change. */
  listeners: new Set(),
  /** Whether some may be gone, or have other names: all are fetched, not those that were measured since. */
  isStale: true,
  since: 0,
  refreshes: 0,
  frame: 0,
  /** @type {Set<string>} Containers that events are about, and that are to be fetched. */
  added: new Set(),

  /** Keeps the table fresh, and calls the listener after each change. @param {number} pauseMs @param {AbortSignal} signal @param {() => void} listener */
  watch(pauseMs, signal, listener) {
    let timer = 0;
    const onEvent = () => {
      if (this.added.size === 0 || timer !== 0) return;
      timer = setTimeout(() => {
        timer = 0;
        this.refreshAdded(signal).catch(() => {});
      }, NAME_MS);
    };
    this.listeners.add(listener);
    feed.listeners.add(onEvent);
    signal.addEventListener("abort", () => {
      this.listeners.delete(listener);
      feed.listeners.delete(onEvent);
    });
    const pause = () => Math.max(pauseMs, this.rows.size * ROW_PAUSE_MS);
    every(pause, signal, () => this.refresh(signal));
  },

  /** Fetches what is new. @param {AbortSignal} signal */
  async refresh(signal) {
    // Without the stream nothing reports which are gone; a response may be older than an event.
    const isAll = this.isStale || !feed.isLive || ++this.refreshes % 40 === 0;
    if (isAll) this.added.clear();
    this.isStale = false;
    const query = isAll ? "" : `&columns=${NUMBERS}&since=${this.since}`;
    const response = await json(`api/v2.1/usage?recursive=true${query}`, { signal });
    this.since = response.timestamp;
    for (const cgroup of isAll ? this.rows.keys() : []) {
      if (!(cgroup in response.containers)) this.rows.delete(cgroup);
    }
    this.take(response);
  },

  /** @param {AbortSignal} signal */
  async refreshAdded(signal) {
    const names = [...this.added];
    this.added.clear();
    if (names.length > MAX_SINGLE) {
      this.isStale = true;
      return await this.refresh(signal);
    }
    for (const name of names) {
      // It may be gone again.
      await json(`api/v2.1/usage${encoded(name)}`, { signal }).then((r) => this.take(r), () => {});
    }
  },

  /** Fetches the CPU of the last two minutes, once. @param {Row} row */
  async loadHistory(row) {
    if (row.past !== "none" || document.hidden) return;
    row.past = "requested";
    const path = `api/v2.1/usage${encoded(row.cgroup)}?count=-1&columns=timestamp,cpu`;
    const { containers } = await json(path).catch(() => ({}));
    row.history = new Series();
    for (const [ms, cpu] of containers?.[row.cgroup] ?? []) row.history.push(ms, { cpu });
    row.past = "known";
  },

  /** @param {Json} response */
  take({ columns, containers }) {
    for (const [cgroup, [values]] of Object.entries(containers)) {
      const isNew = !this.rows.has(cgroup);
      if (isNew && columns[0] !== "name") this.isStale = true;
      if (isNew && this.isStale) continue;
      /** @type {Json} */
      const row = this.rows.get(cgroup) ?? { cgroup, history: new Series(), past: "none" };
      for (const [at, column] of columns.entries()) {
        row[column] = values[at] ?? (TEXTS.includes(column) ? "" : NaN);
      }
      row.io = row.io_read + row.io_write;
      row.network = row.network_rx + row.network_tx;
      row.path = cgroup.replaceAll("/", "\0");
      row.text = `${row.name}\n${cgroup}\n${row.image}`.toLowerCase();
      if (row.past === "known") row.history.push(row.timestamp, { cpu: row.cpu });
      this.rows.set(cgroup, row);
    }
    this.changed();
  },

  /** Calls the listeners, once a frame. */
  changed() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      for (const listener of this.listeners) listener();
    });
  },
};

/** The events of the node: the newest, oldest first, without gap and without double. */
export const feed = {
  /** @type {Json[]} */
  events: [],
  /** @type {Set<(event: Json) => void>} Called with each new event. */
  listeners: new Set(),
  isLive: false,
  /** @type {Json} The one with the greatest number, from which a cut stream is resumed. */
  last: undefined,

  /** Follows the stream, over cut connections and restarts of the agent. */
  async follow() {
    for (;;) {
      await visibility(false);
      const hidden = new AbortController();
      visibility(true, hidden.signal).then(() => hidden.abort());
      // What fails is reported by the polls.
      await this.stream(hidden.signal).catch(() => {});
      this.isLive = false;
      await sleep(RETRY_MS, hidden.signal);
      hidden.abort();
    }
  },

  /** @param {AbortSignal} signal */
  async stream(signal) {
    const known = this.last === undefined ? "" : `&since_seq=${this.last.seq - 1}`;
    const wanted = `&max_events=${known === "" ? FIRST_EVENTS : 1}`;
    const found = await json(`${ALL_EVENTS}${known}${wanted}`, { signal });
    if (known === "") found.forEach((/** @type {Json} */ event) => this.add(event));
    // An agent without a log file numbers its events from 1 again.
    else if (found.length === 0) return this.restart();
    const { last } = this;
    const since = Math.max(0, (last?.seq ?? 0) - 1);
    const silence = new AbortController();
    const response = await request(
      `api/v1.3/events?stream=true&heartbeat=15s&since_seq=${since}`,
      { signal: AbortSignal.any([signal, silence.signal]) },
    );
    this.isLive = true;
    usage.isStale ||= known !== "";
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let isFirst = last !== undefined;
    for (;;) {
      const timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const { value, done = true } = await reader?.read() ?? {};
      clearTimeout(timer);
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter((line) => line !== "")) {
        const event = JSON.parse(line);
        const isRepeated = isFirst && event.seq === last.seq && event.event_type !== "lost";
        if (isRepeated && event.timestamp !== last.timestamp) return this.restart();
        // The last event is one of those that another run of the agent does not have.
        const isGone = isFirst && event.event_type === "lost" &&
          --event.event_data.lost.count === 0;
        isFirst = false;
        if (!isRepeated && !isGone) this.add(event);
      }
    }
  },

  /** Begins again with what the agent has: its numbers are not those of before. */
  restart() {
    const { timestamp } = this.last;
    const lost = { "reason": "the agent was started anew, without a log file" };
    this.last = undefined;
    this.add({ timestamp, "event_type": "lost", "container_name": "/", "event_data": { lost } });
  },

  /** @param {Json} event */
  add(event) {
    const { event_type: type, container_name: name } = event;
    this.events.push(event);
    if (this.events.length > KEPT_EVENTS) this.events.shift();
    // Past events are in the order of their times.
    if (type !== "lost" && !(event.seq < this.last?.seq)) this.last = event;
    if (type === "containerCreation" || type === "containerUpdate") usage.added.add(name);
    if (type === "containerDeletion") {
      usage.rows.delete(name);
      usage.added.delete(name);
      usage.changed();
    }
    for (const listener of this.listeners) listener(event);
  },
};
