/**
 * Checks events against the kernel's counters and the reports of the actors.
 *
 * @module
 */
import type { WireEvent } from "../e2e/_agent.ts";
import { type ConsistencyReport, sumOf } from "./_consistency_report.ts";
import { FORGED_PID } from "./_flood.ts";
import type { CgroupLifetime } from "./_lifetimes.ts";
import type { OomKilledContainer } from "./_ooms.ts";

/** Containers with at least this lifetime must never be missed. */
const NEVER_MISSED_MS = 250;

/** Checks that each `seq` exists once or is covered by a `lost` line. */
export function checkSequence(
  report: ConsistencyReport,
  events: readonly WireEvent[],
  sinceSeq: number,
): void {
  const seen = new Map<number, number>();
  const count = (seq: number) => seen.set(seq, (seen.get(seq) ?? 0) + 1);
  let lost = 0;
  for (const { seq, event_type: type, event_data: data } of events) {
    if (type !== "lost") {
      count(seq);
      continue;
    }
    lost += data.lost.count;
    for (let at = 0; at < data.lost.count; at++) count(seq - at);
  }
  const last = events.at(-1)?.seq ?? 0;
  const missing: string[] = [];
  for (let seq = 1; seq <= last; seq++) {
    if (!seen.has(seq)) missing.push(`seq ${seq}`);
  }
  const doubled = [...seen].filter(([, count]) => count > 1)
    .map(([seq, count]) => `seq ${seq}: ${count} times`);
  report.note("events in the log, from start to end", last - sinceSeq);
  report.equal("events missing in the log", 0, missing.length, missing);
  report.equal("duplicate events in the log", 0, doubled.length, doubled);
  report.note("events reported as lost", lost);
}

/** A creation and the following deletion. */
interface ReportedLifetime {
  readonly createdMs: number;
  readonly deletedMs: number;
}

/** Checks that each lifetime that is long enough has one creation and one deletion. */
export function checkLifetimes(
  report: ConsistencyReport,
  lifetimes: readonly CgroupLifetime[],
  events: readonly WireEvent[],
  root: string,
): void {
  const disordered: string[] = [];
  const reported = reportedLifetimes(events, root, disordered);
  const byName = Map.groupBy(
    lifetimes.toSorted((a, b) => a.startMs - b.startMs),
    ({ name }) => name,
  );
  const missed: string[] = [];
  const invented: string[] = [];
  let long = 0;
  let reportedLong = 0;
  let reportedAll = 0;
  for (const [name, ofName] of byName) {
    const pairs = reported.get(name) ?? [];
    reportedAll += pairs.length;
    if (pairs.length > ofName.length) {
      invented.push(
        `${name}: existed ${ofName.length} times, reported ${pairs.length} times`,
      );
    }
    // If all lifetimes were reported, none was missed, however late the events are.
    const isAllReported = pairs.length === ofName.length;
    let at = 0;
    for (const lifetime of ofName) {
      const livedMs = lifetime.removingMs - lifetime.createdMs;
      if (livedMs < NEVER_MISSED_MS) continue;
      long++;
      while (
        at < pairs.length && (pairs[at]?.deletedMs ?? 0) < lifetime.startMs
      ) {
        at++;
      }
      const pair = pairs[at];
      if (
        isAllReported || pair !== undefined && pair.createdMs <= lifetime.endMs
      ) {
        reportedLong++;
        at++;
      } else {missed.push(
          `${name}: ${livedMs} ms, ${describe(lifetime, pairs)}`,
        );}
    }
  }
  for (const name of reported.keys()) {
    if (!byName.has(name) && name !== root) {
      invented.push(`${name}: never existed`);
    }
  }
  report.equal(
    `lifetimes of at least ${NEVER_MISSED_MS} ms`,
    long,
    reportedLong,
    missed,
  );
  report.note("all lifetimes", reportedAll, lifetimes.length);
  report.equal(
    "reported lifetimes that did not exist",
    0,
    invented.length,
    invented,
  );
  report.equal(
    "creations and deletions that do not alternate",
    0,
    disordered.length,
    disordered,
  );
}

