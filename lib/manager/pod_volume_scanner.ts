import { basename } from "@std/path";
import type { Clock } from "../model/clock.ts";
import { isGone } from "../model/errors.ts";
import type { MountedFiles } from "../filesystems/mounted_files.ts";
import type { BlockingCallPool } from "../filesystems/blocking_call_pool.ts";

/** A volume of a pod, as the kubelet's directories name it. */
export interface PodVolume {
  /** `kubernetes.io~empty-dir` */
  readonly plugin: string;
  readonly name: string;
  readonly path: string;
}

/** Volumes and files of a pod, outside its containers. */
export interface PodVolumes {
  readonly volumes: readonly PodVolume[];
  /** Single files: its `/etc/hosts`, and logs that belong to no container. */
  readonly files: readonly string[];
}

/** Paths of the directories of a pod. */
export interface PodDirectories {
  /** `/var/lib/kubelet/pods/<uid>` */
  readonly directory: string;
  /** `/var/log/pods/<namespace>_<name>_<uid>`; absent if its names are unknown. */
  readonly logs?: string;
}

/** Dependencies of a {@linkcode PodVolumeScanner}. */
export interface PodVolumeScannerOptions {
  readonly files: Pick<MountedFiles, "entries" | "fileSize">;
  readonly clock: Clock;
  readonly calls: BlockingCallPool;
}

/** Interval of the kubelet's scan. */
const INTERVAL_MS = 60_000;
/** Maximum number of entries of a directory; a scan of a pod with more fails. */
const MAX_ENTRIES = 1_000;

interface Entry {
  found: PodVolumes | undefined;
  dueMs: number;
  isQueued: boolean;
}

/**
 * Finds the volumes of pods in the kubelet's directories, one pod after the
 * other, and only while they are requested. Mounted volumes are not accessed.
 */
export class PodVolumeScanner {
  readonly #options: PodVolumeScannerOptions;
  readonly #entries = new Map<string, Entry>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: PodVolumeScannerOptions) {
    this.#options = options;
  }

  /**
   * Returns the last result, `undefined` if there is none; starts a scan that
   * is due, whose result a later call returns.
   */
  of(directories: PodDirectories): PodVolumes | undefined {
    const { directory } = directories;
    let entry = this.#entries.get(directory);
    if (entry === undefined) {
      entry = { found: undefined, dueMs: -Infinity, isQueued: false };
      this.#entries.set(directory, entry);
    }
    if (!entry.isQueued && this.#options.clock.monotonic() >= entry.dueMs) {
      entry.isQueued = true;
      const due = entry;
      this.#last = this.#last.then(() => this.#run(directories, due));
    }
    return entry.found;
  }

  /** Whether a requested pod waits for its first scan. */
  get isBehind(): boolean {
    return this.#entries.values()
      .some(({ isQueued, found }) => isQueued && found === undefined);
  }

  /** Resolves once all queued scans are complete. */
  caughtUp(): Promise<void> {
    return this.#last;
  }

  forget(directory: string): void {
    this.#entries.delete(directory);
  }

  async #run(directories: PodDirectories, entry: Entry): Promise<void> {
    const { clock, calls } = this.#options;
    const { directory } = directories;
    if (this.#entries.get(directory) !== entry) return;
    try {
      entry.found = await calls.run(directory, () => this.#find(directories));
    } catch (error) {
      // If it cannot be read now, the last result stays valid.
      if (isGone(error)) entry.found = undefined;
    }
    entry.dueMs = clock.monotonic() + INTERVAL_MS;
    entry.isQueued = false;
  }

  async #find({ directory, logs }: PodDirectories): Promise<PodVolumes> {
    const own = await this.#list(directory);
    const hosts = own.filter((path) => basename(path) === "etc-hosts");
    const volumes: PodVolume[] = [];
    for (const parent of await this.#listIfThere(`${directory}/volumes`)) {
      const plugin = basename(parent);
      // `~` replaces the slash in the name of a plugin; other directories have
      // none.
      if (!plugin.includes("~")) continue;
      for (const path of await this.#listIfThere(parent)) {
        volumes.push({ plugin, name: basename(path), path });
      }
    }
    const files = [...hosts];
    const logged = logs === undefined ? [] : await this.#listIfThere(logs);
    for (const path of logged) {
      if (await this.#isFile(path)) files.push(path);
    }
    return { volumes, files };
  }

  async #listIfThere(directory: string): Promise<string[]> {
    try {
      return await this.#list(directory);
    } catch (error) {
      if (isGone(error)) return [];
      throw error;
    }
  }

  async #list(directory: string): Promise<string[]> {
    const paths: string[] = [];
    for await (const name of this.#options.files.entries(directory)) {
      if (paths.length === MAX_ENTRIES) {
        throw new RangeError(
          `Cannot list "${directory}": over ${MAX_ENTRIES} entries`,
        );
      }
      paths.push(`${directory}/${name}`);
    }
    return paths;
  }

  async #isFile(path: string): Promise<boolean> {
    try {
      return !(await this.#options.files.fileSize(path)).isDirectory;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }
}
