import type { EventContainer } from "../model/event.ts";
import {
  escapeControlCharacters,
  formatBytes,
  formatLocal,
  formatSpan,
  formatZone,
  localZone,
  padEnd,
  sparkline,
  type TimeZone,
  truncateMiddle,
  widthOf,
  wrap,
} from "../model/text.ts";
import type { OomStory, OomVictim } from "./oom_story.ts";

/** Layout options of {@linkcode explainOom}. */
export interface ExplainOptions {
  /** @default 80 */
  readonly columns?: number;
  /** @default the process's time zone */
  readonly zone?: TimeZone;
}

/** A line of the table; the value has no control characters. */
export type Row = readonly [label: string, value: string];

/** A fork bomb has hundreds of processes. */
const MAX_ROWS = 20;

/** Keyed by the kernel's constraint. */
const HOST_CAUSES: Readonly<Record<string, string>> = {
  "CONSTRAINT_CPUSET":
    "The memory nodes that the process's cpuset allows had no memory left.",
  "CONSTRAINT_MEMORY_POLICY":
    "The memory nodes that the process's memory policy allows had no memory left.",
};

/**
 * Formats an OOM kill as sentences, a table, the other processes, and the
 * missing values. Lines have at most `columns` columns and no control
 * characters.
 */
export function explainOom(
  story: OomStory,
  { columns = 80, zone = localZone }: ExplainOptions = {},
): string[] {
  const lines = [
    ...wrap(sentenceOf(story, zone), columns),
    "",
    ...rowLines(rowsOf(story, zone), columns),
    ...taskLines(story),
    ...victimLines(story, zone),
    ...(story.not_recorded.length === 0 ? [] : [
      "",
      ...wrap(`Not recorded: ${story.not_recorded.join("; ")}.`, columns),
    ]),
  ];
  return lines.map((line) => truncateMiddle(line, columns));
}

/**
 * For example `The OOM killer killed tail (pid 19801) in container web on
 * 2026-11-23 at 06:31:13 (UTC). …`.
 */
export function sentenceOf(
  story: OomStory,
  zone: TimeZone = localZone,
): string {
  return sentencesOf(story, zone).map(escapeControlCharacters).join(" ");
}

/** For example `tail[19801]: container limit 32.0 MiB`. */
export function summarizeOom(story: OomStory): string {
  const { victims: [victim] } = story;
  const { process_name: name, pid } = victim ?? {};
  const why = reasonOf(story);
  return name === undefined ? why : `${name}[${pid ?? "?"}]: ${why}`;
}

/** For example `container limit 32.0 MiB`. */
export function reasonOf({ scope, limit }: OomStory): string {
  if (scope === "host") return "host out of memory";
  if (limit !== undefined) {
    const { owner, limit_bytes: bytes } = limit;
    return `${owner} limit${
      bytes === undefined ? "" : ` ${formatBytes(bytes)}`
    }`;
  }
  return scope === "cgroup"
    ? "limit of a cgroup"
    : "counted, not in the kernel log";
}

/** Returns pod and name, or name, unit or cgroup. */
export function containerTitle(
  container: EventContainer | undefined,
  cgroup: string | undefined,
): string {
  const { pod, name, id } = container ?? {};
  if (pod?.name !== undefined) {
    const parts = [pod.namespace, pod.name, pod.container];
    return parts.filter((part) => part !== undefined).join("/");
  }
  return name ?? cgroup ?? id ?? "?";
}

function sentencesOf(story: OomStory, zone: TimeZone): string[] {
  const { victims: [victim], group, timestamp } = story;
  if (victim === undefined) return [];
  const ms = Date.parse(timestamp);
  const time = `on ${formatLocal(ms, zone).slice(0, 10)} at ${
    formatLocal(ms, zone).slice(11, 19)
  } (${formatZone(ms, zone)})`;
  return [
    ...victimSentences(story, victim, time),
    ...causeSentences(story),
    ...(group === true
      ? [
        "The kernel killed the whole cgroup, as memory.oom.group of the cgroup is 1.",
      ]
      : []),
    ...(victim.historical === true
      ? ["The kernel logged it before the agent started."]
      : []),
  ];
}

function victimSentences(
  { victims }: OomStory,
  victim: OomVictim,
  time: string,
): string[] {
  const others = victims.length - 1;
  const more = others === 0
    ? ""
    : ` and ${others} more process${others === 1 ? "" : "es"}`;
  const where = placeOf(victim);
  if (victim.attribution === "inferred") {
    const sources = victim.sources?.join(", ") ?? "a counter";
    return [
      `The OOM killer killed ${
        others === 0 ? "a process" : `${victims.length} processes`
      }${where} before ${time.replace("on ", "")}.`,
      `Only a counter shows it (${sources}): the agent read no record of it in the kernel log.`,
    ];
  }
  return [`The OOM killer killed ${processOf(victim)}${where}${more} ${time}.`];
}