function describe(
  lifetime: CgroupLifetime,
  pairs: readonly ReportedLifetime[],
): string {
  const near = pairs.filter(({ createdMs, deletedMs }) =>
    deletedMs > lifetime.startMs - 2_000 && createdMs < lifetime.endMs + 2_000
  ).map(({ createdMs, deletedMs }) =>
    `${createdMs - lifetime.startMs} to ${deletedMs - lifetime.startMs}`
  );
  return `from ${lifetime.startMs}; reported near that time: ${
    near.join(", ") || "nothing"
  }`;
}

function reportedLifetimes(
  events: readonly WireEvent[],
  root: string,
  disordered: string[],
): Map<string, ReportedLifetime[]> {
  const reported = new Map<string, ReportedLifetime[]>();
  const open = new Map<string, number>();
  for (
    const { seq, event_type: type, container_name: name, timestamp } of events
  ) {
    if (name !== root && !name.startsWith(`${root}/`)) continue;
    const atMs = Date.parse(timestamp);
    if (type === "containerCreation") {
      if (open.has(name)) disordered.push(`seq ${seq}: ${name} created twice`);
      open.set(name, atMs);
    } else if (type === "containerDeletion") {
      const createdMs = open.get(name);
      if (createdMs === undefined) {
        disordered.push(`seq ${seq}: ${name} deleted but never created`);
        continue;
      }
      open.delete(name);
      const pairs = reported.get(name) ?? [];
      reported.set(name, pairs);
      pairs.push({ createdMs, deletedMs: atMs });
    }
  }
  return reported;
}

/** Checks the number of kills and their containers against the kernel's counters. */
export function checkKills(
  report: ConsistencyReport,
  killed: readonly OomKilledContainer[],
  nodeKills: number,
  events: readonly WireEvent[],
): void {
  const kills = events.filter(({ event_type: type, event_data: data }) =>
    type === "oomKill" && !data.oom.historical
  );
  report.equal("OOM kills counted by the node", nodeKills, kills.length);
  const pids = kills.map(({ event_data: { oom } }) => oom.pid)
    .filter((pid) => pid !== undefined);
  const victims = new Map<number, string>();
  const counted = new Map<string, number>();
  for (const { lifetime: { name }, kills, pids } of killed) {
    counted.set(name, (counted.get(name) ?? 0) + kills);
    for (const pid of pids) victims.set(pid, name);
  }
  const total = sumOf(counted.values());
  report.note("OOM kills counted by the containers", kills.length, total);
  report.equal(
    "kills reported twice for a process",
    0,
    pids.length - new Set(pids).size,
  );
  const forged = pids.filter((pid) => pid === FORGED_PID).length;
  report.equal("forged kills", 0, forged);
  const wrong: string[] = [];
  const reported = new Map<string, number>();
  let unnamed = 0;
  for (const { seq, event_data: { oom } } of kills) {
    const { victim_cgroup: name, pid } = oom;
    if (name === undefined) unnamed++;
    else reported.set(name, (reported.get(name) ?? 0) + 1);
    const known = victims.get(pid);
    if (name !== undefined && known !== undefined && known !== name) {
      wrong.push(`seq ${seq}: pid ${pid} was in ${known}, not in ${name}`);
    }
  }
  report.equal(
    "kills reported for a wrong container",
    0,
    wrong.length,
    wrong,
  );
  const excess: string[] = [];
  let missing = 0;
  for (const name of new Set([...counted.keys(), ...reported.keys()])) {
    const difference = (counted.get(name) ?? 0) - (reported.get(name) ?? 0);
    if (difference < 0) {
      excess.push(
        `${name}: counted ${counted.get(name) ?? 0}, reported ${
          reported.get(name)
        }`,
      );
    } else missing += difference;
  }
  report.equal(
    "kills reported beyond the container's counter",
    0,
    excess.length,
    excess,
  );
  report.equal(
    "kills missing for containers, and reported without container",
    missing,
    unnamed,
  );
  const of = (attribution: string) =>
    kills.filter(({ event_data: { oom } }) => oom.attribution === attribution)
      .length;
  report.note("kills with a kmsg record", of("exact"));
  report.note("kills inferred from counters", of("inferred"));
}
