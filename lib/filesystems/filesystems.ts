import type { Clock } from "../model/clock.ts";
import {
  CallTimeoutError,
  isGone,
  UnknownFilesystemError,
} from "../model/errors.ts";
import type { DiskCounters, FsInfo } from "../model/filesystem.ts";
import type { SourceState } from "../model/source_state.ts";
import { TimedStore } from "../model/timed_store.ts";
import { parseDiskstats } from "../kernfs/proc/diskstats.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type { FilesystemUsage, MountedFiles } from "./mounted_files.ts";
import type { Mount } from "../kernfs/proc/mountinfo.ts";
import {
  keyOf,
  mountAbove,
  type Partition,
  partitionsOf,
  readMounts,
} from "./partitions.ts";
import { deviceKey, isVisible } from "./mount_visibility.ts";
import type { BlockingCallPool } from "./blocking_call_pool.ts";

/** Image store of a runtime. */
export interface ImageStore {
  /** Label of the file system that has the store. */
  readonly label: string;
  /** Candidate directories; the first existing one is used. */
  readonly directories: readonly string[];
}

export interface FilesystemsOptions {
  readonly fs: HostFs;
  readonly files: MountedFiles;
  readonly clock: Clock;
  readonly calls: BlockingCallPool;
  /** Returns the image stores known now. */
  readonly imageStores: () => Promise<readonly ImageStore[]>;
  /**
   * Whether files are the host's; a directory tree that only looks like a host
   * has no mounts.
   */
  readonly isHost: boolean;
}

/**
 * Number of file systems read concurrently: a pass stays short if some hang,
 * and leaves threads to other calls.
 */
const CONCURRENCY = 4;
/** Maximum number of file systems; each pod may add some. */
const MAX_PARTITIONS = 4096;
/** Maximum number of mount points named in the state. */
const MAX_NAMED = 8;
/** Number of readings kept; the default number of samples of a container. */
const MAX_READINGS = 64;

/** Data of a file system that needs no call to it. */
interface Reading {
  /** Labels by file system key. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  readonly io: DiskCounters | undefined;
}

/**
 * The machine's file systems, read by each {@linkcode refresh}. If one times
 * out, or fails after an earlier success, its last values are kept and marked
 * as stale. While a call to a file system hangs, no other is started for it.
 */
export class Filesystems {
  readonly #options: FilesystemsOptions;
  #readings = newReadings();
  #readMs = -Infinity;
  #mounts: readonly Mount[] = [];
  #latest: readonly FsInfo[] = [];
  #left = 0;
  /** Mount points that show another file system than mountinfo reports. */
  #hidden: readonly string[] = [];
  #refreshing: Promise<void> | undefined;

  constructor(options: FilesystemsOptions) {
    this.#options = options;
  }

  /** Result of the last reading; empty before the first. */
  get latest(): readonly FsInfo[] {
    return this.#latest;
  }

  /** Mounts at the last reading, without hidden ones. */
  get mounts(): readonly Mount[] {
    return this.#mounts;
  }

  /**
   * Returns the last reading before a time, or the first one for earlier times.
   * Returns `undefined` before the first reading, and if the reading is no
   * longer kept.
   */
  at(timestampMs: number): readonly FsInfo[] | undefined {
    const before = this.#readings.newestFirst(timestampMs).next().value;
    if (before !== undefined) return before;
    // The first container samples are as old as the first reading.
    return this.#readings.size < MAX_READINGS
      ? this.#readings.inTimeRange()[0]
      : undefined;
  }

  /** `degraded` if a file system times out, is hidden, or exceeds the limit. */
  get state(): SourceState {
    const stale = this.#latest.filter(({ isStale }) => isStale)
      .map(({ mountPoint }) => mountPoint);
    const hidden = this.#hidden;
    const troubles = [
      ...(stale.length > 0 ? [`no response from ${named(stale)}`] : []),
      ...(hidden.length > 0
        ? [`mounted on the host and not visible here: ${named(hidden)}`]
        : []),
      ...(this.#left > 0
        ? [`${this.#left} more omitted, the limit is ${MAX_PARTITIONS}`]
        : []),
    ];
    return {
      name: "filesystems",
      state: troubles.length > 0 ? "degraded" : "ok",
      detail: troubles.join("; ") || `${this.#latest.length} mounted`,
    };
  }

  /** Reads all file systems, in bounded time. Concurrent calls share a pass. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Returns the file systems with a label, or all without one.
   *
   * @throws {UnknownFilesystemError}
   */
  withLabel(label?: string): readonly FsInfo[] {
    if (label === undefined) return this.#latest;
    const found = this.#latest.filter(({ labels }) => labels.includes(label));
    if (found.length > 0) return found;
    throw new UnknownFilesystemError(`the label "${label}"`);
  }

  /** @throws {UnknownFilesystemError} if none has the UUID */
  withUuid(uuid: string): FsInfo {
    const found = this.#latest.find((info) => info.uuid === uuid);
    if (found !== undefined) return found;
    throw new UnknownFilesystemError(`the UUID "${uuid}"`);
  }

