import type { OomTask } from "./report.ts";

/** How many tasks are kept. */
const MAX_TASKS = 10;

/** Every kernel prints these columns first, and the name last. */
const HEADER_REGEXP = /^\[ +pid +\] +uid +tgid +total_vm +rss (.* )?name$/;
const ROW_REGEXP = /^\[ *(\d{1,10})\] +\d+ +\d+ +\d+ +(\d{1,15}) +(\S.*)$/s;

/**
 * The greatest users of memory in the task table of one OOM, greatest first.
 *
 * ```
 * [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
 * [    467]     0   467     5450     4923    77824        0             0 busybox
 * ```
 */
export class OomTaskTable {
  /** What precedes the name of a process, after the columns of every kernel. */
  readonly #others: RegExp;
  readonly #tasks: OomTask[] = [];

  private constructor(others: number) {
    this.#others = new RegExp(String.raw`^(?:-?\d+ +){${others}}`);
  }

  /** A table with this header; `undefined` for any other line. */
  static fromHeader(text: string): OomTaskTable | undefined {
    const header = HEADER_REGEXP.exec(text);
    if (header === null) return undefined;
    return new OomTaskTable(header[1]?.trim().split(/ +/).length ?? 0);
  }

  /** The greatest users among the rows added. */
  get topTasks(): readonly OomTask[] {
    return this.#tasks;
  }

  /** Adds a row; any other line is skipped. */
  add(text: string): void {
    const [, pid, rssPages, rest = ""] = ROW_REGEXP.exec(text) ?? [];
    const others = this.#others.exec(rest)?.[0];
    if (others === undefined) return;
    const task = {
      pid: Number(pid),
      processName: rest.slice(others.length),
      rssPages: Number(rssPages),
    };
    const at = this.#tasks.findIndex((other) => other.rssPages < task.rssPages);
    this.#tasks.splice(at < 0 ? this.#tasks.length : at, 0, task);
    if (this.#tasks.length > MAX_TASKS) this.#tasks.pop();
  }
}
