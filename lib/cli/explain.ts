import { UsageError } from "../config/command_line.ts";
import type { FlagValues } from "../config/flag_values.ts";
import { explainOom, sentenceOf } from "../explain/explain_oom.ts";
import {
  IncidentKills,
  IncidentList,
  isOom,
  MissingNames,
} from "../explain/incidents.ts";
import { createOomStory, type OomStory } from "../explain/oom_story.ts";
import type { Event, EventContainer } from "../model/event.ts";
import { localTimeMatcher } from "../model/local_time.ts";
import { formatLocal, wrap } from "../model/text.ts";
import type { AgentClient } from "./agent_client.ts";
import { kernelLogNote, sourceOf } from "./agent_sources.ts";
import { readEventFile, rejectLogName } from "./event_file.ts";
import { EventMatcher } from "./event_matcher.ts";
import { nameOf } from "./event_table.ts";
import { writeIncidents } from "./explain_list.ts";
import { type Json, quote, writeJson } from "./output.ts";
import { SimilarNames } from "./similar_names.ts";
import type { Terminal } from "./terminal.ts";

/** Options. */
export interface ExplainVerbOptions {
  readonly values: FlagValues;
  /**
   * A container, pod, cgroup, process, local time, or an event's `seq`.
   * @default a list of all incidents
   */
  readonly argument: string | undefined;
  readonly terminal: Terminal;
  /** Called only for an agent. */
  readonly client: () => AgentClient;
}

/**
 * Visits events whose JSON contains the needle, oldest first. A story scans
 * twice, so memory does not grow with the log.
 */
type Scan = (
  needle: string,
  visit: (event: Json) => void | "enough",
) => Promise<void>;

/** Numbers in the order of a date and time, in or out of range. */
const TIME_REGEXP =
  /^(?:(?:\d{4}-)?(\d+)-(\d+)[ T])?(\d+):(\d+)(?::(\d+)(?:\.\d+)?)?$/;
const OOM_NEEDLE = '"event_type":"oom';
const KILL_NEEDLE = '"event_type":"oomKill"';
const UPDATE_NEEDLE = '"event_type":"containerUpdate"';
const QUERY =
  "/api/v1.3/events?oom_events=true&oom_kill_events=true&update_events=true&subcontainers=true&max_events=-1";

/**
 * Prints a story or the incidents, from an agent or a log file.
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
  rejectLogName(argument);
  rejectInvalidTime(argument);
  const scan = scanOf(options);
  if (argument === undefined && !isLast) return await list(scan, options);
  const isTime = localTimeMatcher(argument ?? "");
  if (isTime !== undefined && !isLast) {
    const incidents = new IncidentList();
    await scan(OOM_NEEDLE, (event) => {
      if (isTime(Date.parse(event.timestamp))) incidents.visit(event);
    });
    if (incidents.newest().length > 1) {
      return await writeList(scan, incidents, options);
    }
  }
  const kill = await findKill(scan, argument);
  if (kill === undefined) {
    noteIfAny(await kernelLogNote(options), options);
    throw await notFound(scan, options);
  }
  const isFile = values.optional("file") !== undefined;
  const named = await withNames(scan, [kill]);
  const story = await storyOf(scan, named[0] ?? kill, isFile);
  write(story, options);
  if (story.victims[0]?.attribution === "inferred") {
    noteIfAny(await kernelLogNote(options), options);
  }
}

/** @throws {UsageError} for a time that no clock shows, such as `25:99` */
function rejectInvalidTime(argument = ""): void {
  const [whole, month = 1, day = 1, hour, minute, second = 0] =
    TIME_REGEXP.exec(argument) ?? [];
  if (whole === undefined) return;
  const isDate = Number(month) >= 1 && Number(month) <= 12 &&
    Number(day) >= 1 && Number(day) <= 31;
  const isTime = Number(hour) < 24 && Number(minute) < 60 &&
    Number(second) < 60;
  if (isDate && isTime && localTimeMatcher(argument) !== undefined) return;
  throw new UsageError(
    `Cannot parse time "${argument}": expected a local time such as 03:12, 03:12:05 or "11-29 03:12"`,
  );
}

function noteIfAny(
  note: string | undefined,
  { terminal }: ExplainVerbOptions,
): void {
  if (note !== undefined) terminal.note(note);
}

function scanOf({ values, client }: ExplainVerbOptions): Scan {
  const path = values.optional("file");
  if (path !== undefined) {
    return async (needle, visit) => {
      await readEventFile(path, needle, visit);
    };
  }
  let events: Promise<Json[]> | undefined;
  return async (_needle, visit) => {
    events ??= client().text(QUERY).then((text) => JSON.parse(text));
    for (const event of await events) {
      if (visit(event) === "enough") return;
    }
  };
}

