import type { Hierarchies, Hierarchy } from "./hierarchy.ts";
import { ControlFile } from "../control_file.ts";
import type { HostFs } from "../host_fs.ts";
import { FlatKeyed } from "../keyed.ts";

/**
 * Files that count the OOM kills of a cgroup's own processes, the best first:
 * v1's since Linux 4.13; of v2, `.local` since 5.3, and before that
 * `memory.events` did not count those below. Those of v2 also count how often
 * the cgroup's own limits were met.
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

/** How many of one cgroup's own processes the kernel's OOM killer killed, not of those below it. */
export interface OomKillCount {
  readonly count: number;
  /** How often the cgroup was killed as a whole (`memory.oom.group`, Linux ≥5.17 on v2). */
  readonly groupKills?: number;
  /** The kernel file that counts them. */
  readonly source: string;
}

/** The file that counts the OOM kills of one cgroup, and of v2 the times that its limits were met. */
export class OomKillFile {
  readonly #fs: HostFs;
  readonly #directory: string | undefined;
  readonly #files: readonly { name: string; control: ControlFile }[];

  /** `directory` says where the cgroup is in a hierarchy. */
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

  /** The counts, and the name of the file. */
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

  /** The inode of the cgroup's directory; undefined where it is gone. */
  inode(): number | undefined {
    return this.#directory === undefined
      ? undefined
      : this.#fs.directory(this.#directory)?.inode;
  }

  /** How often `memory.high` and `memory.max` were met; undefined on v1. */
  readLimitHits(): { readonly high: number; readonly max: number } | undefined {
    if (this.#readColumn(HIGH) === undefined) return undefined;
    return { high: row[HIGH] as number, max: row[MAX] as number };
  }

  /** Looks for missing files at the next read again. */
  recheck(): void {
    for (const { control } of this.#files) control.recheck();
  }

  /** Lets go of the descriptors. */
  close(): void {
    for (const { control } of this.#files) control.close();
  }

  /** Reads the first file that has a number for this column into the row; returns the file's name. */
  #readColumn(column: number): string | undefined {
    for (const { name, control } of this.#files) {
      if (this.#parse(control) && !Number.isNaN(row[column])) return name;
    }
    return undefined;
  }

  /** Reads a file into the row; returns whether it is there. */
  #parse(control: ControlFile): boolean {
    const length = control.read();
    if (length < 0) return false;
    row.fill(NaN);
    reader.parse(this.#fs.bytes, length, row, control.path);
    return true;
  }
}
