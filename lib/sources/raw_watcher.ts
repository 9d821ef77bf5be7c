import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { SourceState } from "../model/source_state.ts";
import type { CgroupTree, HintKind } from "./cgroup_tree.ts";
import type {
  ContainerChange,
  ContainerWatcher,
  WatchCounters,
} from "./container_watcher.ts";
import { WatchBalance } from "./inotify_watches.ts";
import { Pace } from "./pace.ts";

/**
 * The later it is, the longer its slices of time are, up to this many
 * milliseconds: a container that lived 250 ms must not be missed, however busy
 * the others keep the event loop.
 */
const MAX_SLICE_MS = 40;
/** The part of its lateness that a slice is long. */
const SLICE_SHARE = 0.25;
/** Notifications beyond this wait for nobody: everything is listed instead. */
const MAX_HINTS = 65_536;

/**
 * In a storm the kernel's notifications were seen to come two seconds late:
 * when something has happened all the time for so long …
 */
const STORM_MS = 200;
/** … whatever has children is listed this often … */
const STORM_LIST_MS = 150;
/** … or less often where that is much: milliseconds for each directory and hierarchy, ten times what it takes. */
const STORM_LIST_COST_MS = 0.5;

/** Watches are counted when nothing happened for so long after something did … */
const QUIET_MS = 500;
/** … or when it has not been quiet for so long. */
const NEVER_QUIET_MS = 10_000;

/** Files of cgroup v2 that the kernel says it wrote to: one OOM is told 250 times. */
const MEMORY_EVENTS_REGEXP = /\/memory\.events(?:\.local)?$/;
/** So long after the first time they are read. */
const MEMORY_EVENTS_MS = 10;

/**
 * Deno 2.6 tells every watcher of what is gone by then, and a life would be
 * counted as many: all hierarchies have one watcher there.
 */
const TELLS_ALL = /^2\.[0-8]\./.test(Deno.version.deno);

const HINT_KINDS: Readonly<Partial<Record<Deno.FsEvent["kind"], HintKind>>> = {
  create: "create",
  remove: "remove",
  rename: "other",
  any: "other",
  other: "other",
};

/**
 * Watches every hierarchy with inotify, through `Deno.watchFs`.
 *
 * What it hears are hints. `mkdir -p a/b/c` is told as fewer creations than
 * it made directories, since b may be made before the watch on a; in a storm
 * some removals are never told; a full queue tells only that it was full. So
 * each hint leads to a look, the touched directories are listed shortly after
 * the last one, and everything on a full queue and on `reconcile()`.
 *
 * Over 300 lines, for it is one loop, with all that can wake it.
 */
export class RawWatcher implements ContainerWatcher {
  readonly #tree: CgroupTree;
  readonly #clock: Clock;
  readonly #pace: Pace;
  #watchers: Deno.FsWatcher[] = [];
  /** Hierarchies that are yet to be watched, those together that one watcher has. */
  #unwatched: string[][] = [];
  #hints: { path: string; kind: HintKind }[] = [];
  /** Since when hints wait to be followed. */
  #hintsSinceMs = Infinity;
  /** Directories whose memory events were counted. */
  #memoryEvents = new Set<string>();
  #memoryEventsDueMs = Infinity;
  #reconcile = true;
  #error: unknown;
  #closed = false;
  #activeSinceMs = Infinity;
  #lastActiveMs = Infinity;
  #stormListAtMs = 0;
  readonly #balance = new WatchBalance();
  /** Full queues: how often everything was listed for want of notifications. */
  rescans = 0;
  /** How often all watches were set up anew. */
  renewals = 0;

  constructor(tree: CgroupTree, clock: Clock) {
    this.#tree = tree;
    this.#clock = clock;
    this.#pace = new Pace(clock);
  }

  /** @inheritdoc */
  get state(): SourceState {
    const { failure, paths, directories } = this.#tree;
    return {
      name: "cgroups",
      state: failure === undefined ? "ok" : "degraded",
      detail: failure ??
        `inotify on ${paths.length} hierarchies, ${directories} directories`,
    };
  }

