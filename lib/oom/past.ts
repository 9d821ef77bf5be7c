import type { OomReport } from "./report.ts";

/** More than any kernel's log holds; a file may. */
const MAX_HELD = 10_000;

/**
 * What the kernel log has of the time before the start. Kills that an earlier
 * run inferred from a counter are in it as well, without a number by which
 * they could be known: where there are such, the records are held back until
 * all have been read, for only then their number says which those are.
 */
export class OomPast {
  readonly #inferred: number;
  #held: OomReport[] | undefined;

  /** @param inferred kills that an earlier run inferred since the last record it told of */
  constructor(inferred: number) {
    this.#inferred = inferred;
    if (inferred > 0) this.#held = [];
  }

  /** Holds a report of the past back; returns whether it does. */
  hold(report: OomReport): boolean {
    if (this.#held === undefined || this.#held.length >= MAX_HELD) return false;
    return this.#held.push(report) > 0;
  }

  /**
   * Gives what was held back and was not told, once all has been read.
   *
   * The kernel counts its kills, so that it is known how many came after the
   * earlier run: as many of the newest. Before those are the ones inferred.
   *
   * @param missed kills that came after the earlier run
   */
  release(missed: number): OomReport[] {
    const reports = this.#held ?? [];
    this.#held = undefined;
    const kills = reports.filter(({ type }) => type === "oomKill");
    const known = Math.max(0, kills.length - missed);
    const told = new Set<OomReport>(
      kills.slice(Math.max(0, known - this.#inferred), known),
    );
    const toldIncidents = new Set<number>();
    const otherIncidents = new Set<number>();
    for (const kill of kills) {
      if (kill.type !== "oomKill") continue;
      const incidents = told.has(kill) ? toldIncidents : otherIncidents;
      incidents.add(kill.incidentSequence);
    }
    return reports.filter((report) =>
      report.type === "oom"
        ? !toldIncidents.has(report.incident.sequence) ||
          otherIncidents.has(report.incident.sequence)
        : !told.has(report)
    );
  }
}
