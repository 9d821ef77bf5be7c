import type { Clock } from "../model/clock.ts";
import { HungError, isGone, UnknownFilesystemError } from "../model/errors.ts";
import type { DiskCounters, FsInfo } from "../model/filesystem.ts";
import type { SourceState } from "../model/source_state.ts";
import { TimedStore } from "../model/timed_store.ts";
import { parseDiskstats } from "../kernfs/proc/diskstats.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import type { MountedFiles, Space } from "./mounted_files.ts";
import type { Mount } from "../kernfs/proc/mountinfo.ts";
import {
  keyOf,
  mountAbove,
  type Partition,
  partitionsOf,
  readMounts,
} from "./partitions.ts";
import { deviceKey, isShown } from "./shown_mounts.ts";
import type { SlowCalls } from "./slow_calls.ts";

/** Where a runtime keeps its images. */
export interface ImageStore {
  /** What the file system is then labelled with. */
  readonly label: string;
  /** The first that is there counts. */
  readonly directories: readonly string[];
}

/** What {@linkcode Filesystems} stand on. */
export interface FilesystemsOptions {
  readonly fs: HostFs;
  readonly files: MountedFiles;
  readonly clock: Clock;
  readonly calls: SlowCalls;
  /** Where the runtimes keep images, as far as that is known now. */
  readonly imageStores: () => Promise<readonly ImageStore[]>;
  /** Whether files are the host's; a folder that only looks like a host has no mounts. */
  readonly isHost: boolean;
}

/** Asked at the same time: a pass is short even where some hang, and leaves threads to others. */
const AT_ONCE = 4;
/** File systems of one machine; each pod may bring some. */
const MAX_PARTITIONS = 4096;
/** Of those that do not answer, or are not visible. */
const MAX_NAMED = 8;
/** As many as a container tells of itself unless asked for more. */
const MAX_READINGS = 64;

/** What is known of a file system without a call to it. */
interface Reading {
  /** By the keys of file systems. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  readonly io: DiskCounters | undefined;
}

/**
 * The machine's file systems, read anew by each {@linkcode refresh}. One that
 * does not answer, or that fails after it had answered, keeps its last known
 * numbers, marked as stale. A call that hangs is waited for before the next.
 */
export class Filesystems {
  readonly #options: FilesystemsOptions;
  #readings = newReadings();
  #readMs = -Infinity;
  #mounts: readonly Mount[] = [];
  #latest: readonly FsInfo[] = [];
  #left = 0;
  /** Mount points that show another file system than theirs. */
  #hidden: readonly string[] = [];
  #refreshing: Promise<void> | undefined;

  constructor(options: FilesystemsOptions) {
    this.#options = options;
  }

  /** As they were at the last reading; none before the first. */
  get latest(): readonly FsInfo[] {
    return this.#latest;
  }

  /** What was mounted at the last reading, hidden mounts left out. */
  get mounts(): readonly Mount[] {
    return this.#mounts;
  }

  /**
   * As they were read last before a time, and at first for a time before that;
   * undefined before the first reading, and where it is not kept any more.
   */
  at(timestampMs: number): readonly FsInfo[] | undefined {
    const before = this.#readings.newestFirst(timestampMs).next().value;
    if (before !== undefined) return before;
    // The first samples of containers are as old as the first reading.
    return this.#readings.size < MAX_READINGS
      ? this.#readings.inTimeRange()[0]
      : undefined;
  }

