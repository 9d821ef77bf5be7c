import { ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { NewEvent, OomKillData } from "../model/event.ts";
import { BootTime, parseUptime } from "../kernfs/boot_time.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type {
  OomFacts,
  OomKillReport,
  OomReport,
} from "../kernfs/oom_report.ts";

/**
 * A live record is read within milliseconds: one that seems older was written
 * after a suspend, which the log's clock does not count.
 */
const LIVE_RECORD_MS = 2_000;

/** Makes events of what the kernel log told. */
export class OomEvents {
  readonly #fs: HostFs;
  readonly #clock: Clock;
  readonly #bootId: string;
  readonly #startMs: number;
  readonly #bootTime = new BootTime();

  constructor(fs: HostFs, clock: Clock, bootId: string) {
    this.#fs = fs;
    this.#clock = clock;
    this.#bootId = bootId;
    this.#startMs = clock.now();
  }

  /**
   * The event of a report. `backlog` says that its record was in the log when
   * the log was opened.
   */
  toEvent(report: OomReport, backlog: boolean): NewEvent {
    const timestampMs = this.#wallMs(report.usecSinceBoot, backlog);
    const facts = report.type === "oom" ? report.incident : report;
    const sequence = report.type === "oom"
      ? report.incident.sequence
      : report.incidentSequence;
    const oom: OomKillData = {
      ...(report.type === "oomKill" && processData(report)),
      ...scopeData(facts),
      ...(report.type === "oomKill" && sizeData(report)),
      "incident": `${this.#bootId}-${sequence}`,
      "sources": ["kmsg"],
      "attribution": "exact",
      "historical": backlog && timestampMs < this.#startMs,
      "kmsg_seq": report.kmsgSequence,
    };
    const cgroup = report.type === "oom"
      ? facts.victimCgroup
      : facts.limitCgroup;
    return {
      timestampMs,
      type: report.type,
      containerName: cgroup ?? ROOT,
      data: { oom },
    };
  }

  #wallMs(usecSinceBoot: number, backlog: boolean): number {
    const nowMs = this.#clock.now();
    const uptime = this.#fs.readText("/proc/uptime");
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
