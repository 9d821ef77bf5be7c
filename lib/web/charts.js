/** Lines over time, as SVG that the stylesheet colors, from typed arrays. @module */
import { h, list, setAttributes, setText, time } from "./dom.js";

/** Time span of a chart; the agent stores samples of two minutes. */
const WINDOW_MS = 120_000;
const CAPACITY = 256;
const WIDTH = 480;
const HEIGHT = 96;
/** Maximum number of lines of a chart, as many as the stylesheet has colors. */
const MAX_LINES = 6;

/** Values up to this factor above a round maximum are drawn at it: measured shares exceed 100 %. */
const CLIPPED = 1.02;

/** Values over time by name, in parallel arrays that discard the older half when full. */
export class Series {
  lines = /** @type {Map<string, Float64Array>} */ (new Map());
  times = new Float64Array(CAPACITY);
  size = 0;

  /** Time of the newest values. */
  get last() {
    return this.times[this.size - 1] ?? -Infinity;
  }

  /** Adds values; ignored unless newer than the last. @param {number} ms @param {Readonly<Record<string, number | undefined>>} values */
  push(ms, values) {
    if (!(ms > this.last)) return;
    if (this.size === CAPACITY) this.#dropHalf();
    this.times[this.size] = ms;
    for (const [name, value] of Object.entries(values)) {
      const line = this.lines.get(name) ?? new Float64Array(CAPACITY).fill(NaN);
      line[this.size] = value ?? NaN;
      this.lines.set(name, line);
    }
    this.size++;
  }

  /** Returns the measured values of a line. @param {string} name */
  known(name) {
    return this.lines.get(name)?.subarray(0, this.size).filter((value) => value >= 0) ?? [];
  }

  #dropHalf() {
    this.size = CAPACITY / 2;
    for (const line of [this.times, ...this.lines.values()]) {
      line.copyWithin(0, this.size);
      line.fill(NaN, this.size);
    }
  }
}

