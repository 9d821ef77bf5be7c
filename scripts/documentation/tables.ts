/**
 * Documentation tables generated from the code.
 *
 * @module
 */
import {
  FROM_CADVISOR,
  FROM_KUBELET,
  NOT_REPEATED,
} from "../../tests/_support/differences.ts";
import {
  type Endpoint,
  ENDPOINTS,
  READ_METHODS,
} from "../../lib/api/endpoint_table.ts";
import { type Fields, splitField } from "../../lib/api/schema.ts";
import { EVENT_SCHEMAS } from "../../lib/api/schemas/event.ts";
import { groupsOf, usageOf } from "../../lib/cli/help.ts";
import { IGNORED_FLAGS } from "../../lib/config/cadvisor_flags.ts";
import { DEFAULT_CONFIG } from "../../lib/config/config.ts";
import { type Flag, METRIC_KINDS } from "../../lib/config/flags.ts";
import { VERBS } from "../../lib/config/verbs.ts";
import { AGENT_FAMILIES } from "../../lib/metrics/agent_families.ts";
import { CONTAINER_FAMILIES } from "../../lib/metrics/container_families.ts";
import type { Family } from "../../lib/metrics/family.ts";
import {
  MACHINE_FAMILIES,
  VERSION_FAMILIES,
} from "../../lib/metrics/machine_families.ts";
import { RESULT_FAMILIES } from "../../lib/metrics/metrics.ts";
import { PROCESS_FAMILIES } from "../../lib/metrics/process_metrics.ts";
import { resourceSections } from "../../lib/metrics/resource_families.ts";
import { EVENT_TYPE_ROWS } from "./event_types.ts";
import { formatTable, type Tables } from "./pages.ts";

/** Keyed by name. */
export const TABLES: Tables = {
  "endpoints": endpoints,
  "parameters": parameters,
  "flags": agentFlags,
  "verb-flags": verbFlags,
  "verbs": () =>
    formatTable(
      ["verb", "description", "example"],
      VERBS.map(({ name, argument = "", help, example }) => [
        code(`${name} ${argument}`.trim()),
        help,
        code(example),
      ]),
    ),
  "ignored-flags": () =>
    paragraph(
      [...IGNORED_FLAGS.keys()]
        .map((name) => code(name.replaceAll("-", "_"))).join(", ") + ".",
    ),
  "metric-kinds": metricKinds,
  "metrics": metrics,
  "event-types": () =>
    formatTable(
      ["`event_type`", "when", "`container_name`", "`event_data`"],
      Object.entries(EVENT_TYPE_ROWS).map(([type, row]) => [
        code(type),
        ...row,
      ]),
    ),
  "event-fields": () => fieldTable(EVENT_SCHEMAS.Event),
  "event-container": () =>
    fieldTable({
      ...EVENT_SCHEMAS.EventContainer,
      ...Object.fromEntries(
        Object.entries(EVENT_SCHEMAS.EventPod)
          .map(([name, field]) => [`pod.${name}`, field]),
      ),
    }),
  "event-checkpoint": () => fieldTable(EVENT_SCHEMAS.CheckpointData),
  "event-oom": () => fieldTable(EVENT_SCHEMAS.OomKillData),
  "event-oom-context": () => fieldTable(EVENT_SCHEMAS.OomContext),
  "event-oom-task": () => fieldTable(EVENT_SCHEMAS.OomTopTask),
  "event-oom-run-up": () => fieldTable(EVENT_SCHEMAS.OomRunUpPoint),
  "differences-cadvisor": () =>
    formatTable(["what", "cAdvisor", "cgwatch", "reason"], [
      ...FROM_CADVISOR.map(({ what, theirs, ours, reason }) => [
        what,
        theirs,
        ours,
        reason,
      ]),
      ...NOT_REPEATED.map(([what, theirs, ours]) => [
        what,
        theirs,
        ours,
        "a fault",
      ]),
    ]),
  "differences-kubelet": () =>
    formatTable(
      ["what", "kubelet", "cgwatch", "reason"],
      FROM_KUBELET.map(({ what, theirs, ours, reason }) => [
        what,
        theirs,
        ours,
        reason,
      ]),
    ),
};

function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}

/** Wraps at 80 columns, as `deno fmt`. */
function paragraph(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > 80) {
      lines.push(word);
    } else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}

function fieldTable(fields: Fields): string {
  return formatTable(
    ["field", "type", "meaning"],
    Object.entries(fields).map(([name, field]) => {
      const [type, description] = splitField(field);
      return [code(name.replace(/\?$/, "")), typeName(type), description];
    }),
  );
}

