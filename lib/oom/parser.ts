import type { CgroupName } from "../model/cgroup.ts";
import type { KmsgRecord } from "./kmsg_record.ts";
import { OomFragments } from "./fragments.ts";
import {
  incidentReport,
  type KillRecord,
  killReport,
  type OpenIncident,
  touch,
} from "./incident.ts";
import { OomIncidents } from "./incidents.ts";
import { type OomKilledLine, type OomLine, parseOomLine } from "./lines.ts";
import type { OomReport } from "./report.ts";
import { OomTaskTable } from "./task_table.ts";

/** What an {@linkcode OomParser} may know beside the log. */
export interface OomParserOptions {
  /**
   * Whether this kernel may kill whole cgroups (`memory.oom.group`, v2); where
   * it does not, no kill is held back.
   *
   * @default true
   */
  readonly groupKills?: boolean;
  /**
   * Tells in which cgroup a process is. It is asked when the kill is read, as
   * the process is soon gone, and believed where the kernel did not say.
   *
   * @default nobody knows
   */
  readonly locate?: (pid: number) => CgroupName | undefined;
}

/** A kill that waits for the word whether a whole group is killed. */
interface HeldKill extends KillRecord {
  records: number;
}

/** So many other records may come between a kill and the word of its group. */
const MAX_RECORDS_HELD = 8;

/** And so much time. */
const MAX_USEC_HELD = 50_000;

/** No group has more members that are told apart. */
const MAX_VICTIMS = 4096;

const NOTHING: readonly OomReport[] = [];

/**
 * Makes reports of the kernel log: one of each incident, one of each process
 * killed.
 *
 * The kernel prints at most ten heads and summaries in five seconds
 * (`DEFAULT_RATELIMIT_BURST`), but every kill line: a kill is reported whether
 * or not anything came before it. That a group is killed
 * (`memory.oom.group`) is only said after the first of its kills. So a kill is
 * held back until another record shows whether it was alone; who reads the log
 * calls {@linkcode OomParser.flush} when nothing comes.
 *
 * Over 300 lines, for it is one state machine with a case for each line.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const parser = new OomParser();
 * parser.push({
 *   priority: 3,
 *   facility: 0,
 *   sequence: 1692,
 *   usecSinceBoot: 1760246833,
 *   flag: "-",
 *   text: "Out of memory: Killed process 7 (sh) total-vm:8kB, anon-rss:4kB",
 * });
 * const [oom, kill] = parser.flush();
 * assertEquals(oom?.type, "oom");
 * assertEquals(kill?.type === "oomKill" && kill.anonRssBytes, 4096);
 * ```
 */
export class OomParser {
  readonly #fragments = new OomFragments();
  readonly #incidents = new OomIncidents();
  readonly #groupKills: boolean;
  readonly #locate: (pid: number) => CgroupName | undefined;
  #held: HeldKill | undefined;
  #repeats = 0;

  constructor(options: OomParserOptions = {}) {
    this.#groupKills = options.groupKills ?? true;
    this.#locate = options.locate ?? (() => undefined);
  }

  /** Whether a kill is held back, so that `flush()` would give it. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /**
   * Kills that the kernel told, and counted, twice: a group's first victim is
   * killed once more with its group.
   */
  get repeats(): number {
    return this.#repeats;
  }

  /** Takes the next record of the log. */
  push(record: KmsgRecord): readonly OomReport[] {
    // What user space writes to the device never has the kernel's facility.
    if (record.facility !== 0) return NOTHING;
    let reports: OomReport[] | undefined;
    for (const whole of this.#fragments.push(record)) {
      const line = parseOomLine(whole.text);
      if (line !== undefined) {
        reports ??= [];
        this.#take(whole, line, reports);
      } else if (this.#held !== undefined || !this.#incidents.isEmpty) {
        this.#pass(whole, reports ??= []);
      }
    }
    return reports ?? NOTHING;
  }

  /** Gives what is held back: nothing more came for a while. */
  flush(): readonly OomReport[] {
    if (this.#held === undefined) return NOTHING;
    const reports: OomReport[] = [];
    this.#release(reports);
    return reports;
  }

  /**
   * Records were lost: forgets what was told by half, since what follows may
   * belong to something else. Gives what was held back.
   */
  gap(): readonly OomReport[] {
    const reports = this.flush();
    this.#fragments.clear();
    this.#incidents.forget();
    return reports;
  }

  /** A record that is no line of an OOM, or a row of the task table. */
  #pass(record: KmsgRecord, reports: OomReport[]): void {
    const held = this.#held;
    if (held !== undefined) {
      held.records++;
      const { caller, usecSinceBoot } = held.record;
      const same = caller !== undefined && caller === record.caller;
      const age = Math.abs(record.usecSinceBoot - usecSinceBoot);
      if (same || held.records > MAX_RECORDS_HELD || age > MAX_USEC_HELD) {
        this.#release(reports);
      }
    }
    this.#incidents.expire(record.usecSinceBoot);
    if (record.text.charAt(0) !== "[") return;
    const incident = this.#incidents.beginning(record);
    if (incident === undefined) return;
    if (incident.tasks !== undefined) incident.tasks.add(record.text);
    else {
      const tasks = OomTaskTable.fromHeader(record.text);
      if (tasks !== undefined) incident.tasks = tasks;
    }
  }

