import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import type { FsStats } from "../model/filesystem.ts";
import type { RowBuilder } from "../model/sample.ts";
import type { OomKillCount } from "../kernfs/cgroup/oom_kill_file.ts";

export interface SampleResult {
  /**
   * First error of an unreadable or invalid file; all other files were read.
   */
  readonly error?: unknown;
  /** Whether a file's cgroup was removed, or none of its files exists. */
  readonly gone: boolean;
}

/**
 * Number of times a cgroup itself, descendants excluded, hit its memory limits.
 */
export interface MemoryLimitHits {
  /** Throttled for exceeding `memory.high`. */
  readonly high: number;
  /** Usage reached `memory.max`. */
  readonly max: number;
}

export interface ContainerHandler {
  readonly reference: ContainerReference;
  /** Reads the current limits and attributes. */
  spec(): ContainerSpec;
  /** Whether disk I/O is collected. */
  readonly collectsDiskIo: boolean;
  /**
   * Returns the path of a block device (`8:0`), or `undefined` if it does not
   * exist.
   */
  deviceName(device: string): string | undefined;
  /** Row that {@linkcode sample} fills. */
  readonly builder: RowBuilder;
  /**
   * Returns whether a container of this age is complete: a runtime creates its
   * cgroup in one hierarchy after another, and its processes last.
   */
  isComplete(ageMs: number): boolean;
  /** Reads one sample into {@linkcode builder}. */
  sample(): SampleResult;
  /**
   * Returns its file systems as of a time; absent if it has none of its own.
   */
  filesystems?(timestampMs: number): readonly FsStats[] | undefined;
  /**
   * Reads the number of OOM kills; `undefined` if the kernel does not count
   * them, or the cgroup is gone.
   */
  oomKills(): OomKillCount | undefined;
  /**
   * Returns the inode of its memory cgroup, which a rename keeps, or
   * `undefined` if it is gone.
   */
  memoryInode(): number | undefined;
  /**
   * Reads the number of limit hits; `undefined` on cgroup v1, or if the cgroup
   * is gone.
   */
  memoryLimitHits(): MemoryLimitHits | undefined;
  /**
   * Lets the next sample open files that were missing, after the cgroup was
   * created in further hierarchies.
   */
  refresh(): void;
  /** Closes all files. */
  close(): void;
}

/** Creates handlers for one kind of container. */
export interface HandlerFactory {
  readonly name: string;
  /** Returns whether the cgroup is of this kind. */
  canHandle(name: CgroupName): boolean;
  /** Returns whether a cgroup of this kind is handled rather than ignored. */
  accepts(name: CgroupName): boolean;
  create(name: CgroupName): ContainerHandler;
}

/** Selects a handler: the first factory that can handle a cgroup decides. */
export class HandlerRegistry {
  readonly #factories: readonly HandlerFactory[];

  constructor(factories: readonly HandlerFactory[]) {
    this.#factories = factories;
  }

  /**
   * Creates the handler of a cgroup, or returns `undefined` if it is ignored.
   *
   * @throws {Error} if no factory can handle it
   */
  create(name: CgroupName): ContainerHandler | undefined {
    for (const factory of this.#factories) {
      if (!factory.canHandle(name)) continue;
      return factory.accepts(name) ? factory.create(name) : undefined;
    }
    throw new Error(
      `Cannot handle container "${name}": no factory supports it`,
    );
  }
}