  /** @inheritdoc */
  get counters(): WatchCounters {
    return {
      directories: this.#tree.directories,
      rescans: { overflow: this.rescans, renewal: this.renewals },
    };
  }

  /** @inheritdoc */
  async *changes(): AsyncGenerator<readonly ContainerChange[]> {
    this.#unwatched = this.#watcherPaths;
    this.#watchNext();
    try {
      while (!this.#closed) {
        if (this.#error !== undefined) throw this.#error;
        this.#takeHints();
        const counted = this.#takeMemoryEvents();
        if (counted.length > 0) yield counted;
        if (this.#reconcile) {
          this.#reconcile = false;
          yield* this.#walk(this.#tree.reconcile());
        } else if (this.#lateMs >= 0) {
          yield* this.#walk(this.#tree.settle());
        }
        const changes = this.#take();
        if (changes.length > 0) yield changes;
        else if (this.#unwatched.length > 0) {
          this.#watchNext();
          await this.#pace.rest();
        } else if (this.#clock.monotonic() >= this.#countAt) {
          this.#checkWatches();
        } else await this.#pace.until(this.#dueIn());
      }
    } finally {
      this.close();
    }
  }

  /** @inheritdoc */
  check(name: CgroupName): void {
    this.#tree.check(name);
    this.#pace.wake();
  }

  /** @inheritdoc */
  reconcile(): void {
    this.#reconcile = true;
    this.#pace.wake();
  }

  /** @inheritdoc */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Between two slices of a listing nothing looks at `#closed` before the next is watched.
    this.#unwatched = [];
    this.#unwatch();
    this.#pace.wake();
  }

