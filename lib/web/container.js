/** View of a container: identity, limits, usage of two minutes, events, processes. @module */
import { chart, Series } from "./charts.js";
import { containerInfo, every, feed, hasToken, json, loaded } from "./data.js";
import { bytes, card, containerLink, count, encoded, facts } from "./dom.js";
import { h, percent, rate, setText, table, time } from "./dom.js";
import { eventList } from "./events.js";

/** @typedef {import("./dom.js").Json} Json */

const REFRESH_MS = 1_000;
/** cgroup v1 reports the maximum number of pages, in bytes, for no limit. */
const NO_LIMIT = 2 ** 62;
const SECTOR_BYTES = 512;

/** Creates the charts of a container, or of the node if its number of CPUs is given. @param {number} [cpus] */
export function usageCharts(cpus) {
  const shares = { format: percent };
  const rates = { format: rate, isBytes: true, max: 1024 };
  const charts = [
    chart("CPU: 100 % is one CPU", { format: percent, max: cpus ?? 0.01 }),
    chart("Memory", { format: bytes, isBytes: true, max: 2 ** 20 }),
    chart("Swap", { format: bytes, isBytes: true, max: 2 ** 20 }),
    chart("Throttled periods", shares),
    chart("Disk I/O", rates),
    chart("Network", rates),
    chart("Pressure: time that tasks wait", shares),
  ];
  const series = charts.map(() => new Series());
  const element = h("div", { class: "charts" });
  let before = /** @type {Json} */ (undefined);
  return {
    element,
    /** Draws new samples; the options apply to the memory chart. @param {Json[]} stats @param {import("./charts.js").DrawOptions} [options] */
    draw(stats, options) {
      for (const sample of stats) {
        const ms = Date.parse(sample.timestamp);
        if (before !== undefined && !(ms > Date.parse(before.timestamp))) continue;
        const values = valuesOf(sample, before, cpus !== undefined);
        series.forEach((one, at) => one.push(ms, values[at] ?? {}));
        before = sample;
      }
      charts.forEach((one, at) => {
        const own = series[at] ?? new Series();
        // Unmeasured values have no chart.
        if ([...own.lines.keys()].every((name) => own.known(name).length === 0)) return;
        if (!one.element.isConnected) element.append(one.element);
        one.draw(own, at === 1 ? options : {});
      });
    },
  };
}

/** Returns the increase of a counter; `NaN` if unknown. @param {number | undefined} from @param {number | undefined} to */
function rise(from, to) {
  const change = Number(to) - Number(from);
  return change >= 0 ? change : NaN;
}

/** Returns the values of the charts, in their order. @param {Json} now @param {Json} before @param {boolean} isNode */
function valuesOf(now, before, isNode) {
  const seconds = (Date.parse(now.timestamp) - Date.parse(before?.timestamp)) / 1000;
  const { cpu = {}, memory = {} } = now;
  const [used, old] = [cpu.usage ?? {}, before?.cpu?.usage ?? {}];
  const [cfs, oldCfs] = [cpu.cfs, before?.cpu?.cfs];
  const periods = rise(oldCfs?.periods, cfs?.periods) || NaN;
  /** @type {Record<string, number>[]} */
  const [io = {}, network = {}] = [{}, {}];
  for (const [name, read, written] of isNode ? disksOf(now) : devicesOf(now)) {
    const [, oldRead, oldWritten] = (isNode ? disksOf(before) : devicesOf(before))
      .find(([other]) => other === name) ?? [];
    io[`${name} read`] = rise(oldRead, read) / seconds;
    io[`${name} written`] = rise(oldWritten, written) / seconds;
  }
  for (const { name, rx_bytes: received, tx_bytes: sent } of now.network?.interfaces ?? []) {
    if (received + sent === 0) continue;
    const was = before?.network?.interfaces?.find((/** @type {Json} */ i) => i.name === name);
    network[`${name} in`] = rise(was?.rx_bytes, received) / seconds;
    network[`${name} out`] = rise(was?.tx_bytes, sent) / seconds;
  }
  const psi = (/** @type {Json} */ part) => part?.psi?.some?.avg10 / 100;
  const cores = 1e9 * seconds;
  return [
    { all: rise(old.total, used.total) / cores, system: rise(old.system, used.system) / cores },
    { usage: memory.usage, "working set": memory.working_set },
    { used: isNode || memory.swap > 0 ? memory.swap : NaN },
    { "of all": rise(oldCfs?.throttled_periods, cfs?.throttled_periods) / periods },
    io,
    network,
    { CPU: psi(cpu), memory: psi(memory), "I/O": psi(now.diskio) },
  ];
}

/** Returns bytes read and written by a container, by device. @param {Json} stats @returns {[string, number, number][]} */
function devicesOf(stats) {
  return (stats?.diskio?.io_service_bytes ?? []).map((/** @type {Json} */ disk) => [
    disk.device?.replace("/dev/", "") || `${disk.major}:${disk.minor}`,
    disk.stats?.Read,
    disk.stats?.Write,
  ]);
}

/** Returns bytes read and written by the node, by device. @param {Json} stats @returns {[string, number, number][]} */
function disksOf(stats) {
  return (stats?.filesystem ?? []).filter((/** @type {Json} */ fs) => fs.sectors_read > 0)
    .map((/** @type {Json} */ { device, sectors_read: read, sectors_written: written }) => [
      device.replace("/dev/", ""),
      read * SECTOR_BYTES,
      written * SECTOR_BYTES,
    ]);
}

