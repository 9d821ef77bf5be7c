import { accepts } from "@std/http/negotiation";
import { type CgroupName, ROOT } from "../model/cgroup.ts";
import { BadRequestError } from "../model/errors.ts";
import {
  EVENT_TYPES,
  type EventRequest,
  type EventType,
} from "../model/event.ts";
import {
  assertSpan,
  notA,
  parseBoolean,
  parseCount,
  parseSeq,
  parseSignedDuration,
  parseTime,
  readParameter,
  readValue,
} from "./values.ts";

/** What a request for events asks for. */
export interface EventsQuery {
  /** Which events. */
  readonly request: EventRequest;
  /** One array, or a stream without end: JSON lines, or server-sent events. */
  readonly form: "array" | "ndjson" | "sse";
  /** After how long a stream that has nothing to say shows that it lives. @default never */
  readonly heartbeatMs?: number;
}

/** What cAdvisor has no word for, and no flag turned on, a client of cAdvisor's need not know. */
const ALL_EVENTS = EVENT_TYPES.filter((type) => type !== "containerUpdate");

/**
 * cAdvisor's parameters, and ours, called as the flags that turn these events
 * on. Who wants all events wants those too that he turned on.
 */
const TYPE_PARAMETERS: ReadonlyMap<string, readonly EventType[]> = new Map<
  string,
  readonly EventType[]
>([
  ["all_events", ALL_EVENTS],
  ["oom_events", ["oom"]],
  ["oom_kill_events", ["oomKill"]],
  ["creation_events", ["containerCreation"]],
  ["deletion_events", ["containerDeletion"]],
  ["update_events", ["containerUpdate"]],
  ["pressure_events", ["memoryHigh", "memoryMax"]],
  ["node_events", ["nodeEvent"]],
]);

/** Any of these brings in what cAdvisor does where the request says nothing else. */
const SELECTING_PARAMETERS = [
  ...TYPE_PARAMETERS.keys(),
  "subcontainers",
  "max_events",
  "start_time",
  "end_time",
];

/** cAdvisor's number of events where a request does not say one. */
const DEFAULT_MAX_EVENTS = 10;

/** Shorter is a busy loop, and a day shows nobody that the stream lives. */
const MIN_HEARTBEAT_MS = 100;
const MAX_HEARTBEAT_MS = 86_400_000;

/**
 * Reads what a request for the events of a container asks for. Of a parameter
 * that is repeated the first counts; an unknown one is passed over.
 *
 * @throws {BadRequestError} naming the parameter, its value and the wanted form
 */
export function parseEventsQuery(
  request: Pick<Request, "url" | "headers">,
  name: CgroupName,
): EventsQuery {
  const query = new URL(request.url).searchParams;
  const form = parseForm(request, query);
  const selection = parseSelection(
    query,
    name,
    resumeFrom(request, query, form),
  );
  const { startMs, endMs } = selection;
  if (form !== "array" && (startMs !== undefined || endMs !== undefined)) {
    throw new BadRequestError(
      'Cannot use "start_time" or "end_time" with a stream: it gives what comes, and with "since_seq" what came since',
    );
  }
  const heartbeatMs = readParameter(query, "heartbeat", parseHeartbeat);
  return {
    request: selection,
    form,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  };
}

function parseForm(
  request: Pick<Request, "headers">,
  query: URLSearchParams,
): EventsQuery["form"] {
  const isStream = readParameter(query, "stream", parseBoolean) ?? false;
  const type = accepts(
    request,
    "application/json",
    "application/x-ndjson",
    "text/event-stream",
  );
  if (type === "text/event-stream") return "sse";
  return isStream ? "ndjson" : "array";
}

/** The number of the last event that the client has seen. */
function resumeFrom(
  request: Pick<Request, "headers">,
  query: URLSearchParams,
  form: EventsQuery["form"],
): number | undefined {
  const sinceSeq = readParameter(query, "since_seq", parseSeq);
  const lastId = request.headers.get("last-event-id");
  // A client that reconnects sends the same address again, so the header is the newer word.
  return form === "sse" && lastId
    ? readValue('header "Last-Event-ID"', lastId, parseSeq)
    : sinceSeq;
}

function parseSelection(
  query: URLSearchParams,
  name: CgroupName,
  sinceSeq: number | undefined,
): EventRequest {
  const types = parseTypes(query);
  const subcontainers = readParameter(query, "subcontainers", parseBoolean);
  const startMs = readParameter(query, "start_time", parseTimeParameter);
  const endMs = readParameter(query, "end_time", parseTimeParameter);
  assertSpan(["start_time", startMs], ["end_time", endMs]);
  const isSelecting = SELECTING_PARAMETERS.some((key) => query.has(key));
  // Who goes on from a number wants all that came since, not the last ten of it.
  const maxEvents = readParameter(query, "max_events", parseCount) ??
    (isSelecting && sinceSeq === undefined ? DEFAULT_MAX_EVENTS : undefined);
  // With a type and no word on what is below, cAdvisor means this one container, "/" too.
  // Without a type it answers "[]", so that no client can rely on what "/" means there.
  const isAnywhere = name === ROOT &&
    (subcontainers ?? types === undefined);
  return {
    ...(types === undefined ? {} : { types }),
    ...(isAnywhere ? {} : { containerName: name }),
    ...(isAnywhere || subcontainers === undefined
      ? {}
      : { includeSubcontainers: subcontainers }),
    ...(maxEvents === undefined ? {} : { maxEvents }),
    ...(startMs === undefined ? {} : { startMs }),
    ...(endMs === undefined ? {} : { endMs }),
    ...(sinceSeq === undefined ? {} : { sinceSeq }),
  };
}

/**
 * The types that are asked for; `undefined`, which is all, where no parameter
 * speaks of types. There cAdvisor finds no type selected and answers "[]",
 * which helps nobody.
 */
function parseTypes(query: URLSearchParams): Set<EventType> | undefined {
  const types = new Set<EventType>();
  let isSaid = false;
  for (const [key, chosen] of TYPE_PARAMETERS) {
    const isWanted = readParameter(query, key, parseBoolean);
    if (isWanted === undefined) continue;
    isSaid = true;
    if (isWanted) chosen.forEach((type) => types.add(type));
  }
  return isSaid ? types : undefined;
}

function parseHeartbeat(text: string): number {
  const heartbeatMs = parseSignedDuration(text);
  if (heartbeatMs < MIN_HEARTBEAT_MS || heartbeatMs > MAX_HEARTBEAT_MS) {
    throw notA("a duration from 100ms to 24h");
  }
  return heartbeatMs;
}

/** A "+" that was not percent-encoded has become a space on its way. */
function parseTimeParameter(text: string): number | undefined {
  return parseTime(text.replace(/ (?=\d\d:\d\d$)/, "+"));
}
