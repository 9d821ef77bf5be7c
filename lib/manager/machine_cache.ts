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

/** What a {@linkcode MachineCache} stands on. */
export interface MachineCacheOptions {
  readonly fs: HostFs;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly filesystems: Filesystems;
  /** The first that can be read has the machine's id. */
  readonly machineIdFiles: readonly string[];
  readonly bootId: string;
  readonly version: string;
}

const MACHINE_INTERVAL_MS = 5 * 60_000;
/** As often as the kubelet decides whom to evict. */
const FILESYSTEMS_INTERVAL_MS = 10_000;

/** Keeps what is known of the machine, and reads it anew from time to time. */
export class MachineCache {
  readonly #options: MachineCacheOptions;
  #facts: MachineAttributes | undefined;
  #cancelFacts: () => void = () => {};
  #cancelFilesystems: () => void = () => {};
  #isStopped = false;

  constructor(options: MachineCacheOptions) {
    this.#options = options;
  }

  /** The file systems, read anew every 10 s. */
  get filesystems(): Filesystems {
    return this.#options.filesystems;
  }

  /** Begins to read; resolves once the file systems have been read, within some seconds. */
  start(): Promise<void> {
    this.#scheduleFacts();
    return this.#beatFilesystems();
  }

  /** Reads no more; what is known can still be asked for. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelFacts();
    this.#cancelFilesystems();
  }

  /** Facts of the machine, some five minutes old at most, and its file systems, some ten seconds. */
  machineInfo(): MachineInfo {
    this.#facts ??= this.#readAtOnce();
    return { ...this.#facts, filesystems: this.#options.filesystems.latest };
  }

  /** Versions of the kernel, the operating system and this program. */
  versionInfo(): VersionInfo {
    const { fs, version } = this.#options;
    return { ...readVersions(fs), version };
  }

  /** The file system of the kubelet's files, or of `/` where there is no kubelet. */
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

  #readAtOnce(): MachineAttributes {
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

  #scheduleFacts(): void {
    this.#cancelFacts = this.#options.clock.schedule(
      MACHINE_INTERVAL_MS,
      async () => {
        try {
          this.#facts = await this.#readInSlices();
        } catch (error) {
          this.#complain("Cannot read the machine, trying again", error);
        }
        if (!this.#isStopped) this.#scheduleFacts();
      },
    );
  }

  async #beatFilesystems(): Promise<void> {
    const { filesystems, clock } = this.#options;
    try {
      await filesystems.refresh();
    } catch (error) {
      this.#complain("Cannot read the file systems, trying again", error);
    }
    if (this.#isStopped) return;
    this.#cancelFilesystems = clock.schedule(
      FILESYSTEMS_INTERVAL_MS,
      () => this.#beatFilesystems(),
    );
  }

  #complain(what: string, error: unknown): void {
    this.#options.logger.warn(what, { error: messageOf(error) });
  }
}
