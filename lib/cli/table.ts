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
  /** Numbers are aligned to the right. @default false */
  readonly isNumber?: boolean;
  /** Whether it is shortened where the terminal is too narrow: a text that loses its middle. @default false */
  readonly shrinks?: boolean;
  /** Whether a text that is too long loses its end: a sentence, where a name loses its middle. @default false */
  readonly isSentence?: boolean;
  /** The fewest characters it has. @default as its longest text */
  readonly width?: number;
  /** Where a terminal is too narrow, the column with the largest number is left out first. @default never left out */
  readonly drops?: number;
}

const GAP = "  ";
/** A column that is shortened keeps this many characters, */
const MIN_WIDTH = 8;
/** and this many as long as there is another column to leave out. */
const READABLE_WIDTH = 24;

/**
 * Lines of a table, its titles first; none is wider than `limit`, where that
 * is given.
 */
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

/** Which columns of a table are shown, and how wide each is. */
export interface TableLayout {
  readonly columns: readonly {
    /** Its place in a row. */
    readonly at: number;
    readonly width: number;
    readonly isNumber: boolean;
    readonly isSentence: boolean;
  }[];
  readonly limit: number;
}

/** Fits a table into a width: leaves out columns that may be, then shortens those that can be. */
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
    const [widest] = shown.filter(({ shrinks, width }) =>
      shrinks && width > MIN_WIDTH
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

/** One line of a table. */
export function renderRow(
  { columns, limit }: TableLayout,
  row: readonly string[],
): string {
  const cells = columns.map(({ at, width, isNumber, isSentence }) => {
    const shorten = isSentence ? truncateEnd : truncateMiddle;
    const text = shorten(escapeControlCharacters(row[at] ?? ""), width);
    return isNumber
      ? " ".repeat(Math.max(0, width - widthOf(text))) + text
      : padEnd(text, width);
  });
  return truncateMiddle(cells.join(GAP).trimEnd(), limit);
}
