/** Views of the node: overview and machine. @module */
import { usageCharts } from "./container.js";
import { isBusy } from "./containers.js";
import { containerInfo, every, feed, json, usage } from "./data.js";
import { bytes, card, containerLink, count, encoded, facts, h, list } from "./dom.js";
import { percent, rate, setText, table, time } from "./dom.js";
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
      link.title = row.cgroup;
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
  const tiles = h("ul", { class: "tiles" });
  const [disks, sources] = [h("ul", { class: "meters" }), h("ul", { class: "sources" })];
  const kills = h("ol", { class: "events" });
  const charts = h("div");
  const values = ["CPU", "Memory", "Containers", "OOM kills, last hour", "OOM kills, last day"]
    .map((label) => {
      const value = h("b", {}, "–");
      tiles.append(h("li", {}, h("span", {}, label), value));
      return value;
    });
  const set = (/** @type {readonly (string | undefined)[]} */ texts) =>
    texts.forEach((text, at) => text !== undefined && setText(values[at] ?? title, text));
  const tops = RANKINGS.map(topCard);
  const cards = [card("OOM kills", kills), card("Disks", disks), card("Sources", sources)];
  cards.unshift(...tops.map(({ element }) => element));
  root.append(title, tiles, charts, h("div", { class: "cards" }, ...cards));

  drawNode().catch(() => {});
  usage.watch(TOP_REFRESH_MS, signal, () => {
    const rows = [...usage.rows.values()].filter(isBusy);
    set([, , count(rows.length)]);
    tops.forEach(({ show }) => show(rows));
  });
  every(() => SLOW_REFRESH_MS, signal, async () => {
    sources.replaceChildren(...(await json("readyz")).sources.map(sourceItem));
    await loadKills();
  });
  const onEvent = (/** @type {Json} */ { event_type: type }) => {
    if (type === "oomKill" && feed.isLive) loadKills().catch(() => {});
  };
  feed.listeners.add(onEvent);
  signal.addEventListener("abort", () => feed.listeners.delete(onEvent));

  async function drawNode() {
    const machine = await json("api/v2.1/attributes", { signal });
    const { num_cores: cpus, memory_capacity: capacity } = machine;
    const drawing = usageCharts(cpus);
    charts.replaceChildren(drawing.element);
    let samples = -1;
    every(() => REFRESH_MS, signal, async () => {
      const { stats = [] } = await containerInfo("/", samples, signal);
      samples = 3;
      drawing.draw(stats);
      const [before, now] = stats.slice(-2);
      const ms = Date.parse(now?.timestamp) - Date.parse(before?.timestamp);
      const used = (now?.cpu?.usage?.total - before?.cpu?.usage?.total) / 1e6 / ms / cpus;
      const memory = `${bytes(now?.memory?.working_set)} of ${bytes(capacity)}`;
      set([`${percent(used)} of ${cpus} CPUs`, memory]);
      disks.replaceChildren(...(now?.filesystem ?? []).map(diskItem));
      setText(title, feed.last?.node ?? "Node");
    });
  }

  async function loadKills() {
    const found = await json("api/v2.1/explain?count=5", { signal });
    set([, , , count(found.last_hour), count(found.last_day)]);
    values[3]?.classList.toggle("bad", found.last_hour > 0);
    kills.replaceChildren(...found.incidents.map(killItem));
    if (found.incidents.length === 0) kills.append("None is recorded.");
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
  const [label, text] = [
    h("b", {}, SOURCES[name] ?? name.replace("_", " ")),
    h("span", {}, detail),
  ];
  text.className = "detail";
  return h("li", { class: state }, label, text, h("span", { class: "kind" }, state));
}

/** @param {import("./main.js").View} view */
export async function machineView({ root, signal, setTitle }) {
  setTitle("Machine");
  const [machine, storage] = await Promise.all(
    ["api/v2.1/attributes", "api/v2.1/storage"].map((path) => json(path, { signal })),
  );
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
    ["Boot id", machine.boot_id],
    ["Cloud", machine.cloud_provider],
    ["CPUs", count(machine.num_cores)],
    ["Memory", bytes(machine.memory_capacity)],
    ["Swap", machine.swap_capacity && bytes(machine.swap_capacity)],
  ]);
  root.append(
    h("h1", {}, "Machine"),
    card("Versions and identity", versions),
    section("Topology", "Node, Memory, Socket, Core, Threads, Caches", cores, (core) => [
      `${core.node.node_id}`,
      bytes(core.node.memory),
      `${core.socket_id ?? "–"}`,
      `${core.core_id}`,
      core.thread_ids?.join(", "),
      core.caches?.map(cache).join(", "),
    ]),
    section("File systems", "Device, Mounted at, Used, Capacity", storage, (fs) => [
      fs.device,
      fs.mountpoint,
      bytes(fs.usage),
      bytes(fs.capacity),
    ]),
    section("Disks", "Name, Number, Size, Scheduler", Object.values(machine.disk_map), (disk) => [
      disk.name,
      `${disk.major}:${disk.minor}`,
      bytes(disk.size),
      disk.scheduler,
    ]),
    section("Networks", "Name, Address, MTU", machine.network_devices, (device) => [
      device.name,
      device.mac_address,
      `${device.mtu ?? "–"}`,
    ]),
  );
}