/** Returns the newest incident's first matching kill, or the event with the `seq`. */
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
  const find = async (isMeant: (event: Json) => boolean) => {
    await scan(OOM_NEEDLE, (event) => {
      if (isOom(event) && isMeant(event) && isBetter(event)) found = event;
    });
    return found;
  };
  if (argument === undefined) return await find(() => true);
  const isTime = localTimeMatcher(argument);
  if (isTime !== undefined) {
    return await find(({ timestamp }) => isTime(Date.parse(timestamp)));
  }
  const matcher = new EventMatcher(argument);
  await scan(matcher.needle, (event) => matcher.recordId(event));
  return await find((event) => matcher.matches(event)) ??
    // As in the kernel's `Killed process 19801 (tail)`.
    await find(({ event_data: { oom } }) =>
      oom?.process_name === argument || `${oom?.pid}` === argument
    );
}

async function storyOf(
  scan: Scan,
  kill: Event,
  isFile: boolean,
): Promise<OomStory> {
  const kills = new IncidentKills(kill);
  await scan(KILL_NEEDLE, (event) => kills.visit(event));
  const since = isFile ? await oldest(scan) : undefined;
  return createOomStory(await withNames(scan, kills.events), {
    ...kills.counts,
    ...(since !== undefined && { "log_since": since }),
  });
}

/** Adds names from the containers' later events. */
async function withNames<
  T extends { readonly "container"?: EventContainer },
>(
  scan: Scan,
  events: readonly T[],
): Promise<readonly T[]> {
  const names = new MissingNames(events);
  if (!names.isEmpty) {
    await scan(UPDATE_NEEDLE, (event) => names.recordNames(event));
  }
  return names.addTo(events);
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
  const incidents = new IncidentList();
  await scan(OOM_NEEDLE, (event) => incidents.visit(event));
  const isTable = options.values.choice("output") === "table";
  await writeList(scan, incidents, {
    ...options,
    note: isTable ? await kernelLogNote(options) : undefined,
  });
  if (isTable && incidents.newest().length === 0) {
    noteIfAny(await logHint(options), options);
  }
}

async function writeList(
  scan: Scan,
  list: IncidentList,
  options: ExplainVerbOptions & { readonly note?: string | undefined },
): Promise<void> {
  const incidents = await withNames(scan, list.newest());
  writeIncidents(incidents, { ...options, dropped: list.dropped });
}

function write(
  story: OomStory,
  { values, terminal }: ExplainVerbOptions,
): void {
  const output = values.choice("output");
  if (output !== "table") {
    return writeJson(terminal, output, JSON.stringify(story));
  }
  const { columns = 100, rows = Infinity } = terminal;
  const lines = explainOom(story, { columns });
  // A long story's start is no longer visible.
  const again = lines.length < rows
    ? []
    : ["", ...wrap(sentenceOf(story), columns)];
  terminal.write(`${[...lines, ...again].join("\n")}\n`);
}

async function notFound(
  scan: Scan,
  options: ExplainVerbOptions,
): Promise<Error> {
  const { argument = "", values } = options;
  const file = values.optional("file");
  const where = file === undefined ? "the agent's events" : `"${file}"`;
  const hint = await logHint(options);
  const older = hint === undefined ? "" : `\n  ${hint}`;
  if (argument === "") return new Error(`No OOM kill is in ${where}${older}`);
  const similar = new SimilarNames(argument);
  await scan(OOM_NEEDLE, (event) => {
    if (isOom(event)) similar.visit(nameOf(event));
  });
  const more = argument === "last"
    ? "cgwatch explain --last explains the newest"
    : similar.hint ?? "cgwatch explain lists those that are";
  const preposition = localTimeMatcher(argument) === undefined ? "of" : "at";
  const since = file === undefined ? undefined : await oldest(scan);
  const start = since === undefined
    ? ""
    : `, which starts at ${formatLocal(Date.parse(since)).slice(0, 19)}`;
  return new Error(
    `No OOM kill ${preposition} "${argument}" is in ${where}${start}: ${more}${older}`,
  );
}

/** Returns how to read older kills: the agent keeps events since its start only. */
async function logHint(
  { argument, values, client }: ExplainVerbOptions,
): Promise<string | undefined> {
  if (values.optional("file") !== undefined) return undefined;
  const { detail: log = "" } = await sourceOf(client(), "event_log") ?? {};
  if (!log.startsWith("/")) return undefined;
  const which = (values.bool("last") ? " --last" : "") +
    (argument === undefined ? "" : ` ${quote(argument)}`);
  return `The event log of the agent may have older ones:\n  cgwatch explain${which} --file=${
    quote(log)
  }`;
}
