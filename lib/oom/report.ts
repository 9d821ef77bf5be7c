import type { CgroupName } from "../model/cgroup.ts";

/** `cgroup` if a limit was hit, `host` if the machine, a cpuset or a memory policy ran out of memory. */
export type OomScope = "cgroup" | "host";

/** A row of the task table that the kernel prints before a kill. */
export interface OomTask {
  readonly pid: number;
  readonly processName: string;
  /** Resident memory, in pages of the machine. */
  readonly rssPages: number;
}

/** Attributes of an OOM and of each of its kills; those not in the log are absent. */
export interface OomDetails {
  readonly scope?: OomScope;
  /** `CONSTRAINT_NONE`, `_CPUSET`, `_MEMORY_POLICY`, `_MEMCG`. */
  readonly constraint?: string;
  /** The cgroup whose limit was hit (`oom_memcg`). */
  readonly limitCgroup?: CgroupName;
  /** The cgroup of the victim (`task_memcg`). */
  readonly victimCgroup?: CgroupName;
  /** The largest memory users among the candidates, at most 10. */
  readonly topTasks?: readonly OomTask[];
}

/** Once per incident, when the kernel has named the cgroup, or the process to kill. */
export interface OomIncidentReport extends OomDetails {
  readonly type: "oom";
  /** The process chosen, which the kernel may still skip. */
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

/** A killed process, as logged by the kernel. Sizes are bytes. */
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

/** Once per killed process. */
export interface OomKillReport extends OomDetails, KilledProcess {
  readonly type: "oomKill";
  /** Whether all processes of a cgroup were killed (`memory.oom.group`); absent if the log does not state it. */
  readonly group?: boolean;
  /** Identifies the incident, as in {@linkcode OomIncidentReport}. */
  readonly incidentSequence: number;
  /** Sequence number of the `Killed process` record. */
  readonly kmsgSequence: number;
  /** Time of that record. */
  readonly usecSinceBoot: number;
}

/** The first victim of a group, counted and printed again with its group: not another kill. */
export interface OomRepeatReport {
  readonly type: "repeat";
  readonly victimCgroup?: CgroupName;
  /** Sequence number of the `Killed process` record. */
  readonly kmsgSequence: number;
}

/** A report of the kernel log. */
export type OomReport = OomIncidentReport | OomKillReport | OomRepeatReport;
