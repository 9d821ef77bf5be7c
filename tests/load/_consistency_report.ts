/**
 * A table of expected and actual values.
 *
 * @module
 */

/** One row of the report. */
interface Entry {
  readonly what: string;
  readonly expected: string;
  readonly agent: string;
  /** Absent if the row is for information only. */
  readonly isOk?: boolean;
  /** Explanation of a difference. */
  readonly details: readonly string[];
}

/** Maximum number of details shown. */
const MAX_DETAILS = 10;

/** Compares values of the kernel or the test with those of the agent. */
export class ConsistencyReport {
  readonly #entries: Entry[] = [];

  /** Names of the failed checks. */
  get wrong(): string[] {
    return this.#entries.filter(({ isOk }) => isOk === false)
      .map(({ what }) => what);
  }

  /** Expects equal values. */
  equal(
    what: string,
    expected: number | string,
    agent: number | string,
    details: readonly string[] = [],
  ): void {
    this.#add(what, `${expected}`, `${agent}`, details, expected === agent);
  }

  /** Expects the agent's value to be at most `limit`. */
  atMost(what: string, limit: number, agent: number): void {
    this.#add(what, `≤ ${limit}`, `${agent}`, [], agent <= limit);
  }

  /** Expects the agent's value to be at least `limit`. */
  atLeast(what: string, limit: number, agent: number): void {
    this.#add(what, `≥ ${limit}`, `${agent}`, [], agent >= limit);
  }

  /** Adds a row for information. */
  note(
    what: string,
    agent: number | string,
    expected: number | string = "",
  ): void {
    this.#add(what, `${expected}`, `${agent}`, []);
  }

  /** Formats the report as a table. */
  format(): string {
    const rows = this.#entries.map(({ what, expected, agent, isOk }) => [
      what,
      expected,
      agent,
      isOk === undefined ? "" : isOk ? "ok" : "WRONG",
    ]);
    const titles = ["check", "expected", "agent", "result"];
    const widths = titles.map((title, at) =>
      Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length))
    );
    const line = (cells: readonly string[]) =>
      cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")
        .trimEnd();
    return [
      line(titles),
      ...this.#entries.flatMap(({ isOk, details }, at) => [
        line(rows[at] ?? []),
        ...(isOk === false ? details.slice(0, MAX_DETAILS) : [])
          .map((detail) => `    ${detail}`),
      ]),
    ].join("\n");
  }

  #add(
    what: string,
    expected: string,
    agent: string,
    details: readonly string[],
    isOk?: boolean,
  ): void {
    const entry = { what, expected, agent, details };
    this.#entries.push(
      isOk === undefined ? entry : { ...entry, isOk },
    );
  }
}

/** Returns the sum of numbers. */
export function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

/** Counts the occurrences of each key. */
export function countBy(keys: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
