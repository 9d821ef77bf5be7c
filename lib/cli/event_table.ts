import { containerTitle, summarizeOom } from "../explain/explain_oom.ts";
import { createOomStory } from "../explain/oom_story.ts";
import {
  escapeControlCharactersInJson,
  formatLocal,
  formatZone,
} from "../model/text.ts";
import type { Json } from "./output.ts";
import { type Column, layOut, renderRow, type TableLayout } from "./table.ts";
import { type Style, styled, type Terminal } from "./terminal.ts";

const TYPE_STYLES: Readonly<Record<string, Style>> = {
  "oom": "yellow",
  "oomKill": "red",
  "containerCreation": "green",
  "containerDeletion": "dim",
  "lost": "yellow",
};

/** Minimum terminal width for complete times. */
const WIDE_COLUMNS = 110;

/** Prints events one by one, with column widths fixed in advance. */
export class EventPrinter {
  readonly #terminal: Terminal;
  readonly #output: "table" | "json" | "ndjson";
  readonly #isWide: boolean;
  #layout: TableLayout | undefined;
  #count = 0;

  constructor(terminal: Terminal, output: "table" | "json" | "ndjson") {
    this.#terminal = terminal;
    this.#output = output;
    this.#isWide = isWide(terminal.columns);
  }

  /** The first event follows the header row. */
  print(event: Json): void {
    if (this.#output === "table") {
      this.#printRow(event);
    } else {
      const [before, after] = this.#output === "ndjson"
        ? ["", "\n"]
        : [this.#count === 0 ? "[" : ",\n", ""];
      const json = escapeControlCharactersInJson(JSON.stringify(event));
      this.#terminal.write(before + json + after);
    }
    this.#count++;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  end(): void {
    if (this.#output === "json") {
      this.#terminal.write(this.#count === 0 ? "[]\n" : "]\n");
    }
  }

  #printRow(event: Json): void {
    const terminal = this.#terminal;
    const ms = Date.parse(event.timestamp);
    if (this.#layout === undefined) {
      const columns = columnsOf(formatZone(ms), this.#isWide);
      this.#layout = layOut(columns, [], terminal.columns);
      const titles = columns.map(({ title }) => title);
      terminal.write(
        `${styled(terminal, "bold", renderRow(this.#layout, titles))}\n`,
      );
    }
    const row = renderRow(this.#layout, [
      formatTime(ms, this.#isWide),
      event.event_type,
      nameOf(event),
      this.#isWide ? describeEvent(event) : shorter(describeEvent(event)),
    ]);
    const style = TYPE_STYLES[event.event_type];
    terminal.write(
      `${style === undefined ? row : styled(terminal, style, row)}\n`,
    );
  }
}

/** Whether complete times fit. */
export function isWide(columns: number | undefined): boolean {
  return (columns ?? Infinity) >= WIDE_COLUMNS;
}

/** Returns the time column, with the UTC offset in its title. */
export function timeColumn(zone: string, isWide: boolean): Column {
  const width = isWide ? 23 : 14;
  const title = `TIME (${zone})`;
  // A long offset must not widen it.
  return { title: title.length > width ? zone : title, width };
}

/** Formats a time for {@linkcode timeColumn}. */
export function formatTime(timestampMs: number, isWide: boolean): string {
  const time = formatLocal(timestampMs);
  return isWide ? time : time.slice(5, 19);
}

/** Returns the display name, for a kill the victim's. */
export function nameOf(event: Json): string {
  const { container, container_name: cgroup, event_data: data } = event;
  return containerTitle(container, data?.oom?.victim_cgroup ?? cgroup);
}

/** Returns an event's short description. */
export function describeEvent(event: Json): string {
  const {
    oom,
    container_deletion: deletion,
    container_update: update,
    memory_pressure: pressure,
    node_event: node,
    lost,
  } = event.event_data ?? {};
  if (oom !== undefined) {
    const suffix = oom.historical === true ? ", before the agent started" : "";
    return summarizeOom(createOomStory([event])) + suffix;
  }
  if (deletion !== undefined && deletion.exit_code >= 0) {
    return `exit code ${deletion.exit_code}`;
  }
  if (update !== undefined) return describeUpdate(update);
  if (pressure !== undefined) return `${pressure.count} times`;
  if (node !== undefined) return node.message;
  if (lost !== undefined) return `${lost.count} events: ${lost.reason}`;
  const { namespace, image } = event.container ?? {};
  return [namespace, image].filter(Boolean).join(" ");
}

/** Omits whose limit it is, to fit 80 columns. */
function shorter(description: string): string {
  return description.replace(
    /: (?:container|pod|unit|cgroup) limit\b/,
    " limit",
  );
}

function describeUpdate(
  { changed, exit_code: code, health, restart_count: restarts }: Json,
): string {
  const parts = [
    code === undefined ? undefined : `exit code ${code}`,
    health,
    restarts === undefined ? undefined : `restart ${restarts}`,
  ].filter((part) => part !== undefined);
  return parts.join(", ") || `${changed?.join(", ") ?? ""} known`.trim();
}

function columnsOf(zone: string, isWide: boolean): readonly Column[] {
  return [
    timeColumn(zone, isWide),
    { title: "TYPE", width: 17 },
    { title: "CONTAINER", shrinks: true, width: 44 },
    {
      title: "WHAT",
      shrinks: true,
      isSentence: true,
      width: 60,
      minWidth: 26,
    },
  ];
}
