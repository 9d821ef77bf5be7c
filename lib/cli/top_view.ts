import { ROOT } from "../model/cgroup.ts";
import {
  escapeControlCharacters,
  formatBytes,
  formatLocal,
  formatZone,
  padEnd,
  truncateEnd,
  wrap,
} from "../model/text.ts";
import type { ContainerRow } from "./container_row.ts";
import {
  compareBy,
  CONTAINER_COLUMNS,
  type SortKey,
} from "./container_table.ts";
import { layOut, renderRow } from "./table.ts";
import { styled, type Terminal } from "./terminal.ts";

/** The user's choices. */
export interface TopChoices {
  readonly sort: SortKey;
  readonly isReversed: boolean;
  /** `type:docker pod:web text`: rows match each word. */
  readonly filter: string;
  readonly isTree: boolean;
  /** Includes raw cgroups without own processes. */
  readonly isAll: boolean;
  /** A cgroup. */
  readonly selected: string | undefined;
  /** First visible row. */
  readonly scroll: number;
  readonly view: "table" | "details" | "help" | "filter";
  readonly isPaused: boolean;
}

/** The agent's data. */
export interface TopData {
  readonly server: string;
  readonly rows: readonly ContainerRow[];
  readonly nowMs: number;
  /** Time since which the agent is unreachable. */
  readonly goneMs?: number | undefined;
  readonly cpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
}

/** Initial choices. */
export const TOP_CHOICES: TopChoices = {
  sort: "cpu",
  isReversed: false,
  filter: "",
  isTree: false,
  isAll: false,
  selected: undefined,
  scroll: 0,
  view: "table",
  isPaused: false,
};

const COLUMNS = Object.values(CONTAINER_COLUMNS);
const TITLES = COLUMNS.map(({ title }) => title);

const HELP = [
  "Keys of cgwatch top",
  "",
  "  q  Ctrl-C        quit                 Ctrl-Z  stop, fg continues",
  "  up down  j k     select a line        PgUp PgDn Home End  scroll",
  "  Enter            details of the line  Esc     back",
  "  /                filter: text, type:docker, pod:shop/web; Esc clears it",
  "  space            pause                t       tree of cgroups",
  "  a                all cgroups, also those without processes of their own",
  "",
  "  sort by  c cpu   m memory   i I/O   n network   p processes",
  "           h throttled time   o OOM kills   N name   r reverse the order",
  "",
  "CPU: 100% is one CPU. THROTTLED: share of CFS periods. MEMORY: all that is",
  "charged; WORKSET: without inactive page cache. IO/S and NET/S: bytes read and",
  "written, received and sent. PSI: share of the last 10 s in which a task waited.",
  "OOM: processes killed since the agent started. -: not measured, or no limit.",
];

/** Returns visible rows in order, with their depth in a tree. */
export function selectRows(
  rows: readonly ContainerRow[],
  choices: TopChoices,
): { readonly row: ContainerRow; readonly depth: number }[] {
  const compare = compareBy(choices.sort);
  const order = choices.isReversed
    ? (a: ContainerRow, b: ContainerRow) => compare(b, a)
    : compare;
  const words = choices.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = rows.filter((row) =>
    (choices.isAll || choices.isTree || words.length > 0 || isBusy(row)) &&
    words.every((word) => matchesWord(row, word))
  );
  return choices.isTree
    ? treeOf(shown, order)
    : shown.toSorted(order).map((row) => ({ row, depth: 0 }));
}

/** Returns all lines of the screen. */
export function renderTop(
  data: TopData,
  choices: TopChoices,
  { columns, rows: height }: { columns: number; rows: number },
  colors: Pick<Terminal, "hasColors">,
): { readonly lines: string[]; readonly scroll: number } {
  const shown = selectRows(data.rows, choices);
  const head = [
    truncateEnd(headOf(data, choices, shown.length), columns),
    truncateEnd(totalsOf(data), columns),
  ];
  const foot = truncateEnd(footOf(data, choices), columns);
  const space = Math.max(0, height - head.length - 2);
  const page = choices.view === "help"
    ? {
      lines: ["", ...HELP].map((line) => truncateEnd(line, columns)),
      scroll: 0,
    }
    : choices.view === "details"
    ? { lines: detailLines(data, choices, columns), scroll: choices.scroll }
    : tablePage(shown, choices, { columns, space }, colors);
  const body = page.lines.slice(0, space + 1);
  const blank = Array.from({ length: space + 1 - body.length }, () => "");
  return {
    lines: [
      styled(colors, "bold", head[0] ?? ""),
      head[1] ?? "",
      ...body,
      ...blank,
      styled(colors, data.goneMs === undefined ? "dim" : "yellow", foot),
    ].slice(0, height),
    scroll: page.scroll,
  };
}

/** One table, for a pipe or `--once`. */
export function renderOnce(
  rows: readonly ContainerRow[],
  choices: TopChoices,
  columns: number | undefined,
): string[] {
  const shown = selectRows(rows, choices).map(cellsOf);
  const layout = layOut(COLUMNS, shown, columns);
  return [TITLES, ...shown].map((cells) => renderRow(layout, cells));
}

function tablePage(
  shown: ReturnType<typeof selectRows>,
  { selected, scroll }: TopChoices,
  { columns, space }: { columns: number; space: number },
  colors: Pick<Terminal, "hasColors">,
): { lines: string[]; scroll: number } {
  const at = shown.findIndex(({ row }) => row.cgroup === selected);
  const lowest = Math.max(0, shown.length - space);
  let first = Math.min(scroll, lowest);
  if (at >= 0) first = Math.max(Math.min(first, at), at - space + 1, 0);
  const page = shown.slice(first, first + space);
  const layout = layOut(COLUMNS, page.map(cellsOf), columns);
  const lines = page.map(({ row, depth }) => {
    const line = renderRow(layout, cellsOf({ row, depth }));
    // The columns repeat the colors' information.
    if (row.cgroup === selected) {
      return styled(colors, "reverse", padEnd(line, columns));
    }
    return row.oom > 0 ? styled(colors, "red", line) : line;
  });
  const titles = padEnd(renderRow(layout, TITLES), columns);
  return {
    lines: [styled(colors, "reverse", titles), ...lines],
    scroll: first,
  };
}

