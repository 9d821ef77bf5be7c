/** Views of events, as a live list, and of an OOM kill. @module */
import { chart, Series } from "./charts.js";
import { feed, json } from "./data.js";
import { bytes, card, containerLink, count, facts, h, table, time } from "./dom.js";

/** @typedef {import("./dom.js").Json} Json */

/** Maximum number of elements of a list, and of victims of an incident. */
const SHOWN = 200;

/** @type {Readonly<Record<string, string>>} */
const TITLES = {
  oomKill: "OOM kill",
  oom: "Out of memory",
  containerCreation: "Created",
  containerDeletion: "Removed",
  containerUpdate: "Updated",
  memoryHigh: "Memory high",
  memoryMax: "Memory max",
  nodeEvent: "Node",
  lost: "Events lost",
};

/** Returns the display name of the container of an event. @param {Json} event */
export function nameOf({ container, container_name: cgroup, cgroup: victim = cgroup }) {
  const { pod, name } = container ?? {};
  if (pod?.name === undefined) return name ?? victim;
  return [pod.namespace, pod.name, pod.container].filter(Boolean).join("/");
}

/** Summarizes the data of an event. @param {Json} event */
function detailOf({ event_data: data, container }) {
  const { oom, lost, container_update: update, node_event: node } = data;
  if (lost) return `${lost.count ?? ""} ${lost.reason}`.trim();
  if (oom) {
    const { process_name: process, pid = "?", constraint, limit_cgroup: limit } = oom;
    const who = process === undefined ? [] : [`${process} (pid ${pid})`];
    return [...who, limit === undefined ? constraint : `limit of ${limit}`].join(", ");
  }
  if (update) return `${update.changed.join(", ")} ${update.health ?? ""}`.trim();
  if (node) return node.message;
  const exit = data.container_deletion?.exit_code ?? -1;
  if (exit >= 0) return `exit status ${exit}`;
  const times = data.memory_pressure?.count;
  return times === undefined ? container?.image ?? "" : `${times} times`;
}

/** @param {Json} event */
function eventItem(event) {
  const { event_type: type, container_name: cgroup, seq, timestamp } = event;
  const title = TITLES[type] ?? type;
  const link = h("a", { class: "kind", href: `#/oom/${seq}` }, title);
  return h(
    "li",
    { class: `event ${type}` },
    time(Date.parse(timestamp)),
    event.event_data.oom ? link : h("span", { class: "kind" }, title),
    containerLink(cgroup, nameOf(event)),
    h("span", { class: "detail" }, detailOf(event)),
  );
}

/**
 * Creates a live list of the matching events, newest first.
 *
 * @param {AbortSignal} signal @param {(event: Json) => boolean} matches
 */
export function eventList(signal, matches, onWait = (/** @type {number} */ _) => {}) {
  let known = new Set();
  let waiting = 0;
  const add = (/** @type {Json} */ event) => {
    if (!matches(event) || (event.seq && known.has(event.seq))) return;
    if (items.isPaused) return onWait(++waiting);
    items.prepend(eventItem(event));
    if (items.childElementCount > SHOWN) items.lastElementChild?.remove();
  };
  const items = Object.assign(h("ol", { class: "events" }), {
    isPaused: false,
    /** Replaces the events, oldest first. @param {readonly Json[]} events */
    show(events) {
      const found = events.filter(matches).slice(-SHOWN);
      known = new Set(found.map(({ seq }) => seq));
      onWait(waiting = 0);
      items.replaceChildren(...found.map(eventItem).reverse());
    },
  });
  feed.listeners.add(add);
  signal.addEventListener("abort", () => feed.listeners.delete(add));
  return items;
}

