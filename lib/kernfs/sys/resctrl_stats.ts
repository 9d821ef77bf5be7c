import type { RowBuilder } from "../../model/sample.ts";
import type { HostFs } from "../host_fs.ts";
import { parseSingle } from "../keyed.ts";

/** More than any CPU supports. */
const MAX_GROUPS = 1_000;
const MAX_THREADS_BYTES = 1024 * 1024;
const MAX_BYTES = 4096;

/** In column order. */
const FILES = ["mbm_total_bytes", "mbm_local_bytes", "llc_occupancy"] as const;

const decoder = new TextDecoder();

/**
 * Reads a container's resctrl counters (`filesystems/resctrl.rst`). cAdvisor
 * creates a group per container; cgwatch writes nothing, and reads an existing
 * group with exactly the container's threads.
 */
export class ResctrlReader {
  readonly #fs: HostFs;
  readonly #root: string;
  readonly #directories: readonly string[];

  /**
   * `directories` are the container's cgroup in each hierarchy; the first with a
   * readable list of threads is used.
   */
  constructor(fs: HostFs, directories: readonly string[]) {
    this.#fs = fs;
    this.#root = fs.path("/sys/fs/resctrl");
    this.#directories = directories;
  }

  read(builder: RowBuilder): void {
    const group = this.#group();
    if (group === undefined) return;
    for (const domain of this.#fs.subdirectories(`${group}/mon_data`)) {
      for (const [column, file] of FILES.entries()) {
        const path = `${group}/mon_data/${domain}/${file}`;
        const length = this.#fs.readOnce(path, MAX_BYTES);
        // "Unavailable", "Unassigned" or "Error" without a value.
        if (length <= 0 || !isDigit(this.#fs.bytes[0])) continue;
        const value = parseSingle(this.#fs.bytes, length, path);
        const first = builder.group("resctrl", domain);
        if (first >= 0) builder.row[first + column] = value;
      }
    }
  }

  #group(): string | undefined {
    let threads: string | undefined;
    for (const directory of this.#directories) {
      threads ??= this.#textOf(`${directory}/cgroup.threads`) ??
        this.#textOf(`${directory}/tasks`);
    }
    if (!threads) return undefined;
    const expected = sorted(threads);
    const groups = [this.#root];
    for (const group of groups) {
      // The root group has the threads without a group of their own.
      if (group !== this.#root) {
        const tasks = this.#textOf(`${group}/tasks`);
        if (tasks !== undefined && sorted(tasks) === expected) return group;
      }
      for (const parent of parentsOfGroups(group, this.#root)) {
        for (const name of this.#fs.subdirectories(parent)) {
          if (!OTHER_DIRECTORIES.has(name)) groups.push(`${parent}/${name}`);
        }
      }
      if (groups.length > MAX_GROUPS) return undefined;
    }
    return undefined;
  }

  #textOf(path: string): string | undefined {
    const length = this.#fs.readOnce(path, MAX_THREADS_BYTES);
    if (length < 0) return undefined;
    return decoder.decode(this.#fs.bytes.subarray(0, length));
  }
}

function isDigit(byte = 0): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

const OTHER_DIRECTORIES: ReadonlySet<string> = new Set([
  "info",
  "mon_data",
  "mon_groups",
]);

/**
 * Returns the directories of groups below a group: the root has allocation and
 * monitoring groups, an allocation group has monitoring groups.
 */
function parentsOfGroups(group: string, root: string): string[] {
  if (group === root) return [root, `${root}/mon_groups`];
  return group.includes("/mon_groups/") ? [] : [`${group}/mon_groups`];
}

function sorted(threads: string): string {
  return threads.trim().split("\n").toSorted().join();
}
