/**
 * Compares the agent's process, and what it tells of itself, with what they
 * were before, and with the host.
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
import { type Books, sumOf } from "./_books.ts";
import type { Clients, Scrape } from "./_clients.ts";

/** Deno has no more of them. */
const MAX_FILE_THREADS = 32;

/** The heap grows to what the load takes, and V8 gives some of it back: 41 to 80 MiB were left. */
const MAX_GROWTH_MIB = 120;
/** From the middle of the load to its end. */
const MAX_LATE_GROWTH_MIB = 30;

/** How long answers took, and whether all were good. */
export function bookAnswers(
  books: Books,
  { scrapes, questions }: Clients,
): void {
  const wrong = [...scrapes.wrong, ...questions.wrong];
  books.equal("answers that are errors", 0, wrong.length, wrong);
  books.note(
    `p50 / p99 / longest of ${scrapes.count} scrapes`,
    scrapes.format(),
  );
  books.note(
    `p50 / p99 / longest of ${questions.count} questions`,
    questions.format(),
  );
}

/** Of thousands of containers a minute; each is a kilobyte of the kernel's. */
const MAX_LEFT_WATCHES = 50;

/** Descriptors, watches, threads and memory are what they were; `during` is how it was meanwhile. */
export function bookState(
  books: Books,
  before: AgentState,
  after: AgentState,
  during: readonly AgentState[],
): void {
  books.equal(
    "descriptors that are not of control files",
    sumOf(before.descriptors.values()),
    sumOf(after.descriptors.values()),
    differenceOf(before, after),
  );
  const gone = after.controlFiles.filter((path) => !isDirectory(dirname(path)));
  books.equal(
    "control files open of containers that are gone",
    0,
    gone.length,
    gone,
  );
  // A directory that is removed in the moment in which Deno watches it leaves its watch behind.
  books.atMost(
    "inotify watches of directories that are gone",
    MAX_LEFT_WATCHES,
    after.watches - after.directories,
  );
  books.atMost(
    "directories that are not watched",
    0,
    after.directories - after.watches,
  );
  books.atMost("threads", before.threads, after.threads);
  books.atMost("threads for files", MAX_FILE_THREADS, after.fileThreads);
  const mib = ({ residentBytes }: AgentState) =>
    Math.round(residentBytes / 2 ** 20);
  const [start, quarter, middle, threeQuarters, end] = [0, 0.25, 0.5, 0.75, 1]
    .map((share) =>
      mib(during[Math.floor(share * (during.length - 1))] ?? before)
    );
  books.note(
    "resident memory at 0, 25, 50, 75, 100 % of the load, MiB",
    [start, quarter, middle, threeQuarters, end].join(", "),
  );
  books.atMost(
    "its growth from the middle to the end, MiB",
    MAX_LATE_GROWTH_MIB,
    (end ?? NaN) - (middle ?? NaN),
  );
  books.atMost(
    "resident memory after all of it, MiB",
    mib(before) + MAX_GROWTH_MIB,
    mib(after),
  );
}

/** The agent knows the containers that there are, and no others. */
export function bookKnown(
  books: Books,
  scrape: Scrape,
  root: string,
  listed: readonly string[],
): void {
  const { names, directories } = hostCgroups();
  books.equal(
    "cgwatch_containers",
    names.size,
    valueOf(scrape, "cgwatch_containers"),
  );
  books.equal(
    "cgwatch_watched_directories",
    directories,
    valueOf(scrape, "cgwatch_watched_directories"),
  );
  const ours = [...names].filter((name) =>
    name === root || name.startsWith(`${root}/`)
  );
  const others = listed.filter((name) => !ours.includes(name));
  books.equal(
    "containers of ours that are listed",
    ours.length,
    listed.length - others.length,
  );
  books.equal("and of those that are gone", 0, others.length, others);
  // What a container that is gone counted is told for five minutes.
  const series = scrape.text.split("\n").filter((line) =>
    line.includes(`${root}/`) &&
    !line.startsWith("container_oom_events_total") &&
    !ours.some((name) => line.includes(`"${name}"`))
  );
  books.equal("series of containers that are gone", 0, series.length, series);
  books.equal("cgwatch_streams", 0, valueOf(scrape, "cgwatch_streams"));
  books.equal(
    "cgwatch_event_log_errors_total",
    0,
    valueOf(scrape, "cgwatch_event_log_errors_total"),
  );
}

/** What was lost, and what had to be looked at again. */
export function noteLosses(books: Books, scrape: Scrape): void {
  for (
    const name of [
      "cgwatch_event_log_lost_total",
      "cgwatch_kmsg_records_total",
      "cgwatch_kmsg_lost_total",
    ]
  ) books.note(name, valueOf(scrape, name));
  const rescans = seriesOf(scrape, "cgwatch_rescans_total")
    .map(([reason, count]) => `${reason} ${count}`);
  books.note("cgwatch_rescans_total", rescans.join(", "));
}

/** The value of a series without labels. */
export function valueOf({ values }: Scrape, name: string): number {
  return values.get(name) ?? NaN;
}

/** Events of this run by type, those that there were. */
export function totalsOf(scrape: Scrape): Map<string, number> {
  return new Map(
    seriesOf(scrape, "cgwatch_events_total").filter(([, count]) => count > 0),
  );
}

/** The series of a family with one label, by its value. */
function seriesOf({ values }: Scrape, family: string): [string, number][] {
  return [...values].filter(([series]) => series.startsWith(`${family}{`))
    .map(([series, value]) => [/"(.*)"/.exec(series)?.[1] ?? "", value]);
}
