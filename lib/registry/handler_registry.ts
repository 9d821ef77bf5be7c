import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import type { FsStats } from "../model/filesystem.ts";
import type { RowBuilder } from "../model/sample.ts";
import type { OomKillCount } from "../kernfs/cgroup/oom_kill_file.ts";

export interface SampleResult {
  /** First error; the other files were read. */
  readonly error?: unknown;
  readonly gone: boolean;
}

/** Times that the cgroup hit its own memory limits. */
export interface MemoryLimitHits {
  /** Times throttled above `memory.high`. */
  readonly high: number;
  /** Times about to exceed `memory.max`. */
  readonly max: number;
}

export interface ContainerHandler {
  readonly reference: ContainerReference;
  /** Reads limits. */
  spec(): ContainerSpec;
  readonly collectsDiskIo: boolean;
  /** Returns a block device's path, given `8:0`. */
  deviceName(device: string): string | undefined;
  readonly builder: RowBuilder;
  /**
   * Returns whether a container of this age is complete: runtimes create its
   * cgroup in one hierarchy after another, its processes last.
   */
  isComplete(ageMs: number): boolean;
  /** Reads a sample into {@linkcode builder}. */
  sample(): SampleResult;
  /** Returns whether CPU time was used since the last sample; false if unknown. */
  hasUsedCpu(): boolean;
  /** Returns its own file systems at a time. */
  filesystems?(timestampMs: number): readonly FsStats[] | undefined;
  /** Returns `undefined` if the kernel does not count OOM kills. */
  oomKills(): OomKillCount | undefined;
  /** Inode of the memory cgroup; a rename keeps it. */
  memoryInode(): number | undefined;
  /** v2 only. */
  memoryLimitHits(): MemoryLimitHits | undefined;
  /** Retries missing files at the next sample: the cgroup is in further hierarchies. */
  refresh(): void;
  close(): void;
}

/** Creates handlers for one kind of container. */
export interface HandlerFactory {
  readonly name: string;
  canHandle(name: CgroupName): boolean;
  /** If false, the cgroup is ignored. */
  accepts(name: CgroupName): boolean;
  create(name: CgroupName): ContainerHandler;
}

/** Creates handlers with the first factory that can handle a cgroup. */
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
