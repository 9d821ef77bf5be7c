import type { CgroupName } from "../model/cgroup.ts";
import { OomFragments } from "./fragments.ts";
import { Incident } from "./incident.ts";
import type { KmsgRecord } from "./kmsg_record.ts";
import { type OomKilledLine, type OomLine, parseOomLine } from "./lines.ts";
import type { OomReport, OomScope } from "./report.ts";
import { agreedNames } from "./summary.ts";
import { OomTaskTable } from "./task_table.ts";

/** What an {@linkcode OomParser} may use beside the log. */
export interface OomParserOptions {
  /**
   * Whether this kernel may kill whole cgroups (`memory.oom.group`, v2); where
   * it does not, no kill is deferred.
   *
   * @default true
   */
  readonly groupKills?: boolean;
  /**
   * Returns the cgroup of a process that was killed, where that is proven. It
   * is called when the kill is read, since the process is soon gone, and only
   * where the log does not name the cgroup.
   *
   * @default none is known
   */
  readonly locate?: (
    pid: number,
    usecSinceBoot: number,
  ) => CgroupName | undefined;
}

/** A kill that waits for the record that states whether a whole group is killed. */
interface DeferredKill {
  readonly record: KmsgRecord;
  readonly line: OomKilledLine;
  readonly incident: Incident;
  readonly victimCgroup: CgroupName | undefined;
  /** Whether it may be of a group whose header came before. */
  readonly isUnsure: boolean;
  /** Records since. */
  records: number;
}

/** So many other records may come between a kill and the line of its group. */
const MAX_RECORDS_DEFERRED = 8;
/** And so much time; a later line still makes a group of the kills after it. */
const MAX_USEC_DEFERRED = 50_000;

/** Incidents open at once; one at a time since Linux 4.2, whose `oom_lock` covers all printing. */
const MAX_OPEN = 32;

/**
 * The kernel prints headers and summaries of ten OOMs in five seconds
 * (`oom_rs`, `DEFAULT_RATELIMIT_BURST`); two more are for the time between its
 * decision and the record of the kill.
 */
const HEADERS = 10;
const HEADERS_USEC = 7_000_000;

const NOTHING: readonly OomReport[] = [];

/**
 * Turns kernel log records into reports: one of each incident, one of each
 * `Killed process` record, which is a kill or the repeat of a group's first
 * victim.
 *
 * What belongs together is proven by order, never by nearness in time:
 *
 * - Since Linux 4.2 the kernel holds `oom_lock` from the header to the last
 *   kill line. If no record was lost, the first `Killed` or `Skip` line after a
 *   summary is of that summary, provided that no other kill can be printed
 *   without a header: it names the same pid, or fewer than ten headers precede
 *   it in seven seconds, all of which were read.
 * - The same holds for the members of a group, of which nothing marks the end.
 * - Before Linux 4.2 two cgroups' reports can interleave. Where a line can be
 *   of several incidents, their cgroups are left out.
 * - A kill line without any of these is an incident of its own.
 *
 * That a group is killed follows the first of its kills. So a kill is deferred
 * until the next record of an OOM; who reads the log calls
 * {@linkcode OomParser.flush} when nothing comes.
 *
 * Longer than other files: one state machine with a case for each line.
 */
export class OomParser {
  readonly #fragments = new OomFragments();
  readonly #groupKills: boolean;
  readonly #locate: NonNullable<OomParserOptions["locate"]>;
  /** Incidents whose victim is not killed yet, the oldest first. */
  #open: Incident[] = [];
  /** The incident of the last kill line: a group line that follows is of it. */
  #last: Incident | undefined;
  /** The incident whose group is being killed. */
  #group: Incident | undefined;
  /** Whether the group of a kill may have begun before the records that were read. */
  #isMidway = true;
  /** Times of the headers of the last seconds. */
  #headers: number[] = [];
  /** From when on every record was read. */
  #knownFromUsec: number | undefined;
  #deferred: DeferredKill | undefined;

  constructor(options: OomParserOptions = {}) {
    this.#groupKills = options.groupKills ?? true;
    this.#locate = options.locate ?? (() => undefined);
  }

  /** Whether a kill is deferred, so that `flush()` returns it. */
  get isHolding(): boolean {
    return this.#deferred !== undefined;
  }

  /** Takes the next record of the log. */
  push(record: KmsgRecord): readonly OomReport[] {
    this.#knownFromUsec ??= record.sequence === 0
      ? -Infinity
      : record.usecSinceBoot;
    // What user space writes to the device never has the kernel's facility.
    if (record.facility !== 0) return NOTHING;
    let reports: OomReport[] | undefined;
    for (const whole of this.#fragments.push(record)) {
      const line = parseOomLine(whole.text);
      if (line !== undefined) this.#take(whole, line, reports ??= []);
      else if (this.#deferred !== undefined || this.#open.length > 0) {
        this.#pass(whole, reports ??= []);
      }
    }
    return reports ?? NOTHING;
  }

  /** Returns what is deferred: nothing came for a while, and whether a group follows is not known. */
  flush(): readonly OomReport[] {
    const reports: OomReport[] = [];
    this.#release(reports, undefined);
    return reports;
  }