/** Shows the container with a Docker name or ID. @param {import("./main.js").View} view */
export async function dockerView({ root, rest, signal, setTitle }) {
  setTitle("Docker");
  const note = h("p", { role: "status" });
  root.append(h("h1", {}, "Docker"), note);
  const path = `api/v2.1/spec${encoded(rest)}?type=docker`;
  const found = await loaded(signal, () => json(path, { signal }), note);
  location.replace(`#/container${encoded(Object.keys(found)[0] ?? "/")}`);
}

/** @param {import("./main.js").View} view */
export function containerView({ root, rest, signal, setTitle }) {
  const name = rest || "/";
  setTitle(name);
  const title = h("h1", {}, name);
  const gone = h("p", { class: "bad", role: "status" });
  const [about, below] = [h("div"), h("div")];
  const charts = usageCharts();
  const api = `api/v1.3/containers${encoded(name)}`;
  const link = h("a", { href: api, click: openJson }, "JSON of this container");
  const isOwn = (/** @type {Json} */ { container_name: own, event_data: { oom } }) =>
    [own, oom?.limit_cgroup, oom?.victim_cgroup].includes(name);
  const events = eventList(signal, isOwn);
  root.append(title, gone, about, charts.element, below, card("Events", events));
  root.append(processes(name, signal), h("p", {}, link));
  const past = `api/v1.3/events${encoded(name)}?all_events=true&update_events=true&max_events=50`;
  loaded(signal, () => json(past, { signal })).then(events.show);
  let shown = "";
  every(() => REFRESH_MS, signal, async () => {
    const info = await containerInfo(name, shown === "" ? -1 : 3, signal).catch((error) => {
      if (error.status === 404) setText(gone, "The container does not exist or was removed.");
      throw error;
    });
    setText(gone, "");
    const { spec, stats = [], subcontainers = [], aliases = [] } = info;
    const limit = spec.memory?.limit < NO_LIMIT ? spec.memory?.limit : undefined;
    const kills = feed.events.filter((event) => event.event_type === "oomKill" && isOwn(event));
    const marks = kills.map(({ timestamp }) => Date.parse(timestamp));
    charts.draw(stats, { limit, marks });
    const text = JSON.stringify([info, spec, subcontainers].map(({ stats: _, ...own }) => own));
    if (text === shown) return;
    shown = text;
    const shownName = spec.labels?.["io.kubernetes.container.name"] ?? aliases[0] ?? name;
    setText(title, shownName);
    setTitle(shownName);
    about.replaceChildren(card("Identity and limits", identityFacts(info, limit)));
    const children = subcontainers.slice(0, 100).map((/** @type {Json} */ child) =>
      h("li", {}, containerLink(child.name, child.aliases?.[0]))
    );
    const names = h("ul", { class: "plain" }, ...children);
    const inside = card(`Below it: ${subcontainers.length}`, names);
    below.replaceChildren(...subcontainers.length === 0 ? [] : [inside]);
  });
}

/** @param {Json} info @param {number | undefined} limit */
function identityFacts({ name, id, namespace, aliases = [], spec }, limit) {
  const { labels = {}, cpu, processes } = spec;
  const items = Object.entries(labels).map(([key, value]) => h("li", {}, `${key}=${value}`));
  const pod = labels["io.kubernetes.pod.name"];
  const started = Math.max(Date.parse(spec.start_time), Date.parse(spec.creation_time));
  const quota = cpu?.quota / (cpu?.period || 100_000);
  return facts([
    ["Cgroup", name],
    ["Runtime", namespace],
    ["Id", id],
    ["Names", aliases.filter((/** @type {string} */ alias) => alias !== id).join(", ")],
    ["Pod", pod && `${labels["io.kubernetes.pod.namespace"] ?? "?"}/${pod}`],
    ["Image", spec.image],
    ["Started", started > 0 ? time(started, true) : undefined],
    ["Memory limit", limit === undefined ? "none" : bytes(limit)],
    ["CPU limit", quota > 0 ? `${percent(quota)} of a CPU` : "none"],
    ["CPU shares", cpu?.limit > 0 ? count(cpu.limit) : undefined],
    ["CPUs", cpu?.mask],
    ["Process limit", processes?.limit < NO_LIMIT ? count(processes.limit) : undefined],
    ["Labels", items.length > 0 ? h("ul", {}, ...items) : ""],
  ]);
}

/** Creates the list of processes, fetched when it is opened. @param {string} name @param {AbortSignal} signal */
function processes(name, signal) {
  const body = h("div");
  const details = h("details", { class: "card", toggle: load });
  details.append(h("summary", {}, "Processes"), body);
  async function load() {
    if (!details.open) return;
    try {
      const found = await json(`api/v2.1/ps${encoded(name)}`, { signal });
      const rows = found.map((/** @type {Json} */ one) => {
        const { pid, user, percent_cpu: cpu, rss, status, start_time: started, cmd } = one;
        return [`${pid}`, user, percent(cpu / 100), bytes(rss), status, started, cmd];
      });
      const titles = [
        "PID",
        "User",
        "CPU",
        "Resident",
        "State",
        "Started (agent's time zone)",
        "Command",
      ];
      body.replaceChildren(table(titles, rows));
    } catch (error) {
      body.replaceChildren(h("p", {}, /** @type {Error} */ (error).message));
    }
  }
  return details;
}

/** Fetches the target of a link, since a link sends no token, and shows it from memory. @param {Event} event */
async function openJson(event) {
  if (!hasToken()) return;
  event.preventDefault();
  const { href } = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  const text = JSON.stringify(await json(href), null, 2);
  open(URL.createObjectURL(new Blob([text], { type: "application/json" })));
}
