import type { FsInfo } from "../model/filesystem.ts";
import type {
  DiskUsage,
  NamedContainer,
  PodSummary,
  VolumeUsage,
} from "../model/node_summary.ts";
import type {
  Counted,
  DirectoryUsage,
} from "../filesystems/directory_usage.ts";
import type { Filesystems } from "../filesystems/filesystems.ts";
import { keyOf } from "../filesystems/partitions.ts";
import { kubeletDirectory } from "./kubelet_directory.ts";
import type {
  PodDirectories,
  PodVolume,
  PodVolumeScanner,
} from "./pod_volume_scanner.ts";

/** Dependencies. */
export interface PodDiskUsageOptions {
  readonly usage: Pick<
    DirectoryUsage,
    "sizeOf" | "isMissing" | "forget" | "isBehind" | "caughtUp"
  >;
  readonly volumeScanner: Pick<
    PodVolumeScanner,
    "volumesOf" | "forget" | "isBehind" | "caughtUp"
  >;
  readonly filesystems: Pick<Filesystems, "mounts" | "latest">;
}

/** The kubelet's directory for container output. */
const LOGS = "/var/log/pods";

/**
 * Volume plugins with directories on the kubelet's file system; volumes in
 * memory are mounts.
 */
const LOCAL_PLUGINS: ReadonlySet<string> = new Set([
  "kubernetes.io~empty-dir",
  "kubernetes.io~configmap",
  "kubernetes.io~git-repo",
]);

/** Measures layers, logs and volumes of pods. */
export class PodDiskUsage {
  readonly #options: PodDiskUsageOptions;
  #counted = new Set<string>();
  #scanned = new Set<string>();

  constructor(options: PodDiskUsageOptions) {
    this.#options = options;
  }

  /** Whether some usage of the last measured pods awaits its first count. */
  get isBehind(): boolean {
    return this.#options.usage.isBehind || this.#options.volumeScanner.isBehind;
  }

  /** Resolves after these counts. */
  async caughtUp(): Promise<void> {
    const { usage, volumeScanner } = this.#options;
    await Promise.all([usage.caughtUp(), volumeScanner.caughtUp()]);
  }

  /**
   * Adds the usage known by now. Counting continues in the background, and ends
   * for removed pods. `root` is the kubelet directory's file system.
   */
  measure(
    pods: readonly PodSummary[],
    root: FsInfo | undefined,
  ): PodSummary[] {
    const { usage, volumeScanner, filesystems } = this.#options;
    const measurement = new Measurement(this.#options, root);
    const kubelet = kubeletDirectory(filesystems.mounts);
    const summaries = pods.map((pod) => measurement.measure(pod, kubelet));
    for (const gone of this.#counted.difference(measurement.counted)) {
      usage.forget(gone);
    }
    for (const gone of this.#scanned.difference(measurement.scanned)) {
      volumeScanner.forget(gone);
    }
    this.#counted = measurement.counted;
    this.#scanned = measurement.scanned;
    return summaries;
  }
}

class Measurement {
  readonly counted = new Set<string>();
  readonly scanned = new Set<string>();
  readonly #options: PodDiskUsageOptions;
  readonly #root: FsInfo | undefined;
  readonly #byDevice = new Map<string, FsInfo>();
  readonly #byMountPoint = new Map<string, FsInfo | undefined>();

  constructor(options: PodDiskUsageOptions, root: FsInfo | undefined) {
    const { latest, mounts } = options.filesystems;
    this.#options = options;
    this.#root = root;
    const byKey = new Map<string, FsInfo>();
    for (const info of latest) {
      byKey.set(keyOf(info), info);
      this.#byDevice.set(info.device, info);
    }
    for (const mount of mounts) {
      this.#byMountPoint.set(mount.mountPoint, byKey.get(keyOf(mount)));
    }
  }

