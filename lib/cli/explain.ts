import { UsageError } from "../config/command_line.ts";
import type { FlagValues } from "../config/flag_values.ts";
import { containerTitle, explainOom } from "../explain/explain_oom.ts";
import {
  type Incident,
  IncidentKills,
  IncidentList,
  isOom,
  MissingNames,
} from "../explain/incidents.ts";
import { createOomStory, type OomStory } from "../explain/oom_story.ts";
import type { Event, EventContainer } from "../model/event.ts";
import { localTimeMatcher } from "../model/local_time.ts";
import { escapeControlCharacters, formatZone } from "../model/text.ts";
import type { AgentClient } from "./agent_client.ts";
import { readEventFile } from "./event_file.ts";
import { EventMatcher } from "./event_match.ts";
import { formatTime, isWide, nameOf, timeColumn } from "./event_table.ts";
import { noteKernelLog } from "./kernel_log_note.ts";
import { type Json, writeJson } from "./output.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** Options of `explain`. */
export interface ExplainVerbOptions {
  readonly values: FlagValues;
  /** A container, a pod, a cgroup, a process, a local time, or the `seq` of an event. @default a list of all incidents */
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

/** Names in an error. */
const MAX_SIMILAR = 3;

const OOM_NEEDLE = '"event_type":"oom';
const KILL_NEEDLE = '"event_type":"oomKill"';
const UPDATE_NEEDLE = '"event_type":"containerUpdate"';
const QUERY =
  "/api/v1.3/events?oom_events=true&oom_kill_events=true&update_events=true&subcontainers=true&max_events=-1";

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
    await noteKernelLog(options);
    throw await notFound(scan, options);
  }
  const isFile = values.optional("file") !== undefined;
  const named = await withNames(scan, [kill]);
  const story = await storyOf(scan, named[0] ?? kill, isFile);
  write(story, options);
  if (story.victims[0]?.attribution === "inferred") {
    await noteKernelLog(options);
  }
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
  await scan(matcher.needle, (event) => matcher.recordNames(event));
  return await find((event) => matcher.matches(event)) ??
    // As the kernel names it: `Killed process 19801 (tail)`.
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

/** Adds names from later events of the same container. */
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
  await writeList(scan, incidents, options);
  if (options.values.choice("output") === "table") await noteKernelLog(options);
}

async function writeList(
  scan: Scan,
  list: IncidentList,
  { values, terminal }: ExplainVerbOptions,
): Promise<void> {
  const output = values.choice("output");
  const incidents = await withNames(scan, list.newest());
  if (output !== "table") {
    return writeJson(terminal, output, JSON.stringify(incidents));
  }
  if (incidents.length === 0) {
    const file = values.optional("file");
    const where = file === undefined ? "" : ` in "${file}"`;
    terminal.write(
      escapeControlCharacters(`No OOM kill is recorded${where}.`) + "\n",
    );
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
      { title: "PROCESS" },
      { title: "WHY", shrinks: true, isSentence: true },
      // Last, as a whole name is long in a pipe.
      { title: "CONTAINER", shrinks: true },
    ],
    shown.map((incident) => cellsOf(incident, hasRoom)),
    columns,
  );
  const left = incidents.length + list.dropped - shown.length;
  terminal.write(`${lines.join("\n")}\n`);
  // Not before a table in a pager.
  if (columns === undefined) return;
  const more = left > 0 ? `${left} older: cgwatch explain | less -S; ` : "";
  terminal.note(`${more}one of them: cgwatch explain SEQ`);
}

function cellsOf(
  { seq, timestamp, container, cgroup, process, reason, kills }: Incident,
  hasRoom: boolean,
): string[] {
  return [
    formatTime(Date.parse(timestamp), hasRoom),
    `${seq}`,
    process ?? "-",
    kills > 1 ? `${reason}, ${kills} processes` : reason,
    containerTitle(container, cgroup),
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

async function notFound(
  scan: Scan,
  { argument = "", values }: ExplainVerbOptions,
): Promise<Error> {
  const file = values.optional("file");
  const where = file === undefined ? "the agent's events" : `"${file}"`;
  if (argument === "") return new Error(`No OOM kill is in ${where}`);
  const similar = new Set<string>();
  await scan(OOM_NEEDLE, (event) => {
    const name = nameOf(event);
    if (similar.size >= MAX_SIMILAR || !isOom(event)) return;
    if (name.toLowerCase().includes(argument.toLowerCase())) similar.add(name);
  });
  const more = argument === "last"
    ? "cgwatch explain --last explains the newest"
    : similar.size > 0
    ? `similar names are ${[...similar].join(", ")}`
    : "cgwatch explain lists those that are";
  return new Error(`No OOM kill of "${argument}" is in ${where}: ${more}`);
}
