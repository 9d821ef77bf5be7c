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
import type { PodFiles, PodPlaces, PodVolume } from "./pod_files.ts";

/** What tells of the disks of pods. */
export interface PodDisksOptions {
  readonly usage: Pick<
    DirectoryUsage,
    "of" | "isMissing" | "forget" | "isBehind" | "caughtUp"
  >;
  readonly files: Pick<PodFiles, "of" | "forget" | "isBehind" | "caughtUp">;
  readonly filesystems: Pick<Filesystems, "mounts" | "latest">;
}

/** Where the kubelet has its runtimes write what containers print. */
const LOGS = "/var/log/pods";

/** Volumes that are directories on the kubelet's file system; in memory they are mounts. */
const LOCAL_PLUGINS: ReadonlySet<string> = new Set([
  "kubernetes.io~empty-dir",
  "kubernetes.io~configmap",
  "kubernetes.io~git-repo",
]);

/** Tells what pods take on disk: layers, logs and volumes of their containers. */
export class PodDisks {
  readonly #options: PodDisksOptions;
  #counted = new Set<string>();
  #looked = new Set<string>();

  constructor(options: PodDisksOptions) {
    this.#options = options;
  }

  /** Whether something of the pods that were measured last was never counted, and soon will be. */
  get isBehind(): boolean {
    return this.#options.usage.isBehind || this.#options.files.isBehind;
  }

  /** Resolves once all of that has been counted. */
  async caughtUp(): Promise<void> {
    const { usage, files } = this.#options;
    await Promise.all([usage.caughtUp(), files.caughtUp()]);
  }

  /**
   * The pods, with what is known by now of their disks; counting goes on
   * meanwhile, and ends for those that are gone. `root` is the file system of
   * the kubelet's files.
   */
  measure(
    pods: readonly PodSummary[],
    root: FsInfo | undefined,
  ): PodSummary[] {
    const { usage, files, filesystems } = this.#options;
    const look = new Look(this.#options, root);
    const kubelet = kubeletDirectory(filesystems.mounts);
    const measured = pods.map((pod) => look.measure(pod, kubelet));
    for (const gone of this.#counted.difference(look.counted)) {
      usage.forget(gone);
    }
    for (const gone of this.#looked.difference(look.looked)) {
      files.forget(gone);
    }
    this.#counted = look.counted;
    this.#looked = look.looked;
    return measured;
  }
}

/** One look at all pods. */
class Look {
  readonly counted = new Set<string>();
  readonly looked = new Set<string>();
  readonly #options: PodDisksOptions;
  readonly #root: FsInfo | undefined;
  readonly #byDevice = new Map<string, FsInfo>();
  readonly #byMountPoint = new Map<string, FsInfo | undefined>();

  constructor(options: PodDisksOptions, root: FsInfo | undefined) {
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
    const places = placesOf(pod, kubelet);
    const containers = pod.containers.map((container) =>
      this.#logged(this.#layered(container), places?.logs)
    );
    const measured = { ...pod, containers };
    if (places === undefined) return measured;
    this.looked.add(places.directory);
    const found = this.#options.files.of(places);
    if (found === undefined) return measured;
    const volumes = found.volumes.map((volume) => this.#volume(volume));
    const ephemeralStorage = places.logs === undefined ? undefined : sumOf([
      ...containers.map(({ rootfs }) => rootfs),
      ...containers.map(({ name, logs }) =>
        logs ?? this.#nothing(`${places.logs}/${name}`)
      ),
      ...found.volumes.map((volume, index) =>
        this.#isLocal(volume)
          ? volumes[index]?.used ?? this.#nothing(volume.path)
          : NOTHING
      ),
      ...found.files.map((path) => this.#count(path) ?? this.#nothing(path)),
    ], this.#root);
    return {
      ...measured,
      volumes: volumes.filter((volume) => volume !== undefined),
      ...(ephemeralStorage !== undefined && { ephemeralStorage }),
    };
  }

  #logged(container: NamedContainer, directory: string | undefined) {
    if (directory === undefined) return container;
    // The kubelet counts the files of logs one by one, and not their directory.
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

  /** Undefined where nothing is known of it (yet). */
  #volume(volume: PodVolume): VolumeUsage | undefined {
    const { name, path } = volume;
    // Those of CSI drivers are mounted one below.
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

  /** What a directory takes, on the file system of the kubelet's files. */
  #count(path: string, counted: Counted = "tree"): DiskUsage | undefined {
    this.counted.add(path);
    const size = this.#options.usage.of(path, counted);
    if (size === undefined || this.#root === undefined) return size;
    return { ...size, filesystem: this.#root };
  }

  /** What a directory takes that is not there; undefined where it only was not counted. */
  #nothing(path: string): DiskUsage | undefined {
    return this.#options.usage.isMissing(path) ? NOTHING : undefined;
  }
}

const NOTHING: DiskUsage = { timestampMs: 0, bytes: 0, inodes: 0 };

/** All of them together; undefined where one is not known, since half of it is not it. */
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

/** Undefined of a pod without a uid; no name may lead elsewhere. */
function placesOf(
  { namespace, name, uid, containers }: PodSummary,
  kubelet: string,
): PodPlaces | undefined {
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