/** Returns the path of a line within a box. @param {Series} series @param {string} name @param {Record<"from" | "to" | "max" | "width" | "height", number>} box */
function pathOf({ times, lines, size }, name, { from, to, max, width, height }) {
  const line = lines.get(name) ?? times;
  let d = "";
  for (let i = 0; i < size; i++) {
    const value = line[i] ?? NaN;
    // Includes one sample before the window, so that the line starts at the edge.
    if (Number.isNaN(value) || (i + 1 < size && (times[i + 1] ?? 0) < from)) continue;
    const x = ((times[i] ?? 0) - from) / (to - from) * width;
    const y = height - Math.min(1, value / max) * height;
    d += `${d === "" ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  return d;
}

/** @param {string} tag @param {Record<string, unknown>} [attributes] @param {...Element} children */
function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** Creates a line without axes, for a table. @returns {readonly [Element, (series: Series, name: string) => void]} */
export function sparkline() {
  const path = svg("path", { class: "s0" });
  const shape = { viewBox: "0 0 80 20", preserveAspectRatio: "none", "aria-hidden": "true" };
  return [svg("svg", { class: "spark", ...shape }, path), (series, name) => {
    const to = Date.now();
    const max = Math.max(0.01, ...series.known(name));
    const box = { from: to - WINDOW_MS, to, max, width: 80, height: 20 };
    path.setAttribute("d", series.lines.has(name) ? pathOf(series, name, box) : "");
  }];
}

/** Returns the next round number: a power of 2 for bytes, otherwise 1, 2, 4, … times a power of 10. @param {number} value @param {boolean} isBytes */
function roundUp(value, isBytes) {
  if (!(value > 0)) return 1;
  if (isBytes) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8].find((step) => step * power >= value) ?? 10) * power;
}

/** A limit is a dashed line; marks are times of OOM kills. @typedef {{ limit?: number | undefined, marks?: readonly number[], from?: number, to?: number }} DrawOptions */

/**
 * Creates a chart with a legend of the newest values, or of the values at the pointer.
 *
 * @param {string} title
 * @param {{ format: (value: number) => string, isBytes?: boolean, max?: number, at?: (ms: number) => Node | string }} options
 * @returns {{ element: HTMLElement, draw: (series: Series, options?: DrawOptions) => void }}
 */
export function chart(title, { format, isBytes = false, max: least = 0.01, at = time }) {
  const lines = svg("g");
  const [area, limitLine, markLines, cursor] = ["area", "limit", "mark", "cursor"]
    .map((name) => svg("path", { class: name }));
  // Room above for a line at the maximum.
  const shape = {
    viewBox: `0 -2 ${WIDTH} ${HEIGHT + 2}`,
    preserveAspectRatio: "none",
    role: "img",
  };
  const root = svg("svg", shape);
  root.append(...[area, lines, limitLine, markLines, cursor].filter((part) => part !== undefined));
  const scale = h("span", { class: "scale" });
  const when = h("span", { class: "when" });
  const legend = h("ul");
  const showLines = list(lines, () => {
    const path = svg("path");
    return [path, (/** @type {string} */ d, n) => setAttributes(path, { class: `s${n}`, d })];
  });
  const showLegend = list(legend, () => {
    const value = h("b");
    const name = h("span");
    const item = h("li", {}, name, " ", value);
    return [item, (/** @type {readonly [string, string]} */ [key, text], n) => {
      item.className = `s${n}`;
      setText(name, key);
      setText(value, text);
    }];
  });
  let shown = new Series();
  let [from, to] = [0, 1];
  /** @type {number | undefined} The pointer, as a share of the width. */
  let pointer;

  function describe() {
    let index = shown.size - 1;
    const ms = from + (pointer ?? 1) * (to - from);
    while (pointer !== undefined && index > 0 && (shown.times[index] ?? 0) > ms) index--;
    const rows = [...shown.lines].slice(0, MAX_LINES)
      .map(([key, line]) => /** @type {const} */ ([key, format(line[index] ?? NaN)]));
    showLegend(rows);
    when.replaceChildren(pointer === undefined || index < 0 ? "" : at(shown.times[index] ?? 0));
    const x = (pointer ?? 0) * WIDTH;
    cursor?.setAttribute("d", pointer === undefined ? "" : `M${x} 0V${HEIGHT}`);
    const values = rows.map((row) => row.join(" ")).join(", ");
    if (pointer === undefined) {
      root.setAttribute("aria-label", `${title}: ${values || "no values"}`);
    }
  }

  const onPointer = (/** @type {PointerEvent} */ { type, clientX }) => {
    const { left, width } = root.getBoundingClientRect();
    pointer = type === "pointerleave" ? undefined : (clientX - left) / width;
    describe();
  };
  setAttributes(root, { pointermove: onPointer, pointerleave: onPointer });
  const caption = h("figcaption", {}, h("h3", {}, title), when, legend);
  const plot = h("div", { class: "plot" }, root, scale);
  return {
    element: h("figure", { class: "card" }, caption, plot),
    draw(series, { limit, marks = [], to: end = Date.now(), from: start = end - WINDOW_MS } = {}) {
      [shown, from, to] = [series, start, end];
      const names = [...series.lines.keys()].slice(0, MAX_LINES);
      const most = Math.max(0, ...names.flatMap((name) => [...series.known(name)]));
      // A limit far above the values would flatten the lines.
      const near = (limit ?? Infinity) <= most * 5 ? limit : undefined;
      const greatest = Math.max(most, near ?? 0);
      const max = greatest <= least ? least : roundUp(greatest / CLIPPED, isBytes);
      const box = { from, to, max, width: WIDTH, height: HEIGHT };
      const paths = names.map((name) => pathOf(series, name, box));
      showLines(paths);
      const [, left] = /^M(\S+)/.exec(paths[0] ?? "") ?? [];
      const [, right] = /(?:L|^M)(\S+) \S+$/.exec(paths[0] ?? "") ?? [];
      const shade = `${paths[0]}L${right} ${HEIGHT}L${left} ${HEIGHT}Z`;
      area?.setAttribute("d", right === undefined ? "" : shade);
      const y = HEIGHT - (near ?? 0) / max * HEIGHT;
      limitLine?.setAttribute("d", near === undefined ? "" : `M0 ${y}H${WIDTH}`);
      const kills = marks.filter((ms) => ms >= from && ms <= to)
        .map((ms) => `M${(ms - from) / (to - from) * WIDTH} 0V${HEIGHT}`);
      markLines?.setAttribute("d", kills.join(""));
      setText(scale, format(max));
      describe();
    },
  };
}
