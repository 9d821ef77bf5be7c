import { NO_LIMIT_BYTES } from "../model/container.ts";
import { unescapeUnit } from "../runtimes/cgroup_origin.ts";
import { displayNameOf, restartsOf } from "../runtimes/display_name.ts";
import type { Json } from "./output.ts";

/** Absent numbers were not measured. */
export interface ContainerRow {
  readonly cgroup: string;
  /** `name`, `type` and `pod` as in {@linkcode displayNameOf}. */
  readonly name: string;
  readonly type: string;
  readonly id: string | undefined;
  readonly image: string | undefined;
  readonly pod: string | undefined;
  /** 1 is one full CPU. */
  readonly cpu: number | undefined;
  /** Fraction of throttled CFS periods, 0 to 1. */
  readonly throttled: number | undefined;
  /** Bytes. */
  readonly memory: number | undefined;
  readonly workingSet: number | undefined;
  /** Absent without limit. */
  readonly limit: number | undefined;
  /** Read and written bytes per second. */
  readonly io: number | undefined;
  /** Received and sent bytes per second. */
  readonly network: number | undefined;
  /** Percentage of the last 10 s with stalled tasks. */
  readonly pressure: {
    readonly cpu: number | undefined;
    readonly memory: number | undefined;
    readonly io: number | undefined;
  };
  readonly processes: number | undefined;
  readonly restarts: number | undefined;
  /** OOM-killed processes since the agent started. */
  readonly oom: number;
  /** Milliseconds since the epoch. */
  readonly measuredMs: number;
}

/** Rates require the preceding sample, from `info` or an earlier response. */
export function rowOf(
  info: Json,
  kills: ReadonlyMap<string, number>,
  before: Json = info.stats?.at(-2),
): ContainerRow {
  const last = info.stats?.at(-1) ?? {};
  const seconds = (Date.parse(last.timestamp) - Date.parse(before?.timestamp)) /
    1000;
  const increase = (of: (stats: Json) => number | undefined) => {
    const [from, to] = [of(before ?? {}), of(last)];
    if (from === undefined || to === undefined || !(seconds > 0)) {
      return undefined;
    }
    return Math.max(0, to - from);
  };
  const rate = (of: (stats: Json) => number | undefined) => {
    const total = increase(of);
    return total === undefined ? undefined : total / seconds;
  };
  const cpuNs = rate(({ cpu }) => cpu?.usage?.total);
  const periods = increase(({ cpu }) => cpu?.cfs?.periods) ?? 0;
  const throttled = increase(({ cpu }) => cpu?.cfs?.throttled_periods);
  const { limit } = info.spec?.memory ?? {};
  const labels = info.spec?.labels ?? {};
  return {
    cgroup: info.name,
    ...displayNameOf(info, labels),
    id: info.id || undefined,
    image: info.spec?.image || undefined,
    cpu: cpuNs === undefined ? undefined : cpuNs / 1e9,
    throttled: throttled === undefined || periods === 0
      ? undefined
      : throttled / periods,
    memory: last.memory?.usage,
    workingSet: last.memory?.working_set,
    limit: limit < NO_LIMIT_BYTES ? limit : undefined,
    io: rate(ioBytes),
    network: rate(networkBytes),
    pressure: {
      cpu: last.cpu?.psi?.some?.avg10,
      memory: last.memory?.psi?.some?.avg10,
      io: last.diskio?.psi?.some?.avg10,
    },
    processes: last.processes?.process_count,
    restarts: restartsOf(labels),
    oom: kills.get(info.name) ?? 0,
    measuredMs: Date.parse(last.timestamp),
  };
}

/** Matches name, cgroup, alias, unit, pod or its UID, or ID prefix. */
export function isNamed(row: ContainerRow, text: string): boolean {
  if (text === "") return false;
  const parts = unescapeUnit(row.cgroup).split("/");
  return row.name === text || row.cgroup === text || row.pod === text ||
    row.name.split("/").includes(text) ||
    parts.includes(text) || parts.includes(`pod${text}`) ||
    text.length >= 4 && row.id?.startsWith(text) === true;
}

function ioBytes({ diskio }: Json): number | undefined {
  const disks: Json[] | undefined = diskio?.io_service_bytes;
  return disks?.reduce(
    (sum, { stats }) => sum + (stats?.Read ?? 0) + (stats?.Write ?? 0),
    0,
  );
}

function networkBytes({ network }: Json): number | undefined {
  const interfaces: Json[] | undefined = network?.interfaces;
  return interfaces?.reduce(
    (sum, { rx_bytes: received, tx_bytes: sent }) => sum + received + sent,
    0,
  );
}
