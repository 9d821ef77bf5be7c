import type { FlagValues } from "../config/flag_values.ts";
import { type Clock, sleep } from "../model/clock.ts";
import { formatLocal } from "../model/text.ts";
import {
  type AgentClient,
  AgentResponseError,
  AgentUnreachableError,
  namePath,
  UnknownPathError,
} from "./agent_client.ts";
import { isNamed, rowOf } from "./container_row.ts";
import { compareBy, CONTAINER_COLUMNS } from "./container_table.ts";
import { withoutPodPrefix } from "./event_matcher.ts";
import { readOomKills } from "./oom_kills.ts";
import { type Json, parseExactly, writeJson } from "./output.ts";
import { SimilarNames } from "./similar_names.ts";
import { renderTable } from "./table.ts";
import { consoleSize, styled, type Terminal } from "./terminal.ts";

/** Options. */
export interface ListOptions {
  readonly values: FlagValues;
  /** A cgroup with its descendants, or a container. @default all */
  readonly container: string | undefined;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly client: AgentClient;
}

const WATCH_MS = 2000;
/** Moves to the first line, clears the screen. */
const CLEAR = "\x1b[H\x1b[J";

const { name, cpu, memory, limit, io, processes, oom } = CONTAINER_COLUMNS;
const COLUMNS = [name, cpu, memory, limit, io, processes, oom];

/** Lists containers; with `--watch` repeatedly, across restarts of the agent. */
export async function listContainers(options: ListOptions): Promise<void> {
  const { values, terminal, clock, client } = options;
  if (!values.bool("watch")) return await listOnce(options, false);
  let hasListed = false;
  for (let goneMs: number | undefined;;) {
    try {
      await listOnce(options, true);
      hasListed = true;
      goneMs = undefined;
    } catch (error) {
      if (!hasListed || !(error instanceof AgentUnreachableError)) throw error;
      if (goneMs === undefined) {
        goneMs = clock.now();
        terminal.note(
          `The agent at "${client.server}" is not reachable since ${
            formatLocal(goneMs).slice(11, 19)
          }, retrying`,
        );
      }
    }
    await sleep(clock, WATCH_MS);
  }
}

async function listOnce(
  options: ListOptions,
  isWatching: boolean,
): Promise<void> {
  const { values, terminal, client } = options;
  const output = values.choice("output");
  const response = await containersOf(options);
  if (output !== "table") return writeJson(terminal, output, response);
  const kills = await readOomKills(client);
  const infos: Json[] = JSON.parse(response);
  const found = infos.map((info) => rowOf(info, kills))
    .toSorted(compareBy(values.choice("sort")));
  // Scrolling would hide the start.
  const size = isWatching ? consoleSize() : undefined;
  const shown = size === undefined ? found : found.slice(0, size.rows - 2);
  const [titles = "", ...lines] = renderTable(
    COLUMNS,
    shown.map((row) => COLUMNS.map((column) => column.cell(row))),
    size?.columns ?? terminal.columns,
  );
  const text = [
    styled(terminal, "bold", titles),
    ...lines.map((line, at) =>
      (found[at]?.oom ?? 0) > 0 ? styled(terminal, "red", line) : line
    ),
  ].join("\n");
  terminal.write(size === undefined ? `${text}\n` : `${CLEAR}${text}`);
}

/** Returns a cgroup's containers, otherwise those with the name. */
async function containersOf(
  { client, container }: Pick<ListOptions, "client" | "container">,
): Promise<string> {
  const body = { "num_stats": 2 };
  const path = "/api/v1.3/subcontainers";
  try {
    return await client.text(path + namePath(container), body);
  } catch (error) {
    if (!isUnknown(error) || container === undefined) throw error;
    const text = await client.text(`${path}/`, body);
    return JSON.stringify(findNamed(text, container));
  }
}

/** Whether the agent lacks the container. */
export function isUnknown(error: unknown): boolean {
  return error instanceof AgentResponseError && error.status === 404 &&
    !(error instanceof UnknownPathError);
}

/**
 * Returns matching containers of a JSON array, with exact numbers.
 *
 * @throws {Error} if there is none, with similar names
 */
export function findNamed(json: string, name: string): Json[] {
  const text = withoutPodPrefix(name);
  const isCgroup = name.startsWith("/");
  // Exact numbers are objects, unusable for rates.
  const rows = (JSON.parse(json) as Json[]).map((info) => {
    const row = rowOf(info, new Map());
    const isMatch = isCgroup
      ? row.cgroup === name.replace(/(?<=.)\/+$/, "")
      : info.aliases?.includes(text) || isNamed(row, text);
    return { row, isMatch };
  });
  if (!rows.some(({ isMatch }) => isMatch)) {
    const similar = new SimilarNames(trimName(name));
    for (const { row } of rows) similar.visit(isCgroup ? row.cgroup : row.name);
    throw new UnknownContainerError(
      name,
      similar.hint ?? "cgwatch list prints the names",
    );
  }
  const infos: Json[] = parseExactly(json);
  return infos.filter((_info, at) => rows[at]?.isMatch);
}

/** Returns the part that similar names contain. */
export function trimName(name: string): string {
  return withoutPodPrefix(name).replace(/^\/+|\/+$/g, "");
}

/** No container of the agent has the name. */
export class UnknownContainerError extends Error {
  override readonly name = "UnknownContainerError";
  /** Similar names, or how to list them. */
  readonly hint: string;

  constructor(container: string, hint: string) {
    super(`The agent has no container "${container}": ${hint}`);
    this.hint = hint;
  }
}

/** Returns how to find the name; `undefined` if the agent has the container. */
export async function nameHint(
  client: AgentClient,
  name: string,
): Promise<string | undefined> {
  try {
    const body = { "num_stats": 0 };
    findNamed(await client.text("/api/v1.3/subcontainers/", body), name);
    return undefined;
  } catch (error) {
    if (error instanceof UnknownContainerError) return error.hint;
    throw error;
  }
}
