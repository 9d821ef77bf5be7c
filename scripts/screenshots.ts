/**
 * Takes the documentation's pictures of the web page.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { AgentProcess, delay, until } from "../tests/e2e/_agent.ts";
import { Browser, type BrowserPage } from "../tests/e2e/_browser.ts";
import { TestCgroups } from "../tests/e2e/_cgroups.ts";

const FOLDER = fromFileUrl(new URL("../docs/images", import.meta.url));
const MB = 2 ** 20;

/** Name, memory limit in MiB, script. */
const UNITS: readonly (readonly [string, number, string])[] = [
  [
    "checkout.service",
    64,
    "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.2; done",
  ],
  ["search.service", 128, "head -c 80000000 /dev/zero | tail | sleep 600"],
  [
    "mailer.service",
    32,
    "while :; do head -c 3000000 /dev/urandom | sha256sum; sleep 1; done",
  ],
  [
    "backup.service",
    256,
    "while :; do head -c 20000000 /dev/zero | tail | wc -c; sleep 2; done",
  ],
];

/** A unit whose memory grows until an OOM kill after 12 s. */
const IMPORTER = [
  "importer.service",
  96,
  "sleep 3; while :; do head -c 4000000 /dev/zero; sleep 0.4; done | tail",
] as const;

async function take(
  page: BrowserPage,
  name: string,
  height: number,
): Promise<void> {
  for (const scheme of ["light", "dark"] as const) {
    await page.emulate(1280, height, scheme);
    await delay(1_500);
    await Deno.writeFile(
      `${FOLDER}/${name}-${scheme}.png`,
      await page.screenshot(),
    );
  }
}

/**
 * Copies only new kernel log records to a FIFO: pictures omit the machine's
 * earlier OOM kills.
 */
async function followKmsg(fifo: string): Promise<void> {
  const log = await Deno.open("/dev/kmsg");
  await log.seek(0, Deno.SeekMode.End);
  const copy = await Deno.open(fifo, { write: true });
  const record = new Uint8Array(8192);
  for (;;) {
    const size = await log.read(record);
    await copy.write(record.subarray(0, size ?? 0));
  }
}

const fifo = `${await Deno.makeTempDir()}/kmsg`;
await new Deno.Command("mkfifo", { args: [fifo] }).output();
const starting = AgentProcess.start([
  "--event-log=none",
  "--node-name=n1",
  `--kmsg=${fifo}`,
  "--raw-cgroup-prefix-whitelist=/cgwatch-test-shop",
]);
void followKmsg(fifo);
const agent = await starting;
try {
  await using cgroups = new TestCgroups("shop");
  await using browser = await Browser.start();
  await Deno.mkdir(FOLDER, { recursive: true });
  const controller = cgroups.paths(["memory"]).length > 0
    ? "memory"
    : "unified";
  const file = controller === "memory" ? "memory.limit_in_bytes" : "memory.max";
  const start = ([name, limit, script]: readonly [string, number, string]) => {
    cgroups.make(`/${name}`);
    cgroups.write(`/${name}`, controller, file, String(limit * MB));
    return cgroups.spawn(`/${name}`, script);
  };
  for (const unit of UNITS) start(unit);
  await delay(15_000);
  start(IMPORTER);
  const page = await browser.newPage();
  await page.emulate(1280, 720);
  await page.open(`${agent.url}/#/containers?filter=type:unit`);
  let seq = 0;
  const isKilled = async () => {
    const { incidents: [last] } = await agent.json("/api/v2.1/explain?count=1");
    seq = last?.seq ?? 0;
    return last?.cgroup.endsWith(IMPORTER[0]) === true;
  };
  if (!await until(isKilled, { timeoutMs: 60_000, everyMs: 500 })) {
    throw new Error("The kernel killed nothing in the importer");
  }
  await delay(2_000);
  await take(page, "containers", 420);
  await page.open(`${agent.url}/#/`);
  await delay(4_000);
  await take(page, "overview", 654);
  await page.open(`${agent.url}/#/oom/${seq}`);
  await take(page, "oom", 760);
} finally {
  await agent.stop();
}
// The read of the kernel log waits for a record.
Deno.exit();
