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
  enclosingMount,
  keyOf,
  type Partition,
  partitionsOf,
  readMounts,
} from "./partitions.ts";
import {
  deviceKey,
  hiddenDetail,
  isVisible,
  quotedList,
} from "./mount_visibility.ts";
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
  /** If false, mounts in mountinfo do not exist in this tree. */
  readonly isHost: boolean;
}

/**
 * More than one, so that a hung file system does not delay all others; few, to
 * leave threads for other files.
 */
const CONCURRENCY = 4;
/** Each volume of a pod may be one. */
const MAX_PARTITIONS = 4096;
/** The default number of samples in a v2 response. */
const MAX_READINGS = 64;

interface ReadContext {
  /** Keyed by file system. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** Counters of its disk. */
  readonly io: DiskCounters | undefined;
}

/**
 * The machine's file systems, read by {@linkcode refresh}. One that times out,
 * or fails after an earlier success, keeps its last values, marked as stale.
 */
export class Filesystems {
  readonly #options: FilesystemsOptions;
  #readings = newReadings();
  #readMs = -Infinity;
  #mounts: readonly Mount[] = [];
  #latest: readonly FsInfo[] = [];
  #omitted = 0;
  /** Mount points that show another file system than mountinfo. */
  #hidden: readonly string[] = [];
  #refreshing: Promise<void> | undefined;

  constructor(options: FilesystemsOptions) {
    this.#options = options;
  }

  /** Empty before the first reading. */
  get latest(): readonly FsInfo[] {
    return this.#latest;
  }

  /** At the last reading. */
  get mounts(): readonly Mount[] {
    return this.#mounts;
  }

  /**
   * Returns the last reading up to a time, or the first one for earlier times;
   * `undefined` if dropped.
   */
  at(timestampMs: number): readonly FsInfo[] | undefined {
    const before = this.#readings.newestFirst(timestampMs).next().value;
    if (before !== undefined) return before;
    // The first samples may be slightly older.
    return this.#readings.size < MAX_READINGS
      ? this.#readings.inTimeRange()[0]
      : undefined;
  }

  /** `degraded` if one does not respond, is hidden, or exceeds the limit. */
  get state(): SourceState {
    const stale = this.#latest.filter(({ isStale }) => isStale)
      .map(({ mountPoint }) => mountPoint);
    const hidden = this.#hidden;
    const problems = [
      ...(stale.length > 0 ? [`no response from ${quotedList(stale)}`] : []),
      ...(hidden.length > 0 ? [hiddenDetail(hidden)] : []),
      ...(this.#omitted > 0
        ? [`${this.#omitted} more omitted, the limit is ${MAX_PARTITIONS}`]
        : []),
    ];
    return {
      name: "filesystems",
      state: problems.length > 0 ? "degraded" : "ok",
      detail: problems.join("; ") || `${this.#latest.length} mounted`,
    };
  }

  /** Reads all in bounded time; concurrent calls share one pass. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** @throws {UnknownFilesystemError} if there is none */
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
   * @throws {UnknownFilesystemError} if it cannot hold files
   * @throws an `isGone()` error if the directory does not exist
   */
  async ofDirectory(path: string): Promise<FsInfo> {
    const key = await this.#keyOfDirectory(path);
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
      // Remote ones last: they may hang.
      .toSorted((a, b) => Number(a.isRemote) - Number(b.isRemote));
    const disks = parseDiskstats(fs.readText("/proc/diskstats") ?? "");
    const labels = await this.#labels();
    const infos: FsInfo[] = [];
    const hidden: string[] = [];
    for (let i = 0; i < partitions.length; i += CONCURRENCY) {
      const batch = partitions.slice(i, i + CONCURRENCY);
      const read = batch.map((partition) =>
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
    this.#omitted = all.length - Math.min(all.length, MAX_PARTITIONS);
    this.#latest = infos;
    const nowMs = clock.now();
    // The clock was set back: future readings would displace new ones.
    if (nowMs < this.#readMs) this.#readings = newReadings();
    this.#readMs = nowMs;
    this.#readings.add(nowMs, infos);
  }

  /**
   * Returns the mount point if it shows another file system; `undefined` if
   * unmounted, excluded, or without capacity.
   */
  async #readOne(
    partition: Partition,
    { labels, io }: ReadContext,
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
        // One unmounted meanwhile is not hidden. Hidden ones of containers are
        // ignored.
        return !isOfRuntime && this.#isMounted(key)
          ? place.mountPoint
          : undefined;
      }
      // FUSE file systems without files, such as lxcfs.
      if (usage.capacityBytes === 0 && identity.labels.length === 0) {
        return undefined;
      }
      return { ...identity, timestampMs: clock.now(), ...usageFields(usage) };
    } catch (error) {
      const before = this.#latest.find((info) => keyOf(info) === key);
      const hasResponded = before?.capacityBytes !== undefined;
      const isStale = error instanceof CallTimeoutError ||
        hasResponded && this.#isMounted(key);
      if (!isStale) return undefined;
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
    const root = enclosingMount(this.#mounts, "/");
    if (root !== undefined) add(keyOf(root), "root");
    for (const { label, directories } of await this.#options.imageStores()) {
      for (const directory of directories) {
        const key = await this.#keyOfDirectory(directory).catch(() =>
          undefined
        );
        if (key === undefined) continue;
        add(key, label);
        break;
      }
    }
    return found;
  }

  /**
   * Returns the key of a directory's file system: from `stat(2)`, or from the
   * enclosing mount if that hangs or, as on Btrfs, has a device that is not in
   * mountinfo.
   */
  async #keyOfDirectory(path: string): Promise<string | undefined> {
    const { files, calls } = this.#options;
    const mount = enclosingMount(this.#mounts, path);
    const key = mount && keyOf(mount);
    try {
      const { device } = await calls.run(
        key ?? path,
        () => files.stat(path),
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
