import { GROUP_COLUMNS, type RowBuilder } from "../../model/sample.ts";
import type { HostFs } from "../host_fs.ts";
import { cursor } from "../keyed.ts";

// Beyond one of these four limits, the sum is omitted.

/** 20 ms per sample. */
const MAX_PROCESSES = 1_000;
const MAX_DESCRIPTORS = 10_000;
const MAX_DIRECTORIES = 1_000;
/**
 * Largest `FDSize`, the capacity of a descriptor table, checked before listing:
 * Deno 2.9 reads directories whole, 850 bytes per entry.
 */
const MAX_TABLE = 16_384;

// A larger file is skipped, and what it lists is not in the sum.

/** `smaps` (before Linux 4.14) has 700 bytes per mapping. */
const MAX_SMAPS_BYTES = 4 * 1024 * 1024;
const MAX_SHORT_BYTES = 64 * 1024;
const MAX_PROCS_BYTES = 1024 * 1024;

/** A process outside the agent's PID namespace. */
const UNSEEN_PID = 0;

const SCHEDSTAT = GROUP_COLUMNS.schedstat.length;
const REFERENCED = "Referenced:";
const OPEN_FILES = "Max open files";
const BYTES_PER_KIB = 1024;

/** Reads one cgroup's metrics that exist only per process. */
export class ProcessStatsReader {
  readonly #fs: HostFs;
  readonly #proc: string;
  readonly #directories: readonly string[];
  readonly #kinds: ReadonlySet<string>;
  /** Last values by PID; `#exited` is the sum of those of exited processes. */
  #seen = new Map<number, Float64Array>();
  readonly #exited = new Float64Array(SCHEDSTAT);

  /**
   * `directories` are the cgroup's: the first existing one lists its processes.
   */
  constructor(
    fs: HostFs,
    directories: readonly string[],
    kinds: ReadonlySet<string>,
  ) {
    this.#fs = fs;
    this.#proc = fs.path("/proc");
    this.#directories = directories;
    this.#kinds = kinds;
  }

