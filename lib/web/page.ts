import { PAGE_TYPES, type PageFile } from "../model/page_file.ts";
import charts from "./charts.js" with { type: "text" };
import container from "./container.js" with { type: "text" };
import containers from "./containers.js" with { type: "text" };
import data from "./data.js" with { type: "text" };
import dom from "./dom.js" with { type: "text" };
import events from "./events.js" with { type: "text" };
import main from "./main.js" with { type: "text" };
import node from "./node.js" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };
import index from "./index.html" with { type: "text" };
import style from "./style.css" with { type: "text" };

const SCRIPTS = { charts, container, containers, data, dom, events, main, node };

/** Content type and content, keyed by path below `/web`; `/` is `index.html`. */
const FILES = new Map<string, readonly [string, string]>([
  ["/", [PAGE_TYPES.html, index]],
  ["/style.css", [PAGE_TYPES.style, style]],
  ["/icon.svg", [PAGE_TYPES.icon, icon]],
]);
for (const [name, text] of Object.entries(SCRIPTS)) {
  FILES.set(`/${name}.js`, [PAGE_TYPES.script, text]);
}

/** Returns the file at a path below `/web`, or `undefined` if there is none. */
export async function pageFile(path: string): Promise<PageFile | undefined> {
  const [contentType, text] = FILES.get(path) ?? [];
  if (contentType === undefined || text === undefined) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  // Weak, since the text is sent with and without gzip.
  const etag = `W/"${new Uint8Array(digest.slice(0, 12)).toHex()}"`;
  return { contentType, text, etag };
}
