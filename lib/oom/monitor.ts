import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { CheckpointData, NewEvent } from "../model/event.ts";
import type { OomCounters } from "./counters.ts";
import {
  OomEventBuilder,
  type OomEventBuilderOptions,
} from "./event_builder.ts";
import type { KmsgFile } from "./kmsg_watcher.ts";
import type { KmsgRecord } from "../kernfs/kmsg_record.ts";
import { OomParser, type OomParserOptions } from "./parser.ts";
import { RecordOrder } from "./record_order.ts";
import type { OomIncidentReport, OomKillReport, OomReport } from "./report.ts";
import { OomUnits, SETTLE_MS } from "./units.ts";

/** State of an earlier run in this boot, from the event log. */
export interface EarlierOoms {
  readonly state: CheckpointData;
  /** `incident` of the last `oom` events, whose kills may be missing. */
  readonly incidents?: readonly string[];
}

/** Dependencies of an {@linkcode OomMonitor}. */
export interface OomMonitorOptions
  extends
    OomEventBuilderOptions,
    Pick<OomParserOptions, "groupKills" | "locate"> {
  readonly clock: Clock;
  readonly counters: OomCounters;
  /** @default none: the first start in this boot */
  readonly earlier?: EarlierOoms | undefined;
  /** Returns the node's OOM kill count; `undefined` without one. */
  readonly readCount: () => number | undefined;
  /** Returns whether a kill cannot be part of a group kill. @default unknown */
  readonly isKilledAlone?: (victim: CgroupName, limit: CgroupName) => boolean;
  readonly addEvent: (event: NewEvent) => void;
  /** Called if the state changed without an event that contains it. */
  readonly onStateChange?: () => void;
}

/**
 * Milliseconds from the count of a kill to its event without a kernel log: a
 * new cgroup must first be found.
 */
const OFF_SETTLE_MS = 500;

/**
 * Builds events from kernel log records and OOM kill counts, synchronously. The
 * reader of the log passes its records in order. A *unit* is one increment of
 * the node's count; {@linkcode OomUnits} has the rules.
 */
export class OomMonitor {
  readonly #options: OomMonitorOptions;
  readonly #parser: OomParser;
  readonly #order = new RecordOrder();
  readonly #units: OomUnits;
  readonly #events: OomEventBuilder;
  readonly #startMs: number;
  readonly #reported: Set<string | undefined>;
  #lastRecord: KmsgRecord | undefined;
  /** The last record before the first end of the log. */
  #backlogEnd = -1;
  /** Kind of the log; `fifo`, whose records may be late, before the first record. */
  #kind: KmsgFile["kind"] = "fifo";
  #kills = 0;

