import { type Clock, sleep } from "../model/clock.ts";
import { isGone } from "../model/errors.ts";
import type { FileSize, MountedFiles } from "./mounted_files.ts";
import type { SlowCalls } from "./slow_calls.ts";

/** What a directory and all below it take, as `du` counts it. */
export interface DirectorySize {
  /** When counting ended, milliseconds since the epoch. */
  readonly timestampMs: number;
  /** On disk; a file of many names counts once. */
  readonly bytes: number;
  readonly inodes: number;
}

/** How directories are counted. */
export interface DirectoryUsageOptions {
  readonly files: MountedFiles;
  readonly clock: Clock;
  readonly calls: SlowCalls;
  /** From the end of one count to the next. @default 60_000 */
  readonly intervalMs?: number;
  /** A count that takes longer is given up. @default 120_000 */
  readonly budgetMs?: number;
}

/** Files looked at before others get their turn, and for how long; a slice that takes seconds counts as hung. */
const SLICE_FILES = 64;
const SLICE_MS = 20;
/** After a slice, rest this many times as long as it took. */
const REST_FACTOR = 3;
/** A count that took long, or failed, makes the next one wait, up to this many intervals. */
const MAX_BACKOFF = 20;
/** Of the time, what counting one directory may take. */
const SHARE = 0.05;
/**
 * A directory whose list of names is longer is not counted, nor what it is in:
 * the platform lists a directory whole, and 100,000 names take 15 MB (Deno 2.9).
 */
const MAX_LIST_BYTES = 2 * 1024 * 1024;
/** Directories that wait to be listed, in a count. */
const MAX_DIRECTORIES = 100_000;
/** Files of many names that are remembered in a count. */
const MAX_LINKED = 100_000;

/**
 * What of a directory is counted: `tree` is the directory and all below it,
 * `files` what is directly in it and no directory, each by its own.
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
 * Counts what directories take on their file system, such as the writable
 * layers of containers: one after the other, in small slices, and without the
 * file systems that are mounted in them. Nothing is counted that nobody asks
 * for.
 */
export class DirectoryUsage {
  readonly #options: DirectoryUsageOptions;
  readonly #entries = new Map<string, Entry>();
  #last: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: DirectoryUsageOptions) {
    this.#options = options;
  }

  /**
   * What a host directory took when it was last counted; a count that is due
   * begins, and has a say later. One directory is always counted alike.
   */
  of(
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
      this.#last = this.#last.then(() => this.#run(directory, due));
    }
    return entry.size;
  }

  /** Whether something that was asked for waits to be counted for the first time. */
  get isBehind(): boolean {
    return this.#entries.values()
      .some(({ isQueued, size }) => isQueued && size === undefined);
  }

  /** Resolves once all that waits now has been counted. */
  caughtUp(): Promise<void> {
    return this.#last;
  }

  /** What is asked for from now on is counted after that has ended, which must not fail. */
  after(ended: Promise<void>): void {
    this.#last = this.#last.then(() => ended);
  }

  /** Whether it was not there when it was looked for last, and so takes nothing. */
  isMissing(directory: string): boolean {
    return this.#entries.get(directory)?.isMissing ?? false;
  }

  /** It is of no interest any more. */
  forget(directory: string): void {
    this.#entries.delete(directory);
  }

  /** Counts no more; a count under way ends after its slice. */
  stop(): void {
    this.#isStopped = true;
  }

  async #run(directory: string, entry: Entry): Promise<void> {
    const { clock, intervalMs = 60_000 } = this.#options;
    const startMs = clock.monotonic();
    const isWanted = () =>
      !this.#isStopped && this.#entries.get(directory) === entry;
    try {
      if (!isWanted()) return;
      const walk = { directory, counted: entry.counted };
      entry.size = await this.#count(walk, isWanted) ?? entry.size;
      entry.isMissing = false;
      entry.failures = 0;
    } catch (error) {
      entry.isMissing = isGone(error);
      if (entry.isMissing) entry.size = undefined;
      // Else its last size stands, and the next count waits longer.
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
    isWanted: () => boolean,
  ): Promise<DirectorySize | undefined> {
    const { files, clock, calls, budgetMs = 120_000 } = this.#options;
    const endMs = clock.monotonic() + budgetMs;
    using walk = new Walk(files, clock, { directory, counted });
    for (;;) {
      const startMs = clock.monotonic();
      if (startMs > endMs) throw new Error("It takes too long");
      const isDone = await calls.ask(directory, () => walk.step());
      if (isDone) return { timestampMs: clock.now(), ...walk.total };
      if (!isWanted()) return undefined;
      await sleep(clock, (clock.monotonic() - startMs) * REST_FACTOR);
    }
  }
}

/** One count. */
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

  /** Looks at some files; returns whether there are no more. */
  async step(): Promise<boolean> {
    if (this.#device === undefined) {
      const top = await this.#files.fileSize(this.#directory);
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
      if (name !== undefined) await this.#look(`${this.#directory}/${name}`);
      else if (!this.#descend()) return true;
    }
    return false;
  }

  /** Closes the directory that it is in, without waiting: it may hang. */
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

  async #look(path: string): Promise<void> {
    try {
      const file = await this.#files.fileSize(path);
      if (file.device !== this.#device) return;
      if (file.isDirectory && this.#counted === "files") return;
      this.#add(file);
      if (!file.isDirectory) return;
      checkList(file);
      if (this.#directories.length === MAX_DIRECTORIES) {
        throw new Error("Too many directories wait to be counted");
      }
      this.#directories.push(path);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  #add({ inode, links, bytes, isDirectory }: FileSize): void {
    if (links > 1 && !isDirectory && this.#counted === "tree") {
      if (this.#linked.has(inode)) return;
      if (this.#linked.size >= MAX_LINKED) {
        throw new Error("Too many files have several names");
      }
      this.#linked.add(inode);
    }
    this.total.bytes += bytes;
    this.total.inodes++;
  }
}

function checkList({ contentBytes }: FileSize): void {
  if (contentBytes > MAX_LIST_BYTES) {
    throw new Error("Too many files are in one directory");
  }
}