function typeName(type: string): string {
  if (type.includes("'")) return "string";
  const [, element] = /^\[(.+)\]$/.exec(type) ?? [];
  if (element !== undefined) return `array of ${typeName(element)}s`;
  return /^[A-Z]/.test(type) ? "object" : type;
}

function endpoints(): string {
  return formatTable(
    ["path", "methods", "response"],
    ENDPOINTS.map((endpoint) => {
      const { rest, methods = READ_METHODS, summary } = endpoint;
      const name = rest === "container"
        ? "/NAME"
        : rest === "file"
        ? "/FILE"
        : "";
      return [code(pathOf(endpoint) + name), methods.join(", "), summary];
    }),
  );
}

function pathOf({ path, versions }: Endpoint): string {
  return versions === undefined ? path : `/api/${spanOf(versions)}/${path}`;
}

function parameters(): string {
  const uses = ENDPOINTS.flatMap((endpoint) =>
    (endpoint.parameters ?? []).map((parameter) => ({ parameter, endpoint }))
  );
  return formatTable(
    ["parameter", "endpoints", "meaning"],
    [...Map.groupBy(uses, ({ parameter }) => parameter)].map(
      ([{ name, description }, found]) => [
        code(name),
        [...new Set(found.map(({ endpoint }) => code(endpoint.path)))]
          .join(", "),
        description,
      ],
    ),
  );
}

/** Returns spans such as `v1.1…v1.3`, one per major version. */
function spanOf(versions: readonly string[]): string {
  const majors = Map.groupBy(versions, (version) => version.split(".")[0]);
  const spans = [...majors.values()].map((minors) =>
    minors.length === 1 ? minors[0] : `${minors[0]}…${minors.at(-1)}`
  );
  return spans.length === 1 ? `${spans[0]}` : `{${spans.join(",")}}`;
}

function agentFlags(): string {
  const groups = [...groupsOf("serve")];
  return groups.map(([title, flags]) =>
    `### ${title}\n\n${
      formatTable(
        ["flag", "default", "meaning"],
        flags.map((flag) => [
          code(`--${flag.name}`),
          code(flag.default ?? ""),
          describeFlag(flag),
        ]),
      )
    }`
  ).join("\n\n");
}

function verbFlags(): string {
  const byFlags = Map.groupBy(
    VERBS.filter(({ name }) => name !== "serve")
      .flatMap(({ name }) =>
        [...groupsOf(name).values()].flat().map((flag) => ({ name, flag }))
      ),
    ({ flag }) => flag,
  );
  return formatTable(
    ["flag", "verbs", "meaning"],
    [...byFlags].map(([flag, uses]) => [
      code(usageOf(flag)),
      uses.map(({ name }) => name).join(", "),
      flag.help,
    ]),
  );
}

function describeFlag(
  { help, min, choices = [], minor = false }: Flag,
): string {
  const notes = [
    ...choices.every((choice) => help.includes(choice))
      ? []
      : [`one of ${choices.map(code).join(", ")}`],
    ...min === undefined || min === 0 ? [] : [`at least ${min} ms`],
    ...minor ? ["as in cAdvisor"] : [],
  ];
  return [help, ...notes].join("; ");
}

function metricKinds(): string {
  const has = (kind: typeof METRIC_KINDS[number]) =>
    DEFAULT_CONFIG.metricKinds.has(kind);
  return formatTable(["default", "kinds"], [
    ["enabled", METRIC_KINDS.filter(has).map(code).join(", ")],
    [
      "disabled",
      METRIC_KINDS.filter((kind) => !has(kind)).map(code).join(", "),
    ],
  ]);
}

/** Without values, whose type differs. */
type DescribedFamily = Omit<Family<never>, "numbers">;

function metrics(): string {
  const parts: [string, readonly DescribedFamily[]][] = [
    ["Containers", CONTAINER_FAMILIES],
    ["Machine", [...MACHINE_FAMILIES, ...VERSION_FAMILIES]],
    ["Scrape", RESULT_FAMILIES],
    ["Agent", [...AGENT_FAMILIES, ...PROCESS_FAMILIES]],
    [
      "`/metrics/resource`",
      resourceSections(undefined).flatMap(({ families }) => families),
    ],
  ];
  return parts.map(([title, families]) => {
    const names = new Set<string>();
    const rows = families.flatMap((family) => {
      if (names.has(family.name)) return [];
      names.add(family.name);
      return [familyRow(family)];
    });
    return `### ${title}\n\n${
      formatTable(["family", "type", "labels", "kinds", "help"], rows)
    }`;
  }).join("\n\n");
}

function familyRow(
  { name, type, labels = [], kinds = [], help }: DescribedFamily,
): string[] {
  return [
    code(name),
    type,
    labels.map(code).join(", "),
    kinds.map(code).join(", "),
    help,
  ];
}
