import type { HostFs } from "../kernfs/host_fs.ts";
import { isGone } from "../model/errors.ts";
import type { Mount } from "../kernfs/proc/mountinfo.ts";
import { MountedFiles } from "./mounted_files.ts";
import {
  keyOf,
  type Partition,
  partitionsOf,
  readMounts,
} from "./partitions.ts";

/** Mount points in a state's detail. */
const MAX_LISTED = 8;

/** Device numbers of subvolumes are not in mountinfo. */
const WITH_SUBVOLUMES: ReadonlySet<string> = new Set(["btrfs", "bcachefs"]);

/**
 * Whether a mount point shows the file system in mountinfo: without mount
 * propagation, a container does not see later mounts of the host. True also if
 * `stat(2)` fails.
 *
 * @throws an `isGone()` error if the directory does not exist
 */
export async function isVisible(
  files: Pick<MountedFiles, "stat">,
  { key, mountPoint, fsType }: Pick<Partition, "key" | "mountPoint" | "fsType">,
  mounts: readonly Mount[],
): Promise<boolean> {
  let device: number;
  try {
    device = (await files.stat(mountPoint)).device;
  } catch (error) {
    if (isGone(error)) throw error;
    return true;
  }
  const shown = deviceKey(device);
  if (shown === key) return true;
  return WITH_SUBVOLUMES.has(fsType) &&
    mounts.every((mount) => keyOf(mount) !== shown);
}

/**
 * Returns hidden local mount points, except containers'; none if the directory
 * tree is not a host's.
 */
export async function hiddenMounts(fs: HostFs): Promise<string[]> {
  const files = new MountedFiles(fs);
  const mounts = readMounts(fs);
  const root = mounts.find(({ mountPoint }) => mountPoint === "/");
  const isHost = root !== undefined &&
    await isVisible(files, { ...root, key: keyOf(root) }, mounts)
      .catch(() => false);
  if (!isHost) return [];
  const hidden: string[] = [];
  for (const partition of partitionsOf(fs, mounts)) {
    if (partition.isRemote || partition.isOfRuntime) continue;
    const shown = await isVisible(files, partition, mounts).catch(() => false);
    if (!shown) hidden.push(partition.mountPoint);
  }
  return hidden;
}

export function hiddenDetail(mountPoints: readonly string[]): string {
  return `mounted on the host and not visible here: ${quotedList(mountPoints)}`;
}

/** Quotes the first {@linkcode MAX_LISTED}. */
export function quotedList(mountPoints: readonly string[]): string {
  const more = mountPoints.length - MAX_LISTED;
  const names = mountPoints.slice(0, MAX_LISTED).map((path) => `"${path}"`);
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Converts `st_dev` (`makedev(3)`) to `major:minor`. */
export function deviceKey(device: number): string {
  const bits = BigInt(device);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn);
  const minor = (bits & 0xffn) | ((bits >> 12n) & ~0xffn);
  return `${major}:${minor & 0xffffffffn}`;
}
