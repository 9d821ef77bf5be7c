import type { Clock } from "../model/clock.ts";
import { isGone, messageOf } from "../model/errors.ts";
import type { FsInfo } from "../model/filesystem.ts";
import type { Logger } from "../model/logger.ts";
import type {
  MachineAttributes,
  MachineInfo,
  VersionInfo,
} from "../model/machine.ts";
import type { Filesystems } from "../filesystems/filesystems.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { readMachine, readVersions } from "../kernfs/machine.ts";
import { TimeSlicer } from "../model/time_slicer.ts";
import { kubeletDirectory } from "./kubelet_directory.ts";

/** Dependencies. */
export interface MachineCacheOptions {
  readonly fs: HostFs;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly filesystems: Filesystems;
  /** The first readable file has the ID. */
  readonly machineIdFiles: readonly string[];
  readonly bootId: string;
  readonly version: string;
}

const MACHINE_INTERVAL_MS = 5 * 60_000;
/** The kubelet's interval of eviction decisions. */
const FILESYSTEMS_INTERVAL_MS = 10_000;

/** Caches and periodically reads the machine's attributes. */
export class MachineCache {
  readonly #options: MachineCacheOptions;
  #attributes: MachineAttributes | undefined;
  #cancelAttributes: () => void = () => {};
  #cancelFilesystems: () => void = () => {};
  #isStopped = false;

  constructor(options: MachineCacheOptions) {
    this.#options = options;
  }

  /** Read every 10 s. */
  get filesystems(): Filesystems {
    return this.#options.filesystems;
  }

  /** Resolves once the file systems have been read, within some seconds. */
  start(): Promise<void> {
    this.#scheduleAttributes();
    return this.#refreshFilesystems();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelAttributes();
    this.#cancelFilesystems();
  }

  /** Returns attributes up to 5 min old, and file systems up to 10 s old. */
  machineInfo(): MachineInfo {
    this.#attributes ??= this.#readInOneStep();
    return {
      ...this.#attributes,
      filesystems: this.#options.filesystems.latest,
    };
  }

  /** Versions of the kernel, the operating system and this program. */
  versionInfo(): VersionInfo {
    const { fs, version } = this.#options;
    return { ...readVersions(fs), version };
  }

  /** Returns the file system of the kubelet's directory, or of `/` without a kubelet. */
  async rootFsInfo(): Promise<FsInfo> {
    const { filesystems } = this.#options;
    try {
      return await filesystems.ofDirectory(
        kubeletDirectory(filesystems.mounts),
      );
    } catch (error) {
      if (!isGone(error)) throw error;
      return await filesystems.ofDirectory("/");
    }
  }

  #read(): Generator<undefined, MachineAttributes> {
    const { fs, clock, machineIdFiles, bootId } = this.#options;
    const timestampMs = clock.now();
    return readMachine(fs, { timestampMs, machineIdFiles, bootId });
  }

  #readInOneStep(): MachineAttributes {
    const steps = this.#read();
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  async #readInSlices(): Promise<MachineAttributes> {
    const slicer = new TimeSlicer(this.#options.clock);
    const steps = this.#read();
    slicer.begin();
    for (;;) {
      while (!slicer.isExpired) {
        const { done, value } = steps.next();
        if (done) return value;
      }
      await slicer.yieldToEventLoop();
    }
  }

  #scheduleAttributes(): void {
    this.#cancelAttributes = this.#options.clock.schedule(
      MACHINE_INTERVAL_MS,
      async () => {
        try {
          this.#attributes = await this.#readInSlices();
        } catch (error) {
          this.#warn("Cannot read the machine, trying again", error);
        }
        if (!this.#isStopped) this.#scheduleAttributes();
      },
    );
  }

  async #refreshFilesystems(): Promise<void> {
    const { filesystems, clock } = this.#options;
    try {
      await filesystems.refresh();
    } catch (error) {
      this.#warn("Cannot read the file systems, trying again", error);
    }
    if (this.#isStopped) return;
    this.#cancelFilesystems = clock.schedule(
      FILESYSTEMS_INTERVAL_MS,
      () => this.#refreshFilesystems(),
    );
  }

  #warn(message: string, error: unknown): void {
    this.#options.logger.warn(message, { error: messageOf(error) });
  }
}