  constructor(options: OomMonitorOptions) {
    this.#options = options;
    const { clock, earlier, readCount, counters } = options;
    this.#startMs = clock.now();
    this.#parser = new OomParser({
      ...options,
      locate: (pid, usecSinceBoot) =>
        options.locate?.(pid, usecSinceBoot) ??
          // A FIFO or file may have the record of a kill long after its count.
          counters.findHolder(() =>
            this.#kind === "device" ? this.#units.unread : 0
          ),
    });
    this.#events = new OomEventBuilder(options);
    this.#reported = new Set(earlier?.incidents);
    this.#units = new OomUnits({
      earlier: earlier?.state,
      readCount,
      nowMs: () => clock.monotonic(),
      report: (report, isHistorical) => this.#report(report, isHistorical),
      repeat: ({ victimCgroup }) => {
        counters.recordRepeat(victimCgroup);
        options.onStateChange?.();
      },
      infer: (count, areAll) => this.#infer(count, areAll),
    });
  }

  /** Kills reported in this run, without historical ones. */
  get kills(): number {
    return this.#kills;
  }

  get state(): CheckpointData {
    return this.#units.state;
  }

  /** Units accounted for; `undefined` if not yet determined. */
  get accounted(): number | undefined {
    return this.#units.accounted;
  }

  get hasDeferredKill(): boolean {
    return this.#parser.hasDeferredKill;
  }

  /** Whether the log must be read to its end. */
  get needsEnd(): boolean {
    return this.#units.needsEnd || !this.#options.counters.isSettled;
  }

  /** Returns whether the record is new, and the number of records lost before it. */
  take(
    record: KmsgRecord,
    kind: KmsgFile["kind"],
  ): { readonly isNew: boolean; readonly lost: number } {
    this.#kind = kind;
    const place = this.#order.place(record, kind, this.#units.sequence);
    if (place.type === "alreadyRead") return { isNew: false, lost: 0 };
    const lost = place.type === "next" ? place.lost : 0;
    if (lost > 0) this.#recordLoss();
    if (place.type === "otherLog") {
      this.#resetParser();
      this.#units.startLog();
      this.#backlogEnd = -1;
    }
    if (!this.#units.hasReadBacklog) this.#backlogEnd = record.sequence;
    this.#takeReports(record, this.#parser.push(record));
    this.#lastRecord = record;
    if (!this.#parser.hasDeferredKill) this.#advance();
    return { isNew: true, lost };
  }

  /** Counts one lost record whose number is unknown. */
  skipRecord(): void {
    this.#order.skipRecord();
    this.#recordLoss();
  }

  /** Call it periodically, and before each {@linkcode OomMonitor.end}. */
  sample(): void {
    this.#units.sample();
    this.#units.decideOverdue();
    this.#readCounts();
  }

  /** Reports the deferred kill. Call it when the log is idle. */
  flush(): void {
    if (this.#lastRecord === undefined) return;
    this.#takeReports(this.#lastRecord, this.#parser.flush());
    this.#advance();
  }

  close(): void {
    this.flush();
  }

  /** Infers kills at the end of the log, reached since the last {@linkcode OomMonitor.sample}. */
  end(): void {
    this.flush();
    // Read the containers' counts first: the node's count then includes each
    // kill in a container.
    if (this.needsEnd) this.#options.counters.readAll();
    const before = this.#units.state;
    this.#units.end(this.#order.last, this.#kind);
    this.#afterEnd(before);
  }

  /** Infers kills from counts while no log can be read; `isOff` if none is configured. */
  withoutLog(isOff: boolean): void {
    this.#readCounts();
    const before = this.#units.state;
    this.#units.withoutLog(isOff ? OFF_SETTLE_MS : SETTLE_MS);
    this.#afterEnd(before);
  }

  #readCounts(): void {
    const { readCount, counters } = this.#options;
    const isOpen = (readCount() ?? NaN) > (this.#units.accounted ?? NaN);
    if (isOpen) counters.readAll();
  }

  #afterEnd(before: CheckpointData): void {
    const now = this.#units.state;
    if (
      before.node_oom_kills !== now.node_oom_kills ||
      before.inferred_units !== now.inferred_units
    ) this.#options.onStateChange?.();
    this.#settle();
  }

  #settle(): void {
    const { readCount, counters } = this.#options;
    if (this.#units.isOpen) return;
    counters.settle(() => readCount() === this.#units.accounted);
  }

  #recordLoss(): void {
    this.#resetParser();
    this.#units.recordLoss();
  }

  #resetParser(): void {
    const reports = this.#parser.reset();
    if (this.#lastRecord !== undefined) {
      this.#takeReports(this.#lastRecord, reports);
    }
  }

  #takeReports(record: KmsgRecord, reports: readonly OomReport[]): void {
    const { sequence, usecSinceBoot } = record;
    this.#units.take(sequence, usecSinceBoot, reports);
  }

  #advance(): void {
    const last = this.#lastRecord;
    // The rest of an incomplete line is numbered later than its start.
    if (last !== undefined && !this.#parser.isMidLine) {
      this.#units.advance(last.sequence, last.usecSinceBoot);
    }
  }

  #report(
    report: OomIncidentReport | OomKillReport,
    isHistorical: boolean,
  ): void {
    const isBacklog = report.kmsgSequence <= this.#backlogEnd;
    const writtenMs = this.#events.writtenMs(report.usecSinceBoot);
    const historical = isHistorical || isBacklog && writtenMs < this.#startMs;
    const sources = ["kmsg"];
    if (report.type === "oomKill" && !historical) {
      this.#kills++;
      const source = this.#options.counters.recordKill(report.victimCgroup);
      if (source !== undefined) sources.push(source);
      if (report.victimCgroup === undefined) this.#settle();
    }
    const { state } = this.#units;
    const known = { historical, isBacklog, sources, state };
    this.#add(this.#events.fromReport(this.#withGroup(report), known));
  }

  /** Sets `group` to false if `isKilledAlone`. */
  #withGroup<Report extends OomIncidentReport | OomKillReport>(
    report: Report,
  ): Report {
    const { type, scope, victimCgroup } = report;
    if (type === "oom" || report.group !== undefined) return report;
    const limit = scope === "host" ? ROOT : report.limitCgroup;
    if (victimCgroup === undefined || limit === undefined) return report;
    const isAlone = this.#options.isKilledAlone?.(victimCgroup, limit);
    return isAlone ? { ...report, group: false } : report;
  }

  #infer(count: number, areAll: boolean): void {
    const { counters } = this.#options;
    const first = (this.#units.accounted ?? 0) + 1;
    const historical = Math.min(count, this.#units.historicalFrom(first));
    // The containers' counts before the start are unknown.
    if (historical > 0) {
      this.#inferKills({ count: historical, source: "vmstat" }, true);
    }
    const live = count - historical;
    if (live === 0) return;
    this.#kills += live;
    for (const kills of counters.locate(live, areAll)) {
      this.#inferKills(kills, false);
    }
  }

  #inferKills(
    kills: Parameters<OomEventBuilder["fromCounts"]>[0],
    historical: boolean,
  ): void {
    const first = (this.#units.accounted ?? 0) + 1;
    const next = () => {
      this.#units.inferOne();
      return this.#units.state;
    };
    for (
      const event of this.#events.fromCounts(kills, historical, first, next)
    ) this.#add(event);
  }

  #add(event: NewEvent): void {
    if (event.type === "oom") {
      // By the earlier run, which ended before the first kill.
      if (this.#reported.delete(event.data?.oom?.incident)) return;
    }
    this.#options.addEvent(event);
  }
}
