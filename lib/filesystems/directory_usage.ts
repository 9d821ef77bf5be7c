import { type Clock, sleep } from "../model/clock.ts";
import { isGone } from "../model/errors.ts";
import type { FileStat, MountedFiles } from "./mounted_files.ts";
import type { BlockingCallPool } from "./blocking_call_pool.ts";

/** Disk usage as `du` counts it. */
export interface DirectorySize {
  /** End of the count, milliseconds since the epoch. */
  readonly timestampMs: number;
  /** Allocated on disk; hard links count once. */
  readonly bytes: number;
  readonly inodes: number;
}

export interface DirectoryUsageOptions {
  readonly files: MountedFiles;
  readonly clock: Clock;
  readonly calls: BlockingCallPool;
  /** Pause between counts. @default 60_000 */
  readonly intervalMs?: number;
  /** Maximum duration of a count. @default 120_000 */
  readonly budgetMs?: number;
}

/** Maximum slice; one of seconds is treated as a hung call. */
const SLICE_FILES = 64;
const SLICE_MS = 20;
/** Pause after a slice, relative to its duration. */
const REST_FACTOR = 3;
/** Maximum wait after slow or failed counts, in intervals. */
const MAX_BACKOFF = 20;
/** Maximum share of time for one directory. */
const SHARE = 0.05;
/**
 * Largest list of names: Deno 2.9 reads directories whole, and 100,000 names
 * take 15 MB.
 */
const MAX_LIST_BYTES = 2 * 1024 * 1024;
/** Queued per count. */
const MAX_DIRECTORIES = 100_000;
/** Hard-linked files remembered per count. */
const MAX_LINKED = 100_000;

/**
 * `tree` counts a directory and its subtree; `files` only the files in it, and
 * each hard link.
 */
export type Counted = "tree" | "files";

interface Entry {
  readonly counted: Counted;
  size: DirectorySize | undefined;
  isMissing: boolean;
  dueMs: number;
  failures: number;
  isQueued: boolean;
}

/**
 * Counts disk usage, such as of writable layers: only on request, one at a
 * time, in small slices, without mounted file systems.
 */
export class DirectoryUsage {
  readonly #options: DirectoryUsageOptions;
  readonly #entries = new Map<string, Entry>();
  #queue: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: DirectoryUsageOptions) {
    this.#options = options;
  }

  /**
   * Returns the last count, if any, and queues a count if due. `counted` must
   * not differ between calls.
   */
  sizeOf(
    directory: string,
    counted: Counted = "tree",
  ): DirectorySize | undefined {
    let entry = this.#entries.get(directory);
    if (entry === undefined) {
      entry = {
        counted,
        size: undefined,
        isMissing: false,
        dueMs: -Infinity,
        failures: 0,
        isQueued: false,
      };
      this.#entries.set(directory, entry);
    }
    const isDue = this.#options.clock.monotonic() >= entry.dueMs;
    if (isDue && !entry.isQueued && !this.#isStopped) {
      entry.isQueued = true;
      const due = entry;
      this.#queue = this.#queue.then(() => this.#run(directory, due));
    }
    return entry.size;
  }

  /** Whether a directory waits for its first count. */
  get isBehind(): boolean {
    return this.#entries.values()
      .some(({ isQueued, size }) => isQueued && size === undefined);
  }

  /** Resolves when all queued directories are counted. */
  caughtUp(): Promise<void> {
    return this.#queue;
  }

  /** Defers later counts until `ended` resolves; it must not reject. */
  after(ended: Promise<void>): void {
    this.#queue = this.#queue.then(() => ended);
  }

  /** Whether the directory was missing at the last count. */
  isMissing(directory: string): boolean {
    return this.#entries.get(directory)?.isMissing ?? false;
  }

  forget(directory: string): void {
    this.#entries.delete(directory);
  }

  /** A running count ends after its slice. */
  stop(): void {
    this.#isStopped = true;
  }

  async #run(directory: string, entry: Entry): Promise<void> {
    const { clock, intervalMs = 60_000 } = this.#options;
    const startMs = clock.monotonic();
    const isActive = () =>
      !this.#isStopped && this.#entries.get(directory) === entry;
    try {
      if (!isActive()) return;
      const walk = { directory, counted: entry.counted };
      entry.size = await this.#count(walk, isActive) ?? entry.size;
      entry.isMissing = false;
      entry.failures = 0;
    } catch (error) {
      entry.isMissing = isGone(error);
      if (entry.isMissing) entry.size = undefined;
      // Otherwise the last size stays, and the wait grows.
      entry.failures = entry.isMissing ? 0 : entry.failures + 1;
    }
    const endMs = clock.monotonic();
    const waitMs = Math.max(
      intervalMs * 2 ** entry.failures,
      (endMs - startMs) / SHARE,
    );
    entry.dueMs = endMs + Math.min(waitMs, intervalMs * MAX_BACKOFF);
    entry.isQueued = false;
  }

  async #count(
    { directory, counted }: {
      readonly directory: string;
      readonly counted: Counted;
    },
    isActive: () => boolean,
  ): Promise<DirectorySize | undefined> {
    const { files, clock, calls, budgetMs = 120_000 } = this.#options;
    const endMs = clock.monotonic() + budgetMs;
    using walk = new Walk(files, clock, { directory, counted });
    for (;;) {
      const startMs = clock.monotonic();
      if (startMs > endMs) {
        throw new Error("Cannot count the directory within its time limit");
      }
      const isDone = await calls.run(directory, () => walk.step());
      if (isDone) return { timestampMs: clock.now(), ...walk.total };
      if (!isActive()) return undefined;
      await sleep(clock, (clock.monotonic() - startMs) * REST_FACTOR);
    }
  }
}

