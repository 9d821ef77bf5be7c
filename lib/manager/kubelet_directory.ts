import type { Mount } from "../kernfs/proc/mountinfo.ts";

/** Where the kubelet has its files unless `--root-dir` says otherwise. */
const DEFAULT_DIRECTORY = "/var/lib/kubelet";

/**
 * Where it mounts the volumes of pods, as nearly each pod has one, for the
 * token of its account:
 *
 * ```text
 * /var/lib/kubelet/pods/0f1e2d3c-…/volumes/kubernetes.io~projected/kube-api-access-x7k2p
 * ```
 */
const VOLUME_REGEXP =
  /^(\/.+)\/pods\/[0-9a-f-]{32,36}\/volumes\/[^/]+~[^/]+\/[^/]+(?:\/mount)?$/;

/** The directory of the kubelet's files, as what it mounted there tells. */
export function kubeletDirectory(mounts: readonly Mount[]): string {
  for (const { mountPoint } of mounts) {
    const [, directory] = VOLUME_REGEXP.exec(mountPoint) ?? [];
    if (directory !== undefined) return directory;
  }
  return DEFAULT_DIRECTORY;
}