  /** Whether all of them answer. */
  get state(): SourceState {
    const stale = this.#latest.filter(({ isStale }) => isStale)
      .map(({ mountPoint }) => mountPoint);
    const hidden = this.#hidden;
    const troubles = [
      ...(stale.length > 0 ? [`no answer from ${named(stale)}`] : []),
      ...(hidden.length > 0
        ? [`mounted on the host and not visible here: ${named(hidden)}`]
        : []),
      ...(this.#left > 0 ? [`${this.#left} more than can be told of`] : []),
    ];
    return {
      name: "filesystems",
      state: troubles.length > 0 ? "degraded" : "ok",
      detail: troubles.join("; ") || `${this.#latest.length} mounted`,
    };
  }

  /** Reads all of them, within some seconds whatever they do; a pass under way is joined. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Those with a label; all of them without one. @throws {UnknownFilesystemError} */
  labelled(label?: string): readonly FsInfo[] {
    if (label === undefined) return this.#latest;
    const found = this.#latest.filter(({ labels }) => labels.includes(label));
    if (found.length > 0) return found;
    throw new UnknownFilesystemError(`the label "${label}"`);
  }

  /** The one with a UUID. @throws {UnknownFilesystemError} */
  withUuid(uuid: string): FsInfo {
    const found = this.#latest.find((info) => info.uuid === uuid);
    if (found !== undefined) return found;
    throw new UnknownFilesystemError(`the UUID "${uuid}"`);
  }

  /**
   * The one that a directory is on.
   *
   * @throws {UnknownFilesystemError} where it is on none that can hold files
   * @throws an error that `isGone()` knows where it is not there
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
      // Those that may hang keep nobody else waiting.
      .toSorted((a, b) => Number(a.isRemote) - Number(b.isRemote));
    const disks = parseDiskstats(fs.readText("/proc/diskstats") ?? "");
    const labels = await this.#labels();
    const infos: FsInfo[] = [];
    const hidden: string[] = [];
    for (let i = 0; i < partitions.length; i += AT_ONCE) {
      const some = partitions.slice(i, i + AT_ONCE);
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
    // The clock was set back: what is later than now would push out what is new.
    if (nowMs < this.#readMs) this.#readings = newReadings();
    this.#readMs = nowMs;
    this.#readings.add(nowMs, infos);
  }

  /**
   * Undefined where it is not there any more, must not be asked, or has no
   * space at all; its mount point where that shows another file system.
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
      const space = await calls.ask(
        key,
        async () =>
          !isHost || await isShown(files, partition, this.#mounts)
            ? await files.space(place.mountPoint)
            : undefined,
        { isRemote },
      );
      if (space === undefined) {
        // What was unmounted meanwhile hides nothing, and nobody asks for what is a container's.
        return !isOfRuntime && this.#isMounted(key)
          ? place.mountPoint
          : undefined;
      }
      // Such as the file systems that programs answer requests with.
      if (space.capacityBytes === 0 && identity.labels.length === 0) {
        return undefined;
      }
      return { ...identity, timestampMs: clock.now(), ...numbersOf(space) };
    } catch (error) {
      const before = this.#latest.find((info) => keyOf(info) === key);
      const isMissed = error instanceof HungError ||
        before !== undefined && this.#isMounted(key);
      if (!isMissed) return undefined;
      return { ...before, ...identity, isStale: true };
    }
  }

  /** What each file system is used for, by its key. */
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
   * The file system that a directory is on: what `stat` says, or else the
   * mount above it. Btrfs says numbers there that are not in mountinfo, and
   * one that hangs says nothing.
   */
  async #keyOf(path: string): Promise<string | undefined> {
    const { files, calls } = this.#options;
    const above = mountAbove(this.#mounts, path);
    const key = above && keyOf(above);
    try {
      const { device } = await calls.ask(
        key ?? path,
        () => files.fileSize(path, true),
      );
      const told = deviceKey(device);
      return this.#isMounted(told) ? told : key;
    } catch (error) {
      if (isGone(error)) throw error;
      return key;
    }
  }

  /** Whether it is mounted now. */
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

function numbersOf(space: Space): Partial<FsInfo> {
  const { capacityBytes, freeBytes, availableBytes, inodes, inodesFree } =
    space;
  return {
    capacityBytes,
    usageBytes: capacityBytes - freeBytes,
    availableBytes,
    ...(inodes > 0 && { inodes, inodesFree }),
  };
}
