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

export interface ImageStore {
  /** Label of its file system. */
  readonly label: string;
  /** The first existing one is used. */
  readonly directories: readonly string[];
}

export interface FilesystemsOptions {
  readonly fs: HostFs;
  readonly files: MountedFiles;
  readonly clock: Clock;
  readonly calls: BlockingCallPool;
  readonly imageStores: () => Promise<readonly ImageStore[]>;
  /** A directory tree that only looks like a host has no mounts. */
  readonly isHost: boolean;
}

/**
 * Number of concurrent reads: a pass stays short if some hang, and leaves
 * threads to others.
 */
const CONCURRENCY = 4;
/** Each pod may add some. */
const MAX_PARTITIONS = 4096;
const MAX_NAMED = 8;
/** Default number of samples of a container. */
const MAX_READINGS = 64;

interface Reading {
  /** Labels by file system key. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  readonly io: DiskCounters | undefined;
}

/**
 * The machine's file systems, read by {@linkcode refresh}. One that times out,
 * or fails after an earlier success, keeps its last values, marked as stale;
 * while a call to it hangs, no other is started.
 */
export class Filesystems {
  readonly #options: FilesystemsOptions;
  #readings = newReadings();
  #readMs = -Infinity;
  #mounts: readonly Mount[] = [];
  #latest: readonly FsInfo[] = [];
  #left = 0;
  /** Mount points that show another file system than mountinfo. */
  #hidden: readonly string[] = [];
  #refreshing: Promise<void> | undefined;

  constructor(options: FilesystemsOptions) {
    this.#options = options;
  }

  /** Last reading; empty before the first. */
  get latest(): readonly FsInfo[] {
    return this.#latest;
  }

  /** Mounts at the last reading. */
  get mounts(): readonly Mount[] {
    return this.#mounts;
  }

  /**
   * Returns the last reading before a time, or the first one. `undefined` if
   * the reading is no longer kept.
   */
  at(timestampMs: number): readonly FsInfo[] | undefined {
    const before = this.#readings.newestFirst(timestampMs).next().value;
    if (before !== undefined) return before;
    // The first samples are as old as the first reading.
    return this.#readings.size < MAX_READINGS
      ? this.#readings.inTimeRange()[0]
      : undefined;
  }

  /**
   * `degraded` if a file system does not respond, is hidden, or exceeds the
   * limit.
   */
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

  /** Reads all file systems in bounded time; concurrent calls share a pass. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Returns the file systems with a label, or all.
   *
   * @throws {UnknownFilesystemError} if there is none
   */
  withLabel(label?: string): readonly FsInfo[] {
    if (label === undefined) return this.#latest;
    const found = this.#latest.filter(({ labels }) => labels.includes(label));
    if (found.length > 0) return found;
    throw new UnknownFilesystemError(`the label "${label}"`);
  }

  /** @throws {UnknownFilesystemError} if there is none */
  withUuid(uuid: string): FsInfo {
    const found = this.#latest.find((info) => info.uuid === uuid);
    if (found !== undefined) return found;
    throw new UnknownFilesystemError(`the UUID "${uuid}"`);
  }

  /**
   * Returns the file system of a directory.
   *
   * @throws {UnknownFilesystemError} if it cannot hold files
   * @throws an `isGone()` error if the directory does not exist
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
      // Local ones first: remote ones may hang.
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
    // The clock was set back: readings in the future would displace new ones.
    if (nowMs < this.#readMs) this.#readings = newReadings();
    this.#readMs = nowMs;
    this.#readings.add(nowMs, infos);
  }

  /**
   * Returns `undefined` if the file system is unmounted, excluded, or has no
   * capacity; returns its mount point if that shows another one.
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
        // A file system unmounted meanwhile is not hidden; those of containers
        // are ignored.
        return !isOfRuntime && this.#isMounted(key)
          ? place.mountPoint
          : undefined;
      }
      // For example FUSE file systems that serve requests.
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
   * Returns the key of a directory's file system: from `stat(2)`, otherwise of
   * the mount above. Btrfs returns devices that are not in mountinfo, a hung
   * file system none.
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
