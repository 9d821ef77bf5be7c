/**
 * Costs of the web page with 3,000 recorded containers in Chromium.
 *
 * @module
 */
import { AgentProcess, delay } from "../../tests/e2e/_agent.ts";
import {
  Browser,
  type BrowserPage,
  HAS_CHROMIUM,
} from "../../tests/e2e/_browser.ts";
import {
  readRecorded,
  RecordedTree,
  unpack,
} from "../../tests/_support/recorded_tree.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { cpuNs } from "./load.ts";

const CONTAINERS = 3_000;
/** Containers whose counters increase each second. */
const BUSY = 150;
/** Interval of the page's requests for the table. */
const REFRESH_MS = 1_500;

/** Records the time of the first painted rows. */
const WATCH_ROWS = `(function look() {
  if (document.querySelectorAll(".rows [role=row]").length > 10) {
    requestAnimationFrame(() => globalThis.shownMs = performance.now());
  } else requestAnimationFrame(look);
})()`;

/**
 * Sorts by each column; returns the median time until the next painted frame in
 * milliseconds.
 */
const SORT = `(async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const times = [];
  for (const button of document.querySelectorAll(".head button")) {
    await frame();
    const startMs = performance.now();
    button.click();
    await frame();
    await frame();
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b);
})()`;

/** Scrolls from the top for 5 s; returns late frames in percent. */
const SCROLL = `(async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const grid = document.querySelector(".grid");
  grid.scrollTop = 0;
  let before = await frame();
  const startMs = before;
  let [shown, missed] = [0, 0];
  while (before - startMs < 5000) {
    grid.scrollTop += 90;
    const now = await frame();
    shown++;
    missed += Math.max(0, Math.round((now - before) / (1000 / 60)) - 1);
    before = now;
  }
  return missed / (shown + missed) * 100;
})()`;

/** A page of 3,000 static lines, as the reference of a scroll. */
const STATIC_LINES = `(() => {
  const grid = document.createElement("div");
  grid.className = "grid";
  grid.style = "height: 700px; overflow: auto";
  for (let i = 0; i < 3000; i++) {
    const line = document.createElement("div");
    line.style = "height: 32px";
    line.textContent = "line " + i;
    grid.append(line);
  }
  document.body.replaceChildren(grid);
})()`;

/** Sends the shown page's requests for the table until aborted. */
async function replay(agent: AgentProcess, signal: AbortSignal): Promise<void> {
  const all = "/api/v2.1/usage?recursive=true";
  const columns = "timestamp,cpu,throttled,memory,memory_limit,working_set," +
    "io_read,io_write,network_rx,network_tx,processes,oom_kills";
  let { timestamp } = await agent.json(all);
  while (!signal.aborted) {
    await delay(REFRESH_MS);
    ({ timestamp } = await agent.json(
      `${all}&columns=${columns}&since=${timestamp}`,
    ));
  }
}

function addContainers(root: RecordedTree): (round: number) => void {
  const dump = readRecorded("cgroup", "6.1-v2-docker.txt");
  const places = Array.from({ length: CONTAINERS }, (_, i) => {
    const id = i.toString(16).padStart(4, "0").padStart(64, "c0ffee");
    return `/sys/fs/cgroup/system.slice/docker-${id}.scope`;
  });
  // Idle containers are links to one's files.
  const template = `${root.root.path}${places[BUSY]}`;
  for (const place of places.slice(0, BUSY + 1)) unpack(root.root, dump, place);
  const files = [...Deno.readDirSync(template)].map(({ name }) => name);
  for (const place of places.slice(BUSY + 1)) {
    const { path } = root.root.child(place);
    for (const file of files) {
      Deno.linkSync(`${template}/${file}`, `${path}/${file}`);
    }
  }
  return (round) => {
    for (const [i, place] of places.slice(0, BUSY).entries()) {
      const usec = round * (i + 1) * 5_000;
      root.root.file(
        `${place}/cpu.stat`,
        `usage_usec ${usec}\nuser_usec ${usec}\nsystem_usec 0\n`,
      );
      root.root.file(
        `${place}/memory.current`,
        `${(i + 1) * 2 ** 20 + round}\n`,
      );
    }
  };
}

