import type { Hierarchies, Hierarchy } from "./hierarchy.ts";
import { ControlFile } from "../control_file.ts";
import type { HostFs } from "../host_fs.ts";
import { FlatKeyed } from "../keyed.ts";

/**
 * Files that count OOM kills of a cgroup's own processes, preferred first. v1:
 * since Linux 4.13. v2: `.local` since 5.3; before, `memory.events` excluded
 * descendants. v2's also count hits of own limits.
 */
const FILES: Readonly<Record<1 | 2, readonly string[]>> = {
  1: ["memory.oom_control"],
  2: ["memory.events.local", "memory.events"],
};

const OOM_KILL = 0;
const GROUP_KILL = 1;
const HIGH = 2;
const MAX = 3;

const reader = new FlatKeyed({
  oom_kill: { column: OOM_KILL },
  oom_group_kill: { column: GROUP_KILL },
  high: { column: HIGH },
  max: { column: MAX },
});
const row = new Float64Array(4);

export interface OomKillCount {
  readonly count: number;
  /** Kills of the whole cgroup (`memory.oom.group`, Linux ≥5.17 on v2). */
  readonly groupKills?: number;
  /** File name. */
  readonly source: string;
}

/** Counts one cgroup's OOM kills, and on v2 limit hits. */
export class OomKillFile {
  readonly #fs: HostFs;
  readonly #directory: string | undefined;
  readonly #files: readonly { name: string; control: ControlFile }[];

  constructor(
    fs: HostFs,
    hierarchies: Hierarchies,
    directory: (hierarchy: Hierarchy) => string,
  ) {
    this.#fs = fs;
    const hierarchy = hierarchies.all.find(({ controllers }) =>
      controllers.includes("memory")
    );
    this.#directory = hierarchy && directory(hierarchy);
    this.#files = hierarchy === undefined
      ? []
      : FILES[hierarchy.version].map((name) => ({
        name,
        control: new ControlFile(fs, `${this.#directory}/${name}`),
      }));
  }

  read(): OomKillCount | undefined {
    const source = this.#readColumn(OOM_KILL);
    if (source === undefined) return undefined;
    const [count = NaN, groupKills = NaN] = row;
    return {
      count,
      ...(!Number.isNaN(groupKills) && { groupKills }),
      source,
    };
  }

  /** Inode of the directory. */
  inode(): number | undefined {
    return this.#directory === undefined
      ? undefined
      : this.#fs.statDirectory(this.#directory)?.inode;
  }

  /** `memory.high` and `memory.max`, on v2 only. */
  readLimitHits(): { readonly high: number; readonly max: number } | undefined {
    if (this.#readColumn(HIGH) === undefined) return undefined;
    return { high: row[HIGH] as number, max: row[MAX] as number };
  }

  recheck(): void {
    for (const { control } of this.#files) control.recheck();
  }

  close(): void {
    for (const { control } of this.#files) control.close();
  }

  /** Reads the first file with this column; returns its name. */
  #readColumn(column: number): string | undefined {
    for (const { name, control } of this.#files) {
      if (this.#parse(control) && !Number.isNaN(row[column])) return name;
    }
    return undefined;
  }

  #parse(control: ControlFile): boolean {
    const length = control.read();
    if (length < 0) return false;
    row.fill(NaN);
    reader.parse(this.#fs.bytes, length, row, control.path);
    return true;
  }
}
