import type { CgroupName } from "../model/cgroup.ts";

/** `cgroup` if a limit was hit, `host` if the machine, a cpuset or a memory policy ran out of memory. */
export type OomScope = "cgroup" | "host";

/** A row of the kernel's task table. */
export interface OomTask {
  readonly pid: number;
  readonly processName: string;
  /** Resident memory, in pages. */
  readonly rssPages: number;
}

/** Attributes of an OOM and its kills; absent if not in the log. */
export interface OomDetails {
  readonly scope?: OomScope;
  /** `CONSTRAINT_NONE`, `_CPUSET`, `_MEMORY_POLICY`, `_MEMCG`. */
  readonly constraint?: string;
  /** `oom_memcg`: its limit was hit. */
  readonly limitCgroup?: CgroupName;
  /** `task_memcg`. */
  readonly victimCgroup?: CgroupName;
  /** The largest memory users, at most 10. */
  readonly topTasks?: readonly OomTask[];
}

/** Once per incident, when its cgroup or process is named. */
export interface OomIncidentReport extends OomDetails {
  readonly type: "oom";
  /** The kernel may still skip this process. */
  readonly pid?: number;
  readonly processName?: string;
  readonly uid?: number;
  /** Number of the `oom-kill:` record, or of the first record. */
  readonly incidentSequence: number;
  /** Number of the record that names it. */
  readonly kmsgSequence: number;
  /** Time of that record. */
  readonly usecSinceBoot: number;
}

/** A killed process. Sizes are bytes. */
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
  /** Whether a whole cgroup was killed (`memory.oom.group`); absent if not in the log. */
  readonly group?: boolean;
  /** As in {@linkcode OomIncidentReport}. */
  readonly incidentSequence: number;
  /** Number of the `Killed process` record. */
  readonly kmsgSequence: number;
  /** Time of that record. */
  readonly usecSinceBoot: number;
}

/** A group's first victim, counted and printed again: not another kill. */
export interface OomRepeatReport {
  readonly type: "repeat";
  readonly victimCgroup?: CgroupName;
  readonly kmsgSequence: number;
}

/** A report of the kernel log. */
export type OomReport = OomIncidentReport | OomKillReport | OomRepeatReport;