function cellsOf(
  { row, depth }: { readonly row: ContainerRow; readonly depth: number },
): string[] {
  const [name = "", ...others] = COLUMNS.map((column) => column.cell(row));
  return ["  ".repeat(depth) + name, ...others];
}

function headOf(
  { server, nowMs, rows }: TopData,
  { sort, isReversed, filter, isPaused, isTree }: TopChoices,
  count: number,
): string {
  const time = formatLocal(nowMs).slice(11, 19);
  return [
    `cgwatch top  ${server}  ${time} (${formatZone(nowMs)})`,
    `${count} of ${rows.length} shown`,
    ...(filter === "" ? [] : [`filter ${escapeControlCharacters(filter)}`]),
    ...(isPaused ? ["PAUSED"] : []),
    `by ${sort}${isReversed ? ", reversed" : ""}${isTree ? ", tree" : ""}`,
  ].join("  ");
}

function totalsOf({ rows, cpus, memoryBytes }: TopData): string {
  const root = rows.find(({ cgroup }) => cgroup === ROOT);
  const kills = rows.reduce((sum, { oom }) => sum + oom, 0);
  const cpu = root?.cpu === undefined ? "-" : `${(root.cpu * 100).toFixed(1)}%`;
  const memory = root?.workingSet === undefined
    ? "-"
    : formatBytes(root.workingSet);
  const of = cpus === undefined ? "" : ` of ${cpus * 100}%`;
  const ofMemory = memoryBytes === undefined
    ? ""
    : ` of ${formatBytes(memoryBytes)}`;
  return `host: CPU ${cpu}${of}  working set ${memory}${ofMemory}  OOM kills ${kills}`;
}

function footOf(
  { goneMs, server }: TopData,
  { view, filter }: TopChoices,
): string {
  if (view === "filter") {
    return `filter: ${
      escapeControlCharacters(filter)
    }_  (Enter keeps it, Esc clears it)`;
  }
  if (goneMs !== undefined) {
    return `The agent at ${server} is not reachable since ${
      formatLocal(goneMs).slice(11, 19)
    }, retrying  q quit`;
  }
  return view === "table"
    ? "q quit  ? help  / filter  c cpu  m memory  i io  o oom  t tree  Enter details"
    : `${view === "help" ? "any key" : "Esc"} back  q quit`;
}

function detailLines(
  { rows }: TopData,
  { selected }: TopChoices,
  columns: number,
): string[] {
  const row = rows.find(({ cgroup }) => cgroup === selected);
  if (row === undefined) return ["", "The container was removed."];
  const details: (readonly [string, string | undefined])[] = [
    ["name", row.name],
    ["type", row.type],
    ["cgroup", row.cgroup],
    ["id", row.id],
    ["image", row.image],
    ["pod", row.pod],
    ["measured", formatLocal(row.measuredMs)],
    ...COLUMNS.slice(2).map((column) =>
      [column.title.toLowerCase(), column.cell(row)] as const
    ),
  ];
  return [
    "",
    ...details.flatMap(([label, value]) => {
      if (value === undefined) return [];
      const [first = "", ...rest] = wrap(
        escapeControlCharacters(value),
        columns - 14,
      );
      return [
        `  ${label.padEnd(12)}${first}`,
        ...rest.map((line) => " ".repeat(14) + line),
      ];
    }).map((line) => truncateEnd(line, columns)),
    "",
    truncateEnd(
      row.oom > 0
        ? `  cgwatch explain ${escapeControlCharacters(row.cgroup)}`
        : "",
      columns,
    ),
  ];
}

/** Also true for an unknown number of processes; the root is in the totals. */
function isBusy({ cgroup, type, processes }: ContainerRow): boolean {
  return cgroup !== ROOT &&
    (processes !== 0 || !["cgroup", "unit", "pod"].includes(type));
}

function matchesWord(row: ContainerRow, word: string): boolean {
  const [, key, value = ""] = /^(type|pod):(.*)$/.exec(word) ?? [];
  if (key === "type") return row.type.toLowerCase().startsWith(value);
  if (key === "pod") return row.pod?.toLowerCase().includes(value) ?? false;
  return row.name.toLowerCase().includes(word) ||
    row.cgroup.toLowerCase().includes(word) ||
    (row.image?.toLowerCase().includes(word) ?? false);
}

/** Places rows below their nearest visible ancestor, siblings in order. */
function treeOf(
  rows: readonly ContainerRow[],
  order: (a: ContainerRow, b: ContainerRow) => number,
): { row: ContainerRow; depth: number }[] {
  const names = new Set(rows.map(({ cgroup }) => cgroup));
  const children = Map.groupBy(rows, ({ cgroup }) => {
    let parent = cgroup;
    while (parent !== ROOT && parent !== "") {
      parent = parent.slice(0, parent.lastIndexOf("/")) || ROOT;
      if (names.has(parent)) return parent;
    }
    return "";
  });
  const tree: { row: ContainerRow; depth: number }[] = [];
  const add = (parent: string, depth: number) => {
    for (const row of (children.get(parent) ?? []).toSorted(order)) {
      if (row.cgroup === parent) continue;
      tree.push({ row, depth });
      add(row.cgroup, depth + 1);
    }
  };
  add("", 0);
  return tree;
}
