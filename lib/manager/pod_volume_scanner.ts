import { basename } from "@std/path";
import type { Clock } from "../model/clock.ts";
import { isGone } from "../model/errors.ts";
import type { MountedFiles } from "../filesystems/mounted_files.ts";
import type { BlockingCallPool } from "../filesystems/blocking_call_pool.ts";

/** A volume in the kubelet's directories. */
export interface PodVolume {
  /** Such as `kubernetes.io~empty-dir`. */
  readonly plugin: string;
  readonly name: string;
  readonly path: string;
}

/** Volumes, and files outside volumes and containers. */
export interface PodVolumes {
  readonly volumes: readonly PodVolume[];
  /** The pod's `/etc/hosts`, and log files outside containers' directories. */
  readonly files: readonly string[];
}

/** Directories of a pod. */
export interface PodDirectories {
  /** Such as `/var/lib/kubelet/pods/<uid>`. */
  readonly directory: string;
  /** `/var/log/pods/<namespace>_<name>_<uid>`; absent if a part is unknown. */
  readonly logs?: string;
}

/** Dependencies. */
export interface PodVolumeScannerOptions {
  readonly files: Pick<MountedFiles, "entries" | "lstat">;
  readonly clock: Clock;
  readonly calls: BlockingCallPool;
}

/** Minimum interval between scans of a pod, as in the kubelet. */
const INTERVAL_MS = 60_000;
/** Maximum number of entries; larger directories fail the scan. */
const MAX_ENTRIES = 1_000;

interface ScannedPod {
  found: PodVolumes | undefined;
  /** Monotonic. */
  dueMs: number;
  isQueued: boolean;
}

/** Finds pod volumes on request, one pod at a time, without accessing mounts. */
export class PodVolumeScanner {
  readonly #options: PodVolumeScannerOptions;
  readonly #pods = new Map<string, ScannedPod>();
  #queue: Promise<void> = Promise.resolve();

  constructor(options: PodVolumeScannerOptions) {
    this.#options = options;
  }

  /** Returns the last result, if any, and queues a scan if due. */
  volumesOf(directories: PodDirectories): PodVolumes | undefined {
    const { directory } = directories;
    let pod = this.#pods.get(directory);
    if (pod === undefined) {
      pod = { found: undefined, dueMs: -Infinity, isQueued: false };
      this.#pods.set(directory, pod);
    }
    if (!pod.isQueued && this.#options.clock.monotonic() >= pod.dueMs) {
      pod.isQueued = true;
      const due = pod;
      this.#queue = this.#queue.then(() => this.#run(directories, due));
    }
    return pod.found;
  }

  /** Whether a pod without a result waits for a scan. */
  get isBehind(): boolean {
    return this.#pods.values()
      .some(({ isQueued, found }) => isQueued && found === undefined);
  }

  /** Resolves after all queued scans. */
  caughtUp(): Promise<void> {
    return this.#queue;
  }

  /** `directory` is {@linkcode PodDirectories.directory}. */
  forget(directory: string): void {
    this.#pods.delete(directory);
  }

  async #run(directories: PodDirectories, pod: ScannedPod): Promise<void> {
    const { clock, calls } = this.#options;
    const { directory } = directories;
    if (this.#pods.get(directory) !== pod) return;
    try {
      pod.found = await calls.run(directory, () => this.#find(directories));
    } catch (error) {
      // Other errors keep the last result.
      if (isGone(error)) pod.found = undefined;
    }
    pod.dueMs = clock.monotonic() + INTERVAL_MS;
    pod.isQueued = false;
  }

  async #find({ directory, logs }: PodDirectories): Promise<PodVolumes> {
    const paths = await this.#list(directory);
    const hostsFiles = paths.filter((path) => basename(path) === "etc-hosts");
    const volumes: PodVolume[] = [];
    for (const parent of await this.#listIfExists(`${directory}/volumes`)) {
      const plugin = basename(parent);
      // `~` replaces the slash in plugin names; other directories have none.
      if (!plugin.includes("~")) continue;
      for (const path of await this.#listIfExists(parent)) {
        volumes.push({ plugin, name: basename(path), path });
      }
    }
    const files = [...hostsFiles];
    const logPaths = logs === undefined ? [] : await this.#listIfExists(logs);
    for (const path of logPaths) {
      if (await this.#isFile(path)) files.push(path);
    }
    return { volumes, files };
  }

  async #listIfExists(directory: string): Promise<string[]> {
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
      return !(await this.#options.files.lstat(path)).isDirectory;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }
}