class Walk implements Disposable {
  readonly total = { bytes: 0, inodes: 0 };
  readonly #files: MountedFiles;
  readonly #clock: Clock;
  readonly #counted: Counted;
  readonly #linked = new Set<number>();
  readonly #directories: string[] = [];
  #device: number | undefined;
  #names: AsyncGenerator<string> | undefined;
  #directory: string;

  constructor(
    files: MountedFiles,
    clock: Clock,
    { directory, counted }: {
      readonly directory: string;
      readonly counted: Counted;
    },
  ) {
    this.#files = files;
    this.#clock = clock;
    this.#directory = directory;
    this.#counted = counted;
  }

  /** Returns whether the walk is complete. */
  async step(): Promise<boolean> {
    if (this.#device === undefined) {
      const top = await this.#files.lstat(this.#directory);
      this.#device = top.device;
      if (this.#counted === "tree") this.#add(top);
      if (!top.isDirectory) return true;
      checkList(top);
      this.#names = this.#files.entries(this.#directory);
    }
    const endMs = this.#clock.monotonic() + SLICE_MS;
    for (let i = 0; i < SLICE_FILES; i++) {
      if (this.#clock.monotonic() > endMs) return false;
      const name = await this.#nextName();
      if (name !== undefined) await this.#visit(`${this.#directory}/${name}`);
      else if (!this.#descend()) return true;
    }
    return false;
  }

  /** Does not wait: closing may hang. */
  [Symbol.dispose](): void {
    this.#names?.return(undefined).catch(() => {});
  }

  async #nextName(): Promise<string | undefined> {
    try {
      return (await this.#names?.next())?.value ?? undefined;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  #descend(): boolean {
    const next = this.#directories.pop();
    if (next === undefined) return false;
    this.#directory = next;
    this.#names = this.#files.entries(next);
    return true;
  }

  async #visit(path: string): Promise<void> {
    try {
      const file = await this.#files.lstat(path);
      if (file.device !== this.#device) return;
      if (file.isDirectory && this.#counted === "files") return;
      this.#add(file);
      if (!file.isDirectory) return;
      checkList(file);
      if (this.#directories.length === MAX_DIRECTORIES) {
        throw new Error(
          "Cannot count the directory: too many subdirectories are queued",
        );
      }
      this.#directories.push(path);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  #add({ inode, links, bytes, isDirectory }: FileStat): void {
    if (links > 1 && !isDirectory && this.#counted === "tree") {
      if (this.#linked.has(inode)) return;
      if (this.#linked.size >= MAX_LINKED) {
        throw new Error(
          "Cannot count the directory: too many hard-linked files",
        );
      }
      this.#linked.add(inode);
    }
    this.total.bytes += bytes;
    this.total.inodes++;
  }
}

function checkList({ contentBytes }: FileStat): void {
  if (contentBytes > MAX_LIST_BYTES) {
    throw new Error(
      "Cannot count the directory: too many files in one directory",
    );
  }
}
