import { basename } from "@std/path";
import type { FsInfo } from "../model/filesystem.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { type Mount, parseMountinfo } from "../kernfs/proc/mountinfo.ts";
import { readNames, readValue } from "../kernfs/sys/sysfs.ts";

/** A mounted file system that can hold files. */
export interface Partition extends
  Pick<
    FsInfo,
    "device" | "type" | "mountPoint" | "major" | "minor" | "isOfContainer"
  > {
  /** `major:minor` in mountinfo. */
  readonly key: string;
  readonly fsType: string;
  /** A runtime mounted it for a container. */
  readonly isOfRuntime: boolean;
  /** `major:minor`, or {@linkcode Partition.key} without a disk. */
  readonly disk: string;
  /** A server or another program implements it. */
  readonly isRemote: boolean;
  readonly uuid?: string;
}

/** File systems that cAdvisor supports, and newer ones. */
const LOCAL_REGEXP =
  /^(?:ext.*|xfs|squashfs|f2fs|jfs|reiserfs|hfs|hfsplus|ntfs3?|vfat|fat|msdos|exfat|udf|iso9660|erofs|bcachefs|btrfs|zfs|overlay|tmpfs)$/;
/** cAdvisor supports only NFS. */
const REMOTE_REGEXP =
  /^(?:nfs.*|cifs|smb3|ceph|9p|virtiofs|fuse|fuseblk|fuse\..+)$/;

/**
 * Created by runtimes: below a container ID or a directory of containerd's
 * plugins.
 *
 * ```text
 * /run/containerd/io.containerd.runtime.v2.task/k8s.io/web/rootfs
 * /var/lib/docker/overlay2/<64 digits>/merged
 * ```
 */
const OF_RUNTIME_REGEXP =
  /^(?!.*\/plugins\/kubernetes\.io\/).*\/(?:[0-9a-f]{64}(?:-init)?|io\.containerd\.[^/]+|containerd\/tmpmounts)(?:\/|$)/;

/**
 * Created by a kubelet for volumes.
 *
 * ```text
 * /var/lib/kubelet/pods/<uid>/volumes/kubernetes.io~empty-dir/mem
 * /var/lib/kubelet/plugins/kubernetes.io/csi/pv/pvc-1/globalmount
 * ```
 */
const OF_POD_REGEXP =
  /\/pods\/[0-9a-f-]{32,36}\/volume|\/plugins\/kubernetes\.io\//;

const UUIDS = "/dev/disk/by-uuid";

/** Reads the host's mounts; a later one replaces one at the same path. */
export function readMounts(fs: HostFs): Mount[] {
  // The agent's mounts are not those of a mounted host root.
  const text =
    (fs.root === "/" ? undefined : fs.readText("/proc/1/mountinfo")) ??
      fs.readText("/proc/self/mountinfo") ?? "";
  const seen = new Map(
    parseMountinfo(text).map((mount) => [mount.mountPoint, mount]),
  );
  return [...seen.values()];
}

/**
 * Returns the file systems that can hold files, with `/` in any case, each with
 * its first mount: further ones are bind mounts. Excludes the kernel's own
 * (`proc`, `cgroup`, …).
 */
export function partitionsOf(
  fs: HostFs,
  mounts: readonly Mount[],
): Partition[] {
  const uuids = readUuids(fs);
  const found = new Map<string, Partition>();
  for (const mount of mounts) {
    const { mountPoint, fsType, major, minor } = mount;
    const key = keyOf(mount);
    const isRemote = REMOTE_REGEXP.test(fsType);
    const isIncluded = isRemote || LOCAL_REGEXP.test(fsType) ||
      mountPoint === "/";
    if (!isIncluded || found.has(key)) continue;
    const disk = diskOf(fs, mount);
    const uuid = uuids.get(disk);
    const isOfRuntime = OF_RUNTIME_REGEXP.test(mountPoint);
    found.set(key, {
      key,
      device: deviceOf(mount),
      type: fsType === "zfs" ? "zfs" : "vfs",
      mountPoint,
      major,
      minor,
      disk,
      isRemote,
      fsType,
      isOfRuntime,
      ...((isOfRuntime || OF_POD_REGEXP.test(mountPoint)) &&
        { isOfContainer: true }),
      ...(uuid !== undefined && { uuid }),
    });
  }
  return [...found.values()];
}

/** Returns `major:minor`. */
export function keyOf(
  { major, minor }: Pick<Mount, "major" | "minor">,
): string {
  return `${major}:${minor}`;
}

/** Returns the deepest mount with a path; links are not resolved. */
export function enclosingMount(
  mounts: readonly Mount[],
  path: string,
): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const { mountPoint } = mount;
    const contains = mountPoint === "/" || path === mountPoint ||
      path.startsWith(`${mountPoint}/`);
    if (contains && mountPoint.length >= (found?.mountPoint.length ?? 0)) {
      found = mount;
    }
  }
  return found;
}

/**
 * As in cAdvisor: every tmpfs has the source `tmpfs`, every overlay `overlay`.
 */
function deviceOf({ fsType, source, mountPoint, major, minor }: Mount): string {
  if (fsType === "tmpfs") return mountPoint;
  return fsType === "overlay" ? `${source}_${major}-${minor}` : source;
}

/** Btrfs has its own device number; its source is the disk. */
function diskOf(fs: HostFs, mount: Mount): string {
  const { major, source } = mount;
  if (major !== 0 || !source.startsWith("/dev/")) return keyOf(mount);
  return numberOf(fs, source) ?? keyOf(mount);
}

/** Keyed by `major:minor`. */
function readUuids(fs: HostFs): Map<string, string> {
  const found = new Map<string, string>();
  for (const uuid of readNames(fs, UUIDS)) {
    const disk = numberOf(fs, `${UUIDS}/${uuid}`);
    if (disk !== undefined) found.set(disk, uuid);
  }
  return found;
}

/** Returns a device's `major:minor`; resolves links, as in `/dev/mapper`. */
function numberOf(fs: HostFs, path: string): string | undefined {
  const device = fs.realPath(path);
  return device &&
    readValue(fs, `/sys/class/block/${basename(device)}/dev`);
}
