import { formatBytes } from "../model/text.ts";
import type { ContainerRow } from "./container_row.ts";
import type { Column } from "./table.ts";

/** A column for containers. */
export interface ContainerColumn extends Column {
  /** Returns `-` if not measured or unlimited, and for no OOM kill. */
  cell(row: ContainerRow): string;
}

/** A narrow terminal omits the largest `drops` first. */
export const CONTAINER_COLUMNS = {
  name: { title: "CONTAINER", shrinks: true, cell: ({ name }) => name },
  type: { title: "TYPE", drops: 8, cell: ({ type }) => type },
  cpu: {
    title: "CPU",
    isNumber: true,
    width: 6,
    cell: ({ cpu }) => percent(cpu),
  },
  throttled: {
    title: "THROTTLED",
    isNumber: true,
    drops: 7,
    cell: ({ throttled }) => percent(throttled),
  },
  memory: {
    title: "MEMORY",
    isNumber: true,
    width: 8,
    cell: ({ memory }) => bytes(memory),
  },
  workingSet: {
    title: "WORKSET",
    isNumber: true,
    width: 8,
    drops: 6,
    cell: ({ workingSet }) => bytes(workingSet),
  },
  limit: {
    title: "LIMIT",
    isNumber: true,
    width: 8,
    drops: 1,
    cell: ({ limit }) => bytes(limit),
  },
  io: {
    title: "IO/S",
    isNumber: true,
    width: 8,
    drops: 3,
    cell: ({ io }) => bytes(io),
  },
  network: {
    title: "NET/S",
    isNumber: true,
    width: 8,
    drops: 5,
    cell: ({ network }) => bytes(network),
  },
  pressureCpu: {
    title: "PSI CPU",
    isNumber: true,
    drops: 10,
    cell: ({ pressure }) => share(pressure.cpu),
  },
  pressureMemory: {
    title: "PSI MEM",
    isNumber: true,
    drops: 9,
    cell: ({ pressure }) => share(pressure.memory),
  },
  pressureIo: {
    title: "PSI IO",
    isNumber: true,
    drops: 11,
    cell: ({ pressure }) => share(pressure.io),
  },
  processes: {
    title: "PROCS",
    isNumber: true,
    drops: 2,
    cell: ({ processes }) => count(processes),
  },
  restarts: {
    title: "RESTARTS",
    isNumber: true,
    drops: 4,
    cell: ({ restarts }) => count(restarts),
  },
  oom: {
    title: "OOM",
    isNumber: true,
    cell: ({ oom }) => count(oom || undefined),
  },
} as const satisfies Readonly<Record<string, ContainerColumn>>;

/** Sort keys of containers. */
export type SortKey =
  | "name"
  | "cpu"
  | "memory"
  | "io"
  | "network"
  | "processes"
  | "throttled"
  | "oom";

/** Compares names ascending, numbers descending, then names. */
export function compareBy(
  key: SortKey,
): (a: ContainerRow, b: ContainerRow) => number {
  const byName = (a: ContainerRow, b: ContainerRow) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.cgroup < b.cgroup ? -1 : 1;
  if (key === "name") return byName;
  return (a, b) => (b[key] ?? -1) - (a[key] ?? -1) || byName(a, b);
}

function percent(share: number | undefined): string {
  return share === undefined ? "-" : `${(share * 100).toFixed(1)}%`;
}

function share(percent: number | undefined): string {
  return percent === undefined ? "-" : `${percent.toFixed(1)}%`;
}

function bytes(value: number | undefined): string {
  return value === undefined ? "-" : formatBytes(value);
}

function count(value: number | undefined): string {
  return value === undefined ? "-" : `${value}`;
}
