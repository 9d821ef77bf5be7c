/** Views of events, as a live list, and of an OOM kill. @module */
import { chart, Series } from "./charts.js";
import { feed, json, loaded } from "./data.js";
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

/** Causes of OOM kills, by scope. @type {Readonly<Record<string, string>>} */
const CAUSES = { cgroup: "limit of a cgroup", host: "memory of the machine" };

/** Returns the display name of the container of an event. @param {Json} event */
export function nameOf({ container, container_name: cgroup, cgroup: victim = cgroup }) {
  const { pod, name } = container ?? {};
  if (pod?.name === undefined) return name ?? victim;
  return [pod.namespace, pod.name, pod.container].filter(Boolean).join("/");
}

/** Summarizes the data of an event. @param {Json} event */
function detailOf({ event_data: data, container, isFound }) {
  if (isFound) return "found at the start of the agent";
  const { oom, lost, container_update: update, node_event: node } = data;
  if (lost) return `${lost.count ?? ""} ${lost.reason}`.trim();
  if (oom) {
    const { process_name: process, pid = "?", scope = "", limit_cgroup: limit } = oom;
    const who = process === undefined ? undefined : `${process} (pid ${pid})`;
    const what = limit === undefined ? CAUSES[scope] : `limit of ${limit}`;
    return [who, what].filter(Boolean).join(", ");
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
  const kind = event.event_data.oom ? link : h("span", { class: "kind" }, title);
  const detail = h("span", { class: "detail" }, detailOf(event));
  const cells = [time(Date.parse(timestamp)), kind, containerLink(cgroup, nameOf(event)), detail];
  return h("li", { class: `event ${type}` }, ...cells);
}

/** Creates a live list of the matching events, newest first. @param {AbortSignal} signal @param {(event: Json) => boolean} matches */
export function eventList(signal, matches, onWait = (/** @type {number} */ _) => {}) {
  let known = new Set();
  let waiting = 0;
  /** Containers that were created and not removed. */
  const present = new Set();
  // Without a log file, `seq` starts at 1 again after a restart of the agent.
  const keyOf = (/** @type {Json} */ { seq, timestamp }) => `${seq} ${timestamp}`;
  /** A restarted agent creates the containers again. */
  const mark = (/** @type {Json} */ event) => {
    const { event_type: type, container_name: name } = event;
    if (type === "lost") present.clear();
    if (type === "containerDeletion") present.delete(name);
    if (type !== "containerCreation") return event;
    return { ...event, isFound: present.size === present.add(name).size };
  };
  const add = (/** @type {Json} */ one) => {
    if (one.seq && known.has(keyOf(one))) return;
    const event = mark(one);
    if (!matches(event)) return;
    if (items.isPaused) return onWait(++waiting);
    items.prepend(eventItem(event));
    if (items.childElementCount > SHOWN) items.lastElementChild?.remove();
  };
  const items = Object.assign(h("ol", { class: "events" }), {
    isPaused: false,
    /** Replaces the events, oldest first. @param {readonly Json[]} events */
    show(events) {
      present.clear();
      const found = events.map(mark).filter(matches).slice(-SHOWN);
      known = new Set(found.map(keyOf));
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
  const options = Object.entries({ "": "All types", ...TITLES })
    .map(([value, text]) => h("option", { value }, text));
  const type = h("select", { "aria-label": "Type", change: choose }, ...options);
  type.value = params.get("type") ?? "";
  const label = "Filter by container";
  const named = { placeholder: label, "aria-label": label, value: params.get("filter") ?? "" };
  const filter = h("input", { type: "search", input: choose, ...named });
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
  const note = h("p", { role: "status" });
  root.append(h("h1", {}, "OOM kill"), note);
  const found = await loaded(signal, () => json(api, { signal }), note);
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
    const cells = tasks.map((
      /** @type {Json} */ { pid, process_name: process, rss_bytes: size },
    ) => [`${pid}`, process, bytes(size)]);
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
  root.replaceChildren(article);
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
