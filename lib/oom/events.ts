import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { NewEvent, OomContext, OomKillData } from "../model/event.ts";
import { BootTime, parseUptime } from "../kernfs/proc/boot_time.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type { OomFacts, OomKillReport, OomReport } from "./report.ts";
import type { OomLedger, UntoldKills } from "./ledger.ts";
import type { OomPast } from "./past.ts";

/** The kernel's table is in pages; those of 64 KiB, on some arm64 and ppc64, are not known here. */
const PAGE_BYTES = 4096;

/**
 * A live record is read within milliseconds: one that seems older was written
 * after a suspend, which the log's clock does not count.
 */
const LIVE_RECORD_MS = 2_000;

/** The record of a kill comes within so long of those of its incident. */
const HELD_MS = 1_000;

/** Incidents that are held back at once. */
const MAX_HELD = 1_000;

/** The event of an incident that may have been told of before. */
interface HeldIncident {
  readonly event: NewEvent;
  readonly sinceMs: number;
  /** Whether a counter told of one of its kills, and so of it. */
  wasInferred: boolean;
}

/** What {@linkcode OomEvents} are made from. */
export interface OomEventsOptions {
  readonly fs: HostFs;
  readonly clock: Clock;
  readonly bootId: string;
  readonly ledger: OomLedger;
  readonly past: OomPast;
  /** How a cgroup at its limit stands. */
  readonly readContext: (cgroup: CgroupName) => OomContext | undefined;
}

/** Makes events of what the kernel log told, and of what only counters know. */
export class OomEvents {
  readonly #options: OomEventsOptions;
  readonly #bootTime = new BootTime();
  /** By the incident's sequence number, the oldest first. */
  readonly #held = new Map<number, HeldIncident>();
  #inferences = 0;

  constructor(options: OomEventsOptions) {
    this.#options = options;
  }

  /**
   * The events of a report; none where a counter told of it before. `backlog`
   * says that its record was in the log when the log was opened.
   *
   * Whether an incident was told of before is known when its kill is: until
   * then it is held back, if there is such a doubt.
   */
  fromReport(report: OomReport, backlog: boolean): NewEvent[] {
    const { clock, ledger } = this.#options;
    const nowMs = clock.now();
    const writtenMs = this.#wallMs(report.usecSinceBoot, nowMs);
    // A log that is opened anew may begin with what is long past. The log's clock
    // drifts by some milliseconds an hour: where counts are known they decide.
    const historical = writtenMs < ledger.startMs &&
      (backlog && !ledger.isPastTold || !ledger.isCounted);
    if (historical) {
      return this.#options.past.hold(report) ? [] : [this.#ofPast(report)];
    }
    const isLate = !backlog && writtenMs < nowMs - LIVE_RECORD_MS;
    const timestampMs = isLate ? nowMs : writtenMs;
    if (report.type === "oom") {
      const { victimCgroup, sequence } = report.incident;
      const event = this.#event(report, timestampMs, ["kmsg"]);
      if (
        this.#held.size >= MAX_HELD || !ledger.wasInferred(victimCgroup)
      ) {
        return [event];
      }
      const sinceMs = clock.monotonic();
      this.#held.set(sequence, { event, sinceMs, wasInferred: false });
      return [];
    }
    const held = this.#held.get(report.incidentSequence);
    const sources = ledger.tell(report.victimCgroup);
    if (sources === undefined) {
      if (held !== undefined) held.wasInferred = true;
      return [];
    }
    this.#held.delete(report.incidentSequence);
    const event = this.#event(report, timestampMs, sources);
    return held === undefined ? [event] : [held.event, event];
  }

  /**
   * The events that are left of the time before the start, once the kernel log
   * has been read to where it was then, or cannot be.
   */
  fromPast(): NewEvent[] {
    const { past, ledger } = this.#options;
    const events = past.release(ledger.missed)
      .map((report) => this.#ofPast(report));
    const count = ledger.missed;
    if (count === 0) return events;
    ledger.tellMissed(count);
    const untold = { count, source: "vmstat" };
    return [...events, ...this.fromCounter(untold, true)];
  }

  /** The events of incidents that were held back, and whose kill does not come. */
  overdue(): NewEvent[] {
    const limitMs = this.#options.clock.monotonic() - HELD_MS;
    const events: NewEvent[] = [];
    for (const [sequence, { event, sinceMs, wasInferred }] of this.#held) {
      if (sinceMs > limitMs) break;
      this.#held.delete(sequence);
      if (!wasInferred) events.push(event);
    }
    return events;
  }

  /** The event of a record that is older than the start. */
  #ofPast(report: OomReport): NewEvent {
    const { clock, ledger } = this.#options;
    if (report.type === "oomKill") ledger.tellMissed(1);
    const timestampMs = this.#wallMs(report.usecSinceBoot, clock.now());
    return this.#event(report, timestampMs, ["kmsg"], true);
  }

  #event(
    report: OomReport,
    timestampMs: number,
    sources: readonly string[],
    historical = false,
  ): NewEvent {
    const isKill = report.type === "oomKill";
    const facts: OomFacts = isKill ? report : report.incident;
    const sequence = isKill
      ? report.incidentSequence
      : report.incident.sequence;
    const context = isKill && !historical ? this.#context(facts) : undefined;
    const oom: OomKillData = {
      ...(isKill && processData(report)),
      ...scopeData(facts),
      ...(isKill && sizeData(report)),
      "incident": `${this.#options.bootId}-${sequence}`,
      "sources": sources,
      "attribution": "exact",
      "historical": historical,
      ...(context !== undefined && { "context": context }),
      "kmsg_seq": report.kmsgSequence,
      ...(isKill && this.#nodeKills()),
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

  /** The events of kills that only a counter knows of; `historical` where they were before the start. */
  fromCounter(untold: UntoldKills, historical = false): NewEvent[] {
    const { clock, bootId, ledger } = this.#options;
    const timestampMs = clock.now();
    const number = ++this.#inferences;
    const { victimCgroup, below, count, source } = untold;
    const oom: OomKillData = {
      ...(victimCgroup !== undefined && { "victim_cgroup": victimCgroup }),
      // The time of the start, since an earlier run of this boot counted from 1 too.
      "incident": `${bootId}-${source}-${ledger.startMs}-${number}`,
      "sources": [source],
      "attribution": "inferred",
      "historical": historical,
    };
    const event = { timestampMs, containerName: victimCgroup ?? below ?? ROOT };
    const kills = Array.from({ length: count }, (_, i): NewEvent => ({
      ...event,
      type: "oomKill",
      data: { oom: { ...oom, ...this.#nodeKills(count - 1 - i) } },
    }));
    return [{ ...event, type: "oom", data: { oom } }, ...kills];
  }

  /** The node's count, less the kills that are told after this one. */
  #nodeKills(later = 0): OomKillData {
    const { nodeKills } = this.#options.ledger;
    return nodeKills === undefined
      ? {}
      : { "node_oom_kills": nodeKills - later };
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

  #wallMs(usecSinceBoot: number, nowMs: number): number {
    const uptime = this.#options.fs.readText("/proc/uptime");
    if (uptime === undefined) return nowMs;
    return this.#bootTime.wallMs(usecSinceBoot, nowMs, parseUptime(uptime));
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
