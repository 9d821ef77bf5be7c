import type { HostFs } from "../kernfs/host_fs.ts";
import type { CgroupView } from "../kernfs/proc/cgroup_namespace.ts";
import { readMemoryCgroup } from "../kernfs/proc/proc_cgroup.ts";
import type { CgroupName } from "../model/cgroup.ts";
import type { Clock } from "../model/clock.ts";
import { TimeSlicer } from "../model/time_slicer.ts";

/** A process with one of the given names. */
export interface NodeProgram {
  /** First 15 bytes. */
  readonly name: string;
  readonly cgroup: CgroupName;
}

const INTERVAL_MS = 60_000;
/** Maximum number of processes per name. */
const MAX_OF_A_NAME = 64;

/**
 * Finds processes by `/proc/<pid>/comm`, in short slices, at most once a minute
 * and only on request.
 */
export class NodePrograms {
  readonly #fs: HostFs;
  readonly #clock: Clock;
  readonly #view: CgroupView | undefined;
  readonly #names: ReadonlySet<string>;
  #found: Promise<readonly NodeProgram[]> | undefined;
  #readMs = -Infinity;

  constructor(
    fs: HostFs,
    options: {
      readonly clock: Clock;
      readonly names: readonly string[];
      readonly view?: CgroupView | undefined;
    },
  ) {
    this.#fs = fs;
    this.#clock = options.clock;
    this.#names = new Set(options.names);
    this.#view = options.view;
  }

  /** Returns the last listing, ordered by PID. */
  list(): Promise<readonly NodeProgram[]> {
    const nowMs = this.#clock.monotonic();
    if (this.#found === undefined || nowMs - this.#readMs >= INTERVAL_MS) {
      this.#readMs = nowMs;
      this.#found = this.#read();
    }
    return this.#found;
  }

  async #read(): Promise<readonly NodeProgram[]> {
    const fs = this.#fs;
    const pids = (fs.names(fs.path("/proc")) ?? [])
      .filter((name) => /^\d+$/.test(name)).map(Number)
      .sort((a, b) => a - b);
    const found: NodeProgram[] = [];
    const counts = new Map<string, number>();
    const slicer = new TimeSlicer(this.#clock);
    slicer.begin();
    for (const pid of pids) {
      if (slicer.isExpired) await slicer.yieldToEventLoop();
      const name = fs.readText(`/proc/${pid}/comm`)?.trimEnd();
      if (name === undefined || !this.#names.has(name)) continue;
      const count = counts.get(name) ?? 0;
      if (count >= MAX_OF_A_NAME) continue;
      counts.set(name, count + 1);
      const cgroup = readMemoryCgroup(fs, pid, this.#view);
      if (cgroup !== undefined) found.push({ name, cgroup });
    }
    return found;
  }
}
