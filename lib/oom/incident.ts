import type { CgroupName } from "../model/cgroup.ts";
import type { KmsgRecord } from "./kmsg_record.ts";
import type { OomKilledLine } from "./lines.ts";
import type {
  OomFacts,
  OomIncidentReport,
  OomKillReport,
  OomScope,
} from "./report.ts";
import type { OomTaskTable } from "./task_table.ts";

/** A shortage of memory that is being told. */
export interface OpenIncident {
  /** Who prints its lines, where the kernel says so. */
  readonly caller: string | undefined;
  /** Of the `oom-kill:` record, else of the first. */
  sequence: number;
  /** Of the newest record. */
  lastSequence: number;
  lastUsec: number;
  /** Whether it was reported. */
  told: boolean;
  /** Whether its `oom-kill:` line came: that one names the victim. */
  summed: boolean;
  /** Whether its victim was killed or spared. */
  finished: boolean;
  scope?: OomScope;
  constraint?: string;
  limitCgroup?: CgroupName;
  victimCgroup?: CgroupName;
  pid?: number;
  processName?: string;
  uid?: number;
  /** The process of the `Kill process … or sacrifice child` line. */
  chosenPid?: number;
  /** More than one incident could have been meant, of other cgroups. */
  unsure: boolean;
  /** The cgroup that is killed as a whole. */
  group?: CgroupName;
  /** The processes reported as killed. */
  readonly victims: Set<number>;
  tasks?: OomTaskTable;
}

/** An incident of which the first record came. */
export function openIncident(record: KmsgRecord): OpenIncident {
  return {
    caller: record.caller,
    sequence: record.sequence,
    lastSequence: record.sequence,
    lastUsec: record.usecSinceBoot,
    told: false,
    summed: false,
    finished: false,
    unsure: false,
    victims: new Set(),
  };
}

/** Notes that a line of the incident came. */
export function touch(incident: OpenIncident, record: KmsgRecord): void {
  incident.lastSequence = record.sequence;
  incident.lastUsec = record.usecSinceBoot;
}

/** What is reported of an incident; `killed` where nothing told of it before its kill did. */
export function incidentReport(
  incident: OpenIncident,
  record: KmsgRecord,
  killed?: OomKilledLine,
): OomIncidentReport {
  const { pid, processName, uid } = killed ?? incident;
  return {
    type: "oom",
    incident: {
      sequence: incident.sequence,
      ...factsOf(incident),
      ...(pid === undefined ? {} : { pid }),
      ...(processName === undefined ? {} : { processName }),
      ...(uid === undefined ? {} : { uid }),
    },
    kmsgSequence: record.sequence,
    usecSinceBoot: record.usecSinceBoot,
  };
}

/** A kill as it was read. */
export interface KillRecord {
  readonly record: KmsgRecord;
  readonly line: OomKilledLine;
  /** Where its victim was found then. */
  readonly cgroup: CgroupName | undefined;
}

/** What is reported of a kill; `first` says that it is the incident's first. */
export function killReport(
  incident: OpenIncident,
  { record, line, cgroup }: KillRecord,
  first: boolean,
): OomKillReport {
  const { victimCgroup: chosen, ...facts } = factsOf(incident);
  const victimCgroup = (first ? chosen : undefined) ?? cgroup ?? incident.group;
  // Linux 5.0 to 5.3 print the user in the summary only.
  const uid = line.uid ??
    (incident.pid === line.pid ? incident.uid : undefined);
  return {
    ...facts,
    ...(victimCgroup === undefined ? {} : { victimCgroup }),
    ...line,
    ...(uid === undefined ? {} : { uid }),
    type: "oomKill",
    group: incident.group !== undefined,
    incidentSequence: incident.sequence,
    kmsgSequence: record.sequence,
    usecSinceBoot: record.usecSinceBoot,
  };
}

/** What an incident tells of itself in each of its reports. */
function factsOf(incident: OpenIncident): OomFacts {
  const { scope, limitCgroup, victimCgroup, tasks, unsure } = incident;
  // Before Linux 5.0 no line says so, but only a cgroup's limit has this scope.
  const constraint = incident.constraint ??
    (scope === "cgroup" ? "CONSTRAINT_MEMCG" : undefined);
  return {
    ...(scope === undefined ? {} : { scope }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(limitCgroup === undefined || unsure ? {} : { limitCgroup }),
    ...(victimCgroup === undefined || unsure ? {} : { victimCgroup }),
    ...(tasks === undefined ? {} : { topTasks: tasks.topTasks }),
  };
}
