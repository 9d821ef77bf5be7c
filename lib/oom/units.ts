import type { CheckpointData } from "../model/event.ts";
import type {
  OomIncidentReport,
  OomKillReport,
  OomRepeatReport,
  OomReport,
} from "./report.ts";

// The invariant of this folder.

/**
 * A record of a kill is readable within so long of its count: the killer may be
 * preempted or throttled between the two.
 */
export const SETTLE_MS = 1_500;

/** Reports kept until it is known which of them are new; more than any kernel's log holds. */
const MAX_WAITING = 10_000;

/** And so long at most, where the count never settles or the log is never read to its end. */
const MAX_WAIT_MS = 10_000;

/** What {@linkcode OomUnits} are built from. */
export interface OomUnitsOptions {
  /** What an earlier run of the same boot left. @default nothing: the first start */
  readonly earlier?: CheckpointData | undefined;
  /** The node's count of OOM kills since boot (`/proc/vmstat`, `oom_kill`, Linux ≥4.13); undefined where it is not counted. */
  readonly readCount: () => number | undefined;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Receives an incident or a kill that no event has yet; `isPast` where the count proves that it was before the start. */
  readonly report: (
    report: OomIncidentReport | OomKillReport,
    isPast: boolean,
  ) => void;
  /** Receives the repeat of a group's first victim. */
  readonly repeat: (report: OomRepeatReport) => void;
  /**
   * Receives how many kills no record names, and whether these are all that
   * are counted now and not accounted for; is to call
   * {@linkcode OomUnits.inferOne} before the event of each.
   */
  readonly infer: (count: number, areAll: boolean) => void;
}

/**
 * Accounts for each unit of the node's count of OOM kills exactly once.
 *
 * **Facts** (`mm/oom_kill.c`). (1) Each unit has exactly one `Killed process`
 * record, which is printed after it is counted, in the order of the count,
 * under `oom_lock`. (2) Records have numbers without gaps. (3) A record is
 * readable within {@linkcode SETTLE_MS} of its count. (4) The first victim of a
 * group is counted and printed twice: two units, one kill.
 *
 * **State**, which is all that the event log carries across a restart. R
 * (`kmsg_seq`): the last record all of whose events are in the log. U
 * (`node_oom_kills`): units accounted for. L (`inferred_units`): units inferred
 * whose records may yet come.
 *
 * **Rule.** A record is new if and only if its number is beyond R. Each new
 * record accounts for one unit: a kill, which gets an event, or a repeat, which
 * gets none. At a moment when the log has been read to its end, the units that
 * were counted {@linkcode SETTLE_MS} ago and exceed U are inferred.
 *
 * **Why each kill has one event.** *None has two:* R only grows, and is in the
 * same line as the last event of its record, so that a crash leaves both or
 * neither. *None is invented:* what was counted SETTLE_MS ago has been printed;
 * at the end of the log all of it that was not lost is in U. *None is missing:*
 * once no kill happens for SETTLE_MS, the excess is all that was lost. In
 * between the excess is smaller, never greater: inference waits.
 *
 * **The rest follows.** A start is no case of its own: the kernel's records are
 * read from the oldest on, those up to R only for the parser's state. *The
 * first start:* U is the count at a moment when the log has been read to its
 * end and the count did not change meanwhile; a unit that was counted and not
 * yet printed then never makes U exceed the count. If the log ends before that,
 * U is the units read and the least count before them; if it appears only after
 * U was set, its first records wait for their place. *Without a log* units are
 * inferred in the same way, and L counts them. While L is not 0, new records
 * wait: fact 1 gives each its place in the count, and those up to U were
 * inferred. *Another log* (R's number has another time, or is beyond the end):
 * R is void, U is not, and the place in the count decides in the same way.
 * *Lost records* are found by the count alone; where they
 * are among those that wait, the first L that wait are taken for inferred ones. Without a count nothing is
 * inferred.
 *
 * Longer than other files: one state machine.
 */
