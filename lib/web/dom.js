/**
 * Elements and text. Names of containers and processes are untrusted: they become text nodes,
 * never markup. @module
 */

/** JSON of the agent's API. @typedef {any} Json */

/**
 * @template {keyof HTMLElementTagNameMap} K @param {K} tag
 * @param {Record<string, unknown>} [attributes] a function is a listener of the event of that name
 * @param {...(Node | string)} children @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children.map((one) => typeof one === "string" ? escaped(one) : one));
  return element;
}

/** Escapes characters that hide or reorder text, as the CLI does: `\\x1b`, `\\u202e`. @param {string} text */
export function escaped(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => {
    const hex = char.codePointAt(0)?.toString(16) ?? "";
    return hex.length < 3 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
  });
}

/** @param {Element} element @param {Record<string, unknown>} attributes */
export function setAttributes(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(key, /** @type {EventListener} */ (value));
    } else if (value === undefined || value === false) element.removeAttribute(key);
    else if (key === "title" || key === "aria-label") {
      element.setAttribute(key, escaped(`${value}`));
    } else element.setAttribute(key, value === true ? "" : String(value));
  }
}

/** @param {Node} node @param {string} text */
export function setText(node, text) {
  const shown = escaped(text);
  if (node.textContent !== shown) node.textContent = shown;
}

/**
 * Shows items as children, which are reused by position so that the focus is kept.
 * @template T @param {Element} parent @param {() => readonly [Element, (item: T, at: number) => void]} make
 * @returns {(items: readonly T[]) => void}
 */
export function list(parent, make) {
  const parts = /** @type {(readonly [Element, (item: T, at: number) => void])[]} */ ([]);
  return (items) => {
    while (parts.length < items.length) parts.push(make());
    items.forEach((item, at) => parts[at]?.[1](item, at));
    if (parent.childElementCount === items.length) return;
    parent.replaceChildren(...parts.slice(0, items.length).map(([part]) => part));
  };
}

/** Creates a section with a heading. @param {string} title @param {...(Node | string)} children */
export function card(title, ...children) {
  return h("section", { class: "card" }, h("h2", {}, title), ...children);
}

/** @param {readonly string[]} titles @param {readonly (readonly (Node | string | undefined)[])[]} rows */
export function table(titles, rows) {
  const head = h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", {}, title))));
  const lines = rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell ?? "–"))));
  const scrolled = { class: "scroll", tabindex: 0, role: "group", "aria-label": titles.join(", ") };
  return h("div", scrolled, h("table", {}, head, h("tbody", {}, ...lines)));
}

/** Creates a list of labels and values without the empty values. @param {readonly (readonly [string, Node | string | undefined])[]} rows */
export function facts(rows) {
  const cells = rows.map(([label, value]) => value ? [h("dt", {}, label), h("dd", {}, value)] : []);
  return h("dl", {}, ...cells.flat());
}

/** Encodes a cgroup for a URL. @param {string} cgroup */
export function encoded(cgroup) {
  return cgroup.split("/").map(encodeURIComponent).join("/");
}

/** Creates a link to the view of a container. @param {string} cgroup @param {string} [text] */
export function containerLink(cgroup, text = cgroup) {
  return h("a", { href: `#/container${encoded(cgroup)}`, title: cgroup }, text);
}

/** Creates a local time, with UTC on hover. @param {number} ms @param {boolean} [hasDate] */
export function time(ms, hasDate = Math.abs(Date.now() - ms) > 43_200_000) {
  const date = new Date(ms);
  const utc = date.toISOString();
  const day = hasDate ? `${date.toLocaleDateString("sv")} ` : "";
  return h("time", { datetime: utc, title: utc }, day + date.toLocaleTimeString("sv"));
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** @param {number | undefined} value */
export function bytes(value = NaN) {
  if (Number.isNaN(value)) return "–";
  let rest = value;
  let at = 0;
  for (; rest >= 1000 && at < UNITS.length - 1; at++) rest /= 1024;
  return `${at === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1)} ${UNITS[at]}`;
}

/** Formats bytes per second. @param {number} value */
export function rate(value) {
  return Number.isNaN(value) ? "–" : `${bytes(value)}/s`;
}

/** Formats a fraction as percent. @param {number} value */
export function percent(value) {
  const hundred = value * 100;
  return Number.isNaN(value) ? "–" : `${hundred.toFixed(hundred < 99.95 ? 1 : 0)} %`;
}

/** @param {number} value */
export function count(value) {
  return Number.isNaN(value) ? "–" : value.toLocaleString("en");
}
