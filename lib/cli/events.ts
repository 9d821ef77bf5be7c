// Longer than other files: it reads, follows and shows one thing, from two sources.

import type { FlagValues } from "../config/flag_values.ts";
import { UsageError } from "../config/command_line.ts";
import { type Clock, sleep } from "../model/clock.ts";
import { EVENT_TYPES, type EventType } from "../model/event.ts";
import {
  type AgentClient,
  AgentUnreachableError,
  namePath,
} from "./agent_client.ts";
import { readEventFile } from "./event_file.ts";
import type { Json } from "./output.ts";
import {
  type Column,
  formatBytes,
  printed,
  renderRow,
  widthsOf,
} from "./table.ts";
import { type Style, styled, type Terminal } from "./terminal.ts";

/** What `events` needs. */
export interface EventsOptions {
  readonly values: FlagValues;
  /** A container; it and all below it are told of. @default all */
  readonly container: string | undefined;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Called only where the events are asked of an agent. */
  readonly client: () => AgentClient;
}

/** The parameter that selects each type; two types share one. */
const PARAMETERS: Readonly<Record<EventType, string>> = {
  "oom": "oom_events",
  "oomKill": "oom_kill_events",
  "containerCreation": "creation_events",
  "containerDeletion": "deletion_events",
  "containerUpdate": "update_events",
  "memoryHigh": "pressure_events",
  "memoryMax": "pressure_events",
  "nodeEvent": "node_events",
};

const TYPE_STYLES: Readonly<Record<string, Style>> = {
  "oom": "yellow",
  "oomKill": "red",
  "containerCreation": "green",
  "containerDeletion": "dim",
  "lost": "yellow",
};

const HEARTBEAT_MS = 15_000;
/** An agent that sends no heartbeat for so long is gone, whatever its connection says. */
const SILENCE_LIMIT_MS = 45_000;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

const COLUMNS: readonly Column[] = [
  { title: "TIME", width: 24 },
  { title: "TYPE", width: 17 },
  { title: "CONTAINER", shrinks: true, width: 44 },
  { title: "WHAT", shrinks: true, width: 56 },
];

/**
 * Tells events, oldest first: of an agent, or of a log file.
 *
 * @throws {UsageError} for flags that cannot be together
 */
export async function tellEvents(options: EventsOptions): Promise<void> {
  const { values, terminal, clock, client, container } = options;
  const printer = new EventPrinter(terminal, values.choice("output"));
  const selects = selection(values, container, clock);
  const follows = values.bool("follow");
  const path = values.optional("file");
  if (path !== undefined) {
    if (follows) {
      throw new UsageError("--follow: A file is followed by tail -F, not here");
    }
    const unread = await readEventFile(path, (event) => {
      if (selects(event)) printer.print(event);
    });
    if (unread > 0) terminal.note(`${unread} lines of the log are no events`);
  } else if (follows) {
    await follow(client(), options, (event) => {
      if (selects(event)) printer.print(event);
    });
  } else {
    const text = await client().text(`${pathOf(options)}&max_events=-1`);
    const events: Json[] = JSON.parse(text);
    for (const event of events) if (selects(event)) printer.print(event);
  }
  printer.end();
}

function typesOf(values: FlagValues): readonly EventType[] {
  return values.list("type").map((text) => {
    const type = EVENT_TYPES.find((known) =>
      known.toLowerCase() === text.toLowerCase()
    );
    if (type !== undefined) return type;
    throw new UsageError(
      `--type: "${text}" is not one of ${EVENT_TYPES.join(", ")}`,
    );
  });
}

/** Which events are told, of those that come: an agent selects too, but not all of it. */
function selection(
  values: FlagValues,
  container: string | undefined,
  clock: Clock,
): (event: Json) => boolean {
  const types: readonly string[] = typesOf(values);
  const sinceMs = values.optional("since") === undefined
    ? -Infinity
    : clock.now() - values.duration("since");
  const name = container === undefined || container === "/"
    ? ""
    : `/${container.replace(/^\/+|\/+$/g, "")}`;
  return (event) =>
    event.event_type === "lost" ||
    (types.length === 0 || types.includes(event.event_type)) &&
      Date.parse(event.timestamp) >= sinceMs &&
      (name === "" || event.container_name === name ||
        `${event.container_name}`.startsWith(`${name}/`));
}

function pathOf({ container, values }: EventsOptions): string {
  const types = new Set(typesOf(values).map((type) => PARAMETERS[type]));
  const query = [
    "subcontainers=true",
    ...[...types].map((name) => `${name}=true`),
  ];
  return `/api/v1.3/events${namePath(container)}?${query.join("&")}`;
}

