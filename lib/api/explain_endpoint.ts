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
import type { ApiDependencies, RequestContext } from "./endpoints.ts";
import { HttpError, jsonResponse } from "./json_response.ts";
import { type Parameter, readParameter } from "./parameters.ts";
import type { Wire } from "./schema.ts";
import { COUNT, SEQ, throwInvalidValue } from "./values.ts";

type Events = ApiDependencies["events"];

const DEFAULT_INCIDENTS = 100;
/**
 * Newest events read for the list: the incidents of a fork bomb's 100,000
 * events take 1 s.
 */
const MAX_LISTED_EVENTS = 2_000;
const HOUR_MS = 3_600_000;
/** UTC-12 to UTC+14. */
const MAX_OFFSET_MINUTES = 14 * 60;

const INCIDENT_COUNT: Parameter<number> = {
  ...COUNT,
  name: "count",
  id: "incident_count",
  description: "Newest incidents returned, -1 for all; default 100",
};

const KILL_SEQ: Parameter<number> = {
  ...SEQ,
  name: "seq",
  description: "Explain the `oom` or `oomKill` event with this `seq`",
};

const UTC_OFFSET: Parameter<number> = {
  name: "utc_offset",
  description: "Time zone of the explanation, minutes ahead of UTC; default 0",
  schema: {
    "type": "integer",
    "minimum": -MAX_OFFSET_MINUTES,
    "maximum": MAX_OFFSET_MINUTES,
  },
  parse(text) {
    const minutes = Number(text);
    if (!/^-?\d+$/.test(text) || Math.abs(minutes) > MAX_OFFSET_MINUTES) {
      throwInvalidValue("minutes ahead of UTC, an integer from -840 to 840");
    }
    return minutes;
  },
};

/** Parameters of {@linkcode handleExplain}. */
export const EXPLAIN_PARAMETERS: readonly Parameter[] = [
  KILL_SEQ,
  INCIDENT_COUNT,
  UTC_OFFSET,
];

/** OOM incidents of the stored events; with `seq` one kill's explanation. */
export function handleExplain(
  { request, query }: RequestContext,
  { events }: ApiDependencies,
): Response {
  const seq = readParameter(query, KILL_SEQ);
  const count = readParameter(query, INCIDENT_COUNT) ?? DEFAULT_INCIDENTS;
  const offset = readParameter(query, UTC_OFFSET) ?? 0;
  return jsonResponse(
    request,
    seq === undefined
      ? listOf(events, count)
      : storyOf(events, seq, () => offset),
  );
}

function listOf(
  events: Events,
  count: number,
): { readonly [K in keyof Wire<"OomIncidents">]: unknown } {
  const nowMs = systemClock.now();
  const list = new IncidentList();
  const kills = { "last_hour": 0, "last_day": 0 };
  const stored = select(events, "oom", "oomKill");
  for (const { event } of stored.slice(-MAX_LISTED_EVENTS)) list.visit(event);
  for (const { event, timestampMs } of stored) {
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
): { readonly [K in keyof Wire<"OomExplanation">]: unknown } {
  const stored = select(events, "oom", "oomKill");
  const kill = stored.find(({ event }) => event.seq === seq)?.event;
  if (kill === undefined || !isOom(kill)) {
    throw new HttpError(
      STATUS_CODE.NotFound,
      `Unknown OOM kill: no stored OOM event has the seq ${seq}`,
    );
  }
  const kills = new IncidentKills(kill);
  for (const { event } of stored) kills.visit(event);
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
    names.recordNames(event);
  }
  return names.addTo(found);
}

function select(events: Events, ...types: EventType[]) {
  return events.getEvents({ types: new Set(types) });
}
