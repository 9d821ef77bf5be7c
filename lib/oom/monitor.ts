import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { CheckpointData, NewEvent } from "../model/event.ts";
import type { OomCounters } from "./counters.ts";
import {
  OomEventBuilder,
  type OomEventBuilderOptions,
} from "./event_builder.ts";
import type { KmsgFile } from "./kmsg_watcher.ts";
import type { KmsgRecord } from "./kmsg_record.ts";
import { OomParser, type OomParserOptions } from "./parser.ts";
import { RecordOrder } from "./record_order.ts";
import type { OomIncidentReport, OomKillReport, OomReport } from "./report.ts";
import { OomUnits, SETTLE_MS } from "./units.ts";

/** State of an earlier run of the same boot, from its event log. */
export interface EarlierOoms {
  readonly state: CheckpointData;
  /** The `incident` of the last `oom` event, whose kills may be missing from the event log. */
  readonly lastIncident?: string;
}

/** Dependencies of an {@linkcode OomMonitor}. */
export interface OomMonitorOptions
  extends
    OomEventBuilderOptions,
    Pick<OomParserOptions, "groupKills" | "locate"> {
  readonly clock: Clock;
  readonly counters: OomCounters;
  /** @default none: the first start */
  readonly earlier?: EarlierOoms | undefined;
  /** Returns the node's OOM kill count, or `undefined` if the kernel has none. */
  readonly readCount: () => number | undefined;
  /** Returns whether a kill cannot be part of a group kill. @default unknown */
  readonly isKilledAlone?: (victim: CgroupName, limit: CgroupName) => boolean;
  readonly addEvent: (event: NewEvent) => void;
  /** Called if the state changed without an event that contains it. */
  readonly onState?: () => void;
}

/** Without any log, milliseconds from count to report: the cgroup of the kill may be new. */
const OFF_SETTLE_MS = 500;

/**
 * Turns kernel log records and counts into events, synchronously. The reader of
 * the log passes its records in order, and calls {@linkcode OomMonitor.end} when
 * the log has been read to its end.
 */
export class OomMonitor {
  readonly #options: OomMonitorOptions;
  readonly #parser: OomParser;
  readonly #order = new RecordOrder();
  readonly #units: OomUnits;
  readonly #events: OomEventBuilder;
  readonly #startMs: number;
  #lastIncident: string | undefined;
  #last: KmsgRecord | undefined;
  #kills = 0;

