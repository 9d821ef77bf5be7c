/**
 * Compares what events tell with what the kernel, and those who made the load,
 * know.
 *
 * @module
 */
import type { WireEvent } from "../e2e/_agent.ts";
import { type Books, sumOf } from "./_books.ts";
import { FORGED_PID } from "./_flood.ts";
import type { Life } from "./_lives.ts";
import type { StruckContainer } from "./_ooms.ts";

/** What lived so long is never missed. */
const NEVER_MISSED_MS = 250;

/** Each number is there once, or a `lost` line accounts for it. */
export function bookNumbers(
  books: Books,
  events: readonly WireEvent[],
  sinceSeq: number,
): void {
  const accounted = new Map<number, number>();
  const account = (seq: number) =>
    accounted.set(seq, (accounted.get(seq) ?? 0) + 1);
  let lost = 0;
  for (const { seq, event_type: type, event_data: data } of events) {
    if (type !== "lost") {
      account(seq);
      continue;
    }
    lost += data.lost.count;
    for (let at = 0; at < data.lost.count; at++) account(seq - at);
  }
  const last = events.at(-1)?.seq ?? 0;
  const missing: string[] = [];
  for (let seq = 1; seq <= last; seq++) {
    if (!accounted.has(seq)) missing.push(`seq ${seq}`);
  }
  const doubled = [...accounted].filter(([, count]) => count > 1)
    .map(([seq, count]) => `seq ${seq}: ${count} times`);
  books.note("events in the log, from start to end", last - sinceSeq);
  books.equal("events that the log misses", 0, missing.length, missing);
  books.equal("events that are doubled in it", 0, doubled.length, doubled);
  books.note("events that it says it lost", lost);
}

/** A creation and the deletion after it. */
interface ToldLife {
  readonly createdMs: number;
  readonly deletedMs: number;
}

/** Each life has one creation and one deletion, if it was not too short. */
export function bookLives(
  books: Books,
  lives: readonly Life[],
  events: readonly WireEvent[],
  root: string,
): void {
  const disordered: string[] = [];
  const told = toldLives(events, root, disordered);
  const byName = Map.groupBy(
    lives.toSorted((a, b) => a.beginMs - b.beginMs),
    ({ name }) => name,
  );
  const missed: string[] = [];
  const invented: string[] = [];
  let long = 0;
  let toldLong = 0;
  let toldAll = 0;
  for (const [name, ofName] of byName) {
    const pairs = told.get(name) ?? [];
    toldAll += pairs.length;
    if (pairs.length > ofName.length) {
      invented.push(
        `${name}: lived ${ofName.length} times, told ${pairs.length} times`,
      );
    }
    // Where all were told, none was missed, however late they were told.
    const areAllTold = pairs.length === ofName.length;
    let at = 0;
    for (const life of ofName) {
      const livedMs = life.removingMs - life.madeMs;
      if (livedMs < NEVER_MISSED_MS) continue;
      long++;
      while (at < pairs.length && (pairs[at]?.deletedMs ?? 0) < life.beginMs) {
        at++;
      }
      const pair = pairs[at];
      if (areAllTold || pair !== undefined && pair.createdMs <= life.endMs) {
        toldLong++;
        at++;
      } else missed.push(`${name}: ${livedMs} ms, ${describe(life, pairs)}`);
    }
  }
  for (const name of told.keys()) {
    if (!byName.has(name) && name !== root) {
      invented.push(`${name}: never lived`);
    }
  }
  books.equal(
    `lives of ${NEVER_MISSED_MS} ms and longer`,
    long,
    toldLong,
    missed,
  );
  books.note("all lives", toldAll, lives.length);
  books.equal(
    "lives that were told and not lived",
    0,
    invented.length,
    invented,
  );
  books.equal(
    "creations and deletions that do not take turns",
    0,
    disordered.length,
    disordered,
  );
}

function describe(life: Life, pairs: readonly ToldLife[]): string {
  const near = pairs.filter(({ createdMs, deletedMs }) =>
    deletedMs > life.beginMs - 2_000 && createdMs < life.endMs + 2_000
  ).map(({ createdMs, deletedMs }) =>
    `${createdMs - life.beginMs} to ${deletedMs - life.beginMs}`
  );
  return `from ${life.beginMs}; told about then: ${
    near.join(", ") || "nothing"
  }`;
}

function toldLives(
  events: readonly WireEvent[],
  root: string,
  disordered: string[],
): Map<string, ToldLife[]> {
  const told = new Map<string, ToldLife[]>();
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
        disordered.push(`seq ${seq}: ${name} deleted and never created`);
        continue;
      }
      open.delete(name);
      const pairs = told.get(name) ?? [];
      told.set(name, pairs);
      pairs.push({ createdMs, deletedMs: atMs });
    }
  }
  return told;
}

/** Kills are as many as the kernel counted, and where it says that they were. */
export function bookKills(
  books: Books,
  struck: readonly StruckContainer[],
  nodeKills: number,
  events: readonly WireEvent[],
): void {
  const kills = events.filter(({ event_type: type, event_data: data }) =>
    type === "oomKill" && !data.oom.historical
  );
  books.equal("OOM kills, as the node counts them", nodeKills, kills.length);
  const pids = kills.map(({ event_data: { oom } }) => oom.pid)
    .filter((pid) => pid !== undefined);
  const victims = new Map<number, string>();
  const counted = new Map<string, number>();
  for (const { life: { name }, kills, pids } of struck) {
    counted.set(name, (counted.get(name) ?? 0) + kills);
    for (const pid of pids) victims.set(pid, name);
  }
  const total = sumOf(counted.values());
  books.note("OOM kills, as our containers count them", kills.length, total);
  books.equal(
    "kills told twice of one process",
    0,
    pids.length - new Set(pids).size,
  );
  const forged = pids.filter((pid) => pid === FORGED_PID).length;
  books.equal("kills that a user forged", 0, forged);
  const wrong: string[] = [];
  const told = new Map<string, number>();
  let unnamed = 0;
  for (const { seq, event_data: { oom } } of kills) {
    const { victim_cgroup: name, pid } = oom;
    if (name === undefined) unnamed++;
    else told.set(name, (told.get(name) ?? 0) + 1);
    const known = victims.get(pid);
    if (name !== undefined && known !== undefined && known !== name) {
      wrong.push(`seq ${seq}: pid ${pid} was in ${known}, not in ${name}`);
    }
  }
  books.equal(
    "kills told of a container they were not in",
    0,
    wrong.length,
    wrong,
  );
  const excess: string[] = [];
  let missing = 0;
  for (const name of new Set([...counted.keys(), ...told.keys()])) {
    const difference = (counted.get(name) ?? 0) - (told.get(name) ?? 0);
    if (difference < 0) {
      excess.push(
        `${name}: counted ${counted.get(name) ?? 0}, told ${told.get(name)}`,
      );
    } else missing += difference;
  }
  books.equal(
    "kills told of containers beyond their count",
    0,
    excess.length,
    excess,
  );
  books.equal(
    "kills of containers that are not told as theirs, and told of nobody",
    missing,
    unnamed,
  );
  const of = (attribution: string) =>
    kills.filter(({ event_data: { oom } }) => oom.attribution === attribution)
      .length;
  books.note("kills of which a record told", of("exact"));
  books.note("kills of which only a counter told", of("inferred"));
}
