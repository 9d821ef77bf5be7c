import type { SortKey } from "./container_table.ts";
import { selectRows, type TopChoices, type TopData } from "./top_view.ts";

/** New choices, or quit. */
export type KeyResult = TopChoices | "quit";

const SORT_KEYS: Readonly<Record<string, SortKey>> = {
  "c": "cpu",
  "m": "memory",
  "i": "io",
  "n": "network",
  "p": "processes",
  "h": "throttled",
  "o": "oom",
  "N": "name",
};

/** A key's escape sequence, or one character. */
// deno-lint-ignore no-control-regex
const KEY_REGEXP = /\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|[^]/gu;

const MOVES: Readonly<Record<string, number>> = {
  "j": 1,
  "k": -1,
  "\x1b[B": 1,
  "\x1b[A": -1,
  "\x1bOB": 1,
  "\x1bOA": -1,
};
const ENDS: Readonly<Record<string, "first" | "last">> = {
  "\x1b[H": "first",
  "\x1b[1~": "first",
  "\x1bOH": "first",
  "\x1b[F": "last",
  "\x1b[4~": "last",
  "\x1bOF": "last",
};
const PAGES: Readonly<Record<string, number>> = {
  "\x1b[6~": 1,
  "\x1b[5~": -1,
};

/** In order. */
export function applyKeys(
  text: string,
  choices: TopChoices,
  data: TopData,
  pageRows: number,
): KeyResult {
  let result: KeyResult = choices;
  for (const [key] of text.matchAll(KEY_REGEXP)) {
    if (result === "quit") break;
    result = result.view === "filter"
      ? typeFilter(key, result)
      : applyKey(key, result, data, pageRows);
  }
  return result;
}

function typeFilter(key: string, choices: TopChoices): TopChoices {
  const { filter } = choices;
  if (key === "\x1b") return { ...choices, view: "table", filter: "" };
  if (key === "\r" || key === "\n") return { ...choices, view: "table" };
  if (key === "\x7f" || key === "\b") {
    return { ...choices, filter: [...filter].slice(0, -1).join("") };
  }
  // Not part of the filter.
  return key.length > 2 || key < " "
    ? choices
    : { ...choices, filter: filter + key, scroll: 0 };
}

function applyKey(
  key: string,
  choices: TopChoices,
  data: TopData,
  pageRows: number,
): KeyResult {
  if (choices.view === "help" && key !== "q") {
    return { ...choices, view: "table" };
  }
  const sort = SORT_KEYS[key];
  if (sort !== undefined) return { ...choices, sort, scroll: 0 };
  const move = MOVES[key];
  if (move !== undefined) return select(choices, data, move);
  const page = PAGES[key];
  if (page !== undefined) return select(choices, data, page * pageRows);
  const end = ENDS[key];
  if (end !== undefined) {
    return select(choices, data, end === "first" ? -Infinity : Infinity);
  }
  switch (key) {
    case "q":
      return "quit";
    case "r":
      return { ...choices, isReversed: !choices.isReversed };
    case "t":
      return { ...choices, isTree: !choices.isTree, scroll: 0 };
    case "a":
      return { ...choices, isAll: !choices.isAll };
    case " ":
      return { ...choices, isPaused: !choices.isPaused };
    case "/":
      return { ...choices, view: "filter" };
    case "?":
      return { ...choices, view: "help" };
    case "\r":
    case "\n":
      return choices.selected === undefined
        ? { ...select(choices, data, 1), view: "details" }
        : { ...choices, view: "details" };
    case "\x1b":
      return choices.view === "table"
        ? { ...choices, selected: undefined, filter: "" }
        : { ...choices, view: "table" };
    default:
      return choices;
  }
}

/** The first move selects the first line. */
function select(
  choices: TopChoices,
  data: TopData,
  by: number,
): TopChoices {
  const shown = selectRows(data.rows, choices);
  const at = shown.findIndex(({ row }) => row.cgroup === choices.selected);
  const next = Math.min(shown.length - 1, Math.max(0, at + by));
  return { ...choices, selected: shown[next]?.row.cgroup };
}
