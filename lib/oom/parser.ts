import type { CgroupName } from "../model/cgroup.ts";
import { defined } from "../model/defined.ts";
import { OomFragments } from "./fragments.ts";
import { Incident } from "./incident.ts";
import type { KmsgRecord } from "../kernfs/kmsg_record.ts";
import {
  type OomKilledLine,
  type OomLine,
  type OomSelectedLine,
  parseOomLine,
} from "./lines.ts";
import type { OomReport, OomScope } from "./report.ts";
import { agreedNames } from "./summary.ts";
import { OomTaskTable } from "./task_table.ts";

/** Options of an {@linkcode OomParser}. */
export interface OomParserOptions {
  /**
   * Whether this kernel has group kills (`memory.oom.group`, v2); if not, no
   * kill is deferred.
   *
   * @default true
   */
  readonly groupKills?: boolean;
  /**
   * Returns the cgroup of a killed process, if proven. Called as soon as a kill
   * without a cgroup is read, since the process exits soon.
   *
   * @default always `undefined`
   */
  readonly locate?: (
    pid: number,
    usecSinceBoot: number,
  ) => CgroupName | undefined;
}

/** A kill that its group's line may follow. */
interface DeferredKill {
  readonly record: KmsgRecord;
  readonly line: OomKilledLine;
  readonly incident: Incident;
  readonly victimCgroup: CgroupName | undefined;
  /** Whether it may belong to a group whose header precedes it. */
  readonly isUnsure: boolean;
  /** Since the kill. */
  records: number;
}

/** Records between a kill and its group's line. */
const MAX_RECORDS_DEFERRED = 8;
/** Microseconds; a later line applies only to the kills after it. */
const MAX_USEC_DEFERRED = 50_000;

/** Open incidents; 1 since Linux 4.2, whose `oom_lock` covers all printing. */
const MAX_OPEN = 32;

/**
 * The kernel prints headers and summaries of ten OOMs in five seconds
 * (`oom_rs`, `DEFAULT_RATELIMIT_BURST`); two more seconds cover the time from
 * this decision to the record of the kill.
 */
const HEADERS = 10;
const HEADERS_USEC = 7_000_000;

const NOTHING: readonly OomReport[] = [];

/**
 * Turns kernel log records into reports: one per incident and one per
 * `Killed process` record.
 *
 * Records are associated by order, never by time:
 *
 * - Since Linux 4.2 the kernel holds `oom_lock` from the header to the last
 *   kill line. If no record was lost, the first `Killed` or `Skip` line after a
 *   summary belongs to it, provided that no other kill can be printed without a
 *   header: the line has the same pid, or fewer than ten headers precede it
 *   within seven seconds, all of which were read.
 * - The same applies to the members of a group, whose end is not marked.
 * - Before Linux 4.2, reports of two cgroups can interleave: if a line can
 *   belong to several incidents, their cgroups are omitted.
 * - Any other kill line is a separate incident.
 *
 * A group's line follows its first kill. Therefore a kill is deferred until the
 * next OOM record, or until {@linkcode OomParser.flush}.
 *
 * Exceeds 300 lines: one state machine.
 */
export class OomParser {
  readonly #fragments = new OomFragments();
  readonly #groupKills: boolean;
  readonly #locate: NonNullable<OomParserOptions["locate"]>;
  /** Incidents whose victim has not been killed, the oldest first. */
  #open: Incident[] = [];
  /** Incident of the last kill line; its group's line may follow. */
  #last: Incident | undefined;
  /** The incident whose group is being killed. */
  #group: Incident | undefined;
  /** Whether a group may have started before the first record. */
  #isMidway = true;
  /** Times within HEADERS_USEC. */
  #headers: number[] = [];
  /** Every record since then was read. */
  #knownFromUsec: number | undefined;
  #deferred: DeferredKill | undefined;

  constructor(options: OomParserOptions = {}) {
    this.#groupKills = options.groupKills ?? true;
    this.#locate = options.locate ?? (() => undefined);
  }

  get hasDeferredKill(): boolean {
    return this.#deferred !== undefined;
  }

  /** Whether part of a line is missing. */
  get isMidLine(): boolean {
    return !this.#fragments.isEmpty;
  }