  get #watcherPaths(): string[][] {
    const { paths } = this.#tree;
    return TELLS_ALL ? [paths] : paths.map((path) => [path]);
  }

  /**
   * Watches one hierarchy more. With 1,000 directories that takes 90 ms, for
   * which others wait: so what there is is listed, and told, after the first.
   * What the others missed meanwhile is listed in the end.
   */
  #watchNext(): void {
    const paths = this.#unwatched.shift();
    if (paths === undefined) return;
    const watcher = Deno.watchFs(paths, { recursive: true });
    this.#watchers.push(watcher);
    this.#listen(watcher);
    if (this.#unwatched.length === 0) this.reconcile();
  }

  #unwatch(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  /** Counts the watches, and sets all of them up anew where they are not as they should be. */
  async #checkWatches(): Promise<void> {
    const isQuiet = this.#clock.monotonic() >= this.#lastActiveMs + QUIET_MS;
    this.#activeSinceMs = Infinity;
    this.#lastActiveMs = Infinity;
    const isAmiss = await this.#balance.isAmiss(
      () => this.#tree.directories,
      // Whatever was heard meanwhile moves the numbers; they will be counted again.
      () => isQuiet && this.#lastActiveMs === Infinity,
    );
    if (isAmiss && !this.#closed) this.#renew();
  }

  #renew(): void {
    this.renewals++;
    this.#unwatch();
    this.#unwatched = this.#watcherPaths;
    // The old watches go in their own time: they are counted once more when it is quiet.
    this.#noteActivity();
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const event of watcher) this.#hear(event);
    } catch (error) {
      if (this.#watchers.includes(watcher)) this.#error = error;
    }
    this.#pace.wake();
  }

  #hear(event: Deno.FsEvent): void {
    if (event.flag === "rescan") {
      this.rescans++;
      this.#reconcile = true;
    } else {
      if (event.kind === "modify") return this.#hearModify(event.paths);
      const kind = HINT_KINDS[event.kind];
      if (kind === undefined) return;
      if (this.#hints.length === 0) {
        this.#hintsSinceMs = this.#clock.monotonic();
      }
      for (const path of event.paths) this.#hints.push({ path, kind });
      if (this.#hints.length > MAX_HINTS) {
        this.rescans++;
        this.#hints = [];
        this.#hintsSinceMs = Infinity;
        this.#reconcile = true;
      }
    }
    this.#pace.wake();
  }

  #hearModify(paths: readonly string[]): void {
    for (const path of paths) {
      const file = MEMORY_EVENTS_REGEXP.exec(path);
      if (file === null) continue;
      this.#memoryEvents.add(path.slice(0, file.index));
      if (this.#memoryEventsDueMs < Infinity) continue;
      this.#memoryEventsDueMs = this.#clock.monotonic() + MEMORY_EVENTS_MS;
      this.#pace.wake();
    }
  }

  #takeMemoryEvents(): ContainerChange[] {
    if (this.#clock.monotonic() < this.#memoryEventsDueMs) return [];
    const changes: ContainerChange[] = [];
    for (const path of this.#memoryEvents) {
      const name = this.#tree.nameOf(path);
      if (name !== undefined) changes.push({ type: "memoryEvents", name });
    }
    this.#memoryEvents.clear();
    this.#memoryEventsDueMs = Infinity;
    return changes;
  }

  /** The changes so far; what listing finds counts as activity, for notifications may lag behind. */
  #take(): ContainerChange[] {
    const changes = this.#tree.take();
    if (changes.length > 0) this.#noteActivity();
    return changes;
  }

  #noteActivity(): void {
    this.#lastActiveMs = this.#clock.monotonic();
    this.#activeSinceMs = Math.min(this.#activeSinceMs, this.#lastActiveMs);
    const nowMs = this.#lastActiveMs;
    if (nowMs < this.#activeSinceMs + STORM_MS || nowMs < this.#stormListAtMs) {
      return;
    }
    const listings = this.#tree.touchParents() * this.#tree.paths.length;
    this.#stormListAtMs = nowMs +
      Math.max(STORM_LIST_MS, listings * STORM_LIST_COST_MS);
  }

  /** Follows hints for one slice of time. */
  #takeHints(): void {
    if (this.#hints.length === 0) return;
    this.#beginSlice();
    let done = 0;
    for (const { path, kind } of this.#hints) {
      this.#tree.hint(path, kind);
      done++;
      if (this.#pace.spent) break;
    }
    this.#hints = this.#hints.slice(done);
    if (this.#hints.length === 0) this.#hintsSinceMs = Infinity;
    this.#noteActivity();
  }

  /** Walks in slices of time, passing on what was found, following hints between. */
  async *#walk(steps: Generator<void>): AsyncGenerator<ContainerChange[]> {
    this.#beginSlice();
    for (const _ of steps) {
      if (!this.#pace.spent) continue;
      const changes = this.#take();
      if (changes.length > 0) yield changes;
      await this.#pace.rest();
      if (this.#closed) return;
      this.#takeHints();
      this.#beginSlice();
    }
  }

  #beginSlice(): void {
    const nowMs = this.#clock.monotonic();
    const lateMs = nowMs - Math.min(this.#tree.dueMs, this.#hintsSinceMs);
    this.#pace.begin(Math.min(lateMs * SLICE_SHARE, MAX_SLICE_MS));
  }

  /** How long the tree has waited to be settled; negative before it is due. */
  get #lateMs(): number {
    return this.#clock.monotonic() - this.#tree.dueMs;
  }

  /** When the watches are to be counted. */
  get #countAt(): number {
    return Math.min(
      this.#lastActiveMs + QUIET_MS,
      this.#activeSinceMs + NEVER_QUIET_MS,
    );
  }

  #dueIn(): number {
    if (this.#hints.length > 0 || this.#reconcile) return 0;
    if (this.#unwatched.length > 0) return 0;
    if (this.#error !== undefined || this.#closed) return 0;
    const dueMs = Math.min(this.#countAt, this.#memoryEventsDueMs);
    return Math.max(
      0,
      Math.min(-this.#lateMs, dueMs - this.#clock.monotonic()),
    );
  }
}
