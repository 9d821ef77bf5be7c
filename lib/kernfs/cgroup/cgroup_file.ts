import type { GroupKind, RowBuilder } from "../../model/sample.ts";
import { FlatKeyed, parseSingle } from "../keyed.ts";

/** Puts what a control file says into the row. */
export type FileParser = (
  bytes: Uint8Array,
  length: number,
  builder: RowBuilder,
  path: string,
) => void;

/** The kinds of measurement that can be turned off, by cAdvisor's names. */
export type GatedKind =
  | "cpuset"
  | "diskIO"
  | "hugetlb"
  | "memory_numa"
  | "percpu"
  | "pressure"
  | "process";

/** One control file that is read at every sample. */
export interface CgroupFile {
  readonly file: string;
  /** Read where there is no {@linkcode CgroupFile.file}. */
  readonly fallback?: string;
  /** v1: the controller whose hierarchy has the file. */
  readonly controller: string;
  readonly parse: FileParser;
  /** Read only when this kind is on. @default always read */
  readonly kind?: GatedKind;
  /** Whether it lists processes, of which there are none where there are no threads. @default false */
  readonly listsProcesses?: boolean;
  /** Whether an open file reads as it did when it was opened. @default false */
  readonly isFrozen?: boolean;
}

/** A file with one number, for a column of every row. */
export function single(column: number): FileParser {
  return (bytes, length, { row }, path) => {
    row[column] = parseSingle(bytes, length, path);
  };
}

/** A file with one number, for a column of a group. */
export function singleOfGroup(
  kind: GroupKind,
  key: string,
  column: number,
): FileParser {
  return (bytes, length, builder, path) => {
    const first = builder.group(kind, key);
    if (first < 0) return;
    builder.row[first + column] = parseSingle(bytes, length, path);
  };
}

/** A flat keyed file, for columns of every row. */
export function keyed(
  keys: ConstructorParameters<typeof FlatKeyed>[0],
): FileParser {
  const reader = new FlatKeyed(keys);
  return (bytes, length, { row }, path) =>
    reader.parse(bytes, length, row, path);
}

/** A flat keyed file, for columns of a group; `columns` counts them from its first. */
export function keyedGroup(
  kind: GroupKind,
  key: string,
  columns: Readonly<Record<string, number>>,
): FileParser {
  const reader = new FlatKeyed(
    Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, { column }]),
    ),
  );
  return (bytes, length, builder, path) => {
    const first = builder.group(kind, key);
    if (first >= 0) reader.parse(bytes, length, builder.row, path, first);
  };
}
