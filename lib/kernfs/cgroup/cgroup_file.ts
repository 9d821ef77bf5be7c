import type { GroupKind, RowBuilder } from "../../model/sample.ts";
import { FlatKeyed, parseSingle } from "../keyed.ts";

/** Parses a control file into the row. */
export type FileParser = (
  bytes: Uint8Array,
  length: number,
  builder: RowBuilder,
  path: string,
) => void;

/** Metric kinds that can be disabled, by cAdvisor's names. */
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
  /** Controller of the file; in v1, its hierarchy has the file. */
  readonly controller: string;
  readonly parse: FileParser;
  /** Metric kind that enables the file. @default always read */
  readonly kind?: GatedKind;
  /**
   * Whether the file lists processes; it is not read for a cgroup without
   * threads.
   *
   * @default false
   */
  readonly listsProcesses?: boolean;
  /** Whether an open descriptor returns the content of its first read. @default false */
  readonly isFrozen?: boolean;
}

/** Parses a file with one number into a column of every row. */
export function single(column: number): FileParser {
  return (bytes, length, { row }, path) => {
    row[column] = parseSingle(bytes, length, path);
  };
}

/** Parses a file with one number into a column of a group. */
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

/** Parses a flat keyed file into columns of every row. */
export function keyed(
  keys: ConstructorParameters<typeof FlatKeyed>[0],
): FileParser {
  const reader = new FlatKeyed(keys);
  return (bytes, length, { row }, path) =>
    reader.parse(bytes, length, row, path);
}

/** Parses a flat keyed file into columns of a group, counted from its first. */
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
