import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { NewEvent, OomContext, OomKillData } from "../model/event.ts";
import { BootTime, parseUptime } from "../kernfs/boot_time.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type {
  OomFacts,
  OomKillReport,
  OomReport,
} from "../kernfs/oom_report.ts";
import type { OomLedger, UntoldKills } from "./oom_ledger.ts";

/** The kernel's table is in pages; those of 64 KiB, on some arm64 and ppc64, are not known here. */
const PAGE_BYTES = 4096;

/**
 * A live record is read within milliseconds: one that seems older was written
 * after a suspend, which the log's clock does not count.
 */
const LIVE_RECORD_MS = 2_000;

/** What {@linkcode OomEvents} are made from. */
export interface OomEventsOptions {
  readonly fs: HostFs;
  readonly clock: Clock;
  readonly bootId: string;
  readonly ledger: OomLedger;
  /** How a cgroup at its limit stands. */
  readonly readContext: (cgroup: CgroupName) => OomContext | undefined;
}

/** Makes events of what the kernel log told, and of what only counters know. */
export class OomEvents {
  readonly #options: OomEventsOptions;
  readonly #startMs: number;
  readonly #bootTime = new BootTime();

  constructor(options: OomEventsOptions) {
    this.#options = options;
    this.#startMs = options.clock.now();
  }

  /**
   * The event of a report; undefined where a counter told of it before.
   * `backlog` says that its record was in the log when the log was opened.
   */
  fromReport(report: OomReport, backlog: boolean): NewEvent | undefined {
    const { bootId, ledger } = this.#options;
    const timestampMs = this.#wallMs(report.usecSinceBoot, backlog);
    const historical = backlog && timestampMs < this.#startMs;
    const isKill = report.type === "oomKill";
    const told: OomFacts = isKill ? report : report.incident;
    const known = isKill && !historical
      ? ledger.tell(told.victimCgroup)
      : { sources: ["kmsg"] };
    if (known === undefined) return undefined;
    const { sources, ...victim } = known;
    const facts = { ...told, ...victim };
    const sequence = isKill
      ? report.incidentSequence
      : report.incident.sequence;
    const context = historical ? undefined : this.#context(facts);
    const oom: OomKillData = {
      ...(isKill && processData(report)),
      ...scopeData(facts),
      ...(isKill && sizeData(report)),
      "incident": `${bootId}-${sequence}`,
      "sources": sources,
      "attribution": "exact",
      "historical": historical,
      ...(isKill && context !== undefined && { "context": context }),
      "kmsg_seq": report.kmsgSequence,
    };
    const { limitCgroup, victimCgroup, scope } = facts;
    // Where the kernel did not print the limit, the victim's cgroup is the nearest to it.
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

  /** The events of kills that only a counter knows of. */
  fromCounter(untold: UntoldKills): NewEvent[] {
    const { clock, bootId } = this.#options;
    const timestampMs = clock.now();
    const { victimCgroup, count, source } = untold;
    const oom: OomKillData = {
      ...(victimCgroup !== undefined && { "victim_cgroup": victimCgroup }),
      "incident": `${bootId}-${source}-${timestampMs}`,
      "sources": [source],
      "attribution": "inferred",
      "historical": false,
    };
    const event = {
      timestampMs,
      containerName: victimCgroup ?? ROOT,
      data: { oom },
    };
    const kills = new Array<NewEvent>(count).fill({
      ...event,
      type: "oomKill",
    });
    return [{ ...event, type: "oom" }, ...kills];
  }

  #context(facts: OomFacts): OomContext | undefined {
    const { limitCgroup, topTasks } = facts;
    const read = limitCgroup === undefined
      ? undefined
      : this.#options.readContext(limitCgroup);
    if (read === undefined && topTasks === undefined) return undefined;
    return {
      ...read,
      ...(topTasks !== undefined && {
        "top_tasks": topTasks.map((task) => ({
          "pid": task.pid,
          "process_name": task.processName,
          "rss_bytes": task.rssPages * PAGE_BYTES,
        })),
      }),
    };
  }

  #wallMs(usecSinceBoot: number, backlog: boolean): number {
    const nowMs = this.#options.clock.now();
    const uptime = this.#options.fs.readText("/proc/uptime");
    if (uptime === undefined) return nowMs;
    const wallMs = this.#bootTime.wallMs(
      usecSinceBoot,
      nowMs,
      parseUptime(uptime),
    );
    return !backlog && wallMs < nowMs - LIVE_RECORD_MS ? nowMs : wallMs;
  }
}

function processData(report: OomKillReport): OomKillData {
  return { "pid": report.pid, "process_name": report.processName };
}

function scopeData(facts: OomFacts & { readonly uid?: number }): OomKillData {
  const { constraint, uid, scope, limitCgroup, victimCgroup } = facts;
  return {
    ...(constraint !== undefined && { "constraint": constraint }),
    ...(uid !== undefined && { "uid": uid }),
    ...(scope !== undefined && { "scope": scope }),
    ...(limitCgroup !== undefined && { "limit_cgroup": limitCgroup }),
    ...(victimCgroup !== undefined && { "victim_cgroup": victimCgroup }),
  };
}

function sizeData(report: OomKillReport): OomKillData {
  return {
    ...(report.totalVmBytes !== undefined &&
      { "total_vm_bytes": report.totalVmBytes }),
    ...(report.anonRssBytes !== undefined &&
      { "anon_rss_bytes": report.anonRssBytes }),
    ...(report.fileRssBytes !== undefined &&
      { "file_rss_bytes": report.fileRssBytes }),
    ...(report.shmemRssBytes !== undefined &&
      { "shmem_rss_bytes": report.shmemRssBytes }),
    ...(report.pgtablesBytes !== undefined &&
      { "pgtables_bytes": report.pgtablesBytes }),
    ...(report.oomScoreAdj !== undefined &&
      { "oom_score_adj": report.oomScoreAdj }),
    "group": report.group,
  };
}
