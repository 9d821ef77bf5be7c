import { sleep, systemClock } from "../model/clock.ts";

/**
 * How many inotify watches this process has (`proc_pid_fdinfo(5)`); undefined
 * where it cannot be told.
 *
 * ```text
 * inotify wd:3 ino:9f5 sdev:1d mask:fc6 ignored_mask:0 fhandle-bytes:8 …
 * ```
 */
export async function countInotifyWatches(): Promise<number | undefined> {
  let count = 0;
  let isKnown = false;
  try {
    const descriptors = await Array.fromAsync(Deno.readDir("/proc/self/fd"));
    for (const [at, { name }] of descriptors.entries()) {
      // Most are control files, thousands of them: to wait for each takes ten times as long.
      if (at % BATCH === BATCH - 1) await sleep(systemClock, 0);
      if (!isInotify(name)) continue;
      const text = await Deno.readTextFile(`/proc/self/fdinfo/${name}`);
      count += text.split("\ninotify wd:").length - 1;
      isKnown = true;
    }
  } catch {
    return undefined;
  }
  return isKnown ? count : undefined;
}

/** Links that are read in one go; it takes a millisecond. */
const BATCH = 200;

/** Whether a descriptor of ours is one of inotify; false where it is none any more. */
function isInotify(descriptor: string): boolean {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${descriptor}`).includes("inotify");
  } catch {
    return false;
  }
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

  /**
   * Counts them; returns whether they are to be set up anew.
   *
   * @param directories how many there are now
   * @param isStill whether nothing has moved the numbers lately, nor while they were counted
   */
  async isAmiss(
    directories: () => number,
    isStill: () => boolean,
  ): Promise<boolean> {
    const count = await countInotifyWatches();
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
    this.#renewedFor = excess;
    return true;
  }
}
