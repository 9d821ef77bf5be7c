import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { SourceState } from "../model/source_state.ts";
import type { CgroupTree, HintKind } from "./cgroup_tree.ts";
import type {
  ContainerChange,
  ContainerWatcher,
  WatchCounters,
} from "./container_watcher.ts";
import { TimeSlicer } from "../model/time_slicer.ts";
import { SubtreeWatcher } from "./subtree_watcher.ts";

/**
 * Maximum length of a time slice. Slices grow with the delay of the walk: a
 * container that exists for 250 ms must not be missed, even on a busy event
 * loop.
 */
const MAX_SLICE_MS = 40;
/** Slice as a fraction of the delay. */
const SLICE_SHARE = 0.5;
/** Queued notifications; beyond it, everything is listed instead. */
const MAX_HINTS = 65_536;

/**
 * Notifications without a pause of BURST_PAUSE_MS that may hide others: Deno
 * 2.6 silently drops those beyond 16 queued of a watcher.
 */
const BURST_HINTS = 16;
const BURST_PAUSE_MS = 50;
/**
 * After a burst, each directory's number of children is compared: at least
 * this long after it …
 */
const SWEEP_MS = 150;
/** … and this multiple of the last comparison's duration after its end. */
const SWEEP_REST_FACTOR = 4;

/**
 * While containers are created faster than `Deno.watchFs` watches them (0.1 to
 * 0.4 ms each), another call of it blocks: 4.5 s in a storm of 2,000. It is
 * called after this time without notifications and changes …
 */
const QUIET_MS = 100;
/** … or when a hierarchy has waited this long. */
const MAX_UNWATCHED_MS = 10_000;
/**
 * Up to this number of directories in all hierarchies, one call watches all
 * hierarchies but the first: 0.1 ms each. Beyond, each has its own call.
 */
const MAX_DIRECTORIES_TOGETHER = 4_000;

/** Interval of listing directories that cannot be watched. */
const UNWATCHED_MS = 2_000;

/** Written by the kernel (v2): one OOM causes 250 notifications. */
const MEMORY_EVENTS_REGEXP = /^memory\.events(?:\.local)?$/;
/** Ignored: the kernel writes them, or they move processes; no limit changes. */
const NO_LIMIT_REGEXP = /\.events(?:\.local)?$|^cgroup\.|^tasks$/;
/** From the first write to one change for all writes until then. */
const WRITTEN_MS = 10;

const HINT_KINDS: Readonly<Partial<Record<Deno.FsEvent["kind"], HintKind>>> = {
  create: "create",
  remove: "remove",
  rename: "rename",
};

/** Dependencies of a {@linkcode RawWatcher}. */
export interface RawWatcherOptions {
  readonly tree: CgroupTree;
  readonly clock: Clock;
}

/**
 * Watches every hierarchy with inotify, through `Deno.watchFs`.
 *
 * A notification is a hint that causes a check: `mkdir -p a/b/c` is reported as
 * fewer creations, since b may be created before a is watched; some removals
 * are never reported; a full queue reports only that it was full (`rescan`). So
 * a directory with a notification is listed again shortly after, and everything
 * after a full queue and on `reconcile()`. Each hierarchy is listed after it is
 * watched; the first listing also covers those not watched yet.
 *
 * Exceeds 300 lines: one state machine that selects the walk that is due.
 */
