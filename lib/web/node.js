/** Views of the node: overview and machine. @module */
import { usageCharts } from "./container.js";
import { isBusy } from "./containers.js";
import { containerInfo, every, feed, json, loaded, text, usage } from "./data.js";
import { bytes, card, containerLink, count, encoded, facts, h, list } from "./dom.js";
import { percent, rate, setAttributes, setText, table, time } from "./dom.js";
import { nameOf } from "./events.js";

/** @typedef {import("./dom.js").Json} Json */
/** @typedef {import("./data.js").Row} Row */

const REFRESH_MS = 1_000;
const TOP_REFRESH_MS = 3_000;
const SLOW_REFRESH_MS = 10_000;
const TOP = 5;

/** Titles of sources. @type {Readonly<Record<string, string>>} */
const SOURCES = { cgroups: "Containers", kmsg: "Kernel log", http: "HTTP server" };

/** @typedef {readonly [string, (row: Row) => number, (value: number) => string]} Ranking */

/** @type {readonly Ranking[]} */
const RANKINGS = [
  ["CPU", (row) => row.cpu, percent],
  ["memory", (row) => row.working_set, bytes],
  ["disk I/O", (row) => row.io, rate],
];

/** Creates a list of the containers with the highest usage. @param {Ranking} ranking */
function topCard([name, valueOf, format]) {
  const items = h("ol", { class: "top" });
  const show = list(items, () => {
    const [link, value] = [containerLink(""), h("b")];
    return [h("li", {}, link, value), (/** @type {Row} */ row) => {
      setText(link, row.name);
      link.hash = `/container${encoded(row.cgroup)}`;
      setAttributes(link, { title: row.cgroup });
      setText(value, format(valueOf(row)));
    }];
  });
  return {
    element: card(`Top by ${name}`, items),
    /** @param {readonly Row[]} rows */
    show(rows) {
      const used = rows.filter((row) => valueOf(row) > 0);
      show(used.sort((a, b) => valueOf(b) - valueOf(a)).slice(0, TOP));
    },
  };
}

/** @param {import("./main.js").View} view */
export function overview({ root, signal, setTitle }) {
  setTitle("Overview");
  const title = h("h1", {}, "Node");
  const [disks, sources] = [h("ul", { class: "meters" }), h("ul", { class: "sources" })];
  const kills = h("ol", { class: "events" });
  const counted = h("p", { class: "muted" });
  const charts = h("div");
  const values = ["CPU", "Memory", "Containers", "OOM kills, last hour", "OOM kills, last day"]
    .map((label) => h("li", {}, h("span", {}, label), h("b", {}, "–")));
  const tiles = h("ul", { class: "tiles" }, ...values);
  const set = (/** @type {readonly (string | undefined)[]} */ texts) =>
    texts.forEach((text, at) =>
      text !== undefined && setText(values[at]?.lastChild ?? title, text)
    );
  const tops = RANKINGS.map(topCard);
  const cards = [card("OOM kills", kills), card("Disks", disks), card("Sources", sources)];
  cards.unshift(...tops.map(({ element }) => element));
  root.append(title, tiles, counted, charts, h("div", { class: "cards" }, ...cards));

  drawNode();
  usage.watch(TOP_REFRESH_MS, signal, () => {
    const rows = [...usage.rows.values()].filter(isBusy);
    set([, , count(rows.length)]);
    tops.forEach(({ show }) => show(rows));
  });
  every(() => SLOW_REFRESH_MS, signal, async () => {
    const paths = ["readyz", "metrics?name[]=process_start_time_seconds"];
    const loads = paths.map((path) => text(path, { signal }));
    const [ready = "", metrics = ""] = await Promise.all([...loads, loadKills()]);
    const { sources: all } = JSON.parse(ready);
    sources.replaceChildren(...all.map(sourceItem));
    showStart(all, Number(/^process_start_time_seconds (.+)$/m.exec(metrics)?.[1]) * 1000);
  });
  const onEvent = (/** @type {Json} */ { event_type: type }) => {
    if (type === "oomKill" && feed.isLive) loadKills().catch(() => {});
  };
  feed.listeners.add(onEvent);
  signal.addEventListener("abort", () => feed.listeners.delete(onEvent));

  async function drawNode() {
    const request = () => json("api/v2.1/attributes", { signal });
    const { num_cores: cpus, memory_capacity: capacity } = await loaded(signal, request);
    const drawing = usageCharts(cpus);
    charts.replaceChildren(drawing.element);
    let samples = -1;
    every(() => REFRESH_MS, signal, async () => {
      const { stats = [] } = await containerInfo("/", samples, signal);
      samples = 3;
      drawing.draw(stats);
      const [before, now] = stats.slice(-2);
      const ms = Date.parse(now?.timestamp) - Date.parse(before?.timestamp);
      const used = (now?.cpu?.usage?.total - before?.cpu?.usage?.total) / 1e6 / ms;
      const memory = `${bytes(now?.memory?.working_set)} of ${bytes(capacity)}`;
      set([`${Number.isNaN(used) ? "–" : used.toFixed(2)} of ${cpus} CPUs`, memory]);
      disks.replaceChildren(...(now?.filesystem ?? []).map(diskItem));
      setText(title, feed.last?.node ?? "Node");
    });
  }

  async function loadKills() {
    const found = await json("api/v2.1/explain?count=5", { signal });
    set([, , , count(found.last_hour), count(found.last_day)]);
    values[3]?.lastElementChild?.classList.toggle("bad", found.last_hour > 0);
    kills.replaceChildren(...found.incidents.map(killItem));
    if (found.incidents.length === 0) kills.append("None is recorded.");
  }

  /** Shows since when kills are counted, if that is less than a day. @param {Json[]} all sources of `/readyz` @param {number} startMs */
  function showStart(all, startMs) {
    const { state, detail } = all.find(({ name }) => name === "event_log") ?? {};
    const log = state === "off"
      ? ""
      : ` Others are in the event log${state === "ok" ? ` ${detail}` : ""}.`;
    const origin = `, the start of the agent, and earlier ones of the kernel log.${log}`;
    const parts = ["OOM kills are counted since ", time(startMs), h("span", {}, origin)];
    counted.replaceChildren(...Date.now() - startMs < 86_400_000 ? parts : []);
  }
}

