/** View of all containers: of thousands of rows, only those in view have elements. @module */
import { sparkline } from "./charts.js";
import { usage } from "./data.js";
import { bytes, containerLink, count, encoded, h } from "./dom.js";
import { percent, rate, setAttributes, setText } from "./dom.js";

/** @typedef {import("./data.js").Row} Row */

const ROW_HEIGHT = 32;
/** Number of rows with elements above and below the view, so that scrolling shows no gap. */
const SPARE_ROWS = 6;
/** Rows that a key moves. @type {Readonly<Record<string, number>>} */
const STEPS = { ArrowUp: -1, ArrowDown: 1, PageUp: -20, PageDown: 20, Home: -1e6, End: 1e6 };
const REFRESH_MS = 1_000;
/** Time in view after which the history of a row is fetched, milliseconds. */
const STAY_MS = 200;

/** @typedef {readonly [title: string, help: string, value: (row: Row) => string | number, format?: (value: number) => string]} Column */

/** By the word that filters and addresses have for it. @type {Readonly<Record<string, Column>>} */
const COLUMNS = {
  name: ["Name", "Pod and container, name, unit, or cgroup", (row) => row.name],
  cpu: ["CPU", "100 % is one CPU", (row) => row.cpu, percent],
  throttled: ["Throttled", "CFS periods without quota", (row) => row.throttled, percent],
  memory: ["Memory", "All that is charged; its share of the limit", (row) => row.memory],
  working: ["Working set", "Without inactive page cache", (row) => row.working_set, bytes],
  io: ["I/O", "Bytes read and written", (row) => row.io, rate],
  network: ["Network", "Bytes received and sent", (row) => row.network, rate],
  processes: ["Processes", "In the cgroup itself", (row) => row.processes, count],
  restarts: ["Restarts", "By the runtime", (row) => row.restarts, count],
  oom: ["Kills", "By the OOM killer, since the agent runs", (row) => row.oom_kills, count],
};
/** Columns of the sparkline, and of memory, which has a bar. */
const SPARK_AT = 2;
const MEMORY_AT = 3;

const KEYS = Object.keys(COLUMNS).slice(1).join(", ");
const HELP =
  `expected text, type:docker, pod:web, name:web, or a number of ${KEYS} as in cpu:>10 (percent), memory:>=1.5GiB, oom:>0`;

/** Returns the test of a word with a key, such as `pod:web` or `cpu:>10`; undefined if it is invalid. @param {string} word @returns {((row: Row) => boolean) | undefined} */
function testOf(word) {
  const [, key = "", sign = "", value = ""] = /^(\w+):(<=|>=|[<>=])?(.*)$/.exec(word) ?? [];
  if (key === "type") return ({ type }) => type.toLowerCase().startsWith(value);
  if (key === "pod" || key === "name") {
    return ({ [key]: own }) => own !== "" && own.toLowerCase().includes(value);
  }
  const [, , valueOf, format = bytes] = Object.hasOwn(COLUMNS, key) && COLUMNS[key] || [];
  const isBytes = format === bytes || format === rate;
  const units = isBytes ? /^([kmgtp]i?)?b?(\/s)?$/ : format === percent ? /^%?$/ : /^$/;
  const [, digits, unit = ""] = /^(\d*\.?\d+)(.*)$/.exec(value) ?? [];
  if (valueOf === undefined || digits === undefined || !units.test(unit)) return undefined;
  const power = Math.max(0, " kmgtp".indexOf(unit.charAt(0)));
  const limit = Number(digits) * 1024 ** power / (format === percent ? 100 : 1);
  return (row) => {
    const own = Number(valueOf(row));
    if (/=|^$/.test(sign) && format(own) === format(limit)) return true; // Equal as shown.
    return sign.startsWith(">") ? own > limit : sign.startsWith("<") && own < limit;
  };
}

/** Returns whether a cgroup may have processes; others are hidden in a flat list. @param {Row} row */
export function isBusy({ cgroup, type, processes }) {
  const isPlain = ["cgroup", "unit", "pod"].includes(type);
  // The number is unknown without a cgroup of pids.
  return cgroup !== "/" && (processes !== 0 || !isPlain);
}

/** Sorts a parent before its children. @param {Row} a @param {Row} b */
const byCgroup = (a, b) => a.path < b.path ? -1 : 1;

/** Sorts the largest first, names alphabetically, and rows without a value last. @param {Column} column @param {boolean} isReversed */
function byColumn([, , valueOf], isReversed) {
  const sign = isReversed ? -1 : 1;
  const collator = new Intl.Collator("en", { numeric: true });
  return (/** @type {Row} */ a, /** @type {Row} */ b) => {
    const [x, y] = [valueOf(a), valueOf(b)];
    if (typeof x === "string") return sign * collator.compare(x, String(y));
    const unknown = Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return unknown || sign * (Number(y) - x) || byCgroup(a, b);
  };
}

