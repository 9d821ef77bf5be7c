/**
 * Data from the agent: requests with the token, the table of containers, the stream of events.
 * Nothing is fetched while the page is hidden. @module
 */
import { Series } from "./charts.js";
import { encoded, h, setText } from "./dom.js";

/** @typedef {import("./dom.js").Json} Json */

const TOKEN_KEY = "cgwatch-token";
/** Refresh interval of the table per container, milliseconds: 1.5 s for 3,000 containers. */
const ROW_PAUSE_MS = 0.5;
const RETRY_MS = 1_000;
/** Time without a response after which a request fails, milliseconds. */
const TIMEOUT_MS = 10_000;
/** Time without data after which a stream is considered dead; it has a heartbeat of 5 s. */
const SILENCE_MS = 15_000;
const KEPT_EVENTS = 1_000;
const FIRST_EVENTS = 200;
/** Delay of the request for a new container, whose name becomes known after its cgroup. */
const NAME_MS = 100;
/** Maximum number of new containers requested one by one; for more, the whole table is requested. */
const MAX_SINGLE = 8;
const ALL_EVENTS =
  "api/v1.3/events?all_events=true&update_events=true&pressure_events=true&node_events=true&subcontainers=true";

/** A failed request; without a response, the status is 0. */
class AgentError extends Error {
  status = 0;
}

/** Functions that the shell provides to the views. */
export const shell = {
  /** Shows the state of the connection. @type {(problem: string) => void} */
  report: () => {},
  /** Requests the token from the user. @type {(wasRefused: boolean) => Promise<string>} */
  requestToken: () => Promise.reject(new Error("No dialog")),
};

/** @type {Promise<string> | undefined} */
let tokenRequest;

/** Returns whether the agent requires a token. */
export const hasToken = () => sessionStorage.getItem(TOKEN_KEY) !== null;

/** Sends a request to a path relative to the page. @param {string} path @param {RequestInit} init @param {() => AbortSignal} limit of one try @returns {Promise<Response>} */
async function request(path, init, limit) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = new Headers(token === null ? {} : { authorization: `Bearer ${token}` });
  const response = await fetch(path, { ...init, headers, signal: limit() });
  if (response.ok) return response;
  if (response.status !== 401) {
    const { error } = await response.json().catch(() => ({}));
    const { status } = response;
    throw Object.assign(new AgentError(error ?? `Status ${status}`), { status });
  }
  // Several requests wait for one token, unless it was set while this one was pending.
  if (token === sessionStorage.getItem(TOKEN_KEY)) {
    tokenRequest ??= shell.requestToken(token !== null);
    sessionStorage.setItem(TOKEN_KEY, await tokenRequest);
    tokenRequest = undefined;
  }
  return await request(path, init, limit);
}

/** Runs a request, and shows whether the agent responds. @template T @param {AbortSignal | null | undefined} signal @param {() => Promise<T>} run */
async function reported(signal, run) {
  try {
    const result = await run();
    shell.report("");
    return result;
  } catch (error) {
    if (error instanceof AgentError) shell.report("");
    if (error instanceof AgentError || signal?.aborted) throw error;
    const isLate = /** @type {Error} */ (error).name === "TimeoutError";
    const problem = `The agent ${isLate ? "does not respond" : "is not reachable"}`;
    shell.report(problem);
    throw new AgentError(problem);
  }
}

/** @param {string} path @param {RequestInit} [init] */
export function text(path, { signal, ...init } = {}) {
  const limit = () =>
    AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]);
  return reported(signal, async () => await (await request(path, init, limit)).text());
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<Json>} */
export async function json(path, init) {
  return JSON.parse(await text(path, init));
}

/** Fetches a container with its newest samples. @param {string} cgroup @param {number} samples @param {AbortSignal} signal */
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

/** Runs a function periodically until the signal aborts, except while the page is hidden. @param {() => number} pauseMs @param {AbortSignal} signal @param {() => Promise<void>} run */
export async function every(pauseMs, signal, run) {
  for (;;) {
    await visibility(false, signal);
    if (signal.aborted) return;
    const startMs = performance.now();
    try {
      await run();
    } catch (error) {
      if (!(error instanceof AgentError || signal.aborted)) reportError(error);
    }
    await sleep(startMs + pauseMs() - performance.now(), signal);
  }
}

/** Repeats a request until the agent responds; never resolves after a status such as 404. The element shows the error. @template T @param {AbortSignal} signal @param {() => Promise<T>} run @returns {Promise<T>} */
export async function loaded(signal, run, note = h("p")) {
  while (!signal.aborted) {
    try {
      const result = await run();
      setText(note, "");
      return result;
    } catch (error) {
      const { message, status } = /** @type {AgentError} */ (error);
      setText(note, message);
      if (status >= 400 && status < 500) break;
    }
    await sleep(RETRY_MS, signal);
    await visibility(false, signal);
  }
  return await new Promise(() => {});
}