  /** A table of what each line says; hence its length. */
  #take(record: KmsgRecord, line: OomLine, reports: OomReport[]): void {
    const grouped = line.type === "group" &&
      this.#held?.record.caller === record.caller;
    if (!grouped) this.#release(reports);
    this.#incidents.expire(record.usecSinceBoot);
    switch (line.type) {
      case "invoked":
        this.#incidents.open(record);
        break;
      case "memoryStats": {
        const incident = this.#incidents.beginning(record);
        if (incident === undefined || incident.told) break;
        incident.scope = "cgroup";
        incident.limitCgroup ??= line.limitCgroup;
        break;
      }
      case "taskIn":
      case "limitReached": {
        const incident =
          this.#incidents.untold(record, "cgroup", line.limitCgroup) ??
            this.#incidents.open(record);
        const { type: _, ...cgroups } = line;
        Object.assign(incident, cgroups, { scope: "cgroup" });
        this.#tell(incident, record, reports);
        break;
      }
      case "summary": {
        const incident =
          this.#incidents.untold(record, line.scope, line.limitCgroup) ??
            this.#incidents.open(record);
        const { type: _, ...facts } = line;
        const { sequence } = record;
        Object.assign(incident, facts, { sequence, summed: true });
        this.#tell(incident, record, reports);
        break;
      }
      case "chosen": {
        const incident = this.#incidents.forChosen(record, line) ??
          this.#incidents.open(record);
        incident.scope = line.scope;
        incident.chosenPid = line.pid;
        touch(incident, record);
        break;
      }
      case "exiting":
        this.#takeExiting(record, line, reports);
        break;
      case "noVictim": {
        const incident = this.#incidents.withoutVictim(record, line.scope) ??
          this.#incidents.open(record);
        incident.scope ??= "host";
        this.#tell(incident, record, reports);
        incident.finished = true;
        break;
      }
      case "group":
        this.#takeGroup(record, line.cgroup, reports);
        break;
      case "killed":
        this.#held = {
          record,
          line,
          records: 0,
          cgroup: this.#locate(line.pid),
        };
        if (!this.#groupKills) this.#release(reports);
    }
  }

  /** The victim chosen dies by itself: a shortage, but no kill. */
  #takeExiting(
    record: KmsgRecord,
    line: Extract<OomLine, { type: "exiting" }>,
    reports: OomReport[],
  ): void {
    const named = this.#incidents.forSpared(record, line.scope, line.pid);
    const group = this.#incidents.groupOf(record, line.scope);
    if (named === undefined && group !== undefined) {
      touch(group, record);
      return;
    }
    const incident = named ??
      this.#incidents.untold(record, line.scope, undefined) ??
      this.#incidents.open(record);
    const { type: _, ...facts } = line;
    Object.assign(incident, facts);
    this.#tell(incident, record, reports);
    incident.finished = true;
  }

  /** All processes of a cgroup are killed; the first of them was before this line. */
  #takeGroup(
    record: KmsgRecord,
    cgroup: CgroupName,
    reports: OomReport[],
  ): void {
    const incident = this.#release(reports, cgroup) ??
      this.#incidents.justFinished(record) ?? this.#incidents.open(record);
    incident.group = cgroup;
    touch(incident, record);
  }

  /** Reports the kill held back, as the first of a group if `group` names one. */
  #release(reports: OomReport[], group?: CgroupName): OpenIncident | undefined {
    if (this.#held === undefined) return undefined;
    const held = this.#held;
    const { record, line } = held;
    this.#held = undefined;
    const named = this.#incidents.forKilled(record, line);
    const running = named?.pid === line.pid || group !== undefined
      ? undefined
      : this.#incidents.groupOf(record, line.scope);
    const incident = running ?? named ?? this.#incidents.open(record);
    if (group !== undefined) incident.group = group;
    this.#kill(incident, held, reports);
    return incident;
  }

  #kill(
    incident: OpenIncident,
    kill: KillRecord,
    reports: OomReport[],
  ): void {
    const { record, line } = kill;
    if (line.scope !== undefined) incident.scope = line.scope;
    if (!incident.told && kill.cgroup !== undefined) {
      incident.victimCgroup ??= kill.cgroup;
    }
    this.#tell(incident, record, reports, line);
    const { pid } = line;
    // A group's first victim is printed again when its turn comes among the
    // members.
    if (incident.group !== undefined && incident.victims.has(pid)) {
      this.#repeats++;
      return;
    }
    const first = incident.victims.size === 0;
    if (incident.victims.size < MAX_VICTIMS) incident.victims.add(pid);
    // The kill of a thread, which another pid than the summary's may mean,
    // says nothing of when the incident is over.
    incident.finished = incident.pid === undefined || incident.pid === pid ||
      incident.chosenPid !== undefined || !incident.summed;
    reports.push(killReport(incident, kill, first));
  }

  /** Reports the incident, if it was not yet. */
  #tell(
    incident: OpenIncident,
    record: KmsgRecord,
    reports: OomReport[],
    killed?: OomKilledLine,
  ): void {
    touch(incident, record);
    if (incident.told) return;
    incident.told = true;
    reports.push(incidentReport(incident, record, killed));
  }
}
