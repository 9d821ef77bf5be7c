import {
  type ContainerReference,
  type ContainerSpec,
  NO_LIMIT_BYTES,
} from "../model/container.ts";
import type { FsStats } from "../model/filesystem.ts";
import {
  COLUMN,
  type ColumnGroup,
  type ColumnName,
  GROUP_COLUMNS,
  type GroupKind,
  type RowLayout,
} from "../model/sample.ts";
import { KUBERNETES_LABELS } from "../manager/pods.ts";
import type { ConditionalValues, Values } from "./family.ts";
import { formatLabels, labelName } from "./labels.ts";

/**
 * A container at the start of a scrape; constant while the exposition is
 * written.
 */
export interface ContainerSnapshot {
  readonly reference: ContainerReference;
  /** For all its series. */
  readonly labels: string;
  /** Absent for a removed container. */
  readonly spec?: ContainerSpec;
  /**
   * Newest sample, the same array until there is a newer one; empty without
   * one.
   */
  readonly row: Float64Array;
  readonly layout: RowLayout;
  /** At the start of the scrape. */
  readonly layoutVersion: number;
  readonly filesystems?: readonly FsStats[];
  /** In this run of the agent. */
  readonly oomKills: number;
  /** Time of the scrape, milliseconds since the epoch. */
  readonly nowMs: number;
  /** Path of block device `8:0`. */
  deviceName(device: string): string | undefined;
}

export interface PodName {
  readonly name: string;
  readonly namespace: string;
}

/** Labels of all series: cAdvisor's, then the kubelet's. */
export function containerLabels(
  reference: ContainerReference,
  { labels = {}, image }: Pick<ContainerSpec, "labels" | "image">,
  pod: PodName | undefined,
): string {
  const custom = new Map<string, string>();
  for (const [key, value] of Object.entries(labels)) {
    const name = `container_label_${labelName(key)}`;
    if (!custom.has(name)) custom.set(name, value);
  }
  return formatLabels([
    ["id", reference.name],
    ["name", reference.aliases?.[0]],
    ["image", image],
    ["container", labels[KUBERNETES_LABELS.container]],
    ["pod", pod?.name],
    ["namespace", pod?.namespace],
    ...custom,
  ]);
}

/** Returns the pod in a container's labels. */
export function podOf(
  { labels = {} }: Pick<ContainerSpec, "labels">,
): PodName | undefined {
  const name = labels[KUBERNETES_LABELS.pod];
  const namespace = labels[KUBERNETES_LABELS.namespace];
  return name === undefined || namespace === undefined
    ? undefined
    : { name, namespace };
}

/** `NaN` if there is none. */
export function columnValue(
  { row }: ContainerSnapshot,
  name: ColumnName,
): number {
  return row[COLUMN[name]] ?? NaN;
}

/** Emits a column. */
export function column(
  name: ColumnName,
  divisor = 1,
): Values<ContainerSnapshot> {
  const index = COLUMN[name];
  return ({ row }, emit) => emit((row[index] ?? NaN) / divisor);
}

/** Compares everything except the time and disk names. */
export function isUnchanged(
  before: ContainerSnapshot,
  now: ContainerSnapshot,
): boolean {
  return before.spec === now.spec && before.reference === now.reference &&
    before.oomKills === now.oomKills && before.layout === now.layout &&
    before.layoutVersion === now.layoutVersion &&
    before.filesystems === undefined && now.filesystems === undefined &&
    before.row === now.row;
}

type GroupColumn<K extends keyof typeof GROUP_COLUMNS> =
  typeof GROUP_COLUMNS[K][number];

const tests = new Map<GroupKind, (snapshot: ContainerSnapshot) => boolean>();

/** Always the same function for a kind. */
export function has(kind: GroupKind): (snapshot: ContainerSnapshot) => boolean {
  let test = tests.get(kind);
  if (test === undefined) {
    test = ({ layout }) => layout.has(kind);
    tests.set(kind, test);
  }
  return test;
}

export interface GroupOptions {
  /** @default none */
  readonly labels?: (key: string) => string;
  /** @default 1 */
  readonly divisor?: number;
}

/** Emits a column of each group of a kind. */
export function group<K extends keyof typeof GROUP_COLUMNS>(
  kind: K,
  name: GroupColumn<K>,
  { labels = () => "", divisor = 1 }: GroupOptions = {},
): ConditionalValues<ContainerSnapshot> {
  const columns: readonly string[] = GROUP_COLUMNS[kind];
  const index = columns.indexOf(name);
  const textOf = memoized(labels);
  return {
    has: has(kind),
    each: (snapshot, emit) => {
      for (const found of snapshot.layout.of(kind)) {
        const value = groupValue(snapshot, found, index) / divisor;
        if (!Number.isNaN(value)) emit(value, textOf(found.key));
      }
    },
  };
}

/** Keys are few: page sizes, interfaces, CPUs. */
const MAX_MEMOIZED = 1_000;

/** Caches results by key. */
export function memoized(
  textOf: (key: string) => string,
): (key: string) => string {
  const results = new Map<string, string>();
  return (key) => {
    let text = results.get(key);
    if (text === undefined) {
      text = textOf(key);
      if (results.size < MAX_MEMOIZED) results.set(key, text);
    }
    return text;
  };
}

/** Emits a column of the group with a key. */
export function groupOf<K extends keyof typeof GROUP_COLUMNS>(
  kind: K,
  key: string,
  name: GroupColumn<K>,
  divisor = 1,
): ConditionalValues<ContainerSnapshot> {
  const columns: readonly string[] = GROUP_COLUMNS[kind];
  const index = columns.indexOf(name);
  return {
    has: has(kind),
    each: (snapshot, emit) => {
      for (const found of snapshot.layout.of(kind)) {
        if (found.key === key) {
          emit(groupValue(snapshot, found, index) / divisor);
        }
      }
    },
  };
}

/** `NaN` if the group is newer than the row. */
export function groupValue(
  { row }: ContainerSnapshot,
  { offset }: ColumnGroup,
  index: number,
): number {
  return row[offset + index] ?? NaN;
}

/** Bytes; 0 for no limit, as in cAdvisor. */
export function limit(value: number | undefined): number | undefined {
  return value !== undefined && value > NO_LIMIT_BYTES ? 0 : value;
}
