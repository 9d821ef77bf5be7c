/**
 * The shell around the views: navigation, the token, and the state of the connection. @module
 */
import { containerView, dockerView } from "./container.js";
import { containersView } from "./containers.js";
import { feed, shell } from "./data.js";
import { escaped, setAttributes, setText } from "./dom.js";
import { eventsView, oomView } from "./events.js";
import { machineView, overview } from "./node.js";

/**
 * A view: parent of its elements, path after its name (`/system.slice`), choices (the query); the
 * signal aborts when another view is shown. @typedef {{ root: HTMLElement, rest: string,
 *   params: URLSearchParams, signal: AbortSignal, setTitle: (title: string) => void }} View
 */

/** @type {Readonly<Record<string, (view: View) => void>>} */
const VIEWS = {
  "": overview,
  containers: containersView,
  container: containerView,
  docker: dockerView,
  events: eventsView,
  oom: oomView,
  machine: machineView,
};

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const root = byId("view");
const state = byId("state");
let current = new AbortController();

/** Shows the view of the URL. */
function navigate() {
  const [path = "", query = ""] = location.hash.slice(1).split("?");
  const isFirst = root.className === "";
  current.abort();
  current = new AbortController();
  const [, name = "", rest = ""] = /^\/([^/]*)(.*)$/.exec(path) ?? [];
  for (const link of document.querySelectorAll("nav a")) {
    const isCurrent = link.getAttribute("href") === `#/${name}`;
    setAttributes(link, { "aria-current": isCurrent ? "page" : undefined });
  }
  root.replaceChildren();
  root.className = `view-${name}`;
  root.scrollTop = 0;
  (VIEWS[name] ?? overview)({
    root,
    // Unlike decodeURIComponent, without an error for invalid text.
    rest: new URLSearchParams(`=${rest.replaceAll("+", "%2B").replaceAll("&", "%26")}`).get("") ??
      "",
    params: new URLSearchParams(query),
    signal: current.signal,
    setTitle: (title) => document.title = escaped(`${title} – cgwatch`),
  });
  if (!isFirst) root.focus();
}

shell.report = (problem) => {
  state.className = problem === "" ? "ok" : "bad";
  setText(state, problem === "" ? "live" : `${problem}; trying again`);
};

shell.requestToken = (wasRefused) => {
  const dialog = /** @type {HTMLDialogElement} */ (byId("token"));
  const input = dialog.querySelector("input");
  const note = dialog.querySelector("[role=alert]");
  if (input === null || note === null) throw new Error("The page has changed");
  note.textContent = wasRefused ? "The agent refused this token." : "";
  input.value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      if (input.value !== "") resolve(input.value.trim());
      else dialog.showModal();
    };
  });
};

addEventListener("hashchange", navigate);
navigate();
feed.follow();
