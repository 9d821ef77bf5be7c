import type { CheckpointData } from "../model/event.ts";
import type { KmsgFile } from "./kmsg_watcher.ts";
import type {
  OomIncidentReport,
  OomKillReport,
  OomRepeatReport,
  OomReport,
} from "./report.ts";

/**
 * Maximum milliseconds from the count of a kill to its readable record: the
 * killer may be preempted or throttled in between.
 */
export const SETTLE_MS = 1_500;

/** Stored reports; no kernel's log holds more. */
const MAX_WAITING = 10_000;

/** If the count never settles, or the log is never read to its end. */
const MAX_WAIT_MS = 10_000;

/** Dependencies of {@linkcode OomUnits}. */
export interface OomUnitsOptions {
  /** Written by an earlier run of the same boot. @default none: the first start */
  readonly earlier?: CheckpointData | undefined;
  /**
   * Returns the node's OOM kills since boot (`/proc/vmstat`, `oom_kill`, Linux
   * ≥4.13); `undefined` if not counted.
   */
  readonly readCount: () => number | undefined;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /**
   * Receives an incident or kill without an event; `isHistorical` if the count
   * proves that it precedes the start.
   */
  readonly report: (
    report: OomIncidentReport | OomKillReport,
    isHistorical: boolean,
  ) => void;
  readonly repeat: (report: OomRepeatReport) => void;
  /** Must call {@linkcode OomUnits.inferOne} before each event. `areAll`: no other unit is open. */
  readonly infer: (count: number, areAll: boolean) => void;
}

/**
 * Accounts for each unit of the node's OOM kill count exactly once.
 *
 * **Kernel guarantees** (`mm/oom_kill.c`). (1) Each unit has exactly one
 * `Killed process` record, printed after the count and in its order, under
 * `oom_lock`. (2) Records are numbered without gaps. (3) A record is readable
 * within {@linkcode SETTLE_MS} of its count. (4) The first victim of a group is
 * counted and printed twice: two units, one kill.
 *
 * **State**, all that the event log carries across a restart. R (`kmsg_seq`):
 * the last record all of whose events are in the event log. U
 * (`node_oom_kills`): units accounted for. L (`inferred_units`): inferred units
 * whose records may still arrive.
 *
 * **Rule.** A record is new if and only if its number exceeds R. Each new
 * record accounts for one unit: a kill, which gets an event, or a repeat, which
 * gets none. When the log has been read to its end, units that were counted
 * SETTLE_MS ago and exceed U are inferred.
 *
 * **Each kill has exactly one event.** *No duplicates:* R only grows, and is in
 * the same line of the event log as the last event of its record: a crash
 * leaves both or neither. *No false kills:* at the end of the log, all units
 * counted SETTLE_MS ago, except lost ones, are in U. *No missing kills:* after
 * SETTLE_MS without a kill, the excess is exactly the lost units. Until then it
 * is smaller, never larger: inference waits.
 *
 * **Consequences.** After a restart, the kernel's records are read from the
 * oldest on, those up to R only for the parser's state. *First start:* U is the
 * count when the log has been read to its end and the count did not change
 * meanwhile; a unit counted but not yet printed then never makes U exceed the
 * count. If the log ends before that, U is the units read plus the lowest count
 * before them. If the log appears after U was set, its first records wait until
 * their positions in the count are determined. *Without a log*, units are
 * inferred in the same way, and L counts them. While L is not 0, new records
 * wait: guarantee 1 gives each its position in the count, and those up to U
 * were inferred. L is 0 once U is the count of SETTLE_MS ago at the end of a
 * device or file. *A different log* (R's number has another timestamp, or is
 * beyond the end): R is void, U is not, and positions decide in the same way.
 * *Lost records* are found only by the count; if they are among the waiting
 * ones, the first L of those are treated as inferred. Without a count, nothing
 * is inferred.
 *
 * Exceeds 300 lines: one state machine.
 */
