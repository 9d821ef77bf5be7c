import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerReference, ContainerSpec } from "../model/container.ts";
import type { FsStats } from "../model/filesystem.ts";
import type { RowBuilder } from "../model/sample.ts";
import type { OomKillCount } from "../kernfs/cgroup/oom_kill_file.ts";

/** What became of a {@linkcode ContainerHandler.sample}. */
export interface SampleResult {
  /** The first file that could not be read as it should; the rest was read. */
  readonly error?: unknown;
  /** A file said that its cgroup is no more, or none of its files is there. */
  readonly gone: boolean;
}

/** How often one cgroup, not one below, met its own limits of memory. */
export interface MemoryLimitHits {
  /** It was throttled since it was over `memory.high`. */
  readonly high: number;
  /** It was about to go over `memory.max`. */
  readonly max: number;
}

/** Reads one container. */
export interface ContainerHandler {
  readonly reference: ContainerReference;
  /** Its limits, read anew. */
  spec(): ContainerSpec;
  /** Whether its input and output are collected. */
  readonly collectsDiskIo: boolean;
  /** The path of the block device of that number (`8:0`); undefined where there is none. */
  deviceName(device: string): string | undefined;
  /** The row that {@linkcode sample} fills. */
  readonly builder: RowBuilder;
  /**
   * Whether a container that came so long ago has all that is measured of it:
   * runtimes make it in one hierarchy after the other, and its processes last.
   */
  isWhole(ageMs: number): boolean;
  /** Measures it. */
  sample(): SampleResult;
  /** The file systems it takes space of, as they were known at a time; absent where it has none of its own. */
  filesystems?(timestampMs: number): readonly FsStats[] | undefined;
  /** Its OOM kills, read anew; undefined where the kernel does not count them, or it is gone. */
  oomKills(): OomKillCount | undefined;
  /** The inode of its memory cgroup, which a rename keeps; undefined where it is gone. */
  memoryInode(): number | undefined;
  /** How often it met its limits, read anew; undefined where it is gone, or on cgroup v1. */
  memoryLimitHits(): MemoryLimitHits | undefined;
  /** It shows in other hierarchies than before: looks for files that were not there. */
  refresh(): void;
  /** Lets go of all it holds. */
  close(): void;
}

/** Makes handlers for one kind of container. */
export interface HandlerFactory {
  readonly name: string;
  /** Whether the cgroup is of this kind. */
  canHandle(name: CgroupName): boolean;
  /** Whether one of this kind is wanted; else it is ignored. */
  accepts(name: CgroupName): boolean;
  /** Makes the handler. */
  create(name: CgroupName): ContainerHandler;
}

/** Asks its factories in their order; the first that can handle a cgroup decides. */
export class HandlerRegistry {
  readonly #factories: readonly HandlerFactory[];

  constructor(factories: readonly HandlerFactory[]) {
    this.#factories = factories;
  }

  /**
   * A handler for the cgroup; undefined where it is not wanted.
   *
   * @throws {Error} where no factory can handle it
   */
  create(name: CgroupName): ContainerHandler | undefined {
    for (const factory of this.#factories) {
      if (!factory.canHandle(name)) continue;
      return factory.accepts(name) ? factory.create(name) : undefined;
    }
    throw new Error(`Cannot handle container "${name}": no factory knows it`);
  }
}
