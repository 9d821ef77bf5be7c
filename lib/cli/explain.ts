import { UsageError } from "../config/command_line.ts";
import type { FlagValues } from "../config/flag_values.ts";
import {
  containerTitle,
  explainOom,
  reasonOf,
} from "../explain/explain_oom.ts";
import {
  createOomStory,
  type OomKillCounts,
  type OomStory,
  ownerOf,
} from "../explain/oom_story.ts";
import type { Event, EventContainer } from "../model/event.ts";
import { formatZone } from "../model/text.ts";
import type { AgentClient } from "./agent_client.ts";
import { readEventFile } from "./event_file.ts";
import { EventMatcher } from "./event_match.ts";
import { formatTime, isWide, timeColumn } from "./event_table.ts";
import { type Json, writeJson } from "./output.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** Options of `explain`. */
export interface ExplainVerbOptions {
  readonly values: FlagValues;
  /** A container, a pod, a cgroup, or the `seq` of an event. @default a list of all incidents */
  readonly argument: string | undefined;
  readonly terminal: Terminal;
  /** Called only if an agent is queried. */
  readonly client: () => AgentClient;
}

/**
 * Visits events whose JSON contains the needle, oldest first. A story scans the
 * log twice, so memory does not grow with the log.
 */
type Scan = (
  needle: string,
  visit: (event: Json) => void | "enough",
) => Promise<void>;

/** An absent field is not recorded. */
interface Incident {
  /** The first kill, accepted by `explain`. */
  readonly "seq": number;
  /** RFC 3339, UTC. */
  readonly "timestamp": string;
  readonly "incident"?: string;
  readonly "container"?: EventContainer;
  readonly "cgroup": string;
  readonly "process"?: string;
  readonly "reason": string;
  "kills": number;
}

const OOM_NEEDLE = '"event_type":"oom';
const KILL_NEEDLE = '"event_type":"oomKill"';
const UPDATE_NEEDLE = '"event_type":"containerUpdate"';
const QUERY =
  "/api/v1.3/events?oom_events=true&oom_kill_events=true&update_events=true&subcontainers=true&max_events=-1";

/** Listed incidents, and events read per incident. */
const MAX_INCIDENTS = 1_000;
const MAX_EVENTS = 1_000;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Prints one story or the list of incidents, from an agent or a log file.
 *
 * @throws {UsageError} if a flag or file is invalid
 * @throws {Error} if there is no such kill
 */
export async function explainKill(options: ExplainVerbOptions): Promise<void> {
  const { values, argument } = options;
  const isLast = values.bool("last");
  if (isLast && argument !== undefined && /^\d+$/.test(argument)) {
    throw new UsageError(`--last: "${argument}" is the seq of one event`);
  }
  const scan = scanOf(options);
  if (argument === undefined && !isLast) return await list(scan, options);
  const kill = await findKill(scan, argument);
  if (kill === undefined) throw notFound(options);
  const isFile = values.optional("file") !== undefined;
  const named = await withNames(scan, [kill]);
  write(await storyOf(scan, named[0] ?? kill, isFile), options);
}

function scanOf({ values, client }: ExplainVerbOptions): Scan {
  const path = values.optional("file");
  if (path !== undefined) {
    return async (needle, visit) => {
      await readEventFile(path, needle, visit);
    };
  }
  let kept: Promise<Json[]> | undefined;
  return async (_needle, visit) => {
    kept ??= client().text(QUERY).then((text) => JSON.parse(text));
    for (const event of await kept) {
      if (visit(event) === "enough") return;
    }
  };
}

/** Returns the first matching kill of the newest incident, or the event with the `seq`. */
async function findKill(
  scan: Scan,
  argument: string | undefined,
): Promise<Event | undefined> {
  let found: Event | undefined;
  const isBetter = (event: Event) => {
    const isNewer = event.event_data.oom?.incident === undefined ||
      event.event_data.oom.incident !== found?.event_data.oom?.incident;
    return event.event_type === "oomKill"
      ? isNewer || found?.event_type === "oom"
      : isNewer;
  };
  if (argument !== undefined && /^\d+$/.test(argument)) {
    await scan(`{"seq":${argument},`, (event) => {
      if (event.seq !== Number(argument) || !isOom(event)) return;
      found = event;
      return "enough";
    });
    if (found !== undefined) return found;
  }
  const matcher = argument === undefined
    ? undefined
    : new EventMatcher(argument);
  if (matcher !== undefined) {
    await scan(matcher.needle, (event) => matcher.recordNames(event));
  }
  await scan(OOM_NEEDLE, (event) => {
    const isMeant = matcher === undefined || matcher.matches(event);
    if (isMeant && isOom(event) && isBetter(event)) found = event;
  });
  return found;
}

async function storyOf(
  scan: Scan,
  kill: Event,
  isFile: boolean,
): Promise<OomStory> {
  const incident = kill.event_data.oom?.incident;
  const events: Event[] = [];
  const owner = ownerOf(kill);
  const atMs = Date.parse(kill.timestamp);
  const count = { "last_hour": 0, "last_day": 0, "log": 0 };
  await scan(KILL_NEEDLE, (event) => {
    // The agent also returns `oom` events.
    const isKill = event.event_type === "oomKill" && isOom(event);
    if (!isKill && event.seq !== kill.seq) return;
    const isSame = incident === undefined
      ? event.seq === kill.seq
      : event.event_data.oom?.incident === incident;
    if (event.seq === kill.seq) events.unshift(kill);
    else if (isSame && events.length < MAX_EVENTS) events.push(event);
    const isOwn = ownerOf(event) === owner ||
      event.container?.id !== undefined &&
        event.container.id === kill.container?.id;
    if (!isKill || !isOwn) return;
    count.log++;
    const ageMs = atMs - Date.parse(event.timestamp);
    if (ageMs > DAY_MS || ageMs < 0 && !isSame) return;
    count.last_day++;
    if (ageMs <= HOUR_MS) count.last_hour++;
  });
  const since = isFile ? await oldest(scan) : undefined;
  const kills: OomKillCounts = {
    "of": owner,
    ...count,
    ...(since !== undefined && { "log_since": since }),
  };
  const all = events.length === 0 ? [kill] : events;
  return createOomStory(await withNames(scan, all), kills);
}