  /** Records were lost: forgets all that began before. Returns what was deferred. */
  gap(): readonly OomReport[] {
    const reports = this.flush();
    this.#fragments.clear();
    this.#open = [];
    this.#last = this.#group = this.#knownFromUsec = undefined;
    this.#headers = [];
    this.#isMidway = true;
    return reports;
  }

  /** A record that is no line of an OOM, or a row of the task table. */
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

  /** A table of what each line means; hence its length. */
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
        // One that was summed up is over: Linux 5.0 to 5.7 print no more of a victim that was gone.
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
        const { type: _, ...facts } = line;
        const { limitCgroup = incident.limitCgroup } = agreedNames(line.names);
        Object.assign(incident, facts, agreedNames(line.names), {
          limitCgroup,
          sequence: record.sequence,
          isNamed: true,
        });
        // Of a kernel that prints summaries no two reports are open at once.
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

  /** `Kill process 7 (sh) score 99 or sacrifice child`: whose kill line comes next. */
  #choose(record: KmsgRecord, scope: OomScope, pid: number): void {
    const open = this.#open.filter((incident) =>
      incident.chosenPid === undefined && incident.fits(record, scope)
    );
    // A cgroup's report has named its cgroups by now, a host's never does.
    const named = open.filter((incident) =>
      incident.isNamed === (scope === "cgroup")
    );
    const incident = open.find(({ names }) => names !== undefined) ??
      firstAlike(named) ?? this.#begin(record);
    incident.scope = scope;
    incident.chosenPid = pid;
  }

  /** The victim chosen dies by itself: a shortage, but no kill. */
  #takeExiting(
    record: KmsgRecord,
    line: Extract<OomLine, { type: "exiting" }>,
    reports: OomReport[],
  ): void {
    const group = this.#group;
    if (group?.fits(record, line.scope)) {
      // A member; of the first victim there is no repeat then.
      if (line.pid === group.firstPid) group.isRepeated = true;
      return;
    }
    const summed = this.#summed(record, line.scope, line.pid);
    const incident = summed ?? new Incident(record);
    if (summed === undefined) {
      const { type: _, ...facts } = line;
      Object.assign(incident, facts);
    }
    this.#close(incident);
    this.#last = undefined;
    if (!incident.reported) reports.push(incident.report(record));
  }

  /** All processes of a cgroup are killed; the first of them precedes this line. */
  #takeGroup(
    record: KmsgRecord,
    line: Extract<OomLine, { type: "group" }>,
    reports: OomReport[],
  ): void {
    this.#release(reports, this.#last?.caller === record.caller);
    const last = this.#last?.caller === record.caller ? this.#last : undefined;
    const incident = last ?? new Incident(record);
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
          ...(victimCgroup === undefined ? {} : { victimCgroup }),
          kmsgSequence: record.sequence,
        });
        return;
      }
    }
    const own = this.#summed(record, scope, pid) ?? this.#chosen(record, line);
    if (own !== undefined) {
      const names = agreedNames(own.names ?? [], line.processName);
      own.limitCgroup = names.limitCgroup ?? own.limitCgroup;
      own.victimCgroup = names.victimCgroup ?? own.victimCgroup;
      this.#close(own);
      this.#kill(record, line, own, own.victimCgroup, reports);
    } else if (group !== undefined && this.#isMember(record, group)) {
      // Its other processes may be in any cgroup below it.
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

  /** Reports the kill that was deferred; `group` is what is known of its group. */
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

  #begin(record: KmsgRecord): Incident {
    const incident = new Incident(record);
    this.#open.push(incident);
    if (this.#open.length > MAX_OPEN) this.#open.shift();
    return incident;
  }

  #close(incident: Incident): void {
    this.#open = this.#open.filter((open) =>
      open !== incident && open.names === undefined
    );
  }

  /** The incident whose summary this kill line belongs to; one that it does not belong to is over. */
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

  /** The incident whose choice this kill line follows; the victim may be a child of the process chosen. */
  #chosen(record: KmsgRecord, line: OomKilledLine): Incident | undefined {
    const open = this.#open.filter((incident) =>
      incident.chosenPid !== undefined && incident.fits(record, line.scope)
    );
    return only(open.filter(({ chosenPid }) => chosenPid === line.pid)) ??
      firstAlike(open) ??
      // A kernel whose kill line has no scope, and that prints no choice.
      (line.scope === undefined
        ? only(this.#open.filter(({ isNamed }) => isNamed))
        : undefined);
  }

  /** Whether a kill can only be of the group that is being killed. */
  #isMember(record: KmsgRecord, group: Incident): boolean {
    // Kernels that print their choice print it of every kill but a group's others.
    return group.chosenPid !== undefined || this.#hasHeaderLeft(record);
  }

  /** Whether the kernel would have printed a header of another OOM. */
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

/** The oldest of those that can be meant; without cgroups where these differ. */
function firstAlike(incidents: readonly Incident[]): Incident | undefined {
  const [first, ...others] = incidents;
  if (first === undefined) return undefined;
  const areAlike = others.every((other) =>
    other.limitCgroup === first.limitCgroup &&
    other.victimCgroup === first.victimCgroup
  );
  if (!areAlike) {
    for (const incident of incidents) {
      incident.limitCgroup = incident.victimCgroup = undefined;
    }
  }
  return first;
}
