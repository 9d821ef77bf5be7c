import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AgentProcess, readEvents, until } from "./_agent.ts";
import { axeSource } from "./_axe.ts";
import { Browser, type BrowserPage, HAS_CHROMIUM } from "./_browser.ts";
import { CAN_MAKE_CGROUPS, CAN_OOM, TestCgroups } from "./_cgroups.ts";

const CAN_BROWSE = HAS_CHROMIUM && CAN_MAKE_CGROUPS;
if (!CAN_BROWSE) {
  Deno.stderr.writeSync(
    new TextEncoder().encode(
      "web: Chromium or cgroups are missing, the tests of the page are skipped\n",
    ),
  );
}

const HOSTILE = "<img src=x onerror=document.title=666>";
/** The object of the page's event stream: each import returns the same module. */
const FEED = "(await import(new URL('web/data.js', document.baseURI))).feed";

/** Clicks the first element that a selector finds. */
async function click(page: BrowserPage, selector: string): Promise<void> {
  await page.until(`document.querySelector(${JSON.stringify(selector)})`);
  await page.evaluate(
    `document.querySelector(${JSON.stringify(selector)}).click()`,
  );
}

/** Shows the view of a hash in the open page. */
async function show(page: BrowserPage, hash: string): Promise<void> {
  await page.evaluate(`void (location.hash = ${JSON.stringify(hash)})`);
}

/** Names in the table of containers. */
const NAMES =
  "[...document.querySelectorAll('.rows .c-name a')].map((link) => link.textContent)";

/** Waits until the page shows the string. */
async function sees(page: BrowserPage, text: string): Promise<void> {
  await page.until(`document.body.innerText.includes(${JSON.stringify(text)})`);
}

/** Fails where axe finds a violation in what is shown, light or dark. */
async function assertAccessible(
  page: BrowserPage,
  axe: string | undefined,
  view: string,
): Promise<void> {
  if (axe === undefined) return;
  for (const scheme of ["light", "dark"] as const) {
    await page.emulate(1280, 800, scheme);
    const found = await page.evaluate(`(async () => {
      if (!globalThis.axe) { ${axe} }
      const { violations } = await axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
        resultTypes: ["violations"],
      });
      return violations.map(({ id, nodes }) =>
        id + ": " + nodes.map(({ html, failureSummary }) => html + failureSummary).join("\\n"));
    })()`);
    assertEquals(found, [], `${view}, ${scheme}`);
  }
}

