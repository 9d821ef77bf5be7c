import {
  escapeControlCharacters,
  padEnd,
  truncateEnd,
  truncateMiddle,
  widthOf,
} from "../model/text.ts";

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Right-aligned. @default false */
  readonly isNumber?: boolean;
  /** May be shortened in the middle. @default false */
  readonly shrinks?: boolean;
  /** Shortened at the end. @default false */
  readonly isSentence?: boolean;
  /** @default the longest string */
  readonly width?: number;
  /** When shortened. @default 8 */
  readonly minWidth?: number;
  /** A narrow terminal omits the largest first. @default never omitted */
  readonly drops?: number;
}

const GAP = "  ";
const MIN_WIDTH = 8;
/** Minimum while other columns can be omitted. */
const READABLE_WIDTH = 24;

/** Returns lines of at most `limit` columns, the header row first. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  limit?: number,
): string[] {
  const layout = layOut(columns, rows, limit);
  return [columns.map(({ title }) => title), ...rows].map((row) =>
    renderRow(layout, row)
  );
}

/** Shown columns with widths. */
export interface TableLayout {
  readonly columns: readonly {
    /** Index in a row. */
    readonly at: number;
    readonly width: number;
    readonly isNumber: boolean;
    readonly isSentence: boolean;
  }[];
  readonly limit: number;
}

/** Omits columns with `drops`, then shortens those with `shrinks`. */
export function layOut(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  limit = Infinity,
): TableLayout {
  let shown = columns.map((column, at) => ({
    ...column,
    at,
    width: rows.reduce(
      (most, row) =>
        Math.max(most, widthOf(escapeControlCharacters(row[at] ?? ""))),
      Math.max(column.width ?? 0, column.title.length),
    ),
  }));
  const total = (widthAs: (column: typeof shown[number]) => number) =>
    shown.reduce((sum, column) => sum + widthAs(column), 0) +
    GAP.length * (shown.length - 1);
  const readable = ({ shrinks, width }: typeof shown[number]) =>
    shrinks ? Math.min(width, READABLE_WIDTH) : width;
  while (total(readable) > limit) {
    const drops = Math.max(...shown.map(({ drops = -1 }) => drops));
    if (drops < 0) break;
    shown = shown.filter((column) => column.drops !== drops);
  }
  for (
    let excess = total(({ width }) => width) - limit;
    excess > 0;
    excess--
  ) {
    const [widest] = shown.filter(({ shrinks, width, minWidth = MIN_WIDTH }) =>
      shrinks && width > minWidth
    ).sort((a, b) => b.width - a.width);
    if (widest === undefined) break;
    widest.width--;
  }
  return {
    limit,
    columns: shown.map((
      { at, width, isNumber = false, isSentence = false },
    ) => ({ at, width, isNumber, isSentence })),
  };
}

export function renderRow(
  { columns, limit }: TableLayout,
  row: readonly string[],
): string {
  const cells = columns.map(({ at, width, isNumber, isSentence }) => {
    const shorten = isSentence ? truncateEnd : truncateMiddle;
    const whole = escapeControlCharacters(row[at] ?? "");
    // Widths may be fixed in advance, but a pipe fits whole names.
    const text = limit === Infinity ? whole : shorten(whole, width);
    return isNumber
      ? " ".repeat(Math.max(0, width - widthOf(text))) + text
      : padEnd(text, width);
  });
  return truncateMiddle(cells.join(GAP).trimEnd(), limit);
}
