import { accepts } from "@std/http/negotiation";
import { type CgroupName, ROOT } from "../model/cgroup.ts";
import { BadRequestError } from "../model/errors.ts";
import {
  EVENT_TYPES,
  type EventRequest,
  type EventType,
} from "../model/event.ts";
import { type Parameter, readParameter } from "./parameters.ts";
import {
  assertSpan,
  BOOLEAN,
  COUNT,
  DURATION,
  readValue,
  SEQ,
  throwInvalidValue,
  TIME,
} from "./values.ts";

/** A parsed request for events. */
export interface EventsQuery {
  readonly request: EventRequest;
  /** One JSON array, or an endless stream of NDJSON or server-sent events. */
  readonly format: "array" | "ndjson" | "sse";
  /** Interval of empty lines in an idle stream. @default never */
  readonly heartbeatMs?: number;
}

/** `containerUpdate` is excluded: cAdvisor has no such type, and no flag enables it. */
const ALL_EVENTS = EVENT_TYPES.filter((type) => type !== "containerUpdate");

/**
 * Parameters that select types, with cAdvisor's names, and for cgwatch's types
 * those of the flags that enable them. `all_events` includes these types.
 */
const TYPE_PARAMETERS = (
  [
    ["all_events", ALL_EVENTS, "all types except `containerUpdate`"],
    ["oom_events", ["oom"], "`oom`"],
    ["oom_kill_events", ["oomKill"], "`oomKill`"],
    ["creation_events", ["containerCreation"], "`containerCreation`"],
    ["deletion_events", ["containerDeletion"], "`containerDeletion`"],
    ["update_events", ["containerUpdate"], "`containerUpdate`"],
    [
      "pressure_events",
      ["memoryHigh", "memoryMax"],
      "`memoryHigh` and `memoryMax`",
    ],
    ["node_events", ["nodeEvent"], "`nodeEvent`"],
  ] as const
).map(([name, types, selected]): TypeParameter => ({
  ...BOOLEAN,
  name,
  description:
    `Whether to select ${selected}; without such a parameter all types are selected`,
  types,
}));

interface TypeParameter extends Parameter<boolean> {
  readonly types: readonly EventType[];
}

const SUBCONTAINERS: Parameter<boolean> = {
  ...BOOLEAN,
  name: "subcontainers",
  description:
    "Whether to include the subtree; default false, true for `/` if no type is selected",
};

const MAX_EVENTS: Parameter<number> = {
  ...COUNT,
  name: "max_events",
  description:
    "Newest events returned, -1 for all; default 10 with another parameter that selects events, otherwise all",
};

const START_TIME: Parameter<number | undefined> = {
  ...TIME,
  name: "start_time",
  description: "Earliest time; not with a stream",
  parse: parseTimeParameter,
};

const END_TIME: Parameter<number | undefined> = {
  ...TIME,
  name: "end_time",
  description: "Latest time; not with a stream",
  parse: parseTimeParameter,
};

const SINCE_SEQ: Parameter<number> = {
  ...SEQ,
  name: "since_seq",
  description:
    "Only events with a greater `seq`; a stream starts with the stored ones",
};

const STREAM: Parameter<boolean> = {
  ...BOOLEAN,
  name: "stream",
  description:
    "Whether to stream events as NDJSON; `Accept: text/event-stream` streams them as server-sent events",
};

/** A shorter interval would be a busy loop, a longer one useless. */
const MIN_HEARTBEAT_MS = 100;
const MAX_HEARTBEAT_MS = 86_400_000;

const HEARTBEAT: Parameter<number> = {
  ...DURATION,
  name: "heartbeat",
  description:
    "Interval at which an idle stream sends an empty line, `100ms` to `24h`; default never",
  parse(text) {
    const heartbeatMs = DURATION.parse(text);
    if (heartbeatMs < MIN_HEARTBEAT_MS || heartbeatMs > MAX_HEARTBEAT_MS) {
      throwInvalidValue("a duration from 100ms to 24h");
    }
    return heartbeatMs;
  },
};

