import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import type { FsStats } from "../model/filesystem.ts";
import type { RowBuilder } from "../model/sample.ts";
import type { OomKillCount } from "../kernfs/cgroup/oom_kill_file.ts";

export interface SampleResult {
  /** First error; all other files were read. */
  readonly error?: unknown;
  /** Whether the cgroup was removed. */
  readonly gone: boolean;
}

/** Number of times that the cgroup itself hit its memory limits. */
export interface MemoryLimitHits {
  /** Throttled for exceeding `memory.high`. */
  readonly high: number;
  /** About to exceed `memory.max`. */
  readonly max: number;
}

export interface ContainerHandler {
  readonly reference: ContainerReference;
  /** Reads limits and attributes. */
  spec(): ContainerSpec;
  readonly collectsDiskIo: boolean;
  /** Returns the path of a block device (`8:0`). */
  deviceName(device: string): string | undefined;
  readonly builder: RowBuilder;
  /**
   * Returns whether a container of this age is complete: runtimes create its
   * cgroup in one hierarchy after another, and its processes last.
   */
  isComplete(ageMs: number): boolean;
  /** Reads a sample into {@linkcode builder}. */
  sample(): SampleResult;
  /** Returns its file systems at a time; absent if it has none of its own. */
  filesystems?(timestampMs: number): readonly FsStats[] | undefined;
  /**
   * Reads the number of OOM kills, or `undefined` if the kernel does not count
   * them.
   */
  oomKills(): OomKillCount | undefined;
  /** Returns the inode of its memory cgroup, which a rename keeps. */
  memoryInode(): number | undefined;
  /** Reads the number of limit hits, on v2 only. */
  memoryLimitHits(): MemoryLimitHits | undefined;
  /**
   * Retries missing files at the next sample, after the cgroup was added to
   * further hierarchies.
   */
  refresh(): void;
  close(): void;
}

/** Creates handlers for one kind of container. */
export interface HandlerFactory {
  readonly name: string;
  /** Returns whether the factory supports the cgroup. */
  canHandle(name: CgroupName): boolean;
  /** Returns whether to handle the cgroup, or to ignore it. */
  accepts(name: CgroupName): boolean;
  create(name: CgroupName): ContainerHandler;
}

/**
 * The first factory that can handle a cgroup creates its handler, or ignores
 * it.
 */
export class HandlerRegistry {
  readonly #factories: readonly HandlerFactory[];

  constructor(factories: readonly HandlerFactory[]) {
    this.#factories = factories;
  }

  /**
   * Returns `undefined` for an ignored cgroup.
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
