import type { FlagValues } from "../config/flag_values.ts";
import { UsageError } from "../config/command_line.ts";
import type { Clock } from "../model/clock.ts";
import { EVENT_TYPES, type EventType } from "../model/event.ts";
import { type AgentClient, namePath } from "./agent_client.ts";
import { readEventFile, rejectLogName } from "./event_file.ts";
import { followEvents } from "./event_follower.ts";
import { EventMatcher } from "./event_matcher.ts";
import { EventPrinter, nameOf } from "./event_table.ts";
import { nameHint, trimName } from "./list.ts";
import type { Json } from "./output.ts";
import { SimilarNames } from "./similar_names.ts";
import type { Terminal } from "./terminal.ts";

/** Options. */
export interface EventsOptions {
  readonly values: FlagValues;
  /** A cgroup with its descendants, a container or a pod. @default all */
  readonly container: string | undefined;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Called only for an agent. */
  readonly client: () => AgentClient;
}

/** Query parameters; two types share one. */
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

/** Stored events arrive within this time. */
const QUIET_MS = 1000;

const LIST_HINT = "cgwatch list prints the names of containers";

/** Events with containers' names. */
const UPDATES =
  "/api/v1.3/events?update_events=true&subcontainers=true&max_events=-1";

/**
 * Prints events of an agent or log file, oldest first.
 *
 * @throws {UsageError} for incompatible flags
 */
export async function writeEvents(options: EventsOptions): Promise<void> {
  const { values, terminal, clock, client, container } = options;
  rejectLogName(container);
  const printer = new EventPrinter(terminal, values.choice("output"));
  const selects = selection(options);
  const matcher = container === undefined
    ? undefined
    : new EventMatcher(container);
  const seen = new SimilarNames(trimName(container ?? ""));
  const visit = (event: Json) => {
    if (printer.isEmpty) seen.visit(nameOf(event));
    for (const one of matcher?.select(event) ?? [event]) {
      if (selects(one)) printer.print(one);
    }
  };
  const path = values.optional("file");
  if (path !== undefined) {
    if (values.bool("follow")) {
      throw new UsageError(
        "--follow: cannot follow a file, use tail -F, or omit --file to follow the agent",
      );
    }
    if (matcher !== undefined) {
      await readEventFile(
        path,
        matcher.needle,
        (event) => matcher.recordId(event),
      );
    }
    const unread = await readEventFile(path, needleOf(options), visit);
    if (unread > 0) terminal.note(`${unread} lines of the log are not events`);
  } else {
    const agent = client();
    if (matcher !== undefined && !isCgroup(container)) {
      const events: Json[] = JSON.parse(await agent.text(UPDATES));
      events.forEach((event) => matcher.recordId(event));
    }
    const query = pathOf(options);
    if (values.bool("follow")) {
      const path = query;
      // An empty screen resembles a hanging program.
      const cancel = clock.schedule(QUIET_MS, () => {
        if (!printer.isEmpty || !isTable(options)) return;
        terminal.note(
          `${noneOf(options, LIST_HINT)}. Waiting for new ones, Ctrl-C ends`,
        );
      });
      try {
        const hasSince = values.has("since");
        const common = { client: agent, terminal, clock };
        await followEvents({ ...common, path, hasSince, visit });
      } finally {
        cancel();
      }
    } else {
      const events: Json[] = JSON.parse(
        await agent.text(`${query}&max_events=-1`),
      );
      events.forEach(visit);
    }
  }
  printer.end();
  if (printer.isEmpty && isTable(options)) {
    terminal.note(noneOf(options, await hintOf(options, seen)));
  }
}

function isTable({ values }: EventsOptions): boolean {
  return values.choice("output") === "table";
}

/** Returns how to find the name; `undefined` if the agent has the container. */
async function hintOf(
  { values, container, client }: EventsOptions,
  seen: SimilarNames,
): Promise<string | undefined> {
  if (container === undefined) return undefined;
  return values.optional("file") === undefined
    ? await nameHint(client(), container)
    : seen.hint ?? LIST_HINT;
}

function noneOf(
  { values, container }: EventsOptions,
  hint: string | undefined,
): string {
  const of = container === undefined ? "" : ` of "${container}"`;
  const given = (["since", "type"] as const).filter((flag) => values.has(flag))
    .map((flag) => `--${flag}`).join(" and ");
  const more = given === "" ? "" : ` with ${given}`;
  const how = of === "" || hint === undefined ? "" : `: ${hint}`;
  return `No event${of} is stored${more}${how}`;
}

function typesOf(values: FlagValues): readonly EventType[] {
  return values.list("type").map((text) => {
    const type = EVENT_TYPES.find((known) =>
      known.toLowerCase() === text.toLowerCase()
    );
    if (type !== undefined) return type;
    throw new UsageError(
      `--type: invalid value "${text}", expected one of ${
        EVENT_TYPES.join(", ")
      }`,
    );
  });
}

/** Filters printed events: the agent cannot select by all names. */
function selection(
  { values, container, clock }: EventsOptions,
): (event: Json) => boolean {
  const types: readonly string[] = typesOf(values);
  const sinceMs = values.optional("since") === undefined
    ? -Infinity
    : values.since("since", clock.now());
  const isQuiet = values.bool("follow") && !values.bool("all") &&
    types.length === 0 && container === undefined;
  // Tables omit internal checkpoints.
  const isShown = values.choice("output") === "table" && !values.bool("all");
  return (event) =>
    event.event_type === "lost" ||
    (!isShown || event.event_type !== "checkpoint") &&
      (types.length === 0 || types.includes(event.event_type)) &&
      Date.parse(event.timestamp) >= sinceMs &&
      (!isQuiet || isNotable(event));
}

/** Whether an event is a kill or a change of a container, not only new metadata. */
function isNotable({ event_type: type, container, event_data: data }: Json) {
  if (type === "containerUpdate") {
    const { exit_code: code, health, restart_count: restarts } =
      data?.container_update ?? {};
    return (code ?? health ?? restarts) !== undefined;
  }
  const isLifecycle = type === "containerCreation" ||
    type === "containerDeletion";
  return !isLifecycle || container?.id !== undefined;
}

/** Returns a substring of each line that can match. */
function needleOf({ values, container }: EventsOptions): string {
  const [type, ...more] = typesOf(values);
  const isOne = type !== undefined && more.length === 0;
  return isOne && container === undefined ? `"event_type":"${type}"` : "";
}

function isCgroup(container: string | undefined): boolean {
  return container?.startsWith("/") ?? false;
}

function pathOf({ container, values }: EventsOptions): string {
  const isNamed = container !== undefined && !isCgroup(container);
  // Events of other types may have the names.
  const types = new Set(
    isNamed ? [] : typesOf(values).map((type) => PARAMETERS[type]),
  );
  const query = [
    "subcontainers=true",
    ...[...types].map((name) => `${name}=true`),
  ];
  // The agent selects by cgroup only.
  const cgroup = isCgroup(container) ? container : undefined;
  return `/api/v1.3/events${namePath(cgroup)}?${query.join("&")}`;
}
