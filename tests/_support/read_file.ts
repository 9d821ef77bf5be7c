import type {
  CgroupFile,
  FileParser,
} from "../../lib/kernfs/cgroup/cgroup_file.ts";
import {
  COLUMN,
  type ColumnName,
  type GroupKind,
  RowBuilder,
} from "../../lib/model/sample.ts";

/** Values of a row by column name; `cpu 0` and `serviced 8:0` for groups. */
export type Filled = Partial<Record<ColumnName, number>> & {
  readonly [group: `${GroupKind} ${string}`]: readonly number[];
};

/** Parses text as the control file of that name in a table. */
export function readAs(
  files: readonly CgroupFile[],
  name: string,
  text: string,
): Filled {
  const file = files.find((other) => other.file === name);
  if (file === undefined) throw new RangeError(`No file "${name}"`);
  return readWith(file.parse, text, name);
}

/** Parses text with a parser. */
export function readWith(
  parse: FileParser,
  text: string,
  path = "file",
): Filled {
  const builder = new RowBuilder();
  // The buffer has remains of an earlier file after the text.
  const bytes = new TextEncoder().encode(`${text}\n0 -7 8:0 Read 1\n`);
  const length = new TextEncoder().encode(text).length;
  parse(bytes, length, builder, path);
  return filled(builder);
}

/** Returns the values of a row. */
export function filled({ row, layout }: RowBuilder): Filled {
  const fixed = Object.entries(COLUMN)
    .map(([name, column]) => [name, row[column] ?? NaN] as const)
    .filter(([, value]) => !Number.isNaN(value));
  const groups = layout.groups.map(({ kind, key, offset, width }) =>
    [`${kind} ${key}`, [...row.subarray(offset, offset + width)]] as const
  );
  return Object.fromEntries([...fixed, ...groups]);
}