/** @param {import("./main.js").View} view */
export function containersView({ root, params, signal, setTitle }) {
  setTitle("Containers");
  const input = h("input", {
    type: "search",
    placeholder: "Filter: text, type:docker, cpu:>10, oom:>0",
    title: `Filter: ${HELP}`,
    "aria-label": "Filter",
    "aria-keyshortcuts": "/",
    value: params.get("filter") ?? "",
    input: () => choose({ filter: input.value }),
  });
  const onTree = () => choose({ tree: tree.checked ? "1" : "" });
  const tree = h("input", { type: "checkbox", checked: params.has("tree"), change: onTree });
  const total = h("output", { "aria-live": "off" });
  const note = h("p", { role: "status" });
  const headOf = (/** @type {string} */ key, /** @type {Node | string} */ child) =>
    h("div", { role: "columnheader", class: `c-${key}` }, child);
  const heads = Object.entries(COLUMNS).map(([key, [title, help]]) =>
    headOf(key, h("button", { title: help, click: () => sortBy(key) }, title))
  );
  heads.splice(SPARK_AT, 0, headOf("spark", "2 min"));
  const body = h("div", { role: "rowgroup", class: "rows" });
  const space = h("div", { class: "space", role: "presentation" }, body);
  const head = h("div", { role: "rowgroup", class: "head" }, h("div", { role: "row" }, ...heads));
  const named = { role: "grid", "aria-label": "Containers", "aria-colcount": heads.length };
  const grid = h("div", { class: "grid", tabindex: 0, keydown: onKey, ...named }, head, space);
  const label = h("label", {}, tree, " Tree");
  const bar = h("div", { class: "bar" }, h("h1", {}, "Containers"), input, label, total);
  root.append(bar, note, grid);
  /** Element `i` of `n` shows the rows `i`, `i + n`, …, so that a scroll changes only rows that come into view. @type {ReturnType<typeof makeRow>[]} */
  const parts = [];
  let rows = /** @type {Row[]} */ ([]);
  /** Increased to redraw all values. */
  let version = 0;
  let selected = "";
  let [stayTimer, scrolledMs] = [0, -Infinity];

  /** Records choices in the URL. @param {Readonly<Record<string, string>>} choices */
  function choose(choices) {
    for (const [key, value] of Object.entries(choices)) {
      if (value === "") params.delete(key);
      else params.set(key, value);
    }
    history.replaceState(null, "", `#/containers?${params}`);
    order(true);
  }

  /** @param {string} key */
  function sortBy(key) {
    const isSame = (params.get("sort") ?? "cpu") === key;
    choose({ sort: key, reverse: isSame && !params.has("reverse") ? "1" : "" });
    grid.scrollTop = 0;
  }

  /** Selects and sorts; the order is kept while the pointer is on a row. */
  function order(isChoice = false) {
    const words = (input.value.toLowerCase().match(/(?:"[^"]*"?|[^\s"])+/g) ?? [])
      .map((word) => word.replaceAll('"', "")).filter(Boolean);
    const tests = words.map(testOf);
    const all = [...usage.rows.values()];
    const found = all.filter((row) => words.length > 0 || tree.checked || isBusy(row))
      .filter((row) => words.every((word, at) => tests[at]?.(row) ?? row.text.includes(word)));
    const wrong = words.find((word, at) => word.includes(":") && tests[at] === undefined);
    const none = wrong === undefined
      ? "No container matches"
      : `Cannot filter by ${wrong}: ${HELP}`;
    setText(note, found.length > 0 || all.length === 0 ? "" : none);
    const sort = params.get("sort") ?? "cpu";
    if (!isChoice && body.matches(":hover")) {
      const places = new Map(rows.map((row, at) => [row, at]));
      found.sort((a, b) => (places.get(a) ?? rows.length) - (places.get(b) ?? rows.length));
    } else if (tree.checked) found.sort(byCgroup);
    else found.sort(byColumn(COLUMNS[sort] ?? ["", "", (r) => r.cpu], params.has("reverse")));
    rows = found;
    version++;
    setText(total, `${count(rows.length)} of ${count(all.length)}`);
    grid.setAttribute("aria-rowcount", String(rows.length + 1));
    const direction = params.has("reverse") === (sort === "name") ? "descending" : "ascending";
    for (const cell of heads) {
      const isSorted = !tree.checked && cell.className === `c-${sort}`;
      setAttributes(cell, { "aria-sort": isSorted ? direction : undefined });
    }
    draw();
  }

  /** Draws the rows in view. */
  function draw() {
    space.style.height = `${rows.length * ROW_HEIGHT}px`;
    const seen = Math.ceil(grid.clientHeight / ROW_HEIGHT) + 2 * SPARE_ROWS;
    const top = Math.floor(grid.scrollTop / ROW_HEIGHT) - SPARE_ROWS;
    const first = Math.max(0, Math.min(top, rows.length - seen));
    const inView = rows.slice(first, first + seen);
    while (parts.length < seen) parts.push(makeRow());
    inView.forEach((row, at) => parts[(first + at) % parts.length]?.update(row, first + at));
    const unused = parts.length - inView.length;
    for (let i = 0; i < unused; i++) parts[(first + inView.length + i) % parts.length]?.hide();
    clearTimeout(stayTimer);
    stayTimer = setTimeout(() => inView.forEach((row) => usage.loadHistory(row)), STAY_MS);
  }

  function makeRow() {
    const name = containerLink("");
    name.tabIndex = -1;
    const type = h("span", { class: "type" });
    const meter = h("span", { class: "meter" });
    const memory = h("span");
    const [spark, drawSpark] = sparkline();
    const cellOf = (/** @type {string} */ key) => h("div", { role: "gridcell", class: `c-${key}` });
    const cells = Object.keys(COLUMNS).map(cellOf);
    cells[0]?.append(name, type);
    cells[MEMORY_AT]?.append(meter, memory);
    const element = h("div", { role: "row" }, ...cells.toSpliced(SPARK_AT, 0, cellOf("spark")));
    element.children[SPARK_AT]?.append(spark);
    let drawn = "";
    return { hide: () => element.remove(), update };

    /** @param {Row} row @param {number} index */
    function update(row, index) {
      if (!element.isConnected) body.append(element);
      if (drawn === `${index} ${version}`) return;
      drawn = `${index} ${version}`;
      element.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
      setAttributes(name, { title: row.cgroup });
      const isSelected = row.cgroup === selected;
      element.id = `row-${index}`;
      setAttributes(element, { "aria-rowindex": index + 2, "aria-selected": `${isSelected}` });
      const path = row.cgroup.split("/");
      const isPlain = row.name === row.cgroup && row.cgroup !== "/";
      setText(name, isPlain ? path.at(-1) ?? "" : row.name);
      name.hash = `/container${encoded(row.cgroup)}`;
      name.style.marginInlineStart = `${tree.checked ? (path.length - 2) * 14 : 0}px`;
      setText(type, isPlain && !tree.checked ? path.slice(0, -1).join("/") : row.type);
      Object.values(COLUMNS).forEach(([, , valueOf, format], at) => {
        if (format !== undefined) setText(cells[at] ?? name, format(Number(valueOf(row))));
      });
      setText(memory, bytes(row.memory));
      const share = row.memory / row.memory_limit;
      meter.hidden = Number.isNaN(share);
      meter.title = `${percent(share)} of ${bytes(row.memory_limit)}`;
      meter.style.setProperty("--share", String(Math.min(1, share)));
      meter.classList.toggle("full", share > 0.9);
      element.classList.toggle("killed", row.oom_kills > 0);
      drawSpark(row.history, "cpu");
    }
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const at = rows.findIndex(({ cgroup }) => cgroup === selected);
    if (event.key === "Enter" && event.target === grid && at >= 0) {
      location.hash = `/container${encoded(selected)}`;
    }
    const move = STEPS[event.key];
    if (move === undefined) return;
    event.preventDefault();
    select(Math.max(0, Math.min(rows.length - 1, at + move)));
  }

  /** @param {number} at */
  function select(at) {
    selected = rows[at]?.cgroup ?? "";
    const top = at * ROW_HEIGHT;
    const most = grid.clientHeight - 2 * ROW_HEIGHT;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top > grid.scrollTop + most) grid.scrollTop = top - most;
    version++;
    draw();
    grid.setAttribute("aria-activedescendant", `row-${at}`);
  }

  document.addEventListener("keydown", (event) => {
    const isTyping = document.activeElement === input;
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      input.select();
    } else if (event.key === "Escape" && input.value !== "") {
      input.value = "";
      choose({ filter: "" });
    } else if (isTyping && ["ArrowDown", "Enter"].includes(event.key)) {
      event.preventDefault();
      grid.focus();
      select(0);
    }
  }, { signal });
  grid.addEventListener("scroll", () => {
    scrolledMs = performance.now();
    requestAnimationFrame(draw);
  }, { passive: true });
  addEventListener("resize", draw, { signal });
  // The order is kept during scrolling.
  usage.watch(REFRESH_MS, signal, () => performance.now() - scrolledMs > STAY_MS && order());
  order();
}
