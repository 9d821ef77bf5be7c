import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import { defined } from "../model/defined.ts";
import type {
  CheckpointData,
  NewEvent,
  OomContext,
  OomKillData,
} from "../model/event.ts";
import { BootTime, parseUptime } from "../kernfs/proc/boot_time.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type { CountedKills } from "./counters.ts";
import type { OomDetails, OomIncidentReport, OomKillReport } from "./report.ts";

/** A live record that appears older follows a suspend, which its clock does not count. */
const LIVE_RECORD_MS = 2_000;

/** Dependencies of {@linkcode OomEventBuilder}. */
export interface OomEventBuilderOptions {
  readonly fs: Pick<HostFs, "readText" | "pageBytes">;
  readonly clock: Clock;
  readonly bootId: string;
  /** Returns the state of the cgroup whose limit was hit. `timestampMs` is the time of the kill. */
  readonly readContext: (
    cgroup: CgroupName,
    timestampMs: number,
  ) => OomContext | undefined;
}

/** Attributes of a kill that its record does not contain. */
export interface ExactKill {
  readonly historical: boolean;
  /** Whether the record was read before the first end of the log. */
  readonly isBacklog: boolean;
  /** `kmsg`, and the file that confirms the kill. */
  readonly sources: readonly string[];
  readonly state: CheckpointData;
}

/** Builds events from reports and from counts. */
export class OomEventBuilder {
  readonly #options: OomEventBuilderOptions;
  readonly #bootTime = new BootTime();

  constructor(options: OomEventBuilderOptions) {
    this.#options = options;
  }

  /** Returns the time of a record, milliseconds since the epoch. */
  writtenMs(usecSinceBoot: number): number {
    const { fs, clock } = this.#options;
    const nowMs = clock.now();
    const uptime = fs.readText("/proc/uptime");
    if (uptime === undefined) return nowMs;
    return this.#bootTime.wallMs(usecSinceBoot, nowMs, parseUptime(uptime));
  }

  fromReport(
    report: OomIncidentReport | OomKillReport,
    known: ExactKill,
  ): NewEvent {
    const { clock, bootId } = this.#options;
    const { historical, isBacklog, sources, state } = known;
    const isKill = report.type === "oomKill";
    const writtenMs = this.writtenMs(report.usecSinceBoot);
    const nowMs = clock.now();
    const isLate = !isBacklog && !historical &&
      writtenMs < nowMs - LIVE_RECORD_MS;
    const timestampMs = isLate ? nowMs : writtenMs;
    const context = isKill && !historical
      ? this.#context(report, timestampMs)
      : undefined;
    const oom: OomKillData = {
      ...(isKill && { "pid": report.pid, "process_name": report.processName }),
      ...scopeData(report),
      ...(isKill && sizeData(report)),
      ...(isKill && defined({ "group": report.group })),
      "incident": `${bootId}-${report.incidentSequence}`,
      "sources": sources,
      "attribution": "exact",
      "historical": historical,
      ...defined({ "context": context }),
      "kmsg_seq": report.kmsgSequence,
      ...(isKill && stateData(state)),
    };
    const { limitCgroup, victimCgroup, scope } = report;
    // If the limit's cgroup was not printed, the victim's is the nearest.
    const cgroup = isKill && (limitCgroup !== undefined || scope === "host")
      ? limitCgroup
      : victimCgroup;
    return {
      timestampMs,
      type: report.type,
      containerName: cgroup ?? ROOT,
      data: { oom },
    };
  }

  /**
   * Yields `oom`, then one `oomKill` per kill.
   *
   * @param next accounts for one unit; called before each `oomKill`
   */
  *fromCounts(
    { count, source, victimCgroup, group }: CountedKills,
    historical: boolean,
    firstUnit: number,
    next: () => CheckpointData,
  ): Generator<NewEvent> {
    const oom: OomKillData = {
      ...(victimCgroup !== undefined && { "victim_cgroup": victimCgroup }),
      // A unit is inferred once per boot.
      "incident": `${this.#options.bootId}-${source}-${firstUnit}`,
      "sources": [source],
      "attribution": "inferred",
      "historical": historical,
    };
    const timestampMs = this.#options.clock.now();
    const event = { timestampMs, containerName: victimCgroup ?? ROOT };
    yield { ...event, type: "oom", data: { oom } };
    for (let kill = 0; kill < count; kill++) {
      const killed = {
        ...oom,
        ...(group !== undefined && { "group": group }),
        ...stateData(next(), true),
      };
      yield { ...event, type: "oomKill", data: { oom: killed } };
    }
  }

  #context(details: OomDetails, timestampMs: number): OomContext | undefined {
    const { limitCgroup, topTasks } = details;
    const read = limitCgroup === undefined
      ? undefined
      : this.#options.readContext(limitCgroup, timestampMs);
    if (read === undefined && topTasks === undefined) return undefined;
    const { pageBytes } = this.#options.fs;
    const tasks = topTasks?.map(({ pid, processName, rssPages }) => ({
      "pid": pid,
      "process_name": processName,
      "rss_bytes": rssPages * pageBytes,
    }));
    return { ...read, ...defined({ "top_tasks": tasks }) };
  }
}

/** Returns the state fields of a kill; with the record number they are all that a restart needs. */
function stateData(state: CheckpointData, isInferred = false): OomKillData {
  const { kmsg_seq: read, node_oom_kills: units, inferred_units: inferred } =
    state;
  return defined({
    "kmsg_read_seq": isInferred ? read : undefined,
    "node_oom_kills": units,
    "inferred_units": inferred > 0 ? inferred : undefined,
  });
}

function scopeData(
  details: OomDetails & { readonly uid?: number },
): OomKillData {
  const { constraint, uid, scope, limitCgroup, victimCgroup } = details;
  return defined({
    "constraint": constraint,
    "uid": uid,
    "scope": scope,
    "limit_cgroup": limitCgroup,
    "victim_cgroup": victimCgroup,
  });
}

const SIZES = {
  totalVmBytes: "total_vm_bytes",
  anonRssBytes: "anon_rss_bytes",
  fileRssBytes: "file_rss_bytes",
  shmemRssBytes: "shmem_rss_bytes",
  pgtablesBytes: "pgtables_bytes",
  oomScoreAdj: "oom_score_adj",
} as const;

function sizeData(report: OomKillReport): OomKillData {
  const sizes = Object.entries(SIZES).map(([field, name]) =>
    [name, report[field as keyof typeof SIZES]] as const
  );
  return defined(Object.fromEntries(sizes));
}