  constructor(options: OomMonitorOptions) {
    this.#options = options;
    const { clock, earlier, readCount, counters } = options;
    this.#startMs = clock.now();
    this.#parser = new OomParser(options);
    this.#events = new OomEventBuilder(options);
    this.#lastIncident = earlier?.lastIncident;
    this.#units = new OomUnits({
      earlier: earlier?.state,
      readCount,
      nowMs: () => clock.monotonic(),
      report: (report, isPast) => this.#report(report, isPast),
      repeat: ({ victimCgroup }) => {
        counters.recordRepeat(victimCgroup);
        options.onState?.();
      },
      infer: (count, areAll) => this.#infer(count, areAll),
    });
  }

  get kills(): number {
    return this.#kills;
  }

  get state(): CheckpointData {
    return this.#units.state;
  }

  /** Units of the node's count accounted for; `undefined` if not yet determined. */
  get accounted(): number | undefined {
    return this.#units.accounted;
  }

  /** Whether a kill is deferred until the log is idle. */
  get isHolding(): boolean {
    return this.#parser.isHolding;
  }

  /** Whether the end of the log must be found. */
  get needsEnd(): boolean {
    return this.#units.isOpen;
  }

  /** Processes the next record. Returns whether it is new, and the number of records lost before it. */
  take(
    record: KmsgRecord,
    kind: KmsgFile["kind"],
  ): { readonly isNew: boolean; readonly lost: number } {
    const place = this.#order.place(record, kind, this.#units.sequence);
    if (place.type === "known") return { isNew: false, lost: 0 };
    const lost = place.type === "next" ? place.lost : 0;
    if (lost > 0) this.#lose();
    if (place.type === "other") {
      this.#gap();
      this.#units.begin();
    }
    this.#pass(record, this.#parser.push(record));
    this.#last = record;
    if (!this.#parser.isHolding) this.#advance();
    return { isNew: true, lost };
  }

  /** Notes the loss of a record whose number is unknown. */
  skip(): void {
    this.#order.skip();
    this.#lose();
  }

  /** Reads the count. Call it periodically, and before finding out whether the log is at its end. */
  sample(): void {
    this.#units.sample();
    this.#units.overdue();
    if (this.#isUnaccounted()) this.#options.counters.readAll();
  }

  /** Reports the deferred kill. Call it when the log is idle. */
  flush(): void {
    if (this.#last === undefined) return;
    this.#pass(this.#last, this.#parser.flush());
    this.#advance();
  }

  /** Reports the deferred kill and ends reading. */
  close(): void {
    this.flush();
    this.#units.close();
  }

  /** Call it if the log has been read to its end since the last {@linkcode OomMonitor.sample}. */
  end(): void {
    this.flush();
    const before = this.#beforeEnd();
    this.#units.end(this.#order.last);
    this.#afterEnd(before);
  }

  /** Call it while no log can be read; `isOff` if none is configured. */
  withoutLog(isOff: boolean): void {
    const before = this.#beforeEnd();
    this.#units.withoutLog(isOff ? OFF_SETTLE_MS : SETTLE_MS);
    this.#afterEnd(before);
  }

  #beforeEnd(): CheckpointData {
    // Before the node's count is read, which then includes all kills of the containers.
    if (this.#isUnaccounted()) this.#options.counters.readAll();
    return this.#units.state;
  }

  #afterEnd(before: CheckpointData): void {
    const { readCount, counters, onState } = this.#options;
    const now = this.#units.state;
    if (
      before.node_oom_kills !== now.node_oom_kills ||
      before.inferred_units !== now.inferred_units
    ) onState?.();
    if (this.#units.isOpen) return;
    counters.settle(() => readCount() === this.#units.accounted);
  }

  #isUnaccounted(): boolean {
    const count = this.#options.readCount();
    return count !== undefined && count > (this.#units.accounted ?? Infinity);
  }

  #lose(): void {
    this.#gap();
    this.#units.lose();
  }

  #gap(): void {
    const reports = this.#parser.gap();
    if (this.#last !== undefined) this.#pass(this.#last, reports);
  }

  #pass(record: KmsgRecord, reports: readonly OomReport[]): void {
    const { sequence, usecSinceBoot } = record;
    this.#units.take(sequence, usecSinceBoot, reports);
  }

  #advance(): void {
    const last = this.#last;
    if (last !== undefined) {
      this.#units.advance(last.sequence, last.usecSinceBoot);
    }
  }

  #report(report: OomIncidentReport | OomKillReport, isPast: boolean): void {
    const isBacklog = !this.#units.hasReadPast;
    const writtenMs = this.#events.writtenMs(report.usecSinceBoot);
    const historical = isPast || isBacklog && writtenMs < this.#startMs;
    const sources = ["kmsg"];
    if (report.type === "oomKill" && !historical) {
      this.#kills++;
      const source = this.#options.counters.recordKill(report.victimCgroup);
      if (source !== undefined) sources.push(source);
    }
    const { state } = this.#units;
    const known = { historical, isBacklog, sources, state };
    this.#add(this.#events.fromReport(this.#withGroup(report), known));
  }

  /** Completes a kill after which the log was idle, so that no record states whether a group was killed. */
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
    const past = Math.min(count, this.#units.pastFrom(first));
    // The containers' counts before the start are unknown.
    if (past > 0) this.#inferKills({ count: past, source: "vmstat" }, true);
    if (count === past) return;
    this.#kills += count - past;
    for (const kills of counters.locate(count - past, areAll)) {
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
      const incident = event.data?.oom?.incident;
      // The earlier run ended between the incident and its kill.
      if (incident !== undefined && incident === this.#lastIncident) {
        this.#lastIncident = undefined;
        return;
      }
    }
    this.#options.addEvent(event);
  }
}
