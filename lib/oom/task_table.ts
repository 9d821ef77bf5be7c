import type { OomTask } from "./report.ts";

/** How many tasks are kept. */
const MAX_TASKS = 10;

const HEADER_REGEXP = /^\[ +pid +\] +uid +tgid .* name$/;
const ROW_REGEXP = /^\[ *(\d{1,10})\] +(\d.*)$/s;

/**
 * The greatest users of memory in the task table of one OOM, greatest first.
 *
 * ```
 * [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
 * [    467]     0   467     5450     4923    77824        0             0 busybox
 * ```
 *
 * The columns differ from kernel to kernel, so they are found by their names.
 */
export class OomTaskTable {
  readonly #columns: readonly string[];
  readonly #tasks: OomTask[] = [];

  private constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  /** Makes a table of its header; `undefined` for any other line. */
  static fromHeader(text: string): OomTaskTable | undefined {
    if (!HEADER_REGEXP.test(text)) return undefined;
    return new OomTaskTable(
      text.slice(text.indexOf("]") + 1).trim().split(/ +/),
    );
  }

  /** The greatest users among the rows added. */
  get topTasks(): readonly OomTask[] {
    return this.#tasks;
  }

  /** Adds a row; any other line is passed over. */
  add(text: string): void {
    const task = this.#parse(text);
    if (task === undefined) return;
    const at = this.#tasks.findIndex((other) => other.rssPages < task.rssPages);
    if (at >= 0) this.#tasks.splice(at, 0, task);
    else if (this.#tasks.length < MAX_TASKS) this.#tasks.push(task);
    if (this.#tasks.length > MAX_TASKS) this.#tasks.pop();
  }

  #parse(text: string): OomTask | undefined {
    const row = ROW_REGEXP.exec(text);
    if (row === null) return undefined;
    const [, pid, rest = ""] = row;
    const values = new Map<string, number>();
    let at = 0;
    for (const column of this.#columns.slice(0, -1)) {
      const end = rest.indexOf(" ", at);
      const value = Number(rest.slice(at, end));
      if (end < 0 || !Number.isInteger(value)) return undefined;
      values.set(column, value);
      at = end;
      while (rest.charAt(at) === " ") at++;
    }
    const uid = values.get("uid");
    const rssPages = values.get("rss");
    if (uid === undefined || rssPages === undefined) return undefined;
    const oomScoreAdj = values.get("oom_score_adj");
    return {
      pid: Number(pid),
      uid,
      processName: rest.slice(at),
      rssPages,
      ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    };
  }
}