export class RawWatcher implements ContainerWatcher {
  readonly #tree: CgroupTree;
  readonly #clock: Clock;
  readonly #slicer: TimeSlicer;
  readonly #subtrees: SubtreeWatcher;
  /** Watched hierarchies, the first ones of the tree. */
  #watched = 0;
  #hints: { path: string; kind: HintKind }[] = [];
  #hintsSinceMs = Infinity;
  /** Notifications without a pause. */
  #burst = 0;
  /** Directories with written files. */
  readonly #written = {
    memoryEvents: new Set<string>(),
    limits: new Set<string>(),
  };
  #writtenDueMs = Infinity;
  /** Time of the last notification or change. */
  #activeMs = -Infinity;
  #lastWatchMs = -Infinity;
  #sweepDueMs = Infinity;
  #noSweepBeforeMs = 0;
  #unwatchedDueMs = Infinity;
  #reconcile = true;
  /** Whether the first listing is complete. */
  #isListed = false;
  #error: Error | undefined;
  #closed = false;
  /** Complete listings after lost notifications. */
  #rescans = 0;

  constructor({ tree, clock }: RawWatcherOptions) {
    this.#tree = tree;
    this.#clock = clock;
    this.#slicer = new TimeSlicer(clock);
    this.#subtrees = new SubtreeWatcher({
      fs: tree.fs,
      onEvent: (event) => this.#receive(event),
      onError: (error) => {
        this.#error = error;
        this.#slicer.wake();
      },
    });
  }

  get state(): SourceState {
    const { paths, directories } = this.#tree;
    const failure = this.#tree.failure ?? this.#subtrees.failure;
    return {
      name: "cgroups",
      state: failure === undefined ? "ok" : "degraded",
      detail: failure ??
        `inotify on ${paths.length} hierarchies, ${directories} directories`,
    };
  }

  get counters(): WatchCounters {
    return {
      directories: this.#tree.directories - this.#subtrees.unwatched.size,
      rescans: { overflow: this.#rescans },
    };
  }

  async *changes(): AsyncGenerator<readonly ContainerChange[]> {
    try {
      this.#watchNext();
      while (!this.#closed) {
        if (this.#error !== undefined) throw this.#error;
        this.#takeHints();
        const written = this.#takeWritten();
        if (written.length > 0) yield written;
        yield* this.#walkNext();
        const changes = this.#take();
        if (changes.length > 0) yield changes;
        else await this.#slicer.waitForWake(this.#dueIn());
      }
    } finally {
      this.close();
      await this.#subtrees.close();
    }
  }

  check(name: CgroupName): void {
    this.#tree.check(name);
    this.#slicer.wake();
  }

  reconcile(): void {
    this.#reconcile = true;
    this.#slicer.wake();
  }

  close(): void {
    this.#closed = true;
    this.#slicer.wake();
  }

  /**
   * Watches the first hierarchy, later the others, together if that does not
   * block for long: the first listing does not wait for them. Returns the
   * indexes of the hierarchies watched now.
   */
  #watchNext(): number[] {
    const isTogether = this.#watched > 0 &&
      this.#tree.directories <= MAX_DIRECTORIES_TOGETHER;
    const paths = this.#tree.paths
      .slice(this.#watched, isTogether ? undefined : this.#watched + 1);
    this.#subtrees.watch(paths);
    const watched = paths.map((_, at) => this.#watched + at);
    this.#watched += paths.length;
    this.#lastWatchMs = this.#clock.monotonic();
    this.#unwatchedDueMs = this.#subtrees.unwatched.size > 0 ? 0 : Infinity;
    return watched;
  }

  async *#walkNext(): AsyncGenerator<readonly ContainerChange[]> {
    const nowMs = this.#clock.monotonic();
    if (this.#reconcile) {
      this.#reconcile = false;
      if (this.#isQuiet) this.#retry();
      yield* this.#walk(this.#tree.reconcile());
      this.#isListed = true;
    } else if (nowMs >= this.#watchDueMs) {
      for (const at of this.#watchNext()) {
        yield* this.#walk(this.#tree.reconcile(at));
      }
      yield* this.#sweep();
      await this.#slicer.yieldToEventLoop();
    } else if (nowMs >= this.#tree.dueMs) {
      yield* this.#walk(this.#tree.settle());
    } else if (nowMs >= this.#sweepDueMs) {
      yield* this.#sweep();
    } else if (nowMs >= this.#unwatchedDueMs) {
      this.#listUnwatched();
    }
  }

  get #watchDueMs(): number {
    if (this.#watched === this.#tree.paths.length) return Infinity;
    const quietMs = this.#activeMs + QUIET_MS;
    return Math.min(quietMs, this.#lastWatchMs + MAX_UNWATCHED_MS);
  }

  get #isQuiet(): boolean {
    const isAllWatched = this.#watched === this.#tree.paths.length;
    return isAllWatched &&
      this.#clock.monotonic() >= this.#activeMs + QUIET_MS;
  }

  #retry(): void {
    this.#subtrees.retry();
    this.#unwatchedDueMs = this.#subtrees.unwatched.size > 0 ? 0 : Infinity;
  }

  #listUnwatched(): void {
    for (const path of this.#subtrees.unwatched.keys()) {
      this.#tree.listLater(path);
    }
    this.#unwatchedDueMs = this.#clock.monotonic() + UNWATCHED_MS;
  }

  async *#sweep(): AsyncGenerator<readonly ContainerChange[]> {
    const beganMs = this.#clock.monotonic();
    this.#sweepDueMs = Infinity;
    const found = yield* this.#walk(this.#tree.sweep());
    const nowMs = this.#clock.monotonic();
    this.#noSweepBeforeMs = nowMs +
      Math.max(SWEEP_MS, (nowMs - beganMs) * SWEEP_REST_FACTOR);
    // After changes, notifications lag behind; an unwatched hierarchy has none.
    if (found || this.#watched < this.#tree.paths.length) {
      this.#sweepDueMs = this.#noSweepBeforeMs;
    }
  }

  #receive({ kind, flag, paths }: Deno.FsEvent): void {
    if (flag === "rescan") this.#listAll();
    const hint = HINT_KINDS[kind];
    for (const path of paths) {
      if (kind === "modify") this.#receiveModify(path);
      else if (hint !== undefined) this.#receiveHint(path, hint);
    }
  }

  #receiveHint(path: string, kind: HintKind): void {
    this.#slicer.wake();
    const nowMs = this.#clock.monotonic();
    const isPaused = nowMs - this.#activeMs > BURST_PAUSE_MS;
    this.#burst = isPaused ? 1 : this.#burst + 1;
    this.#activeMs = nowMs;
    if (this.#burst >= BURST_HINTS && this.#sweepDueMs === Infinity) {
      this.#sweepDueMs = Math.max(nowMs + SWEEP_MS, this.#noSweepBeforeMs);
    }
    if (this.#hints.length === 0) this.#hintsSinceMs = nowMs;
    this.#hints.push({ path, kind });
    if (kind === "create") this.#tree.discover(path);
    this.#subtrees.follow(path, kind === "create");
    if (this.#hints.length <= MAX_HINTS) return;
    this.#hints = [];
    this.#hintsSinceMs = Infinity;
    this.#listAll();
  }

  #listAll(): void {
    this.#rescans++;
    this.reconcile();
  }

  #receiveModify(path: string): void {
    const at = path.lastIndexOf("/");
    const file = path.slice(at + 1);
    const { memoryEvents, limits } = this.#written;
    if (MEMORY_EVENTS_REGEXP.test(file)) memoryEvents.add(path.slice(0, at));
    else if (!NO_LIMIT_REGEXP.test(file)) limits.add(path.slice(0, at));
    else return;
    if (this.#writtenDueMs < Infinity) return;
    this.#writtenDueMs = this.#clock.monotonic() + WRITTEN_MS;
    this.#slicer.wake();
  }

  #takeWritten(): ContainerChange[] {
    if (this.#clock.monotonic() < this.#writtenDueMs) return [];
    this.#writtenDueMs = Infinity;
    const changes: ContainerChange[] = [];
    for (const type of ["memoryEvents", "limits"] as const) {
      const names = new Set<CgroupName>();
      for (const path of this.#written[type]) {
        const name = this.#tree.nameOf(path);
        if (name !== undefined) names.add(name);
      }
      this.#written[type].clear();
      for (const name of names) changes.push({ type, name });
    }
    return changes;
  }

  #take(): readonly ContainerChange[] {
    const changes = this.#tree.take();
    if (changes.length > 0 && this.#isListed) {
      this.#activeMs = this.#clock.monotonic();
    }
    return changes;
  }

  /** Handles hints for one time slice. */
  #takeHints(): void {
    if (this.#hints.length === 0) return;
    this.#beginSlice();
    let done = 0;
    for (const { path, kind } of this.#hints) {
      this.#tree.hint(path, kind);
      done++;
      if (this.#slicer.isExpired) break;
    }
    this.#hints = this.#hints.slice(done);
    if (this.#hints.length === 0) this.#hintsSinceMs = Infinity;
  }

  /** Runs a walk in time slices and handles hints in between; returns whether it found changes. */
  async *#walk(
    steps: Generator<void>,
  ): AsyncGenerator<readonly ContainerChange[], boolean> {
    let found = false;
    this.#beginSlice();
    for (const _ of steps) {
      if (!this.#slicer.isExpired) continue;
      const changes = this.#take();
      if (changes.length > 0) yield changes;
      found ||= changes.length > 0;
      await this.#slicer.yieldToEventLoop();
      if (this.#closed) return found;
      this.#takeHints();
      this.#beginSlice();
    }
    const changes = this.#take();
    if (changes.length > 0) yield changes;
    return found || changes.length > 0;
  }

  #beginSlice(): void {
    if (!this.#isListed) return this.#slicer.begin(MAX_SLICE_MS);
    const nowMs = this.#clock.monotonic();
    const lateMs = nowMs - Math.min(this.#tree.dueMs, this.#hintsSinceMs);
    this.#slicer.begin(Math.min(lateMs * SLICE_SHARE, MAX_SLICE_MS));
  }

  #dueIn(): number {
    if (this.#hints.length > 0 || this.#reconcile) return 0;
    if (this.#error !== undefined || this.#closed) return 0;
    const dueMs = Math.min(
      this.#watchDueMs,
      this.#tree.dueMs,
      this.#sweepDueMs,
      this.#unwatchedDueMs,
      this.#writtenDueMs,
    );
    return Math.max(0, dueMs - this.#clock.monotonic());
  }
}