export class OomUnits {
  readonly #options: OomUnitsOptions;
  /** The count at the start: units up to it are of the past. */
  readonly #startCount: number;
  #sequence: number | undefined;
  #usec: number | undefined;
  #units: number | undefined;
  #inferred: number;
  /** Whether U may be one too high, since a unit of before the first start was perhaps not printed then. */
  #isTentative = false;
  /** Whether R was found in the log, or is behind it; else R may be of another log. */
  #isConfirmed = false;
  /** Units whose records were read before U is known … */
  #reads = 0;
  /** … and the least count that was found before the first of them. */
  #firstBase = Infinity;
  /** Whether U was set before any record was read: the first ones may be of units up to U. */
  #isUnread = false;
  /** Units inferred in this run at what was taken for the end of the log. */
  #late = 0;
  /** Counts by time, the oldest first: the first is the one of SETTLE_MS ago. */
  #samples: { readonly ms: number; readonly count: number }[] = [];
  /** Reports up to R, while R is not confirmed. */
  #known: OomReport[] = [];
  /** New reports whose place in the count is not known. */
  #waiting: OomReport[] = [];
  #waitingSinceMs = Infinity;
  /** The least count that was found before the first of them: their place, once no kill was in between. */
  #base = Infinity;
  /** Whether records were lost among those that L counts or that wait: then their place is not known. */
  #hasGap = false;
  #isAtEnd = false;
  /** Whether the records of the units that are being inferred may yet come. */
  #mayCome = false;
  /** Whether this run or an earlier one took a record. */
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
      // Fewer were counted only if the machine was reset to an earlier state.
      this.#units = Math.min(units, count);
    }
    this.#isConfirmed = this.#sequence === undefined;
    this.#hasRead = !this.#isConfirmed;
    this.sample();
  }

  /** R, U and L after the last event; without U while that is not certain. */
  get state(): CheckpointData {
    return {
      ...(this.#sequence !== undefined && { "kmsg_seq": this.#sequence }),
      ...(this.#usec !== undefined && { "kmsg_usec": this.#usec }),
      ...(this.#units !== undefined && !this.#isTentative &&
        { "node_oom_kills": this.#units }),
      "inferred_units": this.#inferred,
    };
  }

  /** U, certain or not. */
  get accounted(): number | undefined {
    return this.#units;
  }

  /** Whether all that was in the log at the start has been read. */
  get hasReadPast(): boolean {
    return this.#isAtEnd;
  }

  /** The last record that the earlier run accounted for, until the log's first record is taken. */
  get sequence(): number | undefined {
    return this.#sequence;
  }

  /** Whether units are not accounted for, so that the end of the log is of interest. */
  get isOpen(): boolean {
    const count = this.#samples.at(-1)?.count;
    if (!this.#isAtEnd || this.#waiting.length > 0) return true;
    return this.#isTentative ||
      count !== undefined && count > (this.#units ?? -1);
  }

  /** Reads the count; to be called every now and then, and before it is found that the log is at its end. */
  sample(): void {
    const count = this.#options.readCount();
    if (count === undefined) return;
    const ms = this.#options.nowMs();
    const samples = this.#samples;
    if (samples.at(-1)?.count !== count) samples.push({ ms, count });
    while ((samples[1]?.ms ?? Infinity) <= ms - SETTLE_MS) samples.shift();
  }

  /** Takes what a record reports. To be called for each record, in order, with its own number and time. */
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

  /** All records up to this one have their events, or need none: it is R, unless reports wait. */
  advance(sequence: number, usecSinceBoot: number): void {
    if (this.#waiting.length > 0 || !this.#isConfirmed) return;
    if (sequence < (this.#sequence ?? -1)) return;
    this.#sequence = sequence;
    this.#usec = usecSinceBoot;
  }

  /** Records were lost. */
  lose(): void {
    if (this.#inferred > 0 || this.#waiting.length > 0) this.#hasGap = true;
  }

  /** Another log begins, which numbers its records anew. */
  begin(): void {
    this.#sequence = this.#usec = undefined;
    this.#isConfirmed = this.#hasRead = true;
    // Any unit's record may come once more, under another number.
    this.#inferred = this.#units ?? 0;
    this.#reads = 0;
    this.#firstBase = Infinity;
    const known = this.#known;
    this.#known = [];
    for (const report of known) this.#takeNew(report);
  }

  /**
   * The log has been read to its end since {@linkcode OomUnits.sample} was
   * called last.
   *
   * @param lastSequence the number of its last record
   */
  end(lastSequence: number): void {
    const count = this.#options.readCount();
    const isShort = lastSequence >= 0 && lastSequence < (this.#sequence ?? -1);
    if (!this.#isConfirmed && isShort) this.begin();
    this.#isAtEnd = true;
    if (this.#waiting.length === 0) this.#isUnread = false;
    if (count === undefined) return;
    if (this.#units === undefined) {
      // A kill meanwhile may be printed, or lost: then the next end decides.
      if (count !== this.#samples.at(-1)?.count) return;
      this.#units = count;
      this.#isTentative = true;
    }
    this.#settle(count);
    this.#placeWaiting(count);
    const excess = this.#excess(SETTLE_MS);
    if (excess <= 0) return;
    this.#late += excess;
    this.#infer(excess, false, count);
  }

  /**
   * No log can be read now.
   *
   * @param settleMs how long after its count a kill is inferred
   */
  withoutLog(settleMs: number): void {
    const count = this.#options.readCount();
    if (count === undefined) return;
    if (this.#units === undefined) {
      // What was before the first start has no event; where some of it was
      // read, its place in the count tells the rest from what is new.
      this.#units = this.#hasRead
        ? Math.min(count, this.#firstBase + this.#reads)
        : this.#startCount;
      if (this.#hasRead) this.#inferred = this.#units;
      this.#isUnread = !this.#hasRead;
      this.#isTentative = true;
    }
    this.#settle(count);
    this.#placeWaiting(count);
    if (this.#excess(settleMs) <= 0) return;
    const all = count - this.#units;
    this.#infer(all, true, count);
  }

  /** How many units from this one on were counted before the start. */
  pastFrom(unit: number): number {
    return Math.max(0, this.#startCount - unit + 1);
  }

  /** Accounts for one unit that no record names. */
  inferOne(): void {
    this.#units = (this.#units ?? 0) + 1;
    if (this.#mayCome) this.#inferred++;
  }

  /** U is certain once the log is at its end and no kill was counted for a while; at stop it is taken as it is. */
  #settle(count: number): void {
    if (!this.#isTentative) return;
    this.#units = Math.min(this.#units ?? 0, count);
    if (this.#settledCount(SETTLE_MS) === count) this.#isTentative = false;
  }

  /** Nothing is read any more: what is known of U goes into the last checkpoint. */
  close(): void {
    this.#isTentative = false;
    const count = this.#options.readCount();
    if (this.#units !== undefined && count !== undefined) {
      this.#units = Math.min(this.#units, count);
    }
  }

  #infer(units: number, mayCome: boolean, count: number): void {
    this.#isTentative = false;
    this.#mayCome = mayCome;
    this.#options.infer(units, (this.#units ?? 0) + units === count);
  }

  /** How many units were counted so long ago and are not accounted for; none while reports wait. */
  #excess(settleMs: number): number {
    if (this.#waiting.length > 0) return 0;
    return (this.#settledCount(settleMs) ?? 0) - (this.#units ?? 0);
  }

  /** The count of so long ago. */
  #settledCount(settleMs: number): number | undefined {
    const limitMs = this.#options.nowMs() - settleMs;
    return this.#samples.findLast(({ ms }) => ms <= limitMs)?.count;
  }

  /** Finds out whether R is of this log. */
  #confirm(sequence: number, usecSinceBoot: number): void {
    const known = this.#sequence ?? -1;
    if (sequence < known) return;
    if (
      sequence === known && this.#usec !== undefined &&
      this.#usec !== usecSinceBoot
    ) {
      this.begin();
      return;
    }
    this.#isConfirmed = true;
    this.#known = [];
  }

  #takeNew(report: OomReport): void {
    const mustWait = this.#units !== undefined &&
      (this.#inferred > 0 || this.#isUnread);
    if (this.#waiting.length === 0 && !mustWait) return this.#account(report);
    if (this.#waiting.length === 0) {
      this.#waitingSinceMs = this.#options.nowMs();
      this.#base = Infinity;
    }
    this.#waiting.push(report);
    const count = this.#options.readCount();
    if (count !== undefined) this.#place(count);
    if (this.#waiting.length >= MAX_WAITING) this.#decide();
  }

  /** Accounts for the unit of a new record, if it has one. */
  #account(report: OomReport, isPast = false, isInUnits = false): void {
    if (report.type === "oom") return this.#options.report(report, isPast);
    this.#reach(report);
    const count = this.#options.readCount();
    if (this.#units === undefined && count !== undefined) {
      this.#reads++;
      this.#firstBase = Math.min(this.#firstBase, count - this.#reads);
    }
    if (this.#units !== undefined && count !== undefined && !isInUnits) {
      if (this.#units >= count && this.#late > 0) {
        // Its record came after all, later than any should.
        this.#late--;
        return;
      }
      this.#units = Math.min(this.#units + 1, count);
    }
    if (report.type === "repeat") this.#options.repeat(report);
    else this.#options.report(report, isPast);
  }

  #reach(report: OomReport): void {
    this.#hasRead = true;
    this.#sequence = report.kmsgSequence;
    this.#usec = report.type === "repeat" ? undefined : report.usecSinceBoot;
  }

  /** Notes where the reports that wait are in the count, and decides once that is settled. */
  #placeWaiting(count: number): void {
    if (this.#waiting.length === 0) return;
    this.#place(count);
    const waitedMs = this.#options.nowMs() - this.#waitingSinceMs;
    // No unit is between its count and its record then.
    const isSettled = this.#settledCount(SETTLE_MS) === count;
    if (waitedMs >= SETTLE_MS && isSettled) this.#decide();
    else this.overdue();
  }

  #place(count: number): void {
    const units = this.#waiting.filter(({ type }) => type !== "oom").length;
    this.#base = Math.min(this.#base, count - units);
  }

  /** The reports wait for too long without an end of the log. */
  overdue(): void {
    const waitedMs = this.#options.nowMs() - this.#waitingSinceMs;
    if (this.#waiting.length > 0 && waitedMs >= MAX_WAIT_MS) this.#decide();
  }

  /** Accounts for the reports that waited: those up to U were inferred. */
  #decide(): void {
    const count = this.#options.readCount();
    if (count !== undefined) this.#place(count);
    const units = this.#units ?? 0;
    // Where no run took a record, those before were not inferred, and have no event either.
    const inferredFrom = this.#hasRead ? units - this.#inferred : 0;
    const oldFrom = this.#hasRead || this.#hasGap ? 0 : units - this.#inferred;
    // Better a name is lost than a kill reported twice: the count finds the rest.
    if (this.#hasGap) this.#base = Math.min(this.#base, inferredFrom);
    // Which of them are of the past is not known then.
    const pastUpTo = this.#hasGap ? 0 : this.#startCount;
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
    const past = new Set<number>();
    for (const [at, report] of waiting.entries()) {
      if (report.type !== "oomKill") continue;
      const { incidentSequence: incident } = report;
      (isOld(at) ? suppressed : reported).add(incident);
      if ((places[at] ?? Infinity) <= pastUpTo) past.add(incident);
    }
    const old = places.filter((_, at) => isOld(at)).length;
    const isNew = places.some((unit) => unit !== undefined && unit > units);
    // Records come in the order of the count: after a new one no older comes.
    this.#inferred = isNew ? 0 : Math.max(0, this.#inferred - old);
    for (const [at, report] of waiting.entries()) {
      const unit = places[at] ?? Infinity;
      if (report.type === "oom") {
        const { incidentSequence: incident } = report;
        const isReported = reported.has(incident) || !suppressed.has(incident);
        if (isReported) this.#options.report(report, past.has(incident));
      } else if (isOld(at)) this.#reach(report);
      else this.#account(report, unit <= pastUpTo, unit <= units);
    }
  }
}