Deno.test({
  name: "page shows the node, its containers and events as they are now",
  ignore: !CAN_BROWSE,
  async fn(t) {
    const axe = await axeSource();
    await using cgroups = new TestCgroups("web");
    await using browser = await Browser.start();
    const agent = await AgentProcess.start([
      "--event-log=none",
      "--allow-ps=full",
    ]);
    try {
      for (const name of ["/busy", "/oom"]) {
        cgroups.make(name);
        cgroups.spawn(name, "while :; do sleep 0.1; done");
      }
      const page = await browser.newPage();
      await page.emulate(1280, 800);

      await t.step("overview", async () => {
        await page.open(`${agent.url}/`);
        await page.until("document.querySelectorAll('figure.card').length > 2");
        await page.until("document.querySelector('.sources li')");
        await page.until(
          "document.querySelectorAll('.tiles b')[2].textContent !== '–'",
        );
        // 100 % is one CPU in the chart below.
        await page.until(
          "/^\\d+\\.\\d\\d of \\d+ CPUs$/.test(document.querySelector('.tiles b').textContent)",
        );
        await assertAccessible(page, axe, "overview");
      });

      await t.step("a container appears, and vanishes", async () => {
        await page.open(`${agent.url}/#/containers?filter=cgwatch-test-web`);
        await sees(page, "busy");
        cgroups.make("/appears");
        await sees(page, "appears");
        cgroups.remove("/appears");
        await page.until("!document.body.innerText.includes('appears')");
        await assertAccessible(page, axe, "containers");
      });

      await t.step("a name that is markup is text", async () => {
        cgroups.make(`/${HOSTILE}`);
        await sees(page, HOSTILE);
        assertEquals(await page.evaluate("document.images.length"), 0);
        assert(!await page.evaluate("document.title.includes('666')"));
      });

      await t.step(
        "sorted, filtered and opened by keyboard alone",
        async () => {
          await page.press("/", ..."b", ..."usy");
          await page.until(
            "document.querySelectorAll('.rows [role=row]').length === 1",
          );
          for (let tabs = 0; tabs < 20; tabs++) {
            await page.press("Tab");
            const text = await page.evaluate(
              "document.activeElement.textContent",
            );
            if (text === "Memory") break;
          }
          await page.press("Enter");
          await page.until(
            "document.querySelector('.c-memory[aria-sort=descending]')",
          );
          await page.press("/", "Enter", "Enter");
          await page.until("document.querySelector('main.view-container h1')");
          await page.until(
            "document.querySelectorAll('figure.card').length > 1",
          );
          await sees(page, "Identity and limits");
          await click(page, "summary");
          await sees(page, "sleep 0.1");
          await sees(page, "Started (agent's time zone)");
          await assertAccessible(page, axe, "container");
        },
      );

      await t.step("an OOM kill appears, and opens as a card", async () => {
        if (!CAN_OOM) return;
        // Other tests of the machine may fill the list.
        await page.open(`${agent.url}/#/events?filter=cgwatch-test-web`);
        await page.until(`(async () => ${FEED}.isLive)()`);
        const directory = await Deno.makeTempDir();
        await Deno.symlink("/usr/bin/tail", `${directory}/<img src=x>`);
        const [controller = ""] = ["memory", "unified"].filter((name) =>
          cgroups.paths([name]).length > 0
        );
        cgroups.write(
          "/oom",
          controller,
          controller === "memory" ? "memory.limit_in_bytes" : "memory.max",
          String(16 * 2 ** 20),
        );
        const victim = cgroups.spawn(
          "/oom",
          `exec "${directory}/<img src=x>" /dev/zero`,
          [controller],
        );
        await victim.status;
        await Deno.remove(directory, { recursive: true });
        await sees(page, `<img src=x> (pid ${victim.pid})`);
        assertEquals(
          await page.evaluate("document.body.innerText.includes('CONSTRAINT')"),
          false,
        );
        await assertAccessible(page, axe, "events");
        await click(page, ".event.oomKill a.kind");
        await sees(
          page,
          `The OOM killer killed <img src=x> (pid ${victim.pid})`,
        );
        await sees(page, "limit of 16.0 MiB");
        await page.until("document.querySelector('article figure svg path')");
        await sees(page, "Largest processes before the kill");
        assertEquals(await page.evaluate("document.images.length"), 0);
        await assertAccessible(page, axe, "OOM kill");
      });

      await t.step("machine", async () => {
        await page.open(`${agent.url}/#/machine`);
        await sees(page, "Topology");
        await assertAccessible(page, axe, "machine");
      });

      await t.step("nothing is fetched while it is hidden", async () => {
        await page.open(`${agent.url}/#/`);
        await page.until(`(async () => ${FEED}.isLive)()`);
        const hide = (isHidden: boolean) =>
          page.evaluate(
            `Object.defineProperty(document, "hidden", { configurable: true, value: ${isHidden} });
             document.dispatchEvent(new Event("visibilitychange")), 0`,
          );
        await hide(true);
        const isQuiet = async () => {
          const text =
            await (await fetch(`${agent.url}/metrics?name[]=cgwatch_streams`))
              .text();
          return text.includes("cgwatch_streams 0");
        };
        assert(await until(isQuiet), "the stream stays open");
        const before = page.requests.length;
        await page.evaluate(
          "new Promise((resolve) => setTimeout(resolve, 2500))",
        );
        assertEquals(page.requests.slice(before), []);
        await hide(false);
        await page.until(`(async () => ${FEED}.isLive)()`);
      });

      assertEquals(page.console, []);
      const origins = new Set(page.requests.map((url) => new URL(url).origin));
      origins.delete("null");
      assertEquals([...origins], [agent.url]);
    } finally {
      await agent.stop();
    }
  },
});