function causeSentences(
  { scope, limit, constraint, victims: [victim] }: OomStory,
): string[] {
  if (scope === "host") {
    return [
      HOST_CAUSES[constraint ?? ""] ??
        "The host had no memory left: no limit of a cgroup was reached.",
    ];
  }
  if (scope !== "cgroup") return [];
  if (limit === undefined) return ["A cgroup reached its memory limit."];
  const size = limit.limit_bytes === undefined
    ? ""
    : ` of ${formatBytes(limit.limit_bytes)}`;
  const isVictims = limit.cgroup === victim?.cgroup;
  const whose = {
    container: "The container reached its own memory limit",
    pod:
      "The containers of the pod together reached the memory limit of the pod",
    unit: `The systemd unit${
      isVictims ? "" : ` ${limit.unit}`
    } reached its memory limit`,
    cgroup: `The cgroup${
      isVictims ? "" : ` ${limit.cgroup}`
    } reached its memory limit`,
  };
  return [`${whose[limit.owner]}${size}.`];
}

function placeOf({ container, cgroup, unit }: OomVictim): string {
  const { pod, name, id, namespace } = container ?? {};
  if (pod?.name !== undefined) {
    const own = pod.container === undefined
      ? ""
      : `container ${pod.container} of `;
    return ` in ${own}pod ${pod.namespace ?? "?"}/${pod.name}`;
  }
  if (namespace !== "systemd" && (name !== undefined || id !== undefined)) {
    return ` in ${namespace ?? ""} container ${name ?? id?.slice(0, 12)}`
      .replace("  ", " ");
  }
  if (unit !== undefined) return ` in unit ${unit}`;
  return cgroup === undefined ? "" : ` in cgroup ${cgroup}`;
}

function processOf({ process_name: name, pid }: OomVictim): string {
  return name === undefined ? "a process" : `${name} (pid ${pid ?? "?"})`;
}

/** Returns what is recorded of the first victim, its limit and the incident. */
export function rowsOf(story: OomStory, zone: TimeZone = localZone): Row[] {
  const { victims: [victim], limit, run_up: runUp, kills } = story;
  if (victim === undefined) return [];
  const { container, unit, cgroup } = victim;
  const ms = Date.parse(story.timestamp);
  const { name, id, namespace, image, pod } = container ?? {};
  const isUnit = namespace === "systemd";
  const rows: (readonly [string, string | undefined])[] = [
    ["time", `${formatLocal(ms, zone)} (${formatZone(ms, zone)})`],
    [
      "process",
      victim.process_name &&
      `${processOf(victim)}${
        victim.uid === undefined ? "" : `, user id ${victim.uid}`
      }`,
    ],
    ["held", sizesOf(victim)],
    ["oom_score_adj", scoreOf(victim)],
    ["container", isUnit ? undefined : name ?? pod?.container],
    ["pod", pod?.name && `${pod.namespace ?? "?"}/${pod.name}`],
    ["image", image],
    [
      "runtime",
      isUnit || namespace === undefined
        ? undefined
        : `${namespace}${id === undefined ? "" : `, id ${id.slice(0, 12)}`}`,
    ],
    ["unit", unit],
    ["cgroup", cgroup],
    ["limit of", limit && limit.cgroup !== cgroup ? limit.cgroup : undefined],
    [
      "limit",
      limit?.limit_bytes === undefined
        ? undefined
        : formatBytes(limit.limit_bytes),
    ],
    ["usage", limit && usageOf(limit)],
    ["swap", limit && swapOf(limit)],
    ["waiting", limit && waitingOf(limit)],
    ...runUpRows(runUp, limit),
    ["kills", kills && killsOf(kills, zone)],
    ["incident", story.incident],
    ["event", `seq ${victim.seq} of node ${story.node}`],
  ];
  return rows.flatMap(([label, value]): Row[] =>
    value === undefined || value === ""
      ? []
      : [[label, escapeControlCharacters(value)]]
  );
}

function sizesOf(victim: OomVictim): string | undefined {
  return joined([
    ["anonymous", victim.anon_rss_bytes],
    ["file", victim.file_rss_bytes],
    ["shared", victim.shmem_rss_bytes],
    ["page tables", victim.pgtables_bytes],
  ]);
}

function scoreOf(victim: OomVictim): string | undefined {
  const { oom_score_adj: value, oom_score_adj_rule: rule } = victim;
  if (value === undefined) return undefined;
  const quality = rule?.split(": ")[1];
  return quality === undefined
    ? `${value}`
    : `${value}, as the kubelet sets it for ${quality} pods`;
}

function usageOf(limit: NonNullable<OomStory["limit"]>): string | undefined {
  const { usage_bytes: usage, peak_bytes: peak } = limit;
  return [
    ...(usage === undefined
      ? []
      : [`${formatBytes(usage)} when the record was read`]),
    ...(peak === undefined ? [] : [`peak ${formatBytes(peak)}`]),
  ].join(", ");
}

function swapOf(limit: NonNullable<OomStory["limit"]>): string | undefined {
  return joined([
    ["used", limit.swap_bytes],
    ["limit", limit.swap_limit_bytes],
    ["memory and swap", limit.memory_and_swap_bytes],
    ["limit of both", limit.memory_and_swap_limit_bytes],
  ]);
}

