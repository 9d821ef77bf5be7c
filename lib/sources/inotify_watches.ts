const DESCRIPTORS = "/proc/self/fd";

/** Whether a descriptor of this process is one of inotify; false where it is none any more. */
async function isInotify(descriptor: string): Promise<boolean> {
  try {
    return (await Deno.readLink(`${DESCRIPTORS}/${descriptor}`))
      .includes("inotify");
  } catch {
    return false;
  }
}

/**
 * How many watches a descriptor has (`proc_pid_fdinfo(5)`):
 *
 * ```text
 * inotify wd:3 ino:9f5 sdev:1d mask:fc6 ignored_mask:0 fhandle-bytes:8 …
 * ```
 */
async function countWatches(descriptor: string): Promise<number> {
  const text = await Deno.readTextFile(`/proc/self/fdinfo/${descriptor}`);
  return text.split("\ninotify wd:").length - 1;
}

/** Setting up the watches of so many directories takes 80 ms, for which others wait. */
const FEW_DIRECTORIES = 500;
/** With more of them, so large a part of their number may be wrong. */
const TOLERANCE = 0.25;

/**
 * Whether the watches are as many as the directories. The kernel keeps the
 * watch on a cgroup that is gone until it is taken back, which is not done
 * where the removal was not told: after a storm of 4,000 cgroups, thousands
 * were left.
 */
export class WatchBalance {
  /** By how many the watches differ from the directories where nothing is amiss. */
  #usualExcess = 0;
  /** The difference for which they were last set up anew. */
  #renewedFor: number | undefined;
  /** Those of inotify, among thousands of control files that are open; empty where they are to be looked for. */
  #descriptors: readonly string[] = [];
  #forgotten = 0;

  /** Watchers come or go: their descriptors are looked for anew. */
  forget(): void {
    this.#descriptors = [];
    this.#forgotten++;
  }

  /**
   * Counts them; returns whether they are to be set up anew.
   *
   * @param directories how many there are now
   * @param isStill whether nothing has moved the numbers lately, nor while they were counted
   * @param isLate whether directories that come and go are yet to be looked at
   */
  async isAmiss(
    directories: () => number,
    isStill: () => boolean,
    isLate: () => boolean,
  ): Promise<boolean> {
    const count = await this.#count();
    const expected = directories();
    const excess = count === undefined ? 0 : count - expected;
    const still = isStill();
    if (still) {
      // What setting up anew did not change is how it is here. Any other
      // difference is not: old watches may linger when they are counted.
      if (this.#renewedFor === excess) this.#usualExcess = excess;
      this.#renewedFor = undefined;
    }
    const tolerated = still && expected <= FEW_DIRECTORIES
      ? 0
      : FEW_DIRECTORIES + expected * TOLERANCE;
    if (Math.abs(excess - this.#usualExcess) <= tolerated) return false;
    // The numbers are of different times then, and to be deaf for as long as it takes to set the
    // watches up anew would make it later still.
    if (isLate()) return false;
    this.#renewedFor = excess;
    return true;
  }

  /** How many watches this process has; undefined where that cannot be told. */
  async #count(): Promise<number | undefined> {
    try {
      const forgotten = this.#forgotten;
      const known = this.#descriptors;
      const found: string[] = [];
      const candidates = known.length > 0 ? known : await openDescriptors();
      for (const descriptor of candidates) {
        if (await isInotify(descriptor)) found.push(descriptor);
      }
      // Unless watchers came or went meanwhile.
      if (forgotten === this.#forgotten) this.#descriptors = found;
      if (found.length === 0) return undefined;
      let count = 0;
      for (const descriptor of found) count += await countWatches(descriptor);
      return count;
    } catch {
      return undefined;
    }
  }
}

async function openDescriptors(): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(DESCRIPTORS));
  return names.map(({ name }) => name);
}
