import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import type { SourceState } from "../model/source_state.ts";
import type { CgroupTree } from "./cgroup_tree.ts";
import type {
  ContainerChange,
  ContainerWatcher,
  WatchCounters,
} from "./container_watcher.ts";
import { TimeSlicer } from "../model/time_slicer.ts";

/** A container that exists for 250 ms must be seen. */
const INTERVAL_MS = 200;
/** At most a twentieth of a core. */
const REST_FACTOR = 20;

/** Lists every hierarchy periodically, without inotify. */
export class PollWatcher implements ContainerWatcher {
  readonly #tree: CgroupTree;
  readonly #clock: Clock;
  readonly #slicer: TimeSlicer;
  readonly #reason: string;
  #intervalMs = INTERVAL_MS;
  #closed = false;

  /** @param reason error of inotify */
  constructor(tree: CgroupTree, clock: Clock, reason: string) {
    this.#tree = tree;
    this.#clock = clock;
    this.#slicer = new TimeSlicer(clock);
    this.#reason = reason;
  }

  get state(): SourceState {
    const { failure, paths } = this.#tree;
    const detail = `listing ${paths.length} hierarchies every ${
      Math.round(this.#intervalMs)
    } ms, since inotify failed: ${this.#reason}${
      failure === undefined ? "" : `; ${failure}`
    }`;
    return { name: "cgroups", state: "degraded", detail };
  }

  get counters(): WatchCounters {
    return { directories: 0, rescans: {} };
  }

  async *changes(): AsyncGenerator<readonly ContainerChange[]> {
    while (!this.#closed) {
      let workMs = 0;
      let startMs = this.#clock.monotonic();
      this.#slicer.begin();
      for (const _ of this.#tree.reconcile()) {
        if (!this.#slicer.isExpired) continue;
        workMs += this.#clock.monotonic() - startMs;
        const changes = this.#tree.take();
        if (changes.length > 0) yield changes;
        await this.#slicer.yieldToEventLoop();
        if (this.#closed) return;
        startMs = this.#clock.monotonic();
      }
      workMs += this.#clock.monotonic() - startMs;
      const changes = this.#tree.take();
      if (changes.length > 0) yield changes;
      this.#intervalMs = Math.max(INTERVAL_MS, workMs * REST_FACTOR);
      await this.#slicer.waitForWake(this.#intervalMs);
    }
  }

  check(name: CgroupName): void {
    this.#tree.check(name);
    this.#slicer.wake();
  }

  reconcile(): void {
    this.#slicer.wake();
  }

  close(): void {
    this.#closed = true;
    this.#slicer.wake();
  }
}