/** Adds names from later events of the same container. */
async function withNames<
  T extends { readonly "container"?: EventContainer },
>(
  scan: Scan,
  events: readonly T[],
): Promise<readonly T[]> {
  // A runtime provides names and images together.
  const isUnnamed = ({ container }: T) =>
    container?.id !== undefined && container.image === undefined;
  const ids = new Set(
    events.filter(isUnnamed).map(({ container }) => container?.id),
  );
  if (ids.size === 0) return events;
  const found = new Map<string, EventContainer>();
  await scan(UPDATE_NEEDLE, ({ container }) => {
    if (ids.has(container?.id)) found.set(container.id, container);
  });
  return events.map((event) => {
    const container = found.get(event.container?.id ?? "");
    return container === undefined ? event : { ...event, container };
  });
}

async function oldest(scan: Scan): Promise<string | undefined> {
  let since: string | undefined;
  await scan("", (event) => {
    since = event.timestamp;
    return "enough";
  });
  return since;
}

async function list(scan: Scan, options: ExplainVerbOptions): Promise<void> {
  const incidents = new Map<string, Incident>();
  let dropped = 0;
  await scan(OOM_NEEDLE, (event) => {
    if (!isOom(event)) return;
    const id = event.event_data.oom?.incident ?? `${event.seq}`;
    const known = incidents.get(id);
    const isKill = event.event_type === "oomKill";
    if (known === undefined || isKill && known.kills === 0) {
      incidents.set(id, incidentOf(event, isKill ? 1 : 0));
    } else if (isKill) known.kills++;
    const [first] = incidents.keys();
    if (incidents.size > MAX_INCIDENTS && first !== undefined) {
      incidents.delete(first);
      dropped++;
    }
  });
  const newest = [...incidents.values()].reverse();
  writeList(await withNames(scan, newest), dropped, options);
}

function incidentOf(event: Event, kills: number): Incident {
  const { seq, timestamp, container, container_name: name } = event;
  const { incident, victim_cgroup: victim, process_name: process } =
    event.event_data.oom ?? {};
  return {
    "seq": seq,
    "timestamp": timestamp,
    ...(incident !== undefined && { "incident": incident }),
    ...(container !== undefined && { "container": container }),
    "cgroup": victim ?? name,
    ...(process !== undefined && { "process": process }),
    "reason": reasonOf(createOomStory([event])),
    "kills": kills,
  };
}

function writeList(
  incidents: readonly Incident[],
  dropped: number,
  { values, terminal }: ExplainVerbOptions,
): void {
  const output = values.choice("output");
  if (output !== "table") {
    return writeJson(terminal, output, JSON.stringify(incidents));
  }
  if (incidents.length === 0) {
    terminal.write("No OOM kill is recorded.\n");
    return;
  }
  const { rows = Infinity, columns } = terminal;
  // Space for header, hint and prompt, so that the newest incidents stay visible.
  const shown = incidents.slice(0, Math.max(1, rows - 4));
  const hasRoom = isWide(columns);
  const zone = formatZone(Date.parse(incidents[0]?.timestamp ?? ""));
  const lines = renderTable(
    [
      timeColumn(zone, hasRoom),
      { title: "SEQ", isNumber: true },
      { title: "CONTAINER", shrinks: true },
      { title: "PROCESS" },
      { title: "WHY", shrinks: true, isSentence: true },
    ],
    shown.map((incident) => cellsOf(incident, hasRoom)),
    columns,
  );
  const left = incidents.length + dropped - shown.length;
  terminal.write(`${lines.join("\n")}\n`);
  const more = left > 0 ? `${left} older: cgwatch explain | less; ` : "";
  terminal.note(`${more}one of them: cgwatch explain SEQ`);
}

function cellsOf(
  { seq, timestamp, container, cgroup, process, reason, kills }: Incident,
  hasRoom: boolean,
): string[] {
  return [
    formatTime(Date.parse(timestamp), hasRoom),
    `${seq}`,
    containerTitle(container, cgroup),
    process ?? "-",
    kills > 1 ? `${reason}, ${kills} processes` : reason,
  ];
}

function write(
  story: OomStory,
  { values, terminal }: ExplainVerbOptions,
): void {
  const output = values.choice("output");
  if (output !== "table") {
    return writeJson(terminal, output, JSON.stringify(story));
  }
  const columns = terminal.columns ?? 100;
  terminal.write(`${explainOom(story, { columns }).join("\n")}\n`);
}

function isOom({ event_type: type }: Json): boolean {
  return type === "oom" || type === "oomKill";
}

function notFound({ argument, values }: ExplainVerbOptions): Error {
  const file = values.optional("file");
  const where = file === undefined ? "the agent's events" : `"${file}"`;
  const of = argument === undefined ? "" : ` of "${argument}"`;
  return new Error(
    `No OOM kill${of} is in ${where}: cgwatch explain lists those that are`,
  );
}
