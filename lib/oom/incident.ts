import type { CgroupName } from "../model/cgroup.ts";
import type { KmsgRecord } from "./kmsg_record.ts";
import type { OomKilledLine } from "./lines.ts";
import type {
  OomFacts,
  OomIncidentReport,
  OomKillReport,
  OomScope,
} from "./report.ts";
import type { SummaryNames } from "./summary.ts";
import type { OomTaskTable } from "./task_table.ts";

/** A shortage of memory whose records are being read. */
export class Incident {
  /** Who prints its lines, where the kernel prints that. */
  readonly caller: string | undefined;
  /** Of the `oom-kill:` record, else of the first. */
  sequence: number;
  /** Whether it was reported. */
  reported = false;
  scope: OomScope | undefined;
  constraint: string | undefined;
  limitCgroup: CgroupName | undefined;
  victimCgroup: CgroupName | undefined;
  pid: number | undefined;
  processName: string | undefined;
  uid: number | undefined;
  /** The names of its `oom-kill:` line (Linux ≥5.0). */
  names: readonly SummaryNames[] | undefined;
  /** Whether a line named the cgroups, or that the whole machine is short. */
  isNamed = false;
  /** The process of the `Kill process … or sacrifice child` line (before Linux 5.1). */
  chosenPid: number | undefined;
  /** The cgroup that is killed as a whole; `null` where its path cannot be known. */
  group: CgroupName | null | undefined;
  /** Its first victim, and whether that one was printed again with its group. */
  firstPid: number | undefined;
  isRepeated = false;
  tasks: OomTaskTable | undefined;

  /** @param record the first of the incident */
  constructor(record: KmsgRecord) {
    this.caller = record.caller;
    this.sequence = record.sequence;
  }

  /** Whether a record with this scope can be of the incident. */
  fits(record: KmsgRecord, scope: OomScope | undefined): boolean {
    return this.caller === record.caller &&
      (this.scope ?? scope) === (scope ?? this.scope);
  }

  /** What is reported once; `killed` where only the kill's record is known. */
  report(record: KmsgRecord, killed?: OomKilledLine): OomIncidentReport {
    this.reported = true;
    const { pid, processName, uid } = killed ?? this;
    return {
      type: "oom",
      ...this.#facts(this.victimCgroup),
      ...(pid === undefined ? {} : { pid }),
      ...(processName === undefined ? {} : { processName }),
      ...(uid === undefined ? {} : { uid }),
      incidentSequence: this.sequence,
      kmsgSequence: record.sequence,
      usecSinceBoot: record.usecSinceBoot,
    };
  }

  /** What is reported of a kill. */
  killReport(
    record: KmsgRecord,
    line: OomKilledLine,
    victimCgroup: CgroupName | undefined,
    group: boolean | undefined,
  ): OomKillReport {
    // Linux 5.0 to 5.3 print the user in the summary only.
    const uid = line.uid ?? (this.pid === line.pid ? this.uid : undefined);
    return {
      ...this.#facts(victimCgroup),
      ...line,
      ...(uid === undefined ? {} : { uid }),
      type: "oomKill",
      ...(group === undefined ? {} : { group }),
      incidentSequence: this.sequence,
      kmsgSequence: record.sequence,
      usecSinceBoot: record.usecSinceBoot,
    };
  }

  #facts(victimCgroup: CgroupName | undefined): OomFacts {
    const { scope, limitCgroup, tasks } = this;
    // Before Linux 5.0 no line states it, but only a cgroup's limit has this scope.
    const constraint = this.constraint ??
      (scope === "cgroup" ? "CONSTRAINT_MEMCG" : undefined);
    return {
      ...(scope === undefined ? {} : { scope }),
      ...(constraint === undefined ? {} : { constraint }),
      ...(limitCgroup === undefined ? {} : { limitCgroup }),
      ...(victimCgroup === undefined ? {} : { victimCgroup }),
      ...(tasks === undefined ? {} : { topTasks: tasks.topTasks }),
    };
  }
}
