import type { InotifyCalls } from "../kernfs/libc.ts";
import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { SourceState } from "../model/source_state.ts";
import type { CgroupTree, HintKind } from "./cgroup_tree.ts";
import type {
  ContainerChange,
  ContainerWatcher,
  WatchCounters,
} from "./container_watcher.ts";
import { Inotify, type InotifyEvent } from "./inotify.ts";
import { Pace } from "../model/pace.ts";

/**
 * The later it is, the longer its slices of time are, up to this many
 * milliseconds: a container that lived 250 ms must not be missed, however busy
 * the others keep the event loop.
 */
const MAX_SLICE_MS = 40;
/** The part of its lateness that a slice is long. */
const SLICE_SHARE = 0.5;
/** Notifications beyond this wait for nobody: everything is listed instead. */
const MAX_HINTS = 65_536;

/** Files of cgroup v2 that the kernel says it wrote to: one OOM is told 250 times. */
const MEMORY_EVENTS_REGEXP = /^memory\.events(?:\.local)?$/;
/** Others of the kernel's, and those that processes are moved with. */
const NO_LIMIT_REGEXP = /\.events(?:\.local)?$|^cgroup\.|^tasks$/;
/** What was written is told so long after the first time. */
const WRITTEN_MS = 10;

/** What a {@linkcode RawWatcher} stands on. */
export interface RawWatcherOptions {
  readonly tree: CgroupTree;
  readonly clock: Clock;
  /** What directories are watched by; undefined where it cannot be had. */
  readonly calls: InotifyCalls | undefined;
}

/**
 * Watches every directory of every hierarchy with inotify.
 *
 * What it hears are hints, each of which leads to a look: a directory is
 * watched first and listed then, so that what is made in it is heard of or
 * seen. Everything is listed when the kernel's queue was full and on
 * `reconcile()`.
 */
export class RawWatcher implements ContainerWatcher {
  readonly #tree: CgroupTree;
  readonly #clock: Clock;
  readonly #calls: InotifyCalls | undefined;
  readonly #pace: Pace;
  #inotify: Inotify | undefined;
  #hints: { path: string; kind: HintKind }[] = [];
  /** Since when hints wait to be followed. */
  #hintsSinceMs = Infinity;
  /** Directories with files that were written to. */
  readonly #written = {
    memoryEvents: new Set<string>(),
    limits: new Set<string>(),
  };
  #writtenDueMs = Infinity;
  #reconcile = true;
  /** Whether all that is there was listed: before, nobody has anything to ask for. */
  #isListed = false;
  #error: unknown;
  #closed = false;
  /** Full queues: how often everything was listed for want of notifications. */
  #rescans = 0;

  constructor({ tree, clock, calls }: RawWatcherOptions) {
    this.#tree = tree;
    this.#clock = clock;
    this.#calls = calls;
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
      directories: this.#inotify?.size ?? 0,
      rescans: { overflow: this.#rescans },
    };
  }

  /** @inheritdoc */
  async *changes(): AsyncGenerator<readonly ContainerChange[]> {
    const inotify = Inotify.open(this.#calls);
    this.#inotify = inotify;
    this.#tree.watches = inotify;
    const listening = this.#listen(inotify);
    try {
      while (!this.#closed) {
        const failure = this.#error ?? inotify.failure;
        if (failure !== undefined) throw failure;
        this.#takeHints();
        const written = this.#takeWritten();
        if (written.length > 0) yield written;
        if (this.#reconcile) {
          this.#reconcile = false;
          yield* this.#walk(this.#tree.reconcile());
          this.#isListed = true;
        } else if (this.#lateMs >= 0) {
          yield* this.#walk(this.#tree.settle());
        }
        const changes = this.#tree.take();
        if (changes.length > 0) yield changes;
        else await this.#pace.until(this.#dueIn());
      }
    } finally {
      this.close();
      this.#tree.watches = undefined;
      inotify.close();
      await listening;
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
    this.#closed = true;
    this.#pace.wake();
  }

  async #listen(inotify: Inotify): Promise<void> {
    try {
      for await (const events of inotify.events()) {
        for (const event of events) this.#hear(event);
        this.#pace.wake();
      }
    } catch (error) {
      this.#error = error;
    }
    this.#pace.wake();
  }

  #hear(event: InotifyEvent): void {
    if (event.kind === "overflow") return this.#listAll();
    const { kind, path } = event;
    if (kind === "modify") return this.#hearModify(path);
    if (this.#hints.length === 0) this.#hintsSinceMs = this.#clock.monotonic();
    this.#hints.push({ path, kind });
    if (kind === "create") this.#tree.discover(path);
    if (this.#hints.length <= MAX_HINTS) return;
    this.#hints = [];
    this.#hintsSinceMs = Infinity;
    this.#listAll();
  }

  /** Notifications were lost. */
  #listAll(): void {
    this.#rescans++;
    this.#reconcile = true;
  }

  #hearModify(path: string): void {
    const at = path.lastIndexOf("/");
    const file = path.slice(at + 1);
    const { memoryEvents, limits } = this.#written;
    if (MEMORY_EVENTS_REGEXP.test(file)) memoryEvents.add(path.slice(0, at));
    else if (!NO_LIMIT_REGEXP.test(file)) limits.add(path.slice(0, at));
    else return;
    if (this.#writtenDueMs < Infinity) return;
    this.#writtenDueMs = this.#clock.monotonic() + WRITTEN_MS;
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
  }

  /** Walks in slices of time, passing on what was found, following hints between. */
  async *#walk(steps: Generator<void>): AsyncGenerator<ContainerChange[]> {
    this.#beginSlice();
    for (const _ of steps) {
      if (!this.#pace.spent) continue;
      const changes = this.#tree.take();
      if (changes.length > 0) yield changes;
      await this.#pace.rest();
      if (this.#closed) return;
      this.#takeHints();
      this.#beginSlice();
    }
  }

  #beginSlice(): void {
    if (!this.#isListed) return this.#pace.begin(MAX_SLICE_MS);
    const nowMs = this.#clock.monotonic();
    const lateMs = nowMs - Math.min(this.#tree.dueMs, this.#hintsSinceMs);
    this.#pace.begin(Math.min(lateMs * SLICE_SHARE, MAX_SLICE_MS));
  }

  /** How long the tree has waited to be settled; negative before it is due. */
  get #lateMs(): number {
    return this.#clock.monotonic() - this.#tree.dueMs;
  }

  #dueIn(): number {
    if (this.#hints.length > 0 || this.#reconcile) return 0;
    if (this.#error !== undefined || this.#closed) return 0;
    const writtenMs = this.#writtenDueMs - this.#clock.monotonic();
    return Math.max(0, Math.min(-this.#lateMs, writtenMs));
  }
}
