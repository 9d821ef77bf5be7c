/**
 * Checks the agent's process and metrics against their state before the load,
 * and against the host.
 *
 * @module
 */
import { dirname } from "@std/path";
import {
  type AgentState,
  differenceOf,
  hostCgroups,
  isDirectory,
} from "./_agent_state.ts";
import { type ConsistencyReport, sumOf } from "./_consistency_report.ts";
import type { Clients, Scrape } from "./_clients.ts";

/** Maximum size of Deno's blocking pool. */
const MAX_FILE_THREADS = 32;

/** V8 returns only a part of the heap after the load: 41 to 80 MiB remained. */
const MAX_GROWTH_MIB = 120;
/** Growth from the middle of the load to its end. */
const MAX_LATE_GROWTH_MIB = 30;

/** Reports latencies and checks for errors. */
export function checkResponses(
  report: ConsistencyReport,
  { scrapes, requests }: Clients,
): void {
  const wrong = [...scrapes.wrong, ...requests.wrong];
  report.equal("error responses", 0, wrong.length, wrong);
  report.note(
    `p50 / p99 / maximum of ${scrapes.count} scrapes`,
    scrapes.format(),
  );
  report.note(
    `p50 / p99 / maximum of ${requests.count} requests`,
    requests.format(),
  );
}

/** Thousands of containers per minute leave this many watches, of 1 KiB of kernel memory each. */
const MAX_LEFT_WATCHES = 50;

/**
 * Checks that descriptors, watches, threads and memory have returned to their
 * initial values; `during` are the states during the load.
 */
export function checkResources(
  report: ConsistencyReport,
  before: AgentState,
  after: AgentState,
  during: readonly AgentState[],
): void {
  report.equal(
    "descriptors other than control files",
    sumOf(before.descriptors.values()),
    sumOf(after.descriptors.values()),
    differenceOf(before, after),
  );
  const gone = after.controlFiles.filter((path) => !isDirectory(dirname(path)));
  report.equal(
    "open control files of removed containers",
    0,
    gone.length,
    gone,
  );
  // If a directory is removed while Deno adds its watch, the watch remains.
  report.atMost(
    "inotify watches of removed directories",
    MAX_LEFT_WATCHES,
    after.watches - after.directories,
  );
  report.atMost(
    "unwatched directories",
    0,
    after.directories - after.watches,
  );
  report.atMost("threads", before.threads, after.threads);
  report.atMost(
    "threads of the blocking pool",
    MAX_FILE_THREADS,
    after.fileThreads,
  );
  const mib = ({ residentBytes }: AgentState) =>
    Math.round(residentBytes / 2 ** 20);
  const [start, quarter, middle, threeQuarters, end] = [0, 0.25, 0.5, 0.75, 1]
    .map((share) =>
      mib(during[Math.floor(share * (during.length - 1))] ?? before)
    );
  report.note(
    "resident memory at 0, 25, 50, 75, 100 % of the load, MiB",
    [start, quarter, middle, threeQuarters, end].join(", "),
  );
  report.atMost(
    "memory growth from the middle to the end, MiB",
    MAX_LATE_GROWTH_MIB,
    (end ?? NaN) - (middle ?? NaN),
  );
  report.atMost(
    "resident memory at the end, MiB",
    mib(before) + MAX_GROWTH_MIB,
    mib(after),
  );
}

/** Checks that the agent lists the existing containers and no others. */
export function checkContainers(
  report: ConsistencyReport,
  scrape: Scrape,
  root: string,
  listed: readonly string[],
): void {
  const { names, directories } = hostCgroups();
  report.equal(
    "cgwatch_containers",
    names.size,
    valueOf(scrape, "cgwatch_containers"),
  );
  report.equal(
    "cgwatch_watched_directories",
    directories,
    valueOf(scrape, "cgwatch_watched_directories"),
  );
  const own = [...names].filter((name) =>
    name === root || name.startsWith(`${root}/`)
  );
  const others = listed.filter((name) => !own.includes(name));
  report.equal(
    "listed containers of the test",
    own.length,
    listed.length - others.length,
  );
  report.equal("listed containers that were removed", 0, others.length, others);
  // The OOM counter of a removed container is exported for five minutes.
  const series = scrape.text.split("\n").filter((line) =>
    line.includes(`${root}/`) &&
    !line.startsWith("container_oom_events_total") &&
    !own.some((name) => line.includes(`"${name}"`))
  );
  report.equal("series of removed containers", 0, series.length, series);
  report.equal("cgwatch_streams", 0, valueOf(scrape, "cgwatch_streams"));
  report.equal(
    "cgwatch_event_log_errors_total",
    0,
    valueOf(scrape, "cgwatch_event_log_errors_total"),
  );
}

/** Reports losses and rescans. */
export function reportLosses(report: ConsistencyReport, scrape: Scrape): void {
  for (
    const name of [
      "cgwatch_event_log_lost_total",
      "cgwatch_kmsg_records_total",
      "cgwatch_kmsg_lost_total",
    ]
  ) report.note(name, valueOf(scrape, name));
  const rescans = seriesOf(scrape, "cgwatch_rescans_total")
    .map(([reason, count]) => `${reason} ${count}`);
  report.note("cgwatch_rescans_total", rescans.join(", "));
}

/** Returns the value of a series without labels. */
export function valueOf({ values }: Scrape, name: string): number {
  return values.get(name) ?? NaN;
}

/** Returns the non-zero numbers of events in this run by type. */
export function totalsOf(scrape: Scrape): Map<string, number> {
  return new Map(
    seriesOf(scrape, "cgwatch_events_total").filter(([, count]) => count > 0),
  );
}

/** Returns the series of a family with one label, by label value. */
function seriesOf({ values }: Scrape, family: string): [string, number][] {
  return [...values].filter(([series]) => series.startsWith(`${family}{`))
    .map(([series, value]) => [/"(.*)"/.exec(series)?.[1] ?? "", value]);
}