/** @param {Json} incident */
function killItem(incident) {
  const { timestamp, seq, process = "a process", reason } = incident;
  const link = h("a", { class: "kind", href: `#/oom/${seq}` }, process);
  const detail = h("span", { class: "detail" }, `${nameOf(incident)}: ${reason}`);
  return h("li", { class: "event oomKill" }, time(Date.parse(timestamp)), link, detail);
}

/** @param {Json} filesystem */
function diskItem({ device, capacity, usage: used }) {
  const meter = h("span", { class: "meter" });
  meter.style.setProperty("--share", String(used / capacity));
  const text = `${bytes(used)} of ${bytes(capacity)}`;
  return h("li", {}, h("span", { title: device }, device), meter, h("b", {}, text));
}

/** @param {Json} source */
function sourceItem({ name, state, detail }) {
  const label = h("b", {}, SOURCES[name] ?? name.replace("_", " "));
  const value = h("span", { class: "detail" }, detail);
  return h("li", { class: state }, label, value, h("span", { class: "kind" }, state));
}

/** Cells of a row of a table. @satisfies {Record<string, (item: Json) => string[]>} */
const CELLS = {
  storage: (fs) => [fs.device, fs.mountpoint, bytes(fs.usage), bytes(fs.capacity)],
  disk: (
    { name, major, minor, size, ...disk },
  ) => [name, `${major}:${minor}`, bytes(size), disk.scheduler],
  network: ({ name, mac_address: address, mtu = "–" }) => [name, address, `${mtu}`],
};

/** @param {import("./main.js").View} view */
export async function machineView({ root, signal, setTitle }) {
  setTitle("Machine");
  const note = h("p", { role: "status" });
  root.append(h("h1", {}, "Machine"), note);
  const paths = ["api/v2.1/attributes", "api/v2.1/storage"];
  const load = () => Promise.all(paths.map((path) => json(path, { signal })));
  const [machine, storage] = await loaded(signal, load, note);
  const disks = Object.values(machine.disk_map);
  /** @param {string} title @param {string} titles @param {Json[]} items @param {(item: Json) => (string | undefined)[]} cells */
  const section = (title, titles, items = [], cells) =>
    items.length === 0 ? "" : card(title, table(titles.split(", "), items.map(cells)));
  const cores = (machine.topology ?? []).flatMap((/** @type {Json} */ node) =>
    (node.cores ?? []).map((/** @type {Json} */ core) => ({ node, ...core }))
  );
  const cache = (/** @type {Json} */ one) => `L${one.level} ${one.type} ${bytes(one.size)}`;
  const versions = facts([
    ["cgwatch", machine.cadvisor_version],
    ["Kernel", machine.kernel_version],
    ["System", machine.container_os_version],
    ["Machine id", machine.machine_id],
    ["System UUID", machine.system_uuid],
    ["Cloud", machine.cloud_provider],
    ["CPUs", count(machine.num_cores)],
    ["Memory", bytes(machine.memory_capacity)],
    ["Swap", machine.swap_capacity && bytes(machine.swap_capacity)],
  ]);
  root.append(
    card("Versions and identity", versions),
    section("Topology", "Node, Memory, Socket, Core, Threads, Caches", cores, (core) => [
      `${core.node.node_id}`,
      bytes(core.node.memory),
      `${core.socket_id ?? "–"}`,
      `${core.core_id}`,
      core.thread_ids?.join(", "),
      core.caches?.map(cache).join(", "),
    ]),
    section("File systems", "Device, Mounted at, Used, Capacity", storage, CELLS.storage),
    section("Disks", "Name, Number, Size, Scheduler", disks, CELLS.disk),
    section("Networks", "Name, Address, MTU", machine.network_devices, CELLS.network),
  );
}
