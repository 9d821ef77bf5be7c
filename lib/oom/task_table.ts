import type { OomTask } from "./report.ts";

const MAX_TASKS = 10;

/** The columns of every kernel; the name is last. */
const HEADER_REGEXP = /^\[ +pid +\] +uid +tgid +total_vm +rss (.* )?name$/;
const ROW_REGEXP = /^\[ *(\d{1,10})\] +\d+ +\d+ +\d+ +(\d{1,15}) +(\S.*)$/s;

/**
 * The largest memory users in the kernel's task table, largest first.
 *
 * ```
 * [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
 * [    467]     0   467     5450     4923    77824        0             0 busybox
 * ```
 */
export class OomTaskTable {
  /** The columns of some kernels only. */
  readonly #others: RegExp;
  readonly #tasks: OomTask[] = [];

  private constructor(others: number) {
    this.#others = new RegExp(String.raw`^(?:-?\d+ +){${others}}`);
  }

  /** Returns `undefined` for any other line. */
  static fromHeader(text: string): OomTaskTable | undefined {
    const header = HEADER_REGEXP.exec(text);
    if (header === null) return undefined;
    return new OomTaskTable(header[1]?.trim().split(/ +/).length ?? 0);
  }

  get topTasks(): readonly OomTask[] {
    return this.#tasks;
  }

  /** Other lines are skipped. */
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