  firstPid(): number | undefined {
    if (this.#openOwnList() === undefined) return undefined;
    for (; !cursor.done; cursor.nextLine()) {
      const pid = cursor.number();
      if (pid !== UNSEEN_PID) return pid;
    }
    return undefined;
  }

  /**
   * Writes sums over the processes of the subtree (`sched`) or of the cgroup
   * itself (`descriptors`, `referenced_memory`), and the limits of `initPid`.
   */
  read(builder: RowBuilder, initPid: () => number | undefined): void {
    const kinds = this.#kinds;
    if (kinds.has("sched")) this.#readSchedstat(builder);
    if (kinds.has("descriptors")) this.#readUlimits(builder, initPid());
    if (!kinds.has("descriptors") && !kinds.has("referenced_memory")) return;
    if (this.#openOwnList() === undefined) return;
    const pids = listedPids(MAX_PROCESSES);
    if (pids === undefined) return;
    if (kinds.has("descriptors")) this.#readDescriptors(builder, pids);
    if (kinds.has("referenced_memory")) this.#readReferenced(builder, pids);
  }

  /**
   * Sums `/proc/<pid>/schedstat` over the subtree: nanoseconds on a CPU and
   * waiting for one, and time slices:
   *
   * ```text
   * 73900 59199 2
   * ```
   */
  #readSchedstat(builder: RowBuilder): void {
    const pids = this.#pidsOfSubtree();
    if (pids === undefined) return;
    const seen = new Map<number, Float64Array>();
    for (const pid of pids) {
      const path = `${this.#proc}/${pid}/schedstat`;
      const length = this.#fs.readOnce(path, MAX_SHORT_BYTES);
      if (length < 0) continue;
      const times = new Float64Array(SCHEDSTAT);
      cursor.reset(this.#fs.bytes, length, path);
      for (let column = 0; column < SCHEDSTAT; column++) {
        times[column] = cursor.number();
        cursor.skipSpaces();
      }
      seen.set(pid, times);
    }
    // Missing for all processes without CONFIG_SCHED_INFO.
    if (pids.length > 0 && seen.size === 0 && this.#seen.size === 0) return;
    for (const [pid, times] of this.#seen) {
      const [before = 0] = times;
      const [now = -1] = seen.get(pid) ?? [];
      // Exited (−1), or decreased: the PID was reused.
      if (now < before) add(this.#exited, times);
    }
    this.#seen = seen;
    const first = builder.group("schedstat");
    if (first < 0) return;
    const sum = this.#exited.slice();
    for (const times of seen.values()) add(sum, times);
    builder.row.set(sum, first);
  }

  #readDescriptors(builder: RowBuilder, pids: readonly number[]): void {
    let descriptors = 0;
    let sockets = 0;
    for (const pid of pids) {
      const directory = `${this.#proc}/${pid}/fd`;
      if (this.#tableSize(pid) > MAX_TABLE) return;
      const names = this.#fs.names(directory) ?? [];
      descriptors += names.length;
      if (descriptors > MAX_DESCRIPTORS) return;
      for (const name of names) {
        const target = this.#fs.readLink(`${directory}/${name}`);
        if (target?.startsWith("socket:")) sockets++;
      }
    }
    const first = builder.group("descriptors");
    if (first >= 0) builder.row.set([descriptors, sockets], first);
  }

  /** `FDSize`, or 0 if the process has exited. */
  #tableSize(pid: number): number {
    const path = `${this.#proc}/${pid}/status`;
    const length = this.#fs.readOnce(path, MAX_SHORT_BYTES);
    cursor.reset(this.#fs.bytes, Math.max(0, length), path);
    for (; !cursor.done; cursor.nextLine()) {
      if (cursor.skip("FDSize:\t")) return cursor.number();
    }
    return 0;
  }

  /**
   * ```text
   * Max open files            1024                 524288               files
   * ```
   */
  #readUlimits(builder: RowBuilder, pid: number | undefined): void {
    if (pid === undefined) return;
    const path = `${this.#proc}/${pid}/limits`;
    const length = this.#fs.readOnce(path, MAX_SHORT_BYTES);
    cursor.reset(this.#fs.bytes, Math.max(0, length), path);
    for (; !cursor.done; cursor.nextLine()) {
      if (!cursor.skip(OPEN_FILES)) continue;
      const soft = limit();
      const hard = limit();
      const first = builder.group("ulimit", "max_open_files");
      if (first >= 0) builder.row.set([soft, hard], first);
    }
  }

  /**
   * Sums referenced memory. cAdvisor can also clear the referenced bits, by
   * writing to `/proc`.
   *
   * ```text
   * Referenced:         1234 kB
   * ```
   */
  #readReferenced(builder: RowBuilder, pids: readonly number[]): void {
    let kib = 0;
    for (const pid of pids) {
      // Since Linux 4.14.
      let path = `${this.#proc}/${pid}/smaps_rollup`;
      let length = this.#fs.readOnce(path, MAX_SHORT_BYTES);
      if (length < 0) {
        path = `${this.#proc}/${pid}/smaps`;
        length = this.#fs.readOnce(path, MAX_SMAPS_BYTES);
      }
      cursor.reset(this.#fs.bytes, Math.max(0, length), path);
      for (; !cursor.done; cursor.nextLine()) {
        if (!cursor.skip(REFERENCED)) continue;
        cursor.skipSpaces();
        kib += cursor.number();
      }
    }
    const first = builder.group("referencedMemory");
    if (first >= 0) builder.row[first] = kib * BYTES_PER_KIB;
  }

  /** Moves to the start of the cgroup's list. */
  #openOwnList(): string | undefined {
    return this.#directories.find((directory) => this.#openList(directory));
  }

  /** Moves to the start of a list, if it exists. */
  #openList(directory: string): boolean {
    const path = `${directory}/cgroup.procs`;
    const length = this.#fs.readOnce(path, MAX_PROCS_BYTES);
    if (length < 0) return false;
    cursor.reset(this.#fs.bytes, length, path);
    return true;
  }

  /** `undefined` above a limit. */
  #pidsOfSubtree(): number[] | undefined {
    const own = this.#openOwnList();
    if (own === undefined) return undefined;
    const directories = [own];
    const all: number[] = [];
    for (const directory of directories) {
      if (!this.#openList(directory)) continue;
      const pids = listedPids(MAX_PROCESSES - all.length);
      if (pids === undefined) return undefined;
      all.push(...pids);
      for (const name of this.#fs.subdirectories(directory)) {
        directories.push(`${directory}/${name}`);
      }
      if (directories.length > MAX_DIRECTORIES) return undefined;
    }
    return all;
  }
}

/** `undefined` above `max`. */
function listedPids(max: number): number[] | undefined {
  const pids: number[] = [];
  for (; !cursor.done; cursor.nextLine()) {
    const pid = cursor.number();
    if (pid !== UNSEEN_PID) pids.push(pid);
    if (pids.length > max) return undefined;
  }
  return pids;
}

function add(sum: Float64Array, times: Float64Array): void {
  for (const [index, time] of times.entries()) {
    sum[index] = (sum[index] ?? 0) + time;
  }
}

function limit(): number {
  cursor.skipSpaces();
  return cursor.skip("unlimited") ? Infinity : cursor.number();
}