/** The tab's private memory in MB. */
async function tabMb(browser: Browser): Promise<number> {
  let most = 0;
  for (const pid of await browser.tabPids()) {
    const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`)
      .catch(() => "");
    const kb = [...text.matchAll(/^Private_\w+:\s+(\d+)/gm)]
      .reduce((sum, [, value]) => sum + Number(value), 0);
    most = Math.max(most, kb / 1024);
  }
  return most;
}

/** The agent's CPU in percent of a core. */
async function load(agent: AgentProcess, ms: number): Promise<number> {
  const before = await cpuNs(agent.pid);
  await delay(ms);
  return (await cpuNs(agent.pid) - before) / ms / 1e4;
}

async function firstView(page: BrowserPage, url: string): Promise<number> {
  await page.send("Network.clearBrowserCache");
  await page.open("about:blank");
  await page.open(url);
  await page.until("globalThis.shownMs", 60_000);
  return await page.evaluate("globalThis.shownMs");
}

interface Browsed {
  readonly views: number[];
  readonly sorts: number[];
  readonly scrolled: number[];
  /** As `scrolled`, of static lines. */
  readonly unchanged: number[];
  readonly memoryMb: number;
  /** While the page is hidden. */
  readonly requests: number;
}

/** Opens the table, sorts and scrolls it, and hides it. */
async function browse(url: string, quick: boolean): Promise<Browsed> {
  await using browser = await Browser.start();
  const page = await browser.newPage();
  await page.emulate(1280, 800);
  await page.send("Page.addScriptToEvaluateOnNewDocument", {
    source: WATCH_ROWS,
  });
  const views: number[] = [];
  for (let i = 0; i < (quick ? 3 : 10); i++) {
    views.push(await firstView(page, url));
  }
  const sorts: number[] = await page.evaluate(SORT);
  const scrolled: number[] = [];
  for (let i = 0; i < (quick ? 1 : 5); i++) {
    scrolled.push(await page.evaluate(SCROLL));
  }
  // Rows at the end of the scroll fetch their history.
  await delay(3_000);
  const memoryMb = await tabMb(browser);
  const before = page.requests.length;
  await page.evaluate(
    `Object.defineProperty(document, "hidden", { value: true });
     document.dispatchEvent(new Event("visibilitychange")), 0`,
  );
  await delay(5_000);
  const requests = page.requests.length - before;
  await page.open("about:blank");
  await page.evaluate(STATIC_LINES);
  const unchanged: number[] = [await page.evaluate(SCROLL)];
  return { views, sorts, scrolled, unchanged, memoryMb, requests };
}

/** The page's time, memory and CPU. */
export const web: readonly Benchmark[] = [{
  name: "web",
  async run({ quick, say }) {
    if (!HAS_CHROMIUM) {
      say("web: Chromium is not installed");
      return [];
    }
    using recorded = new RecordedTree("6.1-v2");
    const work = addContainers(recorded);
    let round = 0;
    work(round);
    const agent = await AgentProcess.start([
      `--root=${recorded.fs.root}`,
      ...["--event-log=none", "--kmsg=none"],
    ]);
    const timer = setInterval(() => work(++round), 1_000);
    const spanMs = quick ? 8_000 : 40_000;
    try {
      await delay(quick ? 10_000 : 60_000);
      const browsed = await browse(`${agent.url}/#/containers`, quick);
      const { views, sorts, scrolled, unchanged, memoryMb, requests } = browsed;
      // Without the browser, which shares two cores and their caches with the
      // agent.
      const open: number[] = [];
      const alone: number[] = [];
      for (let i = 0; i < (quick ? 2 : 4); i++) {
        const stop = new AbortController();
        const replayed = replay(agent, stop.signal);
        open.push(await load(agent, spanMs));
        stop.abort();
        await replayed;
        alone.push(await load(agent, spanMs));
      }
      const note = `${CONTAINERS} containers, ${BUSY} busy`;
      const figure = (
        name: string,
        unit: string,
        values: number[],
        limit: number,
      ): Figure => ({ name, unit, values, goal: { of: "value", limit }, note });
      return [
        figure("page: first view of the table", "ms", views, 1_500),
        figure("page: sort", "ms", sorts, 100),
        {
          ...figure("page: frames lost in a scroll", "%", scrolled, 5),
          reference: { name: "static text", values: unchanged },
        },
        figure("page: private memory of the tab", "MB", [memoryMb], 150),
        {
          ...figure("page: agent's CPU for it", "% of a core", open, 2),
          reference: { name: "no page", values: alone },
          goal: { of: "difference", limit: 2 },
        },
        figure("page: requests in 5 s while hidden", "", [requests], 0),
      ];
    } finally {
      clearInterval(timer);
      await agent.stop();
    }
  },
}];