export class OomUnits {
  readonly #options: OomUnitsOptions;
  /** Units up to it are historical. */
  readonly #startCount: number;
  #sequence: number | undefined;
  #usec: number | undefined;
  #units: number | undefined;
  #inferred: number;
  /** Whether U may be one too high, by a unit counted but not printed at the first start. */
  #isTentative = false;
  /** Whether this run has read the records of all units up to U. */
  #isAligned = false;
  /** Whether R was found in this log, or precedes it. */
  #isConfirmed = false;
  /** Units read before U was set. */
  #reads = 0;
  /** The lowest count before them. */
  #firstBase = Infinity;
  /** Whether U was set before any record was read: the first records may belong to units up to U. */
  #isUnread = false;
  /** Units inferred in this run at a presumed end of the log. */
  #late = 0;
  /** Oldest first: the first is the count SETTLE_MS ago. */
  #samples: { readonly ms: number; readonly count: number }[] = [];
  /** Reports up to R while R is not confirmed. */
  #known: OomReport[] = [];
  /** New, at an unknown position in the count. */
  #waiting: OomReport[] = [];
  #waitingSinceMs = Infinity;
  /**
   * The lowest count before the first waiting report: its position, once each
   * counted unit has a record.
   */
  #base = Infinity;
  /** Whether records counted by L or waiting were lost: their positions are unknown. */
  #hasGap = false;
  #isAtEnd = false;
  /** Whether records of the units being inferred may still arrive. */
  #mayCome = false;
  /** Whether this or an earlier run accounted for a record. */
  #hasRead: boolean;

  constructor(options: OomUnitsOptions) {
    this.#options = options;
    const { earlier, readCount } = options;
    const count = readCount();
    this.#startCount = count ?? 0;
    this.#sequence = earlier?.kmsg_seq;
    this.#usec = earlier?.kmsg_usec;
    this.#inferred = earlier?.inferred_units ?? 0;
    const units = earlier?.node_oom_kills;
    if (units !== undefined && count !== undefined) {
      // Lower only if the machine was reset to an earlier state.
      this.#units = Math.min(units, count);
    }
    this.#isConfirmed = this.#sequence === undefined;
    this.#hasRead = !this.#isConfirmed;
    this.sample();
  }

