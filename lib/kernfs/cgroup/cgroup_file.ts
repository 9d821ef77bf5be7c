import type { GroupKind, RowBuilder } from "../../model/sample.ts";
import { FlatKeyed, parseSingle } from "../keyed.ts";

/** Parses a file into the row. */
export type FileParser = (
  bytes: Uint8Array,
  length: number,
  builder: RowBuilder,
  path: string,
) => void;

/** Kinds that can be disabled, by cAdvisor's names. */
export type GatedKind =
  | "cpuset"
  | "diskIO"
  | "hugetlb"
  | "memory_numa"
  | "percpu"
  | "pressure"
  | "process";

export interface CgroupFile {
  readonly file: string;
  /** Read if {@linkcode CgroupFile.file} is missing. */
  readonly fallback?: string;
  /** In v1, its hierarchy has the file. */
  readonly controller: string;
  readonly parse: FileParser;
  /** Kind that enables the file. @default always read */
  readonly kind?: GatedKind;
  /**
   * Whether the file lists processes; not read if there are no threads.
   *
   * @default false
   */
  readonly listsProcesses?: boolean;
  /** Whether an open descriptor repeats its first content. @default false */
  readonly isFrozen?: boolean;
}

/** Parses one number into a fixed column. */
export function single(column: number): FileParser {
  return (bytes, length, { row }, path) => {
    row[column] = parseSingle(bytes, length, path);
  };
}

/** Parses one number into a group's column. */
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

/** Parses a flat keyed file into fixed columns. */
export function keyed(
  keys: ConstructorParameters<typeof FlatKeyed>[0],
): FileParser {
  const reader = new FlatKeyed(keys);
  return (bytes, length, { row }, path) =>
    reader.parse(bytes, length, row, path);
}

/** Parses a flat keyed file into a group's columns, relative to its first. */
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
