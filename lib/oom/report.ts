import type { CgroupName } from "../model/cgroup.ts";

/** `cgroup` when a limit was hit, `host` when the machine, a cpuset or a memory policy ran out. */
export type OomScope = "cgroup" | "host";

/** A line of the task table that the kernel prints before it kills. */
export interface OomTask {
  readonly pid: number;
  readonly processName: string;
  /** Resident memory, in pages of the machine. */
  readonly rssPages: number;
}

/** What is known of a shortage and of every process killed for it; what the kernel did not say is absent. */
export interface OomFacts {
  readonly scope?: OomScope;
  /** `CONSTRAINT_NONE`, `_CPUSET`, `_MEMORY_POLICY`, `_MEMCG`. */
  readonly constraint?: string;
  /** The cgroup whose limit was hit (`oom_memcg`). */
  readonly limitCgroup?: CgroupName;
  /** The cgroup of the victim (`task_memcg`). */
  readonly victimCgroup?: CgroupName;
  /** The greatest users of memory among those that could be killed, at most 10. */
  readonly topTasks?: readonly OomTask[];
}

/** Once an incident, when the kernel named who is short of memory, or what it will kill. */
export interface OomIncidentReport extends OomFacts {
  readonly type: "oom";
  /** The process chosen, which the kernel may yet skip. */
  readonly pid?: number;
  readonly processName?: string;
  readonly uid?: number;
  /** Sequence number of the `oom-kill:` record, or of the incident's first record. */
  readonly incidentSequence: number;
  /** Sequence number of the record that names it. */
  readonly kmsgSequence: number;
  /** Time of that record. */
  readonly usecSinceBoot: number;
}

/** A process that was killed, as the kernel tells of it. Sizes are bytes. */
export interface KilledProcess {
  readonly pid: number;
  readonly processName: string;
  readonly uid?: number;
  readonly totalVmBytes?: number;
  readonly anonRssBytes?: number;
  readonly fileRssBytes?: number;
  readonly shmemRssBytes?: number;
  readonly pgtablesBytes?: number;
  readonly oomScoreAdj?: number;
}

/** Once a process that was killed. */
export interface OomKillReport extends OomFacts, KilledProcess {
  readonly type: "oomKill";
  /** Whether all of a cgroup was killed (`memory.oom.group`); absent where the log does not state it. */
  readonly group?: boolean;
  /** Identifies the incident, as that of {@linkcode OomIncidentReport} does. */
  readonly incidentSequence: number;
  /** Sequence number of the `Killed process` record. */
  readonly kmsgSequence: number;
  /** Time of that record. */
  readonly usecSinceBoot: number;
}

/** The first victim of a group, killed (counted and printed) once more with its group: no other kill. */
export interface OomRepeatReport {
  readonly type: "repeat";
  readonly victimCgroup?: CgroupName;
  /** Sequence number of the `Killed process` record. */
  readonly kmsgSequence: number;
}

/** What the kernel log states of an OOM. */
export type OomReport = OomIncidentReport | OomKillReport | OomRepeatReport;