/** Tells the events there are and those to come, over restarts of the agent too; ends with the process. */
async function follow(
  client: AgentClient,
  options: EventsOptions,
  tell: (event: Json) => void,
): Promise<never> {
  const { clock, terminal } = options;
  let lastSeq = 0;
  let bootId: string | undefined;
  for (let retryMs = MIN_RETRY_MS;;) {
    try {
      if (bootId !== undefined && await hasBegunAnew(client, lastSeq)) {
        lastSeq = 0;
      }
      const path = `${
        pathOf(options)
      }&stream=true&heartbeat=${HEARTBEAT_MS}ms&since_seq=${lastSeq}`;
      for await (const line of livingLines(client, path, clock)) {
        retryMs = MIN_RETRY_MS;
        if (line === "") continue;
        const event: Json = JSON.parse(line);
        lastSeq = event.seq;
        bootId = event.boot_id;
        tell(event);
      }
    } catch (error) {
      if (
        bootId === undefined ||
        !(error instanceof AgentUnreachableError || error instanceof TypeError)
      ) throw error;
    }
    terminal.note(`The agent at "${client.server}" has gone, asking it again`);
    await sleep(clock, retryMs);
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
  }
}

/** Whether the agent's numbers began anew, as they do where it has no log file. */
async function hasBegunAnew(
  client: AgentClient,
  lastSeq: number,
): Promise<boolean> {
  const [newest]: Json[] = JSON.parse(
    await client.text("/api/v1.3/events?since_seq=0&max_events=1"),
  );
  return (newest?.seq ?? 0) < lastSeq;
}

/** Lines until the stream ends or falls silent. */
async function* livingLines(
  client: AgentClient,
  path: string,
  clock: Clock,
): AsyncGenerator<string> {
  const silence = new AbortController();
  const watch = () => clock.schedule(SILENCE_LIMIT_MS, () => silence.abort());
  let cancel = watch();
  try {
    for await (const line of client.lines(path, silence.signal)) {
      cancel();
      cancel = watch();
      yield line;
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
  } finally {
    cancel();
  }
}

/** Writes events as they come: the widths of the table cannot wait for the last. */
class EventPrinter {
  readonly #terminal: Terminal;
  readonly #output: "table" | "json" | "ndjson";
  readonly #widths: readonly number[];
  #count = 0;

  constructor(terminal: Terminal, output: "table" | "json" | "ndjson") {
    this.#terminal = terminal;
    this.#output = output;
    this.#widths = widthsOf(COLUMNS, [], terminal.columns);
  }

  print(event: Json): void {
    const terminal = this.#terminal;
    if (this.#output === "table") {
      if (this.#count === 0) {
        terminal.write(`${this.#row(COLUMNS.map(({ title }) => title))}\n`);
      }
      const type = event.event_type;
      const row = this.#row([
        event.timestamp.slice(0, 23).replace("T", " "),
        type,
        event.container_name,
        describe(event),
      ]);
      const style = TYPE_STYLES[type];
      terminal.write(
        `${style === undefined ? row : styled(terminal, style, row)}\n`,
      );
    } else {
      const before = this.#output === "ndjson"
        ? ""
        : this.#count === 0
        ? "["
        : ",\n";
      const after = this.#output === "ndjson" ? "\n" : "";
      terminal.write(before + JSON.stringify(event) + after);
    }
    this.#count++;
  }

  end(): void {
    if (this.#output === "json") {
      this.#terminal.write(this.#count === 0 ? "[]\n" : "]\n");
    }
  }

  #row(cells: readonly string[]): string {
    const { columns } = this.#terminal;
    const widths = columns === undefined
      ? cells.map((cell, at) =>
        Math.max(printed(cell).length, COLUMNS[at]?.width ?? 0)
      )
      : this.#widths;
    return renderRow(COLUMNS, cells, widths, columns);
  }
}

/** What happened, in a few words. */
function describe(event: Json): string {
  const {
    oom,
    container_deletion: deletion,
    memory_pressure: pressure,
    node_event: node,
    lost,
  } = event.event_data ?? {};
  if (oom !== undefined) return describeOom(oom, event.container_name);
  if (deletion !== undefined && deletion.exit_code >= 0) {
    return `exit code ${deletion.exit_code}`;
  }
  if (pressure !== undefined) return `${pressure.count} times`;
  if (node !== undefined) return node.message;
  if (lost !== undefined) return `${lost.count} events: ${lost.reason}`;
  const { name, image } = event.container ?? {};
  return [name, image].filter(Boolean).join(" ");
}

function describeOom(oom: Json, container: string): string {
  const parts: string[] = [];
  if (oom.process_name !== undefined) {
    parts.push(`${oom.process_name}[${oom.pid}]`);
  }
  if (oom.anon_rss_bytes !== undefined) {
    parts.push(`had ${formatBytes(oom.anon_rss_bytes)}`);
  }
  const limit = oom.context?.limit_bytes;
  if (limit !== undefined) parts.push(`limit ${formatBytes(limit)}`);
  if (oom.scope === "host") parts.push("the machine ran out");
  const { victim_cgroup: victim, limit_cgroup: limited } = oom;
  if (victim !== undefined && victim !== container) parts.push(`in ${victim}`);
  if (limited !== undefined && limited !== container) {
    parts.push(`limit of ${limited}`);
  }
  if (oom.historical === true) parts.push("before the agent started");
  return parts.join(", ");
}
