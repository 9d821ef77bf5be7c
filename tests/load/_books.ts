/**
 * A table of what should be equal, and whether it is.
 *
 * @module
 */

/** One line of the books. */
interface Entry {
  readonly what: string;
  readonly fact: string;
  readonly agent: string;
  /** Absent where the line only tells. */
  readonly isBalanced?: boolean;
  /** What the difference is made of. */
  readonly details: readonly string[];
}

/** Of a long list of details so many are shown. */
const MAX_DETAILS = 10;

/** What the kernel or the test knows beside what the agent tells. */
export class Books {
  readonly #entries: Entry[] = [];

  /** What does not balance. */
  get wrong(): string[] {
    return this.#entries.filter(({ isBalanced }) => isBalanced === false)
      .map(({ what }) => what);
  }

  /** Both are to be the same. */
  equal(
    what: string,
    fact: number | string,
    agent: number | string,
    details: readonly string[] = [],
  ): void {
    this.#add(what, `${fact}`, `${agent}`, details, fact === agent);
  }

  /** The agent is to be at most at this. */
  atMost(what: string, limit: number, agent: number): void {
    this.#add(what, `≤ ${limit}`, `${agent}`, [], agent <= limit);
  }

  /** The agent is to be at least at this. */
  atLeast(what: string, limit: number, agent: number): void {
    this.#add(what, `≥ ${limit}`, `${agent}`, [], agent >= limit);
  }

  /** What is only told. */
  note(what: string, agent: number | string, fact: number | string = ""): void {
    this.#add(what, `${fact}`, `${agent}`, []);
  }

  /** The whole as a table. */
  format(): string {
    const rows = this.#entries.map(({ what, fact, agent, isBalanced }) => [
      what,
      fact,
      agent,
      isBalanced === undefined ? "" : isBalanced ? "balanced" : "WRONG",
    ]);
    const titles = ["what", "fact", "agent", "verdict"];
    const widths = titles.map((title, at) =>
      Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length))
    );
    const line = (cells: readonly string[]) =>
      cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")
        .trimEnd();
    return [
      line(titles),
      ...this.#entries.flatMap(({ isBalanced, details }, at) => [
        line(rows[at] ?? []),
        ...(isBalanced === false ? details.slice(0, MAX_DETAILS) : [])
          .map((detail) => `    ${detail}`),
      ]),
    ].join("\n");
  }

  #add(
    what: string,
    fact: string,
    agent: string,
    details: readonly string[],
    isBalanced?: boolean,
  ): void {
    const entry = { what, fact, agent, details };
    this.#entries.push(
      isBalanced === undefined ? entry : { ...entry, isBalanced },
    );
  }
}

/** The sum of numbers. */
export function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

/** How often each is among them. */
export function countBy(keys: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
