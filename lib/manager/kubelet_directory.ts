import type { Mount } from "../kernfs/proc/mountinfo.ts";

/** The kubelet's default, without `--root-dir`. */
const DEFAULT_DIRECTORY = "/var/lib/kubelet";

/**
 * A mount of a pod volume; nearly each pod has one, for its service account
 * token:
 *
 * ```text
 * /var/lib/kubelet/pods/0f1e2d3c-…/volumes/kubernetes.io~projected/kube-api-access-x7k2p
 * ```
 */
const VOLUME_REGEXP =
  /^(\/.+)\/pods\/[0-9a-f-]{32,36}\/volumes\/[^/]+~[^/]+\/[^/]+(?:\/mount)?$/;

/** Finds the kubelet's directory by the mounts in it. */
export function kubeletDirectory(mounts: readonly Mount[]): string {
  for (const { mountPoint } of mounts) {
    const [, directory] = VOLUME_REGEXP.exec(mountPoint) ?? [];
    if (directory !== undefined) return directory;
  }
  return DEFAULT_DIRECTORY;
}