/** @param {import("./main.js").View} view */
export function eventsView({ root, params, signal, setTitle }) {
  setTitle("Events");
  const options = [["", "All types"], ...Object.entries(TITLES)];
  const type = h(
    "select",
    { "aria-label": "Type", change: choose },
    ...options.map(([value, text = ""]) => h("option", { value }, text)),
  );
  type.value = params.get("type") ?? "";
  const filter = h("input", {
    type: "search",
    placeholder: "Filter by container",
    "aria-label": "Filter by container",
    value: params.get("filter") ?? "",
    input: choose,
  });
  const note = h("output", { "aria-live": "off" });
  const matches = (/** @type {Json} */ event) =>
    (type.value === "" || event.event_type === type.value) &&
    `${nameOf(event)}\n${event.container_name}`.toLowerCase().includes(filter.value.toLowerCase());
  const items = eventList(signal, matches, (waiting) => {
    note.textContent = waiting === 0 ? "" : `${count(waiting)} new`;
  });
  const pause = h("button", { "aria-pressed": "false", click: togglePause }, "Pause");
  root.append(h("div", { class: "bar" }, h("h1", {}, "Events"), type, filter, pause, note), items);
  items.show(feed.events);

  function choose() {
    params.set("type", type.value);
    params.set("filter", filter.value);
    history.replaceState(null, "", `#/events?${params}`);
    items.show(feed.events);
  }

  function togglePause() {
    items.isPaused = !items.isPaused;
    pause.setAttribute("aria-pressed", String(items.isPaused));
    items.show(feed.events);
  }
}

/** View of an OOM kill: a sentence, memory before the kill, and all recorded values. @param {import("./main.js").View} view */
export async function oomView({ root, rest, signal, setTitle }) {
  setTitle("OOM kill");
  const offset = -new Date().getTimezoneOffset();
  const api = `api/v2.1/explain?seq=${encodeURIComponent(rest.slice(1))}&utc_offset=${offset}`;
  const found = await json(api, { signal }).catch((/** @type {Error} */ error) => error);
  if (signal.aborted) return;
  if (found instanceof Error) {
    return root.append(h("h1", {}, "OOM kill"), h("p", {}, found.message));
  }
  const { sentence, summary, rows, story } = found;
  setTitle(summary);
  const { victims, run_up: points = [], top_tasks: tasks = [], not_recorded: gaps } = story;
  const kind = h("p", { class: "kind" }, "OOM kill");
  const said = h("p", { class: "sentence" }, sentence);
  const article = h("article", { class: "oom" });
  article.append(h("header", {}, kind, h("h1", {}, summary), said));
  if (points.length > 1) article.append(courseChart(points, story.limit?.limit_bytes));
  article.append(card("What is recorded", facts(rows)));
  if (tasks.length > 0) {
    const cells = tasks.map((/** @type {Json} */ task) => [
      String(task.pid),
      task.process_name,
      bytes(task.rss_bytes),
    ]);
    const list = table(["PID", "Process", "Resident"], cells);
    article.append(card("Largest processes before the kill", list));
  }
  if (victims.length > 1) {
    const cells = victims.slice(1, SHOWN).map((/** @type {Json} */ one) => [
      time(Date.parse(one.timestamp)),
      one.pid && String(one.pid),
      one.process_name,
      bytes(one.anon_rss_bytes),
      nameOf(one),
    ]);
    const list = table(["Time", "PID", "Process", "Anonymous", "Container"], cells);
    article.append(card(`Also killed in this incident: ${victims.length - 1}`, list));
  }
  const missing = `Not recorded: ${gaps.join("; ")}.`;
  if (gaps.length > 0) article.append(h("p", { class: "muted" }, missing));
  const { cgroup } = victims[0];
  const link = cgroup === undefined ? [] : [containerLink(cgroup, "The container"), " · "];
  article.append(h("p", {}, ...link, h("a", { href: "#/events?type=oomKill" }, "All OOM kills")));
  root.append(article);
}

/** Creates the chart of memory before the kill, of the cgroup at its limit. @param {Json[]} points oldest first @param {number} [limit] */
function courseChart(points, limit) {
  const at = (/** @type {number} */ ms) => `${Math.round(-ms / 100) / 10} s before`;
  const { element, draw } = chart("Memory before the kill", { format: bytes, isBytes: true, at });
  const series = new Series();
  for (const { age_ms: age, usage_bytes: usage, working_set_bytes: working, ...point } of points) {
    series.push(-age, { usage, "working set": working, anonymous: point.anon_bytes });
  }
  draw(series, { limit, from: -points[0].age_ms, to: 0 });
  return element;
}
