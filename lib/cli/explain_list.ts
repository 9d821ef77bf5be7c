import type { FlagValues } from "../config/flag_values.ts";
import { containerTitle } from "../explain/explain_oom.ts";
import type { Incident } from "../explain/incidents.ts";
import { escapeControlCharacters, formatZone } from "../model/text.ts";
import { formatTime, isWide, timeColumn } from "./event_table.ts";
import { quote, writeJson } from "./output.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** Options. */
export interface IncidentListOptions {
  readonly values: FlagValues;
  /** A time of all incidents. */
  readonly argument: string | undefined;
  readonly terminal: Terminal;
  /** Number of older incidents left out. */
  readonly dropped: number;
  /** Printed after a table. */
  readonly note?: string | undefined;
}

/** Header, hint and prompt. */
const OTHER_ROWS = 4;
/** With 80 columns. */
const NOTE_ROWS = 3;

/** Prints incidents, newest first, as many as a terminal shows. */
export function writeIncidents(
  incidents: readonly Incident[],
  { values, argument, terminal, dropped, note }: IncidentListOptions,
): void {
  const output = values.choice("output");
  if (output !== "table") {
    return writeJson(terminal, output, JSON.stringify(incidents));
  }
  const { rows = Infinity, columns } = terminal;
  const space = rows - OTHER_ROWS - (note === undefined ? 0 : NOTE_ROWS);
  const shown = incidents.slice(0, Math.max(1, space));
  if (incidents.length === 0) {
    const file = values.optional("file");
    const where = file === undefined ? "" : ` in "${file}"`;
    const text = `No OOM kill is recorded${where}.`;
    terminal.write(`${escapeControlCharacters(text)}\n`);
  } else {
    const lines = tableOf(shown, columns);
    terminal.write(`${lines.join("\n")}\n`);
    const left = incidents.length + dropped - shown.length;
    // A pager would show the line above the table.
    if (columns !== undefined) terminal.note(hintOf(left, argument));
  }
  if (note !== undefined) terminal.note(note);
}

function hintOf(left: number, argument: string | undefined): string {
  const same = argument === undefined ? "" : ` ${quote(argument)}`;
  const more = left > 0
    ? `${left} older: cgwatch explain${same} | less -S; `
    : "";
  return `${more}one of them: cgwatch explain SEQ`;
}

function tableOf(
  incidents: readonly Incident[],
  columns: number | undefined,
): string[] {
  const hasRoom = isWide(columns);
  const zone = formatZone(Date.parse(incidents[0]?.timestamp ?? ""));
  return renderTable(
    [
      timeColumn(zone, hasRoom),
      { title: "SEQ", isNumber: true },
      { title: "PROCESS" },
      { title: "WHY", shrinks: true, isSentence: true, minWidth: 30 },
      // Last: a whole name is long in a pipe.
      { title: "CONTAINER", shrinks: true },
    ],
    incidents.map((incident) => cellsOf(incident, hasRoom)),
    columns,
  );
}

function cellsOf(
  { seq, timestamp, container, cgroup, process, reason, kills }: Incident,
  hasRoom: boolean,
): string[] {
  return [
    formatTime(Date.parse(timestamp), hasRoom),
    `${seq}`,
    process ?? "-",
    kills > 1 ? `${reason}, ${kills} processes` : reason,
    containerTitle(container, cgroup),
  ];
}