  /**
   * Returns the file system of a directory.
   *
   * @throws {UnknownFilesystemError} if that cannot hold files
   * @throws an error for which `isGone()` is true if the directory does not
   * exist
   */
  async ofDirectory(path: string): Promise<FsInfo> {
    const key = await this.#keyOf(path);
    const find = () => this.#latest.find((info) => keyOf(info) === key);
    // It may have been mounted since the last reading.
    if (key !== undefined && find() === undefined) await this.refresh();
    const found = find();
    if (found !== undefined) return found;
    throw new UnknownFilesystemError(`"${path}"`);
  }

  async #read(): Promise<void> {
    const { fs, clock } = this.#options;
    this.#mounts = readMounts(fs);
    const all = partitionsOf(fs, this.#mounts);
    const partitions = all.slice(0, MAX_PARTITIONS)
      // Local file systems first: remote ones may hang.
      .toSorted((a, b) => Number(a.isRemote) - Number(b.isRemote));
    const disks = parseDiskstats(fs.readText("/proc/diskstats") ?? "");
    const labels = await this.#labels();
    const infos: FsInfo[] = [];
    const hidden: string[] = [];
    for (let i = 0; i < partitions.length; i += CONCURRENCY) {
      const some = partitions.slice(i, i + CONCURRENCY);
      const read = some.map((partition) =>
        this.#readOne(partition, {
          labels,
          io: disks.get(partition.disk),
        })
      );
      for (const info of await Promise.all(read)) {
        if (typeof info === "string") hidden.push(info);
        else if (info !== undefined) infos.push(info);
      }
    }
    this.#hidden = hidden;
    this.#left = all.length - Math.min(all.length, MAX_PARTITIONS);
    this.#latest = infos;
    const nowMs = clock.now();
    // The clock was set back: entries later than now would displace new ones.
    if (nowMs < this.#readMs) this.#readings = newReadings();
    this.#readMs = nowMs;
    this.#readings.add(nowMs, infos);
  }

  /**
   * Returns `undefined` if the file system is unmounted, must not be read, or
   * has no capacity; returns its mount point if that shows another file system.
   */
  async #readOne(
    partition: Partition,
    { labels, io }: Reading,
  ): Promise<FsInfo | string | undefined> {
    const { files, clock, calls, isHost } = this.#options;
    const { key, disk: _, isRemote, fsType: __, isOfRuntime, ...place } =
      partition;
    const identity = {
      ...place,
      labels: labels.get(key) ?? [],
      ...(io !== undefined && { io }),
    };
    try {
      const usage = await calls.run(
        key,
        async () =>
          !isHost || await isVisible(files, partition, this.#mounts)
            ? await files.usage(place.mountPoint)
            : undefined,
        { isRemote },
      );
      if (usage === undefined) {
        // A file system unmounted meanwhile is not hidden, and those of
        // containers are not reported.
        return !isOfRuntime && this.#isMounted(key)
          ? place.mountPoint
          : undefined;
      }
      // Such as FUSE file systems that serve requests of other programs.
      if (usage.capacityBytes === 0 && identity.labels.length === 0) {
        return undefined;
      }
      return { ...identity, timestampMs: clock.now(), ...usageFields(usage) };
    } catch (error) {
      const before = this.#latest.find((info) => keyOf(info) === key);
      const isMissed = error instanceof CallTimeoutError ||
        before !== undefined && this.#isMounted(key);
      if (!isMissed) return undefined;
      return { ...before, ...identity, isStale: true };
    }
  }

  /** Returns the labels of each file system, by its key. */
  async #labels(): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    const add = (key: string, label: string) => {
      const labels = found.get(key);
      if (labels === undefined) found.set(key, [label]);
      else labels.push(label);
    };
    const root = mountAbove(this.#mounts, "/");
    if (root !== undefined) add(keyOf(root), "root");
    for (const { label, directories } of await this.#options.imageStores()) {
      for (const directory of directories) {
        const key = await this.#keyOf(directory).catch(() => undefined);
        if (key === undefined) continue;
        add(key, label);
        break;
      }
    }
    return found;
  }

  /**
   * Returns the key of a directory's file system: the device that `stat(2)`
   * returns, otherwise that of the mount above it. Btrfs returns device numbers that
   * are not in mountinfo, and a hung file system returns none.
   */
  async #keyOf(path: string): Promise<string | undefined> {
    const { files, calls } = this.#options;
    const above = mountAbove(this.#mounts, path);
    const key = above && keyOf(above);
    try {
      const { device } = await calls.run(
        key ?? path,
        () => files.fileSize(path, true),
      );
      const shown = deviceKey(device);
      return this.#isMounted(shown) ? shown : key;
    } catch (error) {
      if (isGone(error)) throw error;
      return key;
    }
  }

  #isMounted(key: string): boolean {
    return readMounts(this.#options.fs).some((mount) => keyOf(mount) === key);
  }
}

function named(mountPoints: readonly string[]): string {
  const more = mountPoints.length - MAX_NAMED;
  const names = mountPoints.slice(0, MAX_NAMED).map((path) => `"${path}"`);
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function newReadings(): TimedStore<readonly FsInfo[]> {
  return new TimedStore({ maxItems: MAX_READINGS });
}

function usageFields(usage: FilesystemUsage): Partial<FsInfo> {
  const { capacityBytes, freeBytes, availableBytes, inodes, inodesFree } =
    usage;
  return {
    capacityBytes,
    usageBytes: capacityBytes - freeBytes,
    availableBytes,
    ...(inodes > 0 && { inodes, inodesFree }),
  };
}
