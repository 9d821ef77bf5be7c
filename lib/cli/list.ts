import type { FlagValues } from "../config/flag_values.ts";
import { type Clock, sleep } from "../model/clock.ts";
import { type AgentClient, namePath } from "./agent_client.ts";
import { type Json, writeJson } from "./output.ts";
import { type Column, formatBytes, renderTable } from "./table.ts";
import { styled, type Terminal } from "./terminal.ts";

/** What `list` needs. */
export interface ListOptions {
  readonly values: FlagValues;
  /** Only it and what is below it. @default all */
  readonly container: string | undefined;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly client: AgentClient;
}

/** What is shown of a container; absent is what nobody measured. */
interface Row {
  readonly name: string;
  /** CPUs in use, 1 for a whole one. */
  readonly cpu: number | undefined;
  readonly memory: number | undefined;
  readonly limit: number | undefined;
  /** Bytes a second, read and written. */
  readonly io: number | undefined;
  readonly processes: number | undefined;
  /** Processes killed in it. */
  readonly oom: number;
}

const WATCH_MS = 2000;
/** To the first place of the terminal, and nothing after it. */
const CLEAR = "\x1b[H\x1b[J";
/** A greater limit is none: v1 says the greatest number there is, less a page. */
const NO_LIMIT_BYTES = 2 ** 62;

const COLUMNS: readonly Column[] = [
  { title: "CONTAINER", shrinks: true },
  { title: "CPU", isNumber: true },
  { title: "MEMORY", isNumber: true },
  { title: "LIMIT", isNumber: true },
  { title: "IO/S", isNumber: true },
  { title: "PROCS", isNumber: true },
  { title: "OOM", isNumber: true },
];

/** Lists containers with what they use; with `--watch` again and again, until the process ends. */
export async function listContainers(options: ListOptions): Promise<void> {
  const { values, terminal, clock } = options;
  if (!values.bool("watch")) return await listOnce(options);
  for (;;) {
    await listOnce(options, terminal.rows);
    await sleep(clock, WATCH_MS);
  }
}

/** @param rows lines that there are, on a terminal where the list takes the place of the last */
async function listOnce(
  { values, container, terminal, client }: ListOptions,
  rows?: number,
): Promise<void> {
  const output = values.choice("output");
  const path = `/api/v1.3/subcontainers${namePath(container)}`;
  const answer = await client.text(path, { "num_stats": 2 });
  if (output !== "table") return writeJson(terminal, output, answer);
  const kills = killsOf(JSON.parse(
    await client.text(
      "/api/v1.3/events?oom_kill_events=true&subcontainers=true&max_events=-1",
    ),
  ));
  const infos: Json[] = JSON.parse(answer);
  const found = infos.map((info) => rowOf(info, kills))
    .toSorted(orders[values.choice("sort")]);
  const [titles = "", ...lines] = renderTable(
    COLUMNS,
    found.map(cellsOf),
    terminal.columns,
  );
  // Of a list that is shown anew, what does not fit would push its beginning away.
  const shown = rows === undefined ? lines : lines.slice(0, rows - 2);
  const text = [
    styled(terminal, "bold", titles),
    ...shown.map((line, at) =>
      (found[at]?.oom ?? 0) > 0 ? styled(terminal, "red", line) : line
    ),
  ].join("\n");
  terminal.write(rows === undefined ? `${text}\n` : `${CLEAR}${text}`);
}

const orders: Readonly<Record<string, (a: Row, b: Row) => number>> = {
  "name": (a, b) => a.name < b.name ? -1 : 1,
  "cpu": (a, b) => (b.cpu ?? -1) - (a.cpu ?? -1),
  "memory": (a, b) => (b.memory ?? -1) - (a.memory ?? -1),
  "io": (a, b) => (b.io ?? -1) - (a.io ?? -1),
  "oom": (a, b) => b.oom - a.oom || (b.memory ?? -1) - (a.memory ?? -1),
};

/** How many processes were killed in each cgroup, of the events that are kept. */
function killsOf(events: readonly Json[]): ReadonlyMap<string, number> {
  const kills = new Map<string, number>();
  for (const { event_data: { oom }, container_name: name } of events) {
    const victim = oom?.victim_cgroup ?? name;
    kills.set(victim, (kills.get(victim) ?? 0) + 1);
  }
  return kills;
}

function rowOf(info: Json, kills: ReadonlyMap<string, number>): Row {
  const [before, last] = info.stats?.length === 2
    ? info.stats
    : [undefined, info.stats?.[0]];
  const seconds =
    (Date.parse(last?.timestamp) - Date.parse(before?.timestamp)) /
    1000;
  const rate = (of: (stats: Json) => number | undefined) => {
    const [from, to] = [of(before ?? {}), of(last ?? {})];
    if (from === undefined || to === undefined || !(seconds > 0)) {
      return undefined;
    }
    return Math.max(0, to - from) / seconds;
  };
  const cpuNs = rate((stats) => stats.cpu?.usage?.total);
  const limit = info.spec?.memory?.limit;
  return {
    name: info.aliases?.[0] ?? info.name,
    cpu: cpuNs === undefined ? undefined : cpuNs / 1e9,
    memory: last?.memory?.working_set ?? last?.memory?.usage,
    limit: limit < NO_LIMIT_BYTES ? limit : undefined,
    io: rate(ioBytes),
    processes: last?.processes?.process_count,
    oom: kills.get(info.name) ?? 0,
  };
}

function ioBytes({ diskio }: Json): number | undefined {
  const disks: Json[] | undefined = diskio?.io_service_bytes;
  return disks?.reduce(
    (sum, { stats }) => sum + (stats?.Read ?? 0) + (stats?.Write ?? 0),
    0,
  );
}

function cellsOf(row: Row): string[] {
  const { name, cpu, memory, limit, io, processes, oom } = row;
  const bytes = (value: number | undefined) =>
    value === undefined ? "-" : formatBytes(value);
  return [
    name,
    cpu === undefined ? "-" : `${(cpu * 100).toFixed(1)}%`,
    bytes(memory),
    bytes(limit),
    bytes(io),
    processes === undefined ? "-" : `${processes}`,
    oom === 0 ? "-" : `${oom}`,
  ];
}
