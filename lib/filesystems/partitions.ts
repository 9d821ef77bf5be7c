import { basename } from "@std/path";
import type { FsInfo } from "../model/filesystem.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { type Mount, parseMountinfo } from "../kernfs/proc/mountinfo.ts";
import { readNames, readValue } from "../kernfs/sys/sysfs.ts";

/** Where a mounted file system is, and what it is on; no numbers yet. */
export interface Partition extends
  Pick<
    FsInfo,
    "device" | "type" | "mountPoint" | "major" | "minor" | "isOfContainer"
  > {
  /** `major:minor` of the file system. */
  readonly key: string;
  readonly fsType: string;
  /** Whether a runtime mounted it, as it does for each container. */
  readonly isOfRuntime: boolean;
  /** `major:minor` of its disk, where it is on one. */
  readonly disk: string;
  /** Whether it is asked for over a network, or of another program. */
  readonly isRemote: boolean;
  readonly uuid?: string;
}

/** Those that cAdvisor knows, and what a disk or a volume is formatted with since. */
const LOCAL_REGEXP =
  /^(?:ext.*|xfs|squashfs|f2fs|jfs|reiserfs|hfs|hfsplus|ntfs3?|vfat|fat|msdos|exfat|udf|iso9660|erofs|bcachefs|btrfs|zfs|overlay|tmpfs)$/;
/** cAdvisor knows NFS alone of these. */
const REMOTE_REGEXP =
  /^(?:nfs.*|cifs|smb3|ceph|9p|virtiofs|fuse|fuseblk|fuse\..+)$/;

/**
 * Mount points that a runtime makes for containers: below a container's id, or
 * a directory of containerd's plugins.
 *
 * ```text
 * /run/containerd/io.containerd.runtime.v2.task/k8s.io/web/rootfs
 * /var/lib/docker/overlay2/<64 digits>/merged
 * ```
 */
const OF_RUNTIME_REGEXP =
  /^(?!.*\/plugins\/kubernetes\.io\/).*\/(?:[0-9a-f]{64}(?:-init)?|io\.containerd\.[^/]+|containerd\/tmpmounts)(?:\/|$)/;

/**
 * Those that a kubelet makes for the volumes of pods.
 *
 * ```text
 * /var/lib/kubelet/pods/<uid>/volumes/kubernetes.io~empty-dir/mem
 * /var/lib/kubelet/plugins/kubernetes.io/csi/pv/pvc-1/globalmount
 * ```
 */
const OF_POD_REGEXP =
  /\/pods\/[0-9a-f-]{32,36}\/volume|\/plugins\/kubernetes\.io\//;

const UUIDS = "/dev/disk/by-uuid";

/** The mounts of the host, a later one in the place of an earlier one that it hides. */
export function readMounts(fs: HostFs): Mount[] {
  // A host's root seen from a container: our own mounts are not the host's.
  const text =
    (fs.root === "/" ? undefined : fs.readText("/proc/1/mountinfo")) ??
      fs.readText("/proc/self/mountinfo") ?? "";
  const seen = new Map(
    parseMountinfo(text).map((mount) => [mount.mountPoint, mount]),
  );
  return [...seen.values()];
}

/**
 * The file systems that can hold files, each once, by its first mount: a bind
 * mount is no file system of its own. What is mounted at `/` is one whatever
 * it is. The kernel's own (`proc`, `cgroup`, …) are left out.
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
    const isWanted = isRemote || LOCAL_REGEXP.test(fsType) ||
      mountPoint === "/";
    if (!isWanted || found.has(key)) continue;
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

/** The file system of a mount: `254:0`. */
export function keyOf(
  { major, minor }: Pick<Mount, "major" | "minor">,
): string {
  return `${major}:${minor}`;
}

/** The mount that a path is on, as far as its text tells: the deepest one above it. */
export function mountAbove(
  mounts: readonly Mount[],
  path: string,
): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const { mountPoint } = mount;
    const isAbove = mountPoint === "/" || path === mountPoint ||
      path.startsWith(`${mountPoint}/`);
    if (isAbove && mountPoint.length >= (found?.mountPoint.length ?? 0)) {
      found = mount;
    }
  }
  return found;
}

/** cAdvisor's names: every tmpfs has the source `tmpfs`, and every overlay `overlay`. */
function deviceOf({ fsType, source, mountPoint, major, minor }: Mount): string {
  if (fsType === "tmpfs") return mountPoint;
  return fsType === "overlay" ? `${source}_${major}-${minor}` : source;
}

/** Btrfs has a number of its own, and the disk's is that of its source. */
function diskOf(fs: HostFs, mount: Mount): string {
  const { major, source } = mount;
  if (major !== 0 || !source.startsWith("/dev/")) return keyOf(mount);
  return numberOf(fs, source) ?? keyOf(mount);
}

/** File systems by their disks. */
function readUuids(fs: HostFs): Map<string, string> {
  const found = new Map<string, string>();
  for (const uuid of readNames(fs, UUIDS)) {
    const disk = numberOf(fs, `${UUIDS}/${uuid}`);
    if (disk !== undefined) found.set(disk, uuid);
  }
  return found;
}

/** `major:minor` of a device, or of a link to one, such as those of `/dev/mapper`. */
function numberOf(fs: HostFs, path: string): string | undefined {
  const device = fs.realPath(path);
  return device &&
    readValue(fs, `/sys/class/block/${basename(device)}/dev`);
}
