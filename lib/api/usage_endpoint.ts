/**
 * `/api/v2.1/usage`: a table of the usage of many containers, a tenth of the
 * size of their samples.
 *
 * @module
 */
import { USAGE_COLUMNS } from "../cache/usage_columns.ts";
import { systemClock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import { Pace } from "../model/pace.ts";
import type { ManagedContainer } from "../manager/managed_container.ts";
import {
  type DisplayName,
  displayNameOf,
  restartsOf,
  withPodNames,
} from "../runtimes/display_name.ts";
import type { ApiDependencies, Call } from "./answers.ts";
import { textResponse } from "./json_response.ts";
import { parseRequestOptions } from "./parameters.ts";
import { notA, readParameter } from "./values.ts";

/** From this value on there is no limit. */
const NO_LIMIT_BYTES = 2 ** 62;

interface NamedContainer extends DisplayName {
  readonly cgroup: string;
  readonly container: ManagedContainer;
  readonly oomKills: number;
}

/** Columns of the identity and the limits of a container. */
const IDENTITY_COLUMNS = {
  "name": ({ name }) => name,
  "type": ({ type }) => type,
  "pod": ({ pod }) => pod,
  "image": ({ container }) => container.specWithin(Infinity).image,
  "memory_limit": ({ container }) => {
    const limit = container.specWithin(Infinity).memory?.limitBytes ?? Infinity;
    return limit < NO_LIMIT_BYTES ? limit : undefined;
  },
  "restarts": ({ container }) =>
    restartsOf(container.specWithin(Infinity).labels),
  "oom_kills": ({ oomKills }) => oomKills,
} as const satisfies Readonly<
  Record<string, (named: NamedContainer) => string | number | undefined>
>;

/** Columns that are parsed from cgroup names and labels. */
const NAMES: readonly Column[] = ["name", "type", "pod"];
const UNNAMED: DisplayName = { name: "", type: "", pod: undefined };

type Column = keyof typeof IDENTITY_COLUMNS | keyof typeof USAGE_COLUMNS;

const COLUMNS = Object.keys({
  ...IDENTITY_COLUMNS,
  ...USAGE_COLUMNS,
}) as Column[];

/**
 * Returns the containers that the query selects:
 * `{"timestamp":…,"columns":["name",…],"containers":{"/a":[["a",…]]}}`, one row
 * of values for each of the newest `count` samples (default 1), oldest first;
 * null if a value is not measured. `columns` selects some, such as `cpu,memory`.
 * With `since`, the `timestamp` of an earlier response, only those that were
 * measured after it.
 */
export async function handleUsage(
  { request, query, name }: Call,
  { questions, logger }: ApiDependencies,
): Promise<Response> {
  const { count = 1, ...options } = parseRequestOptions(query);
  const columns = readParameter(query, "columns", parseColumns) ?? COLUMNS;
  const since = readParameter(query, "since", parseSince) ?? -Infinity;
  const timestamp = systemClock.now();
  const containers = await questions.managedContainers(name, options);
  const kills = new Map(questions.oomKills());
  const hasNames = NAMES.some((column) => columns.includes(column));
  const pace = new Pace(systemClock);
  pace.begin();
  const named: NamedContainer[] = [];
  for (const container of containers) {
    const { sample } = container.latest;
    if (since > -Infinity && !((sample?.timestampMs ?? 0) > since)) continue;
    try {
      // The first request reads the limits from files.
      const { labels } = container.specWithin(Infinity);
      named.push({
        ...(hasNames ? displayNameOf(container.reference, labels) : UNNAMED),
        cgroup: container.name,
        container,
        oomKills: kills.get(container.name) ?? 0,
      });
    } catch (error) {
      logger.debug("Cannot read the limits of a container, leaving it out", {
        container: container.name,
        error: messageOf(error),
      });
    }
    if (pace.spent) await pace.rest();
  }
  const rows = hasNames ? withPodNames(named) : named;
  return textResponse(
    request,
    tableText({ timestamp, columns, containers: rows, count }),
  );
}

interface Table {
  readonly timestamp: number;
  readonly columns: readonly Column[];
  readonly containers: readonly NamedContainer[];
  readonly count: number;
}

function* tableText(
  { timestamp, columns, containers, count }: Table,
): Generator<string> {
  yield `{"timestamp":${timestamp},"columns":${
    JSON.stringify(columns)
  },"containers":{`;
  let separator = "";
  for (const named of containers) {
    const rows = rowsOf(columns, named, count);
    yield `${separator}${JSON.stringify(named.cgroup)}:${JSON.stringify(rows)}`;
    separator = ",";
  }
  yield "}}";
}

/** A container without a sample has one row: its identity. */
function rowsOf(
  columns: readonly Column[],
  named: NamedContainer,
  count: number,
): unknown[][] {
  const { container } = named;
  // One more, for the rates of the first.
  const samples = container.newest(count < 0 ? -1 : count + 1);
  const { layout } = container.latest;
  const first = count < 0 ? 0 : Math.max(0, samples.length - count);
  const rows = samples.slice(first).map((sample, at) => {
    const usage = { layout, sample, before: samples[first + at - 1] };
    return columns.map((column) =>
      isUsage(column)
        ? numberJson(USAGE_COLUMNS[column](usage))
        : IDENTITY_COLUMNS[column](named) ?? null
    );
  });
  return rows.length > 0 ? rows : [
    columns.map((column) =>
      isUsage(column) ? null : IDENTITY_COLUMNS[column](named) ?? null
    ),
  ];
}

function isUsage(column: Column): column is keyof typeof USAGE_COLUMNS {
  return column in USAGE_COLUMNS;
}

function numberJson(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function parseSince(text: string): number {
  if (!/^\d+$/.test(text)) throw notA("milliseconds since 1970");
  return Number(text);
}

function parseColumns(text: string): Column[] {
  const columns = text.split(",").map((name) =>
    COLUMNS.find((column) => column === name)
  );
  if (columns.includes(undefined)) {
    throw notA(`a list of columns, of ${COLUMNS.join(",")}`);
  }
  return columns.filter((column) => column !== undefined);
}
