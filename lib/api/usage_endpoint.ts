/**
 * `/api/v2.1/usage`: a table of containers' usage, a tenth of their samples'
 * size in v2.1.
 *
 * @module
 */
import { NO_LIMIT_BYTES } from "../model/container.ts";
import { USAGE_COLUMNS } from "../cache/usage_columns.ts";
import { systemClock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import { TimeSlicer } from "../model/time_slicer.ts";
import type { ManagedContainer } from "../manager/managed_container.ts";
import {
  type DisplayName,
  displayNameOf,
  restartsOf,
  withPodNames,
} from "../runtimes/display_name.ts";
import type { ApiDependencies, RequestContext } from "./endpoints.ts";
import { textResponse } from "./json_response.ts";
import {
  type Parameter,
  parseRequestOptions,
  readParameter,
  REQUEST_PARAMETERS,
} from "./parameters.ts";
import type { Wire } from "./schema.ts";
import { COUNT, throwInvalidValue } from "./values.ts";

interface NamedContainer extends DisplayName {
  readonly cgroup: string;
  readonly container: ManagedContainer;
  readonly oomKills: number;
}

/** Identity and limits. */
const IDENTITY_COLUMNS = {
  "name": ({ name }) => name,
  "type": ({ type }) => type,
  "pod": ({ pod }) => pod,
  "image": ({ container }) => container.specNoOlderThan(Infinity).image,
  "memory_limit": ({ container }) => {
    const limit = container.specNoOlderThan(Infinity).memory?.limitBytes ??
      Infinity;
    return limit < NO_LIMIT_BYTES ? limit : undefined;
  },
  "restarts": ({ container }) =>
    restartsOf(container.specNoOlderThan(Infinity).labels),
  "oom_kills": ({ oomKills }) => oomKills,
} as const satisfies Readonly<
  Record<string, (named: NamedContainer) => string | number | undefined>
>;

/** Parsed from cgroup names and labels. */
const NAMES: readonly Column[] = ["name", "type", "pod"];
const UNNAMED: DisplayName = { name: "", type: "", pod: undefined };

type Column = keyof typeof IDENTITY_COLUMNS | keyof typeof USAGE_COLUMNS;

const COLUMNS = Object.keys({
  ...IDENTITY_COLUMNS,
  ...USAGE_COLUMNS,
}) as Column[];

const COLUMNS_PARAMETER: Parameter<Column[]> = {
  name: "columns",
  description: "Columns returned, such as `cpu,memory`; default all",
  schema: {
    "type": "string",
    "pattern": `^(${COLUMNS.join("|")})(,(${COLUMNS.join("|")}))*$`,
  },
  parse(text) {
    return text.split(",").map((name) =>
      COLUMNS.find((column) => column === name) ??
        throwInvalidValue(`a list of columns, of ${COLUMNS.join(",")}`)
    );
  },
};

const SINCE: Parameter<number> = {
  name: "since",
  description:
    "Return only containers measured after this time, the `timestamp` of an earlier response",
  schema: { "type": "integer", "minimum": 0 },
  parse(text) {
    if (!/^\d+$/.test(text)) throwInvalidValue("milliseconds since the epoch");
    return Number(text);
  },
};

/** Parameters of {@linkcode handleUsage}. */
export const USAGE_PARAMETERS: readonly Parameter[] = [
  ...REQUEST_PARAMETERS.filter(({ name }) => name !== "count"),
  {
    ...COUNT,
    name: "count",
    id: "usage_count",
    description: "Newest samples returned, -1 for all; default 1",
  },
  COLUMNS_PARAMETER,
  SINCE,
];

/** A table with a row per container and sample, newest samples only. */
export async function handleUsage(
  { request, query, name }: RequestContext,
  { manager, logger }: ApiDependencies,
): Promise<Response> {
  const { count = 1, ...options } = parseRequestOptions(query);
  const columns = readParameter(query, COLUMNS_PARAMETER) ?? COLUMNS;
  const since = readParameter(query, SINCE) ?? -Infinity;
  const timestamp = systemClock.now();
  const containers = await manager.managedContainers(name, options);
  const kills = new Map(manager.oomKills());
  const hasNames = NAMES.some((column) => columns.includes(column));
  const slicer = new TimeSlicer(systemClock);
  slicer.begin();
  const named: NamedContainer[] = [];
  for (const container of containers) {
    const { sample } = container.latest;
    if (since > -Infinity && !((sample?.timestampMs ?? 0) > since)) continue;
    try {
      // The first request reads limits from files.
      const { labels } = container.specNoOlderThan(Infinity);
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
    if (slicer.isExpired) await slicer.yieldToEventLoop();
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

/** Returns a container's rows; without samples, one with its identity. */
function rowsOf(
  columns: readonly Column[],
  named: NamedContainer,
  count: number,
): Wire<"UsageTable">["containers"][string] {
  const { container } = named;
  // One more, for the rates of the first row.
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