  /** R, U and L after the last event. */
  get state(): CheckpointData {
    return {
      ...(this.#sequence !== undefined && { "kmsg_seq": this.#sequence }),
      ...(this.#usec !== undefined && { "kmsg_usec": this.#usec }),
      ...(this.#units !== undefined && { "node_oom_kills": this.#units }),
      "inferred_units": this.#inferred,
    };
  }

  /** U, tentative or not. */
  get accounted(): number | undefined {
    return this.#units;
  }

  get hasReadBacklog(): boolean {
    return this.#isAtEnd;
  }

  /** R; before the first record, that of the earlier run. */
  get sequence(): number | undefined {
    return this.#sequence;
  }

  /**
   * Counted units whose records have not been read; `undefined` if the next
   * records may belong to other units.
   */
  get unread(): number | undefined {
    const count = this.#options.readCount();
    const isCertain = this.#isAligned && this.#inferred + this.#late === 0;
    return isCertain && count !== undefined && this.#units !== undefined
      ? count - this.#units
      : undefined;
  }

  /** Whether the log must be read to its end. */
  get needsEnd(): boolean {
    return this.isOpen || !this.#isAligned && this.#samples.length > 0;
  }

  /** Whether units are not accounted for. */
  get isOpen(): boolean {
    const count = this.#samples.at(-1)?.count;
    if (!this.#isAtEnd || this.#waiting.length > 0) return true;
    return this.#isTentative ||
      count !== undefined && count > (this.#units ?? -1);
  }

  /** Call it periodically, and before each {@linkcode OomUnits.end}. */
  sample(): void {
    const count = this.#options.readCount();
    if (count === undefined) return;
    const ms = this.#options.nowMs();
    const samples = this.#samples;
    if (samples.at(-1)?.count !== count) samples.push({ ms, count });
    while ((samples[1]?.ms ?? Infinity) <= ms - SETTLE_MS) samples.shift();
  }

  /** Call it for each record, in order, with the record's own number and time. */
  take(
    sequence: number,
    usecSinceBoot: number,
    reports: readonly OomReport[],
  ): void {
    if (!this.#isConfirmed) this.#confirm(sequence, usecSinceBoot);
    for (const report of reports) {
      if (report.kmsgSequence > (this.#sequence ?? -1)) this.#takeNew(report);
      else if (!this.#isConfirmed && this.#known.length < MAX_WAITING) {
        this.#known.push(report);
      }
    }
  }

  /**
   * Sets R: records up to this one have their events or need none. No effect
   * while reports wait.
   */
  advance(sequence: number, usecSinceBoot: number): void {
    if (this.#waiting.length > 0 || !this.#isConfirmed) return;
    if (sequence < (this.#sequence ?? -1)) return;
    this.#sequence = sequence;
    this.#usec = usecSinceBoot;
  }

  recordLoss(): void {
    if (this.#inferred > 0 || this.#waiting.length > 0) this.#hasGap = true;
  }

  /** Starts reading another log, with its own record numbers. */
  startLog(): void {
    this.#sequence = this.#usec = undefined;
    this.#isAligned = false;
    this.#isConfirmed = this.#hasRead = true;
    // The record of any unit may appear again, under another number.
    this.#inferred = this.#units ?? 0;
    this.#reads = 0;
    this.#firstBase = Infinity;
    const known = this.#known;
    this.#known = [];
    for (const report of known) this.#takeNew(report);
  }

  /**
   * Infers units. The log must have been read to its end since the last
   * {@linkcode OomUnits.sample}.
   */
  end(lastSequence: number, kind: KmsgFile["kind"]): void {
    const count = this.#options.readCount();
    const isShort = lastSequence >= 0 && lastSequence < (this.#sequence ?? -1);
    if (!this.#isConfirmed && isShort) this.startLog();
    this.#isAtEnd = true;
    if (this.#waiting.length === 0) this.#isUnread = false;
    if (count === undefined) return;
    if (this.#units === undefined) {
      // A kill in the meantime may be printed or lost: the next end decides.
      if (count !== this.#samples.at(-1)?.count) return;
      this.#units = count;
      this.#isTentative = true;
    }
    this.#isTentative &&= this.#settledCount(SETTLE_MS) !== count;
    this.#placeWaiting(count);
    const isSettled = this.#waiting.length === 0 && this.#units === count &&
      this.#settledCount(SETTLE_MS) === count;
    if (!this.#isAligned && isSettled) {
      this.#isAligned = true;
      // Each of these units had a readable record, unless that was lost.
      if (kind === "file") this.#late += this.#inferred;
      if (kind !== "fifo") this.#inferred = 0;
    }
    const excess = this.#excess(SETTLE_MS);
    if (excess <= 0) return;
    this.#late += excess;
    this.#infer(excess, false, count);
  }

  /** Infers units without a log, `settleMs` after their count. */
  withoutLog(settleMs: number): void {
    this.#isAligned = false;
    const count = this.#options.readCount();
    if (count === undefined) return;
    if (this.#units === undefined) {
      // Kills before the first start have no event. If some were read, their
      // position in the count separates the others from new kills.
      this.#units = this.#hasRead
        ? Math.min(count, this.#firstBase + this.#reads)
        : this.#startCount;
      if (this.#hasRead) this.#inferred = this.#units;
      this.#isUnread = !this.#hasRead;
      this.#isTentative = true;
    }
    this.#isTentative &&= this.#settledCount(SETTLE_MS) !== count;
    this.#placeWaiting(count);
    if (this.#excess(settleMs) <= 0) return;
    const all = count - this.#units;
    this.#infer(all, true, count);
  }

  /** Returns the number of units from this one on that precede the start. */
  historicalFrom(unit: number): number {
    return Math.max(0, this.#startCount - unit + 1);
  }

  /** Accounts for one unit without a record. */
  inferOne(): void {
    this.#units = (this.#units ?? 0) + 1;
    if (this.#mayCome) this.#inferred++;
  }

  #infer(units: number, mayCome: boolean, count: number): void {
    this.#isTentative = false;
    this.#mayCome = mayCome;
    this.#options.infer(units, (this.#units ?? 0) + units === count);
  }

  /** Returns the units counted `settleMs` ago and not accounted for; 0 while reports wait. */
  #excess(settleMs: number): number {
    if (this.#waiting.length > 0) return 0;
    return (this.#settledCount(settleMs) ?? 0) - (this.#units ?? 0);
  }

  #settledCount(settleMs: number): number | undefined {
    const limitMs = this.#options.nowMs() - settleMs;
    return this.#samples.findLast(({ ms }) => ms <= limitMs)?.count;
  }

  /** Determines whether R belongs to this log. */
  #confirm(sequence: number, usecSinceBoot: number): void {
    const known = this.#sequence ?? -1;
    if (sequence < known) return;
    if (
      sequence === known && this.#usec !== undefined &&
      this.#usec !== usecSinceBoot
    ) {
      this.startLog();
      return;
    }
    this.#isConfirmed = true;
    this.#known = [];
  }

  #takeNew(report: OomReport): void {
    const mustWait = this.#units !== undefined &&
      (this.#inferred > 0 || this.#isUnread);
    if (this.#waiting.length === 0 && !mustWait) {
      return this.#accountFor(report);
    }
    if (this.#waiting.length === 0) {
      this.#waitingSinceMs = this.#options.nowMs();
      this.#base = Infinity;
    }
    this.#waiting.push(report);
    const count = this.#options.readCount();
    if (count !== undefined) this.#place(count);
    if (this.#waiting.length >= MAX_WAITING) this.#decide();
  }

  #accountFor(
    report: OomReport,
    isHistorical = false,
    isInUnits = false,
  ): void {
    if (report.type === "oom") {
      return this.#options.report(report, isHistorical);
    }
    this.#reach(report);
    const count = this.#options.readCount();
    if (this.#units === undefined && count !== undefined) {
      this.#reads++;
      this.#firstBase = Math.min(this.#firstBase, count - this.#reads);
    }
    if (this.#units !== undefined && count !== undefined && !isInUnits) {
      if (this.#units >= count && this.#late > 0) {
        // It arrived later than SETTLE_MS: its unit was inferred.
        this.#late--;
        return;
      }
      this.#units = Math.min(this.#units + 1, count);
    }
    if (report.type === "repeat") this.#options.repeat(report);
    else this.#options.report(report, isHistorical);
  }

  #reach(report: OomReport): void {
    this.#hasRead = true;
    this.#sequence = report.kmsgSequence;
    this.#usec = report.type === "repeat" ? undefined : report.usecSinceBoot;
  }

  /** Decides once the position in the count is settled. */
  #placeWaiting(count: number): void {
    if (this.#waiting.length === 0) return;
    this.#place(count);
    const waitedMs = this.#options.nowMs() - this.#waitingSinceMs;
    // Then each counted unit has a readable record.
    const isSettled = this.#settledCount(SETTLE_MS) === count;
    if (waitedMs >= SETTLE_MS && isSettled) this.#decide();
    else this.decideOverdue();
  }

  #place(count: number): void {
    const units = this.#waiting.filter(({ type }) => type !== "oom").length;
    this.#base = Math.min(this.#base, count - units);
  }

  /** Decides after MAX_WAIT_MS. */
  decideOverdue(): void {
    const waitedMs = this.#options.nowMs() - this.#waitingSinceMs;
    if (this.#waiting.length > 0 && waitedMs >= MAX_WAIT_MS) this.#decide();
  }

  /** Accounts for the waiting reports: those up to U were inferred. */
  #decide(): void {
    const count = this.#options.readCount();
    if (count !== undefined) this.#place(count);
    const units = this.#units ?? 0;
    // If no run read a record, the earlier units were not inferred and have no
    // event.
    const inferredFrom = this.#hasRead ? units - this.#inferred : 0;
    const oldFrom = this.#hasRead || this.#hasGap ? 0 : units - this.#inferred;
    // Prefer losing a name to reporting a kill twice: the count finds the other kills.
    if (this.#hasGap) this.#base = Math.min(this.#base, inferredFrom);
    // With a gap, it is unknown which reports are historical.
    const historicalUpTo = this.#hasGap ? 0 : this.#startCount;
    this.#hasGap = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingSinceMs = Infinity;
    this.#isUnread = false;
    let place = Math.max(0, this.#base);
    const places = waiting.map((report) =>
      report.type === "oom" ? undefined : ++place
    );
    const isOld = (at: number) => {
      const unit = places[at];
      return unit !== undefined && unit > oldFrom && unit <= units;
    };
    const reported = new Set<number>();
    const suppressed = new Set<number>();
    const historical = new Set<number>();
    for (const [at, report] of waiting.entries()) {
      if (report.type !== "oomKill") continue;
      const { incidentSequence: incident } = report;
      (isOld(at) ? suppressed : reported).add(incident);
      if ((places[at] ?? Infinity) <= historicalUpTo) historical.add(incident);
    }
    for (const [at, report] of waiting.entries()) {
      const unit = places[at] ?? Infinity;
      if (report.type === "oom") {
        const { incidentSequence: incident } = report;
        const isReported = reported.has(incident) || !suppressed.has(incident);
        if (isReported) this.#options.report(report, historical.has(incident));
      } else if (isOld(at)) {
        this.#reach(report);
        this.#inferred = Math.max(0, this.#inferred - 1);
      } else {
        // Records are in the order of the count: no older one follows.
        if (unit > units) this.#inferred = 0;
        this.#accountFor(report, unit <= historicalUpTo, unit <= units);
      }
    }
  }
}