  push(record: KmsgRecord): readonly OomReport[] {
    this.#knownFromUsec ??= record.sequence === 0
      ? -Infinity
      : record.usecSinceBoot;
    // User space cannot use the kernel's facility.
    if (record.facility !== 0) return NOTHING;
    let reports: OomReport[] | undefined;
    for (const joined of this.#fragments.push(record)) {
      const line = parseOomLine(joined.text);
      if (line !== undefined) this.#take(joined, line, reports ??= []);
      else if (this.#deferred !== undefined || this.#open.length > 0) {
        this.#pass(joined, reports ??= []);
      }
    }
    return reports ?? NOTHING;
  }

  /** Reports the deferred kill, without `group`. Call it when the log is idle. */
  flush(): readonly OomReport[] {
    const reports: OomReport[] = [];
    this.#release(reports, undefined);
    return reports;
  }

  /** Starts again after a loss of records or with another log; reports the deferred kill. */
  reset(): readonly OomReport[] {
    const reports = this.flush();
    this.#fragments.clear();
    this.#open = [];
    this.#last = this.#group = this.#knownFromUsec = undefined;
    this.#headers = [];
    this.#isMidway = true;
    return reports;
  }

  /** Takes any other record, possibly a row of the task table. */
  #pass(record: KmsgRecord, reports: OomReport[]): void {
    const deferred = this.#deferred;
    if (deferred !== undefined) {
      const age = record.usecSinceBoot - deferred.record.usecSinceBoot;
      if (
        ++deferred.records > MAX_RECORDS_DEFERRED || age > MAX_USEC_DEFERRED
      ) {
        this.#release(reports, undefined);
      }
    }
    if (record.text.charAt(0) !== "[") return;
    const incident = only(
      this.#open.filter((open) =>
        open.names === undefined && open.chosenPid === undefined &&
        open.fits(record, undefined)
      ),
    );
    if (incident?.tasks !== undefined) incident.tasks.add(record.text);
    else if (incident !== undefined) {
      incident.tasks = OomTaskTable.fromHeader(record.text);
    }
  }

  #take(record: KmsgRecord, line: OomLine, reports: OomReport[]): void {
    if (line.type === "group") return this.#takeGroup(record, line, reports);
    this.#release(reports, false);
    if (line.type !== "killed" && line.type !== "exiting") {
      this.#group = undefined;
      this.#isMidway = false;
    }
    switch (line.type) {
      case "invoked":
        this.#headers.push(record.usecSinceBoot);
        // An incident with a summary has ended: Linux 5.0 to 5.7 print nothing
        // for a victim that has exited.
        this.#open = this.#open.filter(({ names }) => names === undefined);
        this.#begin(record);
        break;
      case "memoryStats": {
        const incident = only(
          this.#open.filter((open) =>
            !open.isNamed && open.fits(record, "cgroup")
          ),
        );
        if (incident === undefined) break;
        incident.scope = "cgroup";
        incident.limitCgroup ??= line.limitCgroup;
        break;
      }
      case "limitReached":
      case "taskIn": {
        const incident =
          this.#open.find((open) =>
            !open.isNamed && open.fits(record, "cgroup")
          ) ?? this.#begin(record);
        const { type: _, ...cgroups } = line;
        Object.assign(incident, cgroups, { scope: "cgroup", isNamed: true });
        reports.push(incident.report(record));
        break;
      }
      case "summary": {
        const incident =
          this.#open.findLast((open) =>
            !open.isNamed && open.fits(record, line.scope)
          ) ?? new Incident(record);
        const { type: _, ...details } = line;
        const { limitCgroup = incident.limitCgroup } = agreedNames(line.names);
        Object.assign(incident, details, agreedNames(line.names), {
          limitCgroup,
          sequence: record.sequence,
          isNamed: true,
        });
        // Kernels that print summaries have one open incident at a time.
        this.#open = [incident];
        reports.push(incident.report(record));
        break;
      }
      case "chosen":
        this.#choose(record, line.scope, line.pid);
        break;
      case "exiting":
        this.#takeExiting(record, line, reports);
        break;
      case "noVictim": {
        const incident =
          this.#open.findLast((open) =>
            open.names === undefined && open.chosenPid === undefined &&
            open.fits(record, line.scope)
          ) ?? new Incident(record);
        this.#close(incident);
        incident.scope ??= "host";
        if (!incident.reported) reports.push(incident.report(record));
        break;
      }
      case "killed":
        this.#takeKilled(record, line, reports);
    }
  }

  /** Takes `Kill process 7 (sh) score 99 or sacrifice child`. */
  #choose(record: KmsgRecord, scope: OomScope, pid: number): void {
    const open = this.#open.filter((incident) =>
      incident.chosenPid === undefined && incident.fits(record, scope)
    );
    // By this line a cgroup's incident is named; a host's never is.
    const named = open.filter((incident) =>
      incident.isNamed === (scope === "cgroup")
    );
    const incident = open.find(({ names }) => names !== undefined) ??
      anyAlike(named, record) ?? new Incident(record);
    if (!this.#open.includes(incident)) this.#begin(record, incident);
    incident.scope = scope;
    incident.chosenPid = pid;
  }

  /** The victim is already exiting: an OOM without a kill. */
  #takeExiting(
    record: KmsgRecord,
    line: OomSelectedLine,
    reports: OomReport[],
  ): void {
    const group = this.#group;
    if (group?.fits(record, line.scope)) {
      // An exiting first victim is not repeated.
      if (line.pid === group.firstPid) group.isRepeated = true;
      return;
    }
    const summed = this.#summed(record, line.scope, line.pid);
    const incident = summed ?? new Incident(record);
    if (summed === undefined) {
      const { type: _, ...details } = line;
      Object.assign(incident, details);
    }
    this.#close(incident);
    // The group's line may follow; other members are killed.
    incident.isRepeated = true;
    this.#last = incident;
    if (!incident.reported) reports.push(incident.report(record));
  }

  /** All processes of a cgroup are killed, the first before this line. */
  #takeGroup(
    record: KmsgRecord,
    line: Extract<OomLine, { type: "group" }>,
    reports: OomReport[],
  ): void {
    this.#release(reports, this.#last?.caller === record.caller);
    // Linux 5.0 to 5.7 print nothing for a first victim that has exited.
    const gone = this.#open.find(({ names }) => names !== undefined);
    if (gone !== undefined) {
      this.#close(gone);
      gone.isRepeated = true;
    }
    const last = gone ?? this.#last;
    const isOwn = last?.caller === record.caller;
    const incident = isOwn && last !== undefined ? last : new Incident(record);
    incident.group = line.cgroup ?? null;
    incident.scope ??= "cgroup";
    this.#group = incident;
    this.#last = undefined;
  }

  #takeKilled(
    record: KmsgRecord,
    line: OomKilledLine,
    reports: OomReport[],
  ): void {
    const { pid, scope } = line;
    const group = this.#group?.fits(record, scope) ? this.#group : undefined;
    const isOpen = this.#open.some((open) => open.isNamed);
    if (group !== undefined && !isOpen && !group.isRepeated) {
      if (pid === group.firstPid || pid === group.pid) {
        group.isRepeated = true;
        const { victimCgroup } = group;
        reports.push({
          type: "repeat",
          ...defined({ victimCgroup }),
          kmsgSequence: record.sequence,
        });
        return;
      }
    }
    const own = this.#summed(record, scope, pid) ?? this.#chosen(record, line);
    if (own !== undefined) {
      // Another thread can have another name.
      const name = pid === own.pid ? line.processName : undefined;
      const names = agreedNames(own.names ?? [], name);
      own.limitCgroup = names.limitCgroup ?? own.limitCgroup;
      own.victimCgroup = names.victimCgroup ?? own.victimCgroup;
      this.#close(own);
      this.#kill(record, line, own, own.victimCgroup, reports);
    } else if (group !== undefined && this.#isMember(record, group)) {
      // Other processes of the group may be in any descendant cgroup.
      const isThere = group.group !== null &&
        group.group === group.victimCgroup;
      const victim = isThere ? group.victimCgroup : undefined;
      this.#kill(record, line, group, victim, reports, true);
    } else {
      this.#kill(record, line, new Incident(record), undefined, reports);
    }
  }

  #kill(
    record: KmsgRecord,
    line: OomKilledLine,
    incident: Incident,
    named: CgroupName | undefined,
    reports: OomReport[],
    isMember = false,
  ): void {
    const victimCgroup = named ?? this.#locate(line.pid, record.usecSinceBoot);
    incident.scope ??= line.scope;
    if (!isMember) {
      incident.firstPid = line.pid;
      incident.victimCgroup = victimCgroup;
      this.#last = incident;
    }
    if (isMember) {
      reports.push(incident.killReport(record, line, victimCgroup, true));
      return;
    }
    const isUnsure = this.#isMidway || this.#group !== undefined;
    this.#deferred = {
      record,
      line,
      incident,
      victimCgroup,
      isUnsure,
      records: 0,
    };
    if (this.#groupKills) return;
    this.#release(reports, false);
  }

  /** `group` is `undefined` if unknown. */
  #release(reports: OomReport[], group: boolean | undefined): void {
    const deferred = this.#deferred;
    if (deferred === undefined) return;
    this.#deferred = undefined;
    const { record, line, incident, victimCgroup, isUnsure } = deferred;
    const isUnknown = group === false && isUnsure && this.#groupKills;
    const known = isUnknown ? undefined : group;
    if (!incident.reported) reports.push(incident.report(record, line));
    reports.push(incident.killReport(record, line, victimCgroup, known));
  }

  #begin(record: KmsgRecord, incident = new Incident(record)): Incident {
    this.#open.push(incident);
    if (this.#open.length > MAX_OPEN) this.#open.shift();
    return incident;
  }

  #close(incident: Incident): void {
    this.#open = this.#open.filter((open) =>
      open !== incident && open.names === undefined
    );
  }

  /** Returns the incident whose summary this kill line belongs to; closes any other. */
  #summed(
    record: KmsgRecord,
    scope: OomScope | undefined,
    pid: number,
  ): Incident | undefined {
    const summed = this.#open.find(({ names }) => names !== undefined);
    if (summed === undefined) return undefined;
    const isOwn = summed.fits(record, scope) &&
      (summed.pid === pid || summed.chosenPid !== undefined ||
        this.#hasHeaderLeft(record));
    if (isOwn) return summed;
    this.#close(summed);
    return undefined;
  }

  /** Returns the incident whose chosen process, or a child of it, was killed. */
  #chosen(record: KmsgRecord, line: OomKilledLine): Incident | undefined {
    const open = this.#open.filter((incident) =>
      incident.chosenPid !== undefined && incident.fits(record, line.scope)
    );
    return only(open.filter(({ chosenPid }) => chosenPid === line.pid)) ??
      anyAlike(open, record) ??
      // A kernel that prints neither scope nor choice.
      (line.scope === undefined
        ? only(this.#open.filter(({ isNamed }) => isNamed))
        : undefined);
  }

  /** Returns whether a kill must belong to the group. */
  #isMember(record: KmsgRecord, group: Incident): boolean {
    // Kernels that print choices omit only those of a group's other members.
    return group.chosenPid !== undefined || this.#hasHeaderLeft(record);
  }

  /** Returns whether the rate limit would have allowed another header. */
  #hasHeaderLeft({ usecSinceBoot }: KmsgRecord): boolean {
    const sinceUsec = usecSinceBoot - HEADERS_USEC;
    this.#headers = this.#headers.filter((usec) => usec > sinceUsec);
    return this.#headers.length < HEADERS &&
      (this.#knownFromUsec ?? Infinity) <= sinceUsec;
  }
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

/** Returns the oldest; if their cgroups differ, an incident without them. */
function anyAlike(
  incidents: readonly Incident[],
  record: KmsgRecord,
): Incident | undefined {
  const [first, ...others] = incidents;
  const areAlike = others.every((other) =>
    other.limitCgroup === first?.limitCgroup &&
    other.victimCgroup === first?.victimCgroup
  );
  if (areAlike) return first;
  const unknown = new Incident(record);
  // As one of them.
  unknown.reported = true;
  return unknown;
}
