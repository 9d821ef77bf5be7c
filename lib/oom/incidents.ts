import type { CgroupName } from "../model/cgroup.ts";
import type { KmsgRecord } from "./kmsg_record.ts";
import { type OpenIncident, openIncident } from "./incident.ts";
import type { OomKilledLine, OomLine } from "./lines.ts";
import type { OomScope } from "./report.ts";

/** Incidents open at once; one at a time is the rule since Linux 4.x holds `oom_lock`. */
const MAX_INCIDENTS = 32;

/** An incident is told within the time that a slow console takes for its lines. */
const MAX_AGE_USEC = 60_000_000;

/** The members of a group are killed one right after the other. */
const GROUP_AGE_USEC = 100_000;

/** A kill follows its summary; other CPUs may get a word in between. */
const ADJACENT_RECORDS = 4;

type ChosenLine = Extract<OomLine, { type: "chosen" }>;

/** The open incidents, and the rules by which a line finds its own. */
export class OomIncidents {
  /** In the order of their first records. */
  #incidents: OpenIncident[] = [];

  /** Whether no incident is open. */
  get isEmpty(): boolean {
    return this.#incidents.length === 0;
  }

  /** Opens an incident with its first record. */
  open(record: KmsgRecord): OpenIncident {
    const incident = openIncident(record);
    this.#incidents.push(incident);
    if (this.#incidents.length > MAX_INCIDENTS) this.#incidents.shift();
    return incident;
  }

  /** Drops the incidents that are long past. A clock that steps back is another log. */
  expire(usecSinceBoot: number): void {
    if (this.isEmpty) return;
    this.#incidents = this.#incidents.filter((incident) =>
      Math.abs(usecSinceBoot - incident.lastUsec) <= MAX_AGE_USEC
    );
  }

  /** Records were lost: keeps only what can be told apart by the victim's pid. */
  forget(): void {
    this.#incidents = this.#incidents.filter((incident) =>
      incident.summed && !incident.finished && incident.pid !== undefined
    );
    for (const incident of this.#incidents) incident.lastSequence = -Infinity;
  }

  /** The incident whose summary or `Task in` line this is. */
  untold(
    record: KmsgRecord,
    scope: OomScope,
    limitCgroup: CgroupName | undefined,
  ): OpenIncident | undefined {
    return this.#of(record, scope).find((incident) =>
      !incident.told && (limitCgroup === undefined ||
        (incident.limitCgroup ?? limitCgroup) === limitCgroup)
    );
  }

  /** The one incident that is before its kill, if there is only one. */
  beginning(record: KmsgRecord): OpenIncident | undefined {
    return only(
      this.#of(record, undefined).filter((incident) => !incident.summed),
    );
  }

  /** The incident that a `Kill process` line belongs to. */
  forChosen(record: KmsgRecord, line: ChosenLine): OpenIncident | undefined {
    const open = this.#of(record, line.scope).filter((incident) =>
      incident.chosenPid === undefined
    );
    return open.find((incident) =>
      incident.summed && incident.pid === line.pid
    ) ??
      firstAlike(
        open.filter((incident) => incident.told && !incident.summed),
      ) ?? open.find((incident) => !incident.told);
  }

  /** The incident whose victim needs no killing. */
  forSpared(
    record: KmsgRecord,
    scope: OomScope,
    pid: number,
  ): OpenIncident | undefined {
    return this.#of(record, scope).find((incident) => incident.pid === pid);
  }

  /** The incident that finds nothing to kill. */
  withoutVictim(
    record: KmsgRecord,
    scope: OomScope | undefined,
  ): OpenIncident | undefined {
    return this.#of(record, scope).findLast((incident) =>
      !incident.summed && incident.chosenPid === undefined &&
      incident.victimCgroup === undefined
    );
  }

  /** The group that the process is killed with. */
  groupOf(record: KmsgRecord, scope?: OomScope): OpenIncident | undefined {
    return this.#incidents.findLast((incident) =>
      incident.group !== undefined && isNear(incident, record) &&
      fits(incident, record, scope)
    );
  }

  /** The incident whose kill came just before this `Tasks in` line. */
  justFinished(record: KmsgRecord): OpenIncident | undefined {
    return this.#incidents.findLast((incident) =>
      incident.finished && incident.group === undefined &&
      isNear(incident, record) && fits(incident, record, undefined)
    );
  }

  /** The incident that names the victim of a kill, or waits for one. */
  forKilled(
    record: KmsgRecord,
    line: OomKilledLine,
  ): OpenIncident | undefined {
    const open = this.#of(record, line.scope);
    const waiting = open.filter((incident) => incident.victims.size === 0);
    return open.findLast((incident) =>
      incident.pid === line.pid || incident.chosenPid === line.pid
    ) ?? waiting.findLast((incident) =>
      // The line follows the choice at once, and may name a child of the chosen.
      incident.chosenPid !== undefined
    ) ??
      only(waiting.filter((incident) => isThreadOf(incident, record, line))) ??
      firstAlike(
        waiting.filter((incident) => incident.told && !incident.summed),
      ) ?? waiting.findLast((incident) => !incident.told);
  }

  /** The unfinished incidents that the same task may be printing. */
  #of(record: KmsgRecord, scope: OomScope | undefined): OpenIncident[] {
    return this.#incidents.filter((incident) =>
      !incident.finished && fits(incident, record, scope)
    );
  }
}

function fits(
  incident: OpenIncident,
  record: KmsgRecord,
  scope: OomScope | undefined,
): boolean {
  return incident.caller === record.caller &&
    (incident.scope ?? scope) === (scope ?? incident.scope);
}

function isNear(incident: OpenIncident, record: KmsgRecord): boolean {
  const age = record.usecSinceBoot - incident.lastUsec;
  return age >= 0 && age <= GROUP_AGE_USEC;
}

/**
 * The summary names the thread group's leader. Where that one has exited and
 * other threads live on, the kill line names one of those: another pid, and a
 * name of its own.
 */
function isThreadOf(
  incident: OpenIncident,
  record: KmsgRecord,
  line: OomKilledLine,
): boolean {
  const distance = record.sequence - incident.lastSequence;
  return incident.summed && isNear(incident, record) &&
    distance > 0 && distance <= ADJACENT_RECORDS &&
    (incident.uid ?? line.uid) === (line.uid ?? incident.uid);
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

/**
 * The oldest of those that could be meant. Kernels before 4.x can tell of two
 * at once and print no pid to tell them apart: then which cgroups are meant is
 * not known.
 */
function firstAlike(items: readonly OpenIncident[]): OpenIncident | undefined {
  const first = items[0];
  if (first === undefined) return undefined;
  const alike = items.every((other) =>
    other.limitCgroup === first.limitCgroup &&
    other.victimCgroup === first.victimCgroup
  );
  if (!alike) { for (const item of items) item.unsure = true; }
  return first;
}