  measure(pod: PodSummary, kubelet: string): PodSummary {
    const directories = directoriesOf(pod, kubelet);
    const containers = pod.containers.map((container) =>
      this.#logged(this.#layered(container), directories?.logs)
    );
    const summary = { ...pod, containers };
    if (directories === undefined) return summary;
    this.scanned.add(directories.directory);
    const found = this.#options.volumeScanner.volumesOf(directories);
    if (found === undefined) return summary;
    const volumes = found.volumes.map((volume) => this.#volume(volume));
    const ephemeralStorage = directories.logs === undefined
      ? undefined
      : sumOf([
        ...containers.map(({ rootfs }) => rootfs),
        ...containers.map(({ name, logs }) =>
          logs ?? this.#nothing(`${directories.logs}/${name}`)
        ),
        ...found.volumes.map((volume, index) =>
          this.#isLocal(volume)
            ? volumes[index]?.used ?? this.#nothing(volume.path)
            : NOTHING
        ),
        ...found.files.map((path) => this.#count(path) ?? this.#nothing(path)),
      ], this.#root);
    return {
      ...summary,
      volumes: volumes.filter((volume) => volume !== undefined),
      ...(ephemeralStorage !== undefined && { ephemeralStorage }),
    };
  }

  #logged(container: NamedContainer, directory: string | undefined) {
    if (directory === undefined) return container;
    // As the kubelet, counts files but not their directory.
    const logs = this.#count(`${directory}/${container.name}`, "files");
    return logs === undefined ? container : { ...container, logs };
  }

  #layered(container: NamedContainer): NamedContainer {
    const [layer] = container.stats?.filesystems ?? [];
    if (
      layer?.timestampMs === undefined || layer.baseUsageBytes === undefined ||
      layer.inodes === undefined
    ) {
      return container;
    }
    const filesystem = this.#byDevice.get(layer.device ?? "");
    return {
      ...container,
      rootfs: {
        timestampMs: layer.timestampMs,
        bytes: layer.baseUsageBytes,
        inodes: layer.inodes,
        ...(filesystem !== undefined && { filesystem }),
      },
    };
  }

  /** Returns `undefined` if not known yet. */
  #volume(volume: PodVolume): VolumeUsage | undefined {
    const { name, path } = volume;
    // CSI drivers mount volumes one level below.
    for (const mountPoint of [path, `${path}/mount`]) {
      if (!this.#byMountPoint.has(mountPoint)) continue;
      const filesystem = this.#byMountPoint.get(mountPoint);
      return filesystem?.timestampMs === undefined
        ? undefined
        : { name, filesystem };
    }
    if (!this.#isLocal(volume)) return undefined;
    const used = this.#count(path);
    return used && { name, used };
  }

  #isLocal({ plugin, path }: PodVolume): boolean {
    return LOCAL_PLUGINS.has(plugin) && !this.#byMountPoint.has(path);
  }

  #count(path: string, counted: Counted = "tree"): DiskUsage | undefined {
    this.counted.add(path);
    const size = this.#options.usage.sizeOf(path, counted);
    if (size === undefined || this.#root === undefined) return size;
    return { ...size, filesystem: this.#root };
  }

  /** Returns zero for a missing directory; `undefined` if not counted. */
  #nothing(path: string): DiskUsage | undefined {
    return this.#options.usage.isMissing(path) ? NOTHING : undefined;
  }
}

const NOTHING: DiskUsage = { timestampMs: 0, bytes: 0, inodes: 0 };

/** Returns `undefined` if a part is unknown: a partial sum is wrong. */
function sumOf(
  parts: readonly (DiskUsage | undefined)[],
  filesystem: FsInfo | undefined,
): DiskUsage | undefined {
  if (filesystem?.timestampMs === undefined) return undefined;
  const sum = { timestampMs: filesystem.timestampMs, bytes: 0, inodes: 0 };
  for (const part of parts) {
    if (part === undefined) return undefined;
    sum.timestampMs = Math.max(sum.timestampMs, part.timestampMs);
    sum.bytes += part.bytes;
    sum.inodes += part.inodes;
  }
  return { ...sum, filesystem };
}

/** Returns `undefined` without a UID. Names must not lead to another directory. */
function directoriesOf(
  { namespace, name, uid, containers }: PodSummary,
  kubelet: string,
): PodDirectories | undefined {
  if (!isPlain(uid)) return undefined;
  const names = [namespace, name, ...containers.map(({ name }) => name)];
  return {
    directory: `${kubelet}/pods/${uid}`,
    ...(names.every(isPlain) &&
      { logs: `${LOGS}/${namespace}_${name}_${uid}` }),
  };
}

function isPlain(part: string | undefined): boolean {
  return part !== undefined && /^[a-z0-9][a-z0-9.-]*$/i.test(part);
}