/**
 * A row of the table. Unmeasured numbers are `NaN`. Filters search `text`, the order of the tree is
 * by `path`, and `past` is the state of the history of two minutes before the first refresh.
 * @typedef {Record<"cgroup" | "name" | "type" | "pod" | "image" | "text" | "path", string>
 *   & Record<"timestamp" | "cpu" | "throttled" | "memory" | "memory_limit" | "working_set" | "io"
 *     | "network" | "processes" | "restarts" | "oom_kills", number>
 *   & { history: Series, past: "none" | "requested" | "known" }} Row
 */

const TEXTS = ["name", "type", "pod", "image"];
const NUMBERS =
  "timestamp,cpu,throttled,memory,memory_limit,working_set,io_read,io_write,network_rx,network_tx,processes,oom_kills";

/** The table of containers. */
export const usage = {
  rows: /** @type {Map<string, Row>} */ (new Map()),
  /** Called after each change. */
  listeners: /** @type {Set<() => void>} */ (new Set()),
  /** Whether containers may have been removed or renamed: the next refresh fetches all. */
  isStale: true,
  since: 0,
  refreshes: 0,
  frame: 0,
  /** Containers of recent events, to be fetched. */
  added: /** @type {Set<string>} */ (new Set()),

  /** Refreshes the table periodically, and calls the listener after each change. @param {number} pauseMs @param {AbortSignal} signal @param {() => void} listener */
  watch(pauseMs, signal, listener) {
    const fetchAdded = () => this.refreshAdded(signal).catch(() => {});
    const onEvent = () => this.added.size > 0 && setTimeout(fetchAdded, NAME_MS);
    this.listeners.add(listener);
    feed.listeners.add(onEvent);
    signal.addEventListener("abort", () => {
      this.listeners.delete(listener);
      feed.listeners.delete(onEvent);
    });
    const pause = () => Math.max(pauseMs, this.rows.size * ROW_PAUSE_MS);
    every(pause, signal, () => this.refresh(signal));
  },

  /** Fetches changed rows, or all. @param {AbortSignal} signal */
  async refresh(signal) {
    // Only the stream reports removed containers; a response may be older than an event.
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
      // The container may have been removed again.
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

/** The newest events of the node, oldest first, without gaps or duplicates. */
export const feed = {
  events: /** @type {Json[]} */ ([]),
  /** Called with each new event. */
  listeners: /** @type {Set<(event: Json) => unknown>} */ (new Set()),
  isLive: false,
  /** @type {Json} The event with the highest `seq`, from which an interrupted stream resumes. */
  last: undefined,

  /** Follows the stream across lost connections and restarts of the agent. */
  async follow() {
    for (;;) {
      await visibility(false);
      const hidden = new AbortController();
      visibility(true, hidden.signal).then(() => hidden.abort());
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
    // Without a log file, `seq` starts at 1 again after a restart of the agent.
    else if (found.length === 0) return this.restart();
    const { last } = this;
    const since = Math.max(0, (last?.seq ?? 0) - 1);
    const silence = new AbortController();
    const path = `api/v1.3/events?stream=true&heartbeat=5s&since_seq=${since}`;
    const limit = () => AbortSignal.any([signal, silence.signal]);
    const expire = () => silence.abort(new DOMException("", "TimeoutError"));
    let timer = setTimeout(expire, SILENCE_MS);
    const response = await reported(signal, () => request(path, {}, limit));
    this.isLive = true;
    usage.isStale ||= known !== "";
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let isFirst = last !== undefined;
    for (;;) {
      const { value, done = true } = await reported(signal, async () => await reader?.read()) ?? {};
      clearTimeout(timer);
      if (done) return;
      timer = setTimeout(expire, SILENCE_MS);
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter((line) => line !== "")) {
        const event = JSON.parse(line);
        const isRepeated = isFirst && event.seq === last.seq && event.event_type !== "lost";
        if (isRepeated && event.timestamp !== last.timestamp) return this.restart();
        // After a restart, the agent does not have the last event.
        const isGone = isFirst && event.event_type === "lost" &&
          --event.event_data.lost.count === 0;
        isFirst = false;
        if (!isRepeated && !isGone) this.add(event);
      }
    }
  },

  /** Starts over after `seq` started again. */
  restart() {
    const { timestamp } = this.last;
    const lost = { "reason": "the agent was restarted without a log file" };
    this.last = undefined;
    this.add({ timestamp, "event_type": "lost", "container_name": "/", "event_data": { lost } });
  },

  /** @param {Json} event */
  add(event) {
    const { event_type: type, container_name: name } = event;
    this.events.push(event);
    if (this.events.length > KEPT_EVENTS) this.events.shift();
    // Stored events are sorted by time, not by `seq`.
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
