import type { CgroupName } from "../model/cgroup.ts";
import { defined } from "../model/defined.ts";
import type { KmsgRecord } from "../kernfs/kmsg_record.ts";
import type { OomKilledLine } from "./lines.ts";
import type {
  OomDetails,
  OomIncidentReport,
  OomKillReport,
  OomScope,
} from "./report.ts";
import type { SummaryNames } from "./summary.ts";
import type { OomTaskTable } from "./task_table.ts";

/** An OOM whose records are being read. */
export class Incident {
  /** Thread or CPU that prints, if the kernel prints it. */
  readonly caller: string | undefined;
  /** Number of the `oom-kill:` record, or of the first record. */
  sequence: number;
  reported = false;
  scope: OomScope | undefined;
  constraint: string | undefined;
  limitCgroup: CgroupName | undefined;
  victimCgroup: CgroupName | undefined;
  pid: number | undefined;
  processName: string | undefined;
  uid: number | undefined;
  /** From the `oom-kill:` line (Linux ≥5.0); empty if truncated. */
  names: readonly SummaryNames[] | undefined;
  /** Whether a `Task in`, `Memory limit reached` or `oom-kill:` line was read. */
  isNamed = false;
  /** From the `Kill process … or sacrifice child` line (before Linux 5.1). */
  chosenPid: number | undefined;
  /** Killed as a whole; `null` if its path is unknown, `undefined` if none. */
  group: CgroupName | null | undefined;
  /** First kill; the kernel prints it again if it kills the group. */
  firstPid: number | undefined;
  /** Whether that repeat was read, or is not expected: the victim is exiting. */
  isRepeated = false;
  tasks: OomTaskTable | undefined;

  constructor(record: KmsgRecord) {
    this.caller = record.caller;
    this.sequence = record.sequence;
  }

  /** Returns whether the record can belong to the incident. */
  fits(record: KmsgRecord, scope: OomScope | undefined): boolean {
    return this.caller === record.caller &&
      (this.scope ?? scope) === (scope ?? this.scope);
  }

  /** Returns the only report; `killed` if none preceded the kill. */
  report(record: KmsgRecord, killed?: OomKilledLine): OomIncidentReport {
    this.reported = true;
    const { pid, processName, uid } = killed ?? this;
    return {
      type: "oom",
      ...this.#details(this.victimCgroup),
      ...defined({ pid, processName, uid }),
      incidentSequence: this.sequence,
      kmsgSequence: record.sequence,
      usecSinceBoot: record.usecSinceBoot,
    };
  }

  killReport(
    record: KmsgRecord,
    line: OomKilledLine,
    victimCgroup: CgroupName | undefined,
    group: boolean | undefined,
  ): OomKillReport {
    // Linux 5.0 to 5.3 print the user in the summary only.
    const uid = line.uid ?? (this.pid === line.pid ? this.uid : undefined);
    return {
      ...this.#details(victimCgroup),
      ...line,
      ...defined({ uid, group }),
      type: "oomKill",
      incidentSequence: this.sequence,
      kmsgSequence: record.sequence,
      usecSinceBoot: record.usecSinceBoot,
    };
  }

  #details(victimCgroup: CgroupName | undefined): OomDetails {
    const { scope, limitCgroup, tasks } = this;
    // Before Linux 5.0 no line states it, but only a memory cgroup limit has
    // this scope.
    const constraint = this.constraint ??
      (scope === "cgroup" ? "CONSTRAINT_MEMCG" : undefined);
    const topTasks = tasks?.topTasks;
    return defined({ scope, constraint, limitCgroup, victimCgroup, topTasks });
  }
}
