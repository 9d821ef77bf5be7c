import type { HostFs } from "../kernfs/host_fs.ts";
import { isGone, messageOf } from "../model/errors.ts";

/** Dependencies of a {@linkcode SubtreeWatcher}. */
export interface SubtreeWatcherOptions {
  readonly fs: HostFs;
  /** Paths are below the watched directory. */
  readonly onEvent: (event: Deno.FsEvent) => void;
  /** Notifications end with this error. */
  readonly onError: (error: Error) => void;
}

interface Subtree {
  readonly watcher: Deno.FsWatcher;
  /** Resolves after the last notification. */
  readonly ended: Promise<void>;
}

/** Attempts while directories of the subtree are removed. */
const MAX_TRIES = 5;

/** ENOSPC: Deno's message, or the errno. */
const WATCH_LIMIT_REGEXP = /watch limit|\(os error 28\)/;
/** ENFILE and EMFILE. */
const INSTANCE_LIMIT_REGEXP = /\(os error 2[34]\)/;
/** ENOMEM. */
const MEMORY_REGEXP = /\(os error 12\)/;

/** Watched to check whether a further watch is available. */
const PROBE_FILE = "cgroup.procs";

/**
 * Watches directories with their descendants, by `Deno.watchFs`.
 *
 * It throws for a whole tree if one directory cannot be watched. Then the
 * parent is watched alone, and each of its other subtrees by itself. All
 * watchers share one inotify instance, which passes a notification to each
 * watcher whose path is a prefix, recursive or not; Deno 2.6 passes removals to
 * all: each path is accepted from one watcher.
 */
export class SubtreeWatcher {
  readonly #options: SubtreeWatcherOptions;
  readonly #subtrees = new Map<string, Subtree>();
  /** Watched without their descendants. */
  readonly #shallow = new Set<string>();
  /** Directories that cannot be watched, with the reason. */
  readonly unwatched: Map<string, string> = new Map();
  /** Directories with their own watcher whose removal was reported once. */
  readonly #removed = new Set<string>();
  #isClosed = false;

  constructor(options: SubtreeWatcherOptions) {
    this.#options = options;
  }

  /** The first of `unwatched`, the number of others, and the reason. */
  get failure(): string | undefined {
    for (const [path, reason] of this.unwatched) {
      const others = this.unwatched.size - 1;
      const more = others === 0 ? "" : ` and ${others} more`;
      return `cannot watch "${path}"${more}, listing instead: ${reason}`;
    }
    return undefined;
  }

  /**
   * Watches directories and the descendants that can be watched. Blocks for 0.1
   * ms per directory. One watcher of several directories costs less per
   * notification: Deno compares its path with those of all watchers, but within
   * one only up to the first that contains it.
   *
   * @throws {Error} if a limit is reached, or one of `paths` itself cannot be
   * watched
   */
  watch(paths: readonly string[]): void {
    if (paths.length > 1 && this.#tryOpen(paths)) return;
    for (const path of paths) {
      this.#watch(path);
      const reason = this.unwatched.get(path);
      if (reason !== undefined) throw new Error(reason);
    }
  }

  /**
   * Watches a created directory, or stops watching a removed one, unless its
   * parent is watched recursively.
   */
  async follow(path: string, isThere: boolean): Promise<void> {
    if (!this.#shallow.has(path.slice(0, path.lastIndexOf("/")))) return;
    try {
      // A second watcher of a path would share the watch of the first, which is
      // removed with it.
      await this.#end(path);
      if (isThere && !this.#isClosed) this.#watch(path);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Watches the directories that could not be watched before, if possible.
   *
   * @throws {Error} if a limit is reached. Then directories created since are
   * not watched, which `Deno.watchFs` does not report.
   */
  retry(): void {
    this.#removed.clear();
    for (const [path] of [...this.unwatched]) {
      this.unwatched.delete(path);
      this.#watch(path);
    }
    for (const path of this.#subtrees.keys()) {
      try {
        Deno.watchFs(`${path}/${PROBE_FILE}`, { recursive: false }).close();
        return;
      } catch (error) {
        if (isLimit(error)) throw new Error(reasonOf(error));
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end("");
  }

  #watch(path: string): void {
    if (this.#tryOpen([path])) return;
    try {
      this.#open([path], false);
    } catch (error) {
      if (isLimit(error)) throw new Error(reasonOf(error));
      if (!isGone(error)) this.unwatched.set(path, reasonOf(error));
      return;
    }
    this.#shallow.add(path);
    for (const name of this.#list(path)) this.#watch(`${path}/${name}`);
  }

  /** An error is reported by the listing of the directory. */
  #list(path: string): string[] {
    try {
      return this.#options.fs.subdirectories(path);
    } catch {
      return [];
    }
  }

  /** Returns whether all descendants of all paths are watched. */
  #tryOpen(paths: readonly string[]): boolean {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      try {
        this.#open(paths, true);
        return true;
      } catch (error) {
        if (isLimit(error)) throw new Error(reasonOf(error));
        if (!isGone(error)) break;
      }
    }
    return false;
  }

  #open(paths: readonly string[], recursive: boolean): void {
    const watcher = Deno.watchFs([...paths], { recursive });
    const ended = this.#listen(watcher, paths, recursive);
    this.#subtrees.set(paths[0] as string, { watcher, ended });
  }

  async #listen(
    watcher: Deno.FsWatcher,
    watched: readonly string[],
    recursive: boolean,
  ): Promise<void> {
    const isOurs = (path: string) =>
      watched.some((above) =>
        path[above.length] === "/" && path.startsWith(above) &&
        (recursive || !path.includes("/", above.length + 1))
      );
    try {
      for await (const event of watcher) {
        const paths = event.paths.filter((path) =>
          isOurs(path) && (recursive || !this.#isRepeated(event.kind, path))
        );
        if (paths.length > 0 || event.flag !== undefined) {
          this.#options.onEvent({ ...event, paths });
        }
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A directory with its own watcher reports its removal (IN_DELETE_SELF), as does its parent. */
  #isRepeated(kind: Deno.FsEvent["kind"], path: string): boolean {
    if (kind === "create") this.#removed.delete(path);
    if (kind !== "remove") return false;
    if (this.#removed.delete(path)) return true;
    if (this.#subtrees.has(path)) this.#removed.add(path);
    return false;
  }

  #fail(error: unknown): void {
    if (!this.#isClosed) this.#options.onError(new Error(reasonOf(error)));
  }

  async #end(path: string): Promise<void> {
    const ended: Promise<void>[] = [];
    for (const [below, subtree] of this.#subtrees) {
      if (below !== path && !below.startsWith(`${path}/`)) continue;
      this.#subtrees.delete(below);
      this.#shallow.delete(below);
      subtree.watcher.close();
      ended.push(subtree.ended);
    }
    await Promise.all(ended);
  }
}

function isLimit(error: unknown): boolean {
  const message = messageOf(error);
  return [WATCH_LIMIT_REGEXP, INSTANCE_LIMIT_REGEXP, MEMORY_REGEXP]
    .some((regexp) => regexp.test(message));
}

/** Returns the reason without the paths that Deno adds. */
function reasonOf(error: unknown): string {
  const message = messageOf(error).replace(/ about \[.*\]$/s, "");
  if (WATCH_LIMIT_REGEXP.test(message)) {
    return "inotify's watch limit (fs.inotify.max_user_watches) is reached";
  }
  if (INSTANCE_LIMIT_REGEXP.test(message)) {
    return "inotify's instance limit (fs.inotify.max_user_instances) or that of open files is reached";
  }
  return message;
}
