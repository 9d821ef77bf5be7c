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

/** What a pod has on disk besides its containers. */
export interface FilesOfPod {
  readonly volumes: readonly PodVolume[];
  /** Single files: its `/etc/hosts`, and logs that are of no container. */
  readonly files: readonly string[];
}

/** Where the files of a pod are. */
export interface PodPlaces {
  /** `/var/lib/kubelet/pods/<uid>` */
  readonly directory: string;
  /** `/var/log/pods/<namespace>_<name>_<uid>`; absent where its names are not known. */
  readonly logs?: string;
}

/** What pods' files are found with. */
export interface PodFilesOptions {
  readonly files: Pick<MountedFiles, "entries" | "fileSize">;
  readonly clock: Clock;
  readonly calls: BlockingCallPool;
}

/** As often as the kubelet looks. */
const INTERVAL_MS = 60_000;
/** Files and volumes of one pod; a pod with more has none that are told. */
const MAX_ENTRIES = 1_000;

interface Entry {
  found: FilesOfPod | undefined;
  dueMs: number;
  isQueued: boolean;
}

/**
 * Finds the volumes of pods in the kubelet's directories, one pod after the
 * other, and only while someone asks for them. What is mounted there is not
 * touched.
 */
export class PodFiles {
  readonly #options: PodFilesOptions;
  readonly #entries = new Map<string, Entry>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: PodFilesOptions) {
    this.#options = options;
  }

  /** What was found last, undefined where nothing is known; a look that is due begins, and has a say later. */
  of(places: PodPlaces): FilesOfPod | undefined {
    const { directory } = places;
    let entry = this.#entries.get(directory);
    if (entry === undefined) {
      entry = { found: undefined, dueMs: -Infinity, isQueued: false };
      this.#entries.set(directory, entry);
    }
    if (!entry.isQueued && this.#options.clock.monotonic() >= entry.dueMs) {
      entry.isQueued = true;
      const due = entry;
      this.#last = this.#last.then(() => this.#run(places, due));
    }
    return entry.found;
  }

  /** Whether a pod that was asked for waits to be looked at for the first time. */
  get isBehind(): boolean {
    return this.#entries.values()
      .some(({ isQueued, found }) => isQueued && found === undefined);
  }

  /** Resolves once all that wait now have been looked at. */
  caughtUp(): Promise<void> {
    return this.#last;
  }

  /** A pod with that directory is of no interest any more. */
  forget(directory: string): void {
    this.#entries.delete(directory);
  }

  async #run(places: PodPlaces, entry: Entry): Promise<void> {
    const { clock, calls } = this.#options;
    const { directory } = places;
    if (this.#entries.get(directory) !== entry) return;
    try {
      entry.found = await calls.run(directory, () => this.#find(places));
    } catch (error) {
      // Where it cannot be looked at now, what was found last stands.
      if (isGone(error)) entry.found = undefined;
    }
    entry.dueMs = clock.monotonic() + INTERVAL_MS;
    entry.isQueued = false;
  }

  async #find({ directory, logs }: PodPlaces): Promise<FilesOfPod> {
    const own = await this.#list(directory);
    const hosts = own.filter((path) => basename(path) === "etc-hosts");
    const volumes: PodVolume[] = [];
    for (const parent of await this.#listIfThere(`${directory}/volumes`)) {
      const plugin = basename(parent);
      // The slash in the name of a plugin is written so; nothing else has one.
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

  /** Paths of all that is in a directory. */
  async #list(directory: string): Promise<string[]> {
    const paths: string[] = [];
    for await (const name of this.#options.files.entries(directory)) {
      if (paths.length === MAX_ENTRIES) {
        throw new RangeError(`"${directory}" has over ${MAX_ENTRIES} entries`);
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