function waitingOf(limit: NonNullable<OomStory["limit"]>): string | undefined {
  const { pressure_some_avg10: some, pressure_full_avg10: full } = limit;
  if (some === undefined) return undefined;
  const all = full === undefined ? "" : `, all tasks ${full} %`;
  return `for memory in the last 10 s: some task ${some} %${all} of the time`;
}

/** Returns the memory history, and the composition of the last sample. */
function runUpRows(
  runUp: OomStory["run_up"],
  limit: OomStory["limit"],
): (readonly [string, string])[] {
  const samples = (runUp ?? []).filter(({ usage_bytes: usage }) =>
    usage !== undefined
  );
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return [];
  const usages = samples.map(({ usage_bytes: usage = 0 }) => usage);
  const course = samples.length === 1
    ? `${formatBytes(first.usage_bytes ?? 0)}, ${
      formatSpan(first.age_ms)
    } before the kill`
    : `${sparkline(usages, limit?.limit_bytes)}  ${
      formatBytes(usages[0] ?? 0)
    } to ${formatBytes(usages.at(-1) ?? 0)} in ${
      formatSpan(first.age_ms - last.age_ms)
    }${growthOf(limit)}`;
  const filled = joined([
    ["anonymous", last.anon_bytes],
    ["page cache", last.file_bytes],
    ["working set", last.working_set_bytes],
  ]);
  return [
    ["before", course],
    ...(filled === undefined ? [] : [
      [
        "filled by",
        `${filled} (${formatSpan(last.age_ms)} before the kill)`,
      ] as const,
    ]),
  ];
}

function growthOf(limit: OomStory["limit"]): string {
  const { growth_bytes_per_second: growth = 0 } = limit ?? {};
  return growth <= 0 ? "" : `, at last ${formatBytes(growth)} a second`;
}

function killsOf(
  kills: NonNullable<OomStory["kills"]>,
  zone: TimeZone,
): string {
  const { of: owner, last_hour: hour, last_day: day, log, log_since: since } =
    kills;
  const from = since === undefined
    ? " in all"
    : ` since ${formatLocal(Date.parse(since), zone).slice(0, 16)}`;
  return `${hour} in the hour up to this one, ${day} in the day, ${log}${from}, of ${owner}`;
}

function joined(
  sizes: readonly (readonly [string, number | undefined])[],
): string | undefined {
  return sizes.flatMap(([what, bytes]) =>
    bytes === undefined ? [] : [`${what} ${formatBytes(bytes)}`]
  ).join(", ") || undefined;
}

/** A long value continues in its column. */
function rowLines(rows: readonly Row[], columns: number): string[] {
  const indent = Math.max(0, ...rows.map(([label]) => label.length)) + 2;
  const width = Math.max(1, columns - indent);
  return rows.flatMap(([label, value]) =>
    wrap(value, width).flatMap((line) => splitAt(line, width))
      .map((line, at) => padEnd(at === 0 ? label : "", indent) + line)
  );
}

/** A cgroup's name has no spaces to break at. */
function splitAt(text: string, width: number): string[] {
  const chars = [...text];
  const parts: string[] = [];
  while (chars.length > width) parts.push(chars.splice(0, width).join(""));
  return [...parts, chars.join("")];
}

function taskLines({ top_tasks: tasks = [] }: OomStory): string[] {
  if (tasks.length === 0) return [];
  return [
    "",
    "Largest processes before the kill, as the kernel listed them:",
    ...columnsOf(
      ["PID", "PROCESS", "RESIDENT"],
      tasks.map((task) => [
        `${task.pid}`,
        task.process_name,
        formatBytes(task.rss_bytes),
      ]),
    ),
  ];
}

function victimLines({ victims }: OomStory, zone: TimeZone): string[] {
  const others = victims.slice(1);
  if (others.length === 0) return [];
  const left = others.length - MAX_ROWS;
  return [
    "",
    "Also killed in this incident:",
    ...columnsOf(
      ["TIME", "PID", "PROCESS", "ANONYMOUS", "CONTAINER"],
      others.slice(0, MAX_ROWS).map((victim) => [
        formatLocal(Date.parse(victim.timestamp), zone).slice(11),
        `${victim.pid ?? "-"}`,
        victim.process_name ?? "-",
        victim.anon_rss_bytes === undefined
          ? "-"
          : formatBytes(victim.anon_rss_bytes),
        containerTitle(victim.container, victim.unit ?? victim.cgroup),
      ]),
    ),
    ...(left > 0 ? [`… and ${left} more`] : []),
  ];
}

function columnsOf(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const cells = [titles, ...rows].map((row) =>
    row.map(escapeControlCharacters)
  );
  const widths = titles.map((_, at) =>
    Math.max(...cells.map((row) => widthOf(row[at] ?? "")))
  );
  return cells.map((row) =>
    `  ${row.map((cell, at) => padEnd(cell, widths[at] ?? 0)).join("  ")}`
      .trimEnd()
  );
}
