import { dirname } from "@std/path";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import type { FsStats } from "../model/filesystem.ts";
import type { DirectoryUsage } from "../filesystems/directory_usage.ts";
import type { Filesystems } from "../filesystems/filesystems.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { parseMountinfo } from "../kernfs/proc/mountinfo.ts";

export interface ContainerDiskUsageOptions {
  readonly fs: HostFs;
  readonly usage: Pick<DirectoryUsage, "sizeOf" | "forget" | "after">;
  readonly filesystems: Pick<Filesystems, "ofDirectory">;
}

/** At most one per minute. */
const MAX_READINGS = 4;

type Reading = FsStats & { readonly timestampMs: number };

/**
 * A container's writable layer and logs, counted when it starts and on request.
 * For every runtime, the layer is the upper directory of the root's overlay.
 */
export class ContainerDiskUsage {
  readonly #options: ContainerDiskUsageOptions;
  readonly #directories = new Set<string>();
  /** Oldest first. */
  readonly #readings: Reading[] = [];
  #layer:
    | { readonly pid: number; readonly path: string | undefined }
    | undefined;
  #where: Pick<FsStats, "device" | "capacityBytes"> = {};
  #isPlaced = false;

  constructor(options: ContainerDiskUsageOptions) {
    this.#options = options;
  }

  /** The last count before a time, or the first ever; absent if no longer kept. */
  at(
    timestampMs: number,
    pid: number | undefined,
    metadata: ContainerMetadata | undefined,
  ): readonly FsStats[] | undefined {
    this.#count(this.#layerOf(pid), logsOf(metadata));
    const isComplete = this.#readings.length < MAX_READINGS;
    const reading =
      this.#readings.findLast((one) => one.timestampMs <= timestampMs) ??
        (isComplete ? this.#readings[0] : undefined);
    return reading && [{ ...reading, ...this.#where }];
  }

  /** Starts the first count; returns whether it ended, or is not needed. */
  isCounted(pid: number, metadata: ContainerMetadata | undefined): boolean {
    const layer = this.#layerOf(pid);
    this.#count(layer, logsOf(metadata));
    return layer === undefined || this.#readings.length > 0;
  }

  close(): void {
    for (const path of this.#directories) this.#options.usage.forget(path);
    this.#directories.clear();
  }

  #count(layer: string | undefined, logs: string | undefined): void {
    if (layer === undefined) return;
    const base = this.#sizeOf(layer);
    const log = logs === undefined ? undefined : this.#sizeOf(logs);
    if (base === undefined || (logs !== undefined && log === undefined)) return;
    const { timestampMs, bytes, inodes } = base;
    if (this.#readings.at(-1)?.timestampMs === timestampMs) return;
    this.#readings.push({
      timestampMs,
      type: "vfs",
      usageBytes: bytes + (log?.bytes ?? 0),
      baseUsageBytes: bytes,
      inodes,
    });
    if (this.#readings.length > MAX_READINGS) this.#readings.shift();
  }

  #sizeOf(path: string): ReturnType<DirectoryUsage["sizeOf"]> {
    this.#directories.add(path);
    return this.#options.usage.sizeOf(path);
  }

  /**
   * Returns the upper directory of a process's root:
   *
   * ```text
   * 133 102 0:37 / / rw,relatime - overlay overlay rw,lowerdir=…,upperdir=/var/lib/docker/overlay2/8500…/diff,workdir=…
   * ```
   */
  #layerOf(pid: number | undefined): string | undefined {
    if (pid === undefined || pid === this.#layer?.pid) return this.#layer?.path;
    const text = this.#options.fs.readText(`/proc/${pid}/mountinfo`) ?? "";
    const root = parseMountinfo(text).findLast(({ mountPoint }) =>
      mountPoint === "/"
    );
    const upper = root?.fsType === "overlay"
      ? root.superOptions.find((option) => option.startsWith("upperdir=/"))
      : undefined;
    const path = upper?.slice("upperdir=".length);
    this.#layer = { pid, path };
    if (path !== undefined && !this.#isPlaced) this.#place(path);
    return path;
  }

  /** Determines the layer's file system before counting. */
  #place(path: string): void {
    this.#isPlaced = true;
    const { usage, filesystems } = this.#options;
    const placed = filesystems.ofDirectory(path).then(
      ({ device, capacityBytes }) => {
        this.#where = capacityBytes === undefined
          ? { device }
          : { device, capacityBytes };
      },
      () => {
        // Unknown; the size is still reported.
      },
    );
    usage.after(placed);
  }
}

/** Docker rotates logs in a directory per container, which cAdvisor counts. */
function logsOf(metadata: ContainerMetadata | undefined): string | undefined {
  if (metadata?.logPath === undefined) return undefined;
  return metadata.runtime === "docker"
    ? dirname(metadata.logPath)
    : metadata.logPath;
}