/** If one is present, cAdvisor's defaults apply to the others. */
const SELECTING_PARAMETERS: readonly Parameter[] = [
  ...TYPE_PARAMETERS,
  SUBCONTAINERS,
  MAX_EVENTS,
  START_TIME,
  END_TIME,
];

/** Parameters of {@linkcode parseEventsQuery}. */
export const EVENTS_PARAMETERS: readonly Parameter[] = [
  ...SELECTING_PARAMETERS,
  SINCE_SEQ,
  STREAM,
  HEARTBEAT,
];

/** cAdvisor's default. */
const DEFAULT_MAX_EVENTS = 10;

/**
 * Parses a request for a container's events.
 *
 * @throws {BadRequestError} naming the parameter, its value and the expected
 *   format
 */
export function parseEventsQuery(
  request: Pick<Request, "headers">,
  query: URLSearchParams,
  name: CgroupName,
): EventsQuery {
  const format = parseFormat(request, query);
  const selection = parseSelection(
    query,
    name,
    resumeFrom(request, query, format),
  );
  const { startMs, endMs } = selection;
  if (format !== "array" && (startMs !== undefined || endMs !== undefined)) {
    throw new BadRequestError(
      'Cannot use "start_time" or "end_time" with a stream: expected "since_seq", or neither',
    );
  }
  const heartbeatMs = readParameter(query, HEARTBEAT);
  return {
    request: selection,
    format,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  };
}

function parseFormat(
  request: Pick<Request, "headers">,
  query: URLSearchParams,
): EventsQuery["format"] {
  const isStream = readParameter(query, STREAM) ?? false;
  const type = accepts(
    request,
    "application/json",
    "application/x-ndjson",
    "text/event-stream",
  );
  if (type === "text/event-stream") return "sse";
  return isStream ? "ndjson" : "array";
}

/** Returns the `seq` of the client's last event. */
function resumeFrom(
  request: Pick<Request, "headers">,
  query: URLSearchParams,
  format: EventsQuery["format"],
): number | undefined {
  const sinceSeq = readParameter(query, SINCE_SEQ);
  const lastId = request.headers.get("last-event-id");
  // The header is newer: a reconnecting client repeats its URL.
  return format === "sse" && lastId
    ? readValue('header "Last-Event-ID"', lastId, SEQ.parse)
    : sinceSeq;
}

function parseSelection(
  query: URLSearchParams,
  name: CgroupName,
  sinceSeq: number | undefined,
): EventRequest {
  const types = parseTypes(query);
  const subcontainers = readParameter(query, SUBCONTAINERS);
  const startMs = readParameter(query, START_TIME);
  const endMs = readParameter(query, END_TIME);
  assertSpan(["start_time", startMs], ["end_time", endMs]);
  const isSelecting = SELECTING_PARAMETERS.some(({ name }) => query.has(name));
  // A client that resumes requires all later events, not the last ten.
  const maxEvents = readParameter(query, MAX_EVENTS) ??
    (isSelecting && sinceSeq === undefined ? DEFAULT_MAX_EVENTS : undefined);
  // With a type and without `subcontainers`, cAdvisor selects one container,
  // even "/". Without a type it returns "[]", so no client depends on the
  // meaning of "/".
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
 * Returns `undefined` for all types if no parameter selects one; cAdvisor
 * returns "[]" then.
 */
function parseTypes(query: URLSearchParams): Set<EventType> | undefined {
  const selected = TYPE_PARAMETERS
    .map((parameter) => ({
      types: parameter.types,
      isSelected: readParameter(query, parameter),
    }))
    .filter(({ isSelected }) => isSelected !== undefined);
  if (selected.length === 0) return undefined;
  return new Set(
    selected.flatMap(({ types, isSelected }) => isSelected ? types : []),
  );
}

/** An unencoded "+" is decoded as a space. */
function parseTimeParameter(text: string): number | undefined {
  return TIME.parse(text.replace(/ (?=\d\d:\d\d$)/, "+"));
}
