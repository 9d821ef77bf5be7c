import type { ContainerReference, ContainerSpec } from "../model/container.ts";
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
import type { Some, Values } from "./family.ts";
import { formatLabels, labelName } from "./labels.ts";

/** A container as it was when the scrape began: nothing of it changes while the text is written. */
export interface Measured {
  readonly reference: ContainerReference;
  /** All its series have these, as text. */
  readonly labels: string;
  /** Absent of a container that is gone. */
  readonly spec?: ContainerSpec;
  /** Its newest sample, the same array where it is the same; without columns where there is none. */
  readonly row: Float64Array;
  readonly layout: RowLayout;
  /** The layout's, when the sample was taken down. */
  readonly layoutVersion: number;
  /** The file systems that it takes space of; absent where none are told. */
  readonly filesystems?: readonly FsStats[];
  /** Kills for want of memory in this run. */
  readonly oomKills: number;
  /** The scrape's time, milliseconds since the epoch. */
  readonly nowMs: number;
  /** The path of a block device (`8:0`), where it is known. */
  deviceName(device: string): string | undefined;
}

/** What Kubernetes calls a pod. */
export interface PodName {
  readonly name: string;
  readonly namespace: string;
}

/** cAdvisor takes what is larger for no limit. */
const MAX_LIMIT = 2 ** 62;

/** The labels that all series of a container have: cAdvisor's, then the kubelet's. */
export function containerLabels(
  reference: ContainerReference,
  { labels = {}, image }: Pick<ContainerSpec, "labels" | "image">,
  pod: PodName | undefined,
): string {
  const told = new Map<string, string>();
  for (const [key, value] of Object.entries(labels)) {
    const name = `container_label_${labelName(key)}`;
    if (!told.has(name)) told.set(name, value);
  }
  return formatLabels([
    ["id", reference.name],
    ["name", reference.aliases?.[0]],
    ["image", image],
    ["container", labels[KUBERNETES_LABELS.container]],
    ["pod", pod?.name],
    ["namespace", pod?.namespace],
    ...told,
  ]);
}

/** The pod that a container's labels name. */
export function podOf(
  { labels = {} }: Pick<ContainerSpec, "labels">,
): PodName | undefined {
  const name = labels[KUBERNETES_LABELS.pod];
  const namespace = labels[KUBERNETES_LABELS.namespace];
  return name === undefined || namespace === undefined
    ? undefined
    : { name, namespace };
}

/** What a column says, if anything. */
export function columnOf({ row }: Measured, name: ColumnName): number {
  return row[COLUMN[name]] ?? NaN;
}

/** Gives a column, over a divisor. */
export function column(name: ColumnName, divisor = 1): Values<Measured> {
  const index = COLUMN[name];
  return ({ row }, emit) => emit((row[index] ?? NaN) / divisor);
}

/** Whether a container is as it was at a scrape before, but for the time and the names of disks. */
export function isAsBefore(before: Measured, now: Measured): boolean {
  return before.spec === now.spec && before.reference === now.reference &&
    before.oomKills === now.oomKills && before.layout === now.layout &&
    before.layoutVersion === now.layoutVersion &&
    before.filesystems === undefined && now.filesystems === undefined &&
    before.row === now.row;
}

type GroupColumn<K extends keyof typeof GROUP_COLUMNS> =
  typeof GROUP_COLUMNS[K][number];

const tests = new Map<GroupKind, (measured: Measured) => boolean>();

/** Whether a container has groups of a kind; the same function for the same kind. */
export function has(kind: GroupKind): (measured: Measured) => boolean {
  let test = tests.get(kind);
  if (test === undefined) {
    test = ({ layout }) => layout.has(kind);
    tests.set(kind, test);
  }
  return test;
}

/** How a group's numbers are told. */
export interface GroupOptions {
  /** The labels that the group's key makes. @default none */
  readonly labels?: (key: string) => string;
  /** @default 1 */
  readonly divisor?: number;
}

/** Gives a column of each group of a kind. */
export function group<K extends keyof typeof GROUP_COLUMNS>(
  kind: K,
  name: GroupColumn<K>,
  { labels = () => "", divisor = 1 }: GroupOptions = {},
): Some<Measured> {
  const columns: readonly string[] = GROUP_COLUMNS[kind];
  const index = columns.indexOf(name);
  const textOf = remembered(labels);
  return {
    has: has(kind),
    each: (measured, emit) => {
      for (const found of measured.layout.of(kind)) {
        const value = valueAt(measured, found, index) / divisor;
        if (!Number.isNaN(value)) emit(value, textOf(found.key));
      }
    },
  };
}

/** Keys of groups are few: pages' sizes, interfaces, CPUs. */
const MAX_REMEMBERED = 1_000;

/** The same text for the same key, as long as keys are few. */
export function remembered(
  textOf: (key: string) => string,
): (key: string) => string {
  const texts = new Map<string, string>();
  return (key) => {
    let text = texts.get(key);
    if (text === undefined) {
      text = textOf(key);
      if (texts.size < MAX_REMEMBERED) texts.set(key, text);
    }
    return text;
  };
}

/** Gives a column of the one group that has that key. */
export function groupOf<K extends keyof typeof GROUP_COLUMNS>(
  kind: K,
  key: string,
  name: GroupColumn<K>,
  divisor = 1,
): Some<Measured> {
  const columns: readonly string[] = GROUP_COLUMNS[kind];
  const index = columns.indexOf(name);
  return {
    has: has(kind),
    each: (measured, emit) => {
      for (const found of measured.layout.of(kind)) {
        if (found.key === key) emit(valueAt(measured, found, index) / divisor);
      }
    },
  };
}

/** What a group's column says, if anything: it may be younger than the row. */
export function valueAt(
  { row }: Measured,
  { offset }: ColumnGroup,
  index: number,
): number {
  return row[offset + index] ?? NaN;
}

/** cAdvisor's way to tell a limit: 0 is none. */
export function limit(value: number | undefined): number | undefined {
  return value !== undefined && value > MAX_LIMIT ? 0 : value;
}
