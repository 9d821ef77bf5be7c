/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right. @default false */
  readonly isNumber?: boolean;
  /** Whether it gives way where the terminal is too narrow: a text that is cut in its middle. @default false */
  readonly shrinks?: boolean;
  /** Characters that it has at least. @default as its longest text */
  readonly width?: number;
}

const CONTROL_REGEXP = /\p{Cc}/gu;
const GAP = "  ";
/** A column that gives way keeps so many characters. */
const MIN_WIDTH = 8;

/**
 * Lines of a table, its titles first; none is longer than `columns`, where
 * that is given.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  columnsOfTerminal?: number,
): string[] {
  const widths = widthsOf(columns, rows, columnsOfTerminal);
  return [columns.map(({ title }) => title), ...rows].map((row) =>
    renderRow(columns, row, widths, columnsOfTerminal)
  );
}

/** The characters of each column. */
export function widthsOf(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  limit = Infinity,
): number[] {
  const widths = columns.map(({ title, width = 0 }, at) =>
    rows.reduce(
      (most, row) => Math.max(most, printed(row[at] ?? "").length),
      Math.max(width, title.length),
    )
  );
  const total = () =>
    widths.reduce((sum, width) => sum + width, 0) +
    GAP.length * (widths.length - 1);
  for (let excess = total() - limit; excess > 0; excess = total() - limit) {
    const [widest] = columns.map(({ shrinks }, at) => ({ at, shrinks }))
      .filter(({ at, shrinks }) => shrinks && (widths[at] ?? 0) > MIN_WIDTH)
      .sort((a, b) => (widths[b.at] ?? 0) - (widths[a.at] ?? 0));
    if (widest === undefined) break;
    widths[widest.at] = (widths[widest.at] ?? 0) - 1;
  }
  return widths;
}

/** One line of a table whose columns have these widths. */
export function renderRow(
  columns: readonly Column[],
  row: readonly string[],
  widths: readonly number[],
  limit = Infinity,
): string {
  const cells = columns.map(({ isNumber = false }, at) => {
    const width = widths[at] ?? 0;
    const text = cut(printed(row[at] ?? ""), width);
    return isNumber ? text.padStart(width) : text.padEnd(width);
  });
  return cut(cells.join(GAP).trimEnd(), limit);
}

/** A text with its middle left out, where it is longer than fits: both ends of a name tell most. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - end)}…${
    end === 0 ? "" : text.slice(-end)
  }`;
}

/** A text that moves no cursor, whatever a container or a process calls itself. */
export function printed(text: string): string {
  return text.replace(
    CONTROL_REGEXP,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** Bytes as people read them: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let at = 0;
  for (; value >= 1000 && at < units.length - 1; at++) value /= 1024;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${
    units[at]
  }`;
}