Deno.test({
  name: "page continues after a restart of the agent without gap or duplicate",
  ignore: !CAN_BROWSE,
  async fn() {
    await using cgroups = new TestCgroups("webrestart");
    await using browser = await Browser.start();
    const directory = await Deno.makeTempDir();
    const log = `${directory}/events.ndjson`;
    const reserved = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = reserved.addr as Deno.NetAddr;
    reserved.close();
    // Without OOM kills of the past, of which the page fetches the newest only.
    const args = [
      `--listen=127.0.0.1:${port}`,
      `--event-log=${log}`,
      "--kmsg=none",
    ];
    let agent = await AgentProcess.start(args);
    try {
      cgroups.make("/before");
      const page = await browser.newPage();
      await page.open(`http://127.0.0.1:${port}/#/events`);
      await sees(page, "/before");
      await agent.stop();
      await page.until(`(async () => !${FEED}.isLive)()`);
      agent = await AgentProcess.start(args);
      cgroups.make("/after");
      await sees(page, "/after");
      const events = await page.evaluate(
        `(async () => ${FEED}.events.map(({ seq, event_type: type }) => [seq, type]))()`,
      );
      const written = await readEvents(log);
      events.sort(([a]: [number], [b]: [number]) => a - b);
      const [first] = events[0];
      assertEquals(
        events,
        written.filter(({ seq }) => seq >= first && seq <= events.at(-1)[0])
          .map(({ seq, event_type }) => [seq, event_type]),
      );
      // An agent without a log file numbers its events from 1 again: the page shows those, too.
      await agent.stop();
      agent = await AgentProcess.start([args[0] ?? "", "--event-log=none"]);
      await sees(page, "without a log file");
      cgroups.make("/anew");
      await sees(page, "/anew");
    } finally {
      await agent.stop();
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "page requests a token, and redirects from cAdvisor's addresses to its views",
  ignore: !CAN_BROWSE,
  async fn() {
    await using cgroups = new TestCgroups("webtoken");
    await using browser = await Browser.start();
    const directory = await Deno.makeTempDir();
    const file = `${directory}/tokens`;
    await Deno.writeTextFile(file, "right-token\n", { mode: 0o600 });
    const agent = await AgentProcess.start([
      "--event-log=none",
      `--auth-token-file=${file}`,
      "--url-base-prefix=/node/a",
    ]);
    try {
      const name = cgroups.make("/a b");
      const response = await fetch(`${agent.url}/node/a/api/v2.1/usage`);
      assertEquals(response.status, 401);
      await response.body?.cancel();
      const page = await browser.newPage();
      await page.open(`${agent.url}/node/a/containers${encodeURI(name)}`);
      await page.until("document.querySelector('#token').open");
      const enter = async (token: string) => {
        await page.evaluate(
          `document.querySelector("#token input").value = "${token}"`,
        );
        await click(page, "#token button");
      };
      await enter("wrong-token");
      await sees(page, "The agent refused this token.");
      await enter("right-token");
      await sees(page, "Identity and limits");
      assertEquals(
        await page.evaluate("location.pathname + location.hash"),
        `/node/a/#/container${encodeURI(name)}`,
      );
      // The stream sends the token, too; another load of the page has it.
      await page.until(`(async () => ${FEED}.isLive)()`);
      await page.open(`${agent.url}/node/a`);
      await page.until("document.querySelector('figure.card')");
      assert(!await page.evaluate("document.querySelector('#token').open"));
      for (const entry of page.console) assertStringIncludes(entry, "401");
    } finally {
      await agent.stop();
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "page fits at every width, with long and reordering names",
  ignore: !CAN_BROWSE,
  async fn() {
    await using cgroups = new TestCgroups("webwidth");
    await using browser = await Browser.start();
    const agent = await AgentProcess.start([
      "--event-log=none",
      "--allow-ps=full",
    ]);
    try {
      const page = await browser.newPage();
      await page.open(`${agent.url}/#/events?filter=webwidth`);
      await page.until(`(async () => ${FEED}.isLive)()`);
      const parent = cgroups.make(`/${"x".repeat(200)}`);
      const child = cgroups.make(`/${"x".repeat(200)}/child`);
      cgroups.spawn(`/${"x".repeat(200)}`, "sleep 600");
      cgroups.spawn(`/${"x".repeat(200)}/child`, "sleep 600");
      cgroups.make("/a\u202eb");
      await sees(page, "a\\u202eb");
      const hashes = [
        "/",
        "/containers?filter=webwidth",
        "/containers?filter=webwidth&tree=1",
        `/container${parent}`,
        `/container${child}`,
        "/container/",
        "/events?filter=webwidth",
        "/machine",
        "/oom/999999",
        "/bar",
      ];
      for (const hash of hashes) {
        await show(page, hash);
        await page.until("document.querySelector('main h1')");
        await page.evaluate(
          "new Promise((resolve) => setTimeout(resolve, 500))",
        );
        for (const width of [360, 1280, 2560]) {
          await page.emulate(width, 800);
          const wide = await page.evaluate(`
            [document.documentElement, ...document.querySelectorAll("main, header, .grid, .card")]
              .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
              .map((one) => one.tagName + "." + one.className + " " + one.scrollWidth)`);
          assertEquals(wide, [], `${hash} at ${width} px`);
          const covered = await page.evaluate(`
            [...document.querySelectorAll("figure.card")].filter((figure) => {
              const scale = figure.querySelector(".scale").getBoundingClientRect();
              return [...figure.querySelectorAll("li > *")].some((one) => {
                const { right, bottom } = one.getBoundingClientRect();
                return right > scale.left && bottom > scale.top + 2;
              });
            }).map((figure) => figure.innerText)`);
          assertEquals(covered, [], `${hash} at ${width} px`);
          const hidden = await page.evaluate(`
            [...document.querySelectorAll(".bar > *:not(output)")].filter((one) => {
              const { left, right, width, bottom } = one.getBoundingClientRect();
              return width < 10 || left < 0 || right > innerWidth || bottom > 300;
            }).map((one) => one.outerHTML)`);
          assertEquals(hidden, [], `${hash} at ${width} px`);
          const row = await page.evaluate(
            "document.querySelector('td')?.closest('tr').clientHeight ?? 0",
          );
          assert(row < 120, `${hash} at ${width} px: a row of ${row} px`);
          const list = await page.evaluate(
            "document.querySelector('main > .events')?.clientWidth ?? 9999",
          );
          assert(list > width * 0.85, `${hash} at ${width} px: ${list} px`);
        }
      }
      await page.emulate(1280, 800);
      await show(page, "/containers?filter=webwidth");
      await page.until(`${NAMES}.includes("child")`);
      const width = await page.evaluate(
        "Math.min(...[...document.querySelectorAll('.rows .c-name a')].map((link) => link.clientWidth))",
      );
      assert(width > 20, `a name has ${width} px`);
      assert((await page.evaluate(NAMES)).includes("a\\u202eb"));
      assertEquals(page.console.filter((line) => !line.includes("404")), []);
    } finally {
      await agent.stop();
    }
  },
});

Deno.test({
  name: "page filters by the numbers and units that it shows",
  ignore: !CAN_BROWSE,
  async fn() {
    await using cgroups = new TestCgroups("webfilter");
    await using browser = await Browser.start();
    const agent = await AgentProcess.start(["--event-log=none"]);
    try {
      const [controller = ""] = ["memory", "unified"].filter((name) =>
        cgroups.paths([name]).length > 0
      );
      cgroups.make("/spins");
      cgroups.make("/idle");
      cgroups.make("/large", [controller]);
      cgroups.spawn("/spins", "while :; do :; done");
      cgroups.spawn("/idle", "sleep 600");
      cgroups.spawn(
        "/large",
        "head -c 60000000 /dev/zero | tail | sleep 600",
        [controller],
      );
      const page = await browser.newPage();
      await page.emulate(1280, 800);
      await page.open(`${agent.url}/#/containers`);
      // Without a cgroup of pids, its processes are unknown.
      await page.until(`${NAMES}.includes("large")`);
      const shows = async (words: string, ...names: string[]) => {
        const filter = words.replace("webfilter", `${cgroups.name}/`);
        await show(page, `/containers?filter=${encodeURIComponent(filter)}`);
        const expected = JSON.stringify(names.toSorted());
        await page.until(
          `JSON.stringify(${NAMES}.toSorted()) === ${
            JSON.stringify(expected)
          } && document.querySelector("input[type=search]").value === ${
            JSON.stringify(filter)
          }`,
        );
      };
      await shows("webfilter cpu:>10", "spins");
      await shows("webfilter cpu:>10%", "spins");
      await shows("webfilter memory:>=16MiB", "large");
      await shows("webfilter memory:<0.5GiB memory:>16384k", "large");
      await shows("webfilter oom:>=1");
      await sees(page, "No container matches");
      await shows("webfilter constructor:1");
      await sees(page, "Cannot filter by constructor:1");
      await shows("webfilter foo:bar");
      await sees(page, "Cannot filter by foo:bar: expected text, type:docker");
      await shows("cpu:>1GiB");
      await sees(page, "Cannot filter by cpu:>1gib");
      await shows('"filter" name:idl', "idle");
      assertEquals(
        await page.evaluate(
          "document.querySelector('main p[role=status]').textContent",
        ),
        "",
      );
      const scales = await page.evaluate(`(async () => {
        const { chart, Series } = await import(new URL("web/charts.js", document.baseURI));
        return [[1.003, {}], [2.01, {}], [33e6, { isBytes: true }], [2.2, {}]].map(([value, options]) => {
          const { element, draw } = chart("", { format: String, ...options });
          const series = new Series();
          series.push(Date.now(), { value });
          draw(series, options.isBytes ? { limit: 2 ** 25 } : {});
          return element.querySelector(".scale").textContent;
        });
      })()`);
      assertEquals(scales, ["1", "2", `${2 ** 25}`, "4"]);
      assertEquals(page.console, []);
    } finally {
      await agent.stop();
    }
  },
});

Deno.test({
  name: "page reports an agent that hangs, exits and returns, in each view",
  ignore: !CAN_BROWSE,
  async fn(t) {
    await using cgroups = new TestCgroups("weblost");
    await using browser = await Browser.start();
    const directory = await Deno.makeTempDir();
    const log = `${directory}/events.ndjson`;
    const args = [`--event-log=${log}`, "--kmsg=none"];
    let agent = await AgentProcess.start(args);
    const { port } = new URL(agent.url);
    const name = cgroups.make("/stays");
    const state = "document.querySelector('#state').textContent";
    const gone = "document.body.innerText.includes('does not exist')";
    const page = await browser.newPage();
    try {
      await t.step("it hangs", async () => {
        await page.open(`${agent.url}/#/`);
        await page.until(`${state} === "live"`);
        for (const hash of ["/events", `/container${name}`]) {
          await show(page, hash);
          await page.until(`${state} === "live"`);
          await page.evaluate(
            "new Promise((resolve) => setTimeout(resolve, 500))",
          );
          agent.child.kill("SIGSTOP");
          await page.until(`${state}.includes("does not respond")`, 40_000);
          assertEquals(await page.evaluate(gone), false);
          agent.child.kill("SIGCONT");
          await page.until(`${state} === "live"`, 40_000);
        }
      });

      await t.step("it exits and returns", async () => {
        await sees(page, "Created");
        await agent.stop();
        await page.until(`${state}.includes("not reachable")`);
        assertEquals(await page.evaluate(gone), false);
        agent = await AgentProcess.start(args, {}, undefined, Number(port));
        await page.until(`${state} === "live"`);
        // The new run creates the container again.
        await sees(page, "found at the start of the agent");
        await agent.stop();
        for (const hash of ["/containers", "/events", "/oom/1", "/machine"]) {
          await show(page, hash);
          await page.until(`${state}.includes("not reachable")`);
          const text = await page.evaluate(
            "document.querySelector('main').innerText",
          );
          assert(!text.includes("Failed to fetch"), text);
          if (hash === "/oom/1") await sees(page, "The agent is not reachable");
        }
        await sees(page, "The agent is not reachable");
        agent = await AgentProcess.start(args, {}, undefined, Number(port));
        await sees(page, "Versions and identity");
        await show(page, "/");
        await sees(page, "OOM kills are counted since");
        await sees(page, `Others are in the event log ${log}.`);
        await show(page, "/container/no-such");
        await sees(page, "The container does not exist or was removed.");
        const errors = page.console.filter((line) =>
          !/Failed to load/.test(line)
        );
        assertEquals(errors, []);
      });
    } finally {
      agent.child.kill("SIGCONT");
      await agent.stop();
      await Deno.remove(directory, { recursive: true });
    }
  },
});
