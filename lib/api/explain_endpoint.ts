import { STATUS_CODE } from "@std/http/status";
import { rowsOf, sentenceOf, summarizeOom } from "../explain/explain_oom.ts";
import {
  IncidentKills,
  IncidentList,
  isOom,
  MissingNames,
} from "../explain/incidents.ts";
import { createOomStory } from "../explain/oom_story.ts";
import { systemClock } from "../model/clock.ts";
import type { Event, EventContainer, EventType } from "../model/event.ts";
import type { ApiDependencies, Call } from "./answers.ts";
import { HttpError, jsonResponse } from "./json_response.ts";
import { notA, parseCount, parseSeq, readParameter } from "./values.ts";

type Events = ApiDependencies["events"];

const DEFAULT_INCIDENTS = 100;
/** A bomb leaves 100,000 events; to describe all of their incidents takes a second. */
const LISTED_EVENTS = 2_000;
const HOUR_MS = 3_600_000;
/** The zones of the world are within these minutes of UTC. */
const MAX_OFFSET_MINUTES = 14 * 60;

/**
 * OOM kills in words. Without `seq`: `{"last_hour","last_day","incidents"}`,
 * the kills of the kept events, and the newest incidents first, at most
 * `count` (default 100). With the `seq` of an `oomKill` event:
 * `{"sentence","summary","rows","story"}`, whose times are local where
 * `utc_offset` gives minutes.
 */
export function handleExplain(
  { request, query }: Call,
  { events }: ApiDependencies,
): Response {
  const seq = readParameter(query, "seq", parseSeq);
  if (seq === undefined) {
    const count = readParameter(query, "count", parseCount) ??
      DEFAULT_INCIDENTS;
    return jsonResponse(request, listOf(events, count));
  }
  const offset = readParameter(query, "utc_offset", parseOffset) ?? 0;
  return jsonResponse(request, storyOf(events, seq, () => offset));
}

function listOf(events: Events, count: number): unknown {
  const nowMs = systemClock.now();
  const list = new IncidentList();
  const kills = { "last_hour": 0, "last_day": 0 };
  const kept = select(events, "oom", "oomKill");
  for (const { event } of kept.slice(-LISTED_EVENTS)) list.visit(event);
  for (const { event, timestampMs } of kept) {
    if (event.event_type !== "oomKill") continue;
    if (timestampMs > nowMs - 24 * HOUR_MS) kills.last_day++;
    if (timestampMs > nowMs - HOUR_MS) kills.last_hour++;
  }
  const newest = list.newest();
  const shown = count < 0 ? newest : newest.slice(0, count);
  return { ...kills, "incidents": withNames(events, shown) };
}

function storyOf(
  events: Events,
  seq: number,
  zone: () => number,
): unknown {
  const kept = select(events, "oom", "oomKill");
  const kill = kept.find(({ event }) => event.seq === seq)?.event;
  if (kill === undefined || !isOom(kill)) {
    throw new HttpError(
      STATUS_CODE.NotFound,
      `Unknown OOM kill: no kept event has the seq ${seq}`,
    );
  }
  const kills = new IncidentKills(kill);
  for (const { event } of kept) kills.visit(event);
  const named: readonly Event[] = withNames(events, kills.events);
  const story = createOomStory(named, kills.counts);
  return {
    "sentence": sentenceOf(story, zone),
    "summary": summarizeOom(story),
    "rows": rowsOf(story, zone),
    "story": story,
  };
}

function withNames<T extends { readonly "container"?: EventContainer }>(
  events: Events,
  found: readonly T[],
): readonly T[] {
  const names = new MissingNames(found);
  if (names.isEmpty) return found;
  for (const { event } of select(events, "containerUpdate")) {
    names.learn(event);
  }
  return names.addTo(found);
}

function select(events: Events, ...types: EventType[]) {
  return events.getEvents({ types: new Set(types) });
}

function parseOffset(text: string): number {
  const minutes = Number(text);
  if (!/^-?\d+$/.test(text) || Math.abs(minutes) > MAX_OFFSET_MINUTES) {
    throw notA("minutes ahead of UTC, from -840 to 840");
  }
  return minutes;
}
