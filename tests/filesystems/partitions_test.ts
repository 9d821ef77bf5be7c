import { assertEquals } from "@std/assert";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import {
  enclosingMount,
  partitionsOf,
  readMounts,
} from "../../lib/filesystems/partitions.ts";
import { readRecorded, recordedMachine } from "../_support/recorded_tree.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

/** Symbolic links require permissions that unit tests do not have. */
class LinkedHostFs extends HostFs {
  readonly #links: Readonly<Record<string, string>>;

  constructor(root: string, links: Readonly<Record<string, string>>) {
    super({ root });
    this.#links = links;
  }

  override realPath(hostPath: string): string | undefined {
    return this.#links[hostPath];
  }
}

const MOUNTINFO = "proc/self/mountinfo";

/** Returns the partitions of a host: device, mount point, disk. */
function partitionsIn(host: TestCgroup): string[][] {
  const fs = host.hostFs();
  return partitionsOf(fs, readMounts(fs))
    .map(({ device, mountPoint, disk }) => [device, mountPoint, disk]);
}

Deno.test("partitionsOf() finds the file systems of a recorded machine", () => {
  using host = recordedMachine("6.18-vm.txt");
  assertEquals(partitionsIn(host), [
    ["/dev/shm", "/dev/shm", "0:27"],
    ["/dev/vda", "/", "254:0"],
    ["/sys/fs/cgroup", "/sys/fs/cgroup", "0:28"],
  ]);
});

Deno.test("partitionsOf() finds the file systems of a recorded host with systemd", () => {
  using host = TestCgroup.create();
  host.file(MOUNTINFO, readRecorded("proc", "6.1-v2-mountinfo.txt"));
  assertEquals(partitionsIn(host), [
    ["/dev/root", "/", "259:0"],
    ["/dev/shm", "/dev/shm", "0:22"],
    ["/run", "/run", "0:24"],
    ["/run/lock", "/run/lock", "0:25"],
    ["/dev/nvme1n1", "/lab", "259:1"],
  ]);
});

Deno.test("partitionsOf() marks mounts of runtimes and kubelets for containers and pods", () => {
  using host = TestCgroup.create();
  const id = "0123456789abcdef".repeat(4);
  const pod = "/var/lib/kubelet/pods/8074b05f89ea107e50f6b9b779842471";
  const ofContainers = [
    `/run/containerd/io.containerd.grpc.v1.cri/sandboxes/${id}/shm`,
    "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/web/rootfs",
    `/var/lib/docker/overlay2/${id}/merged`,
    `/var/lib/docker/containers/${id}/mounts/shm`,
    `/home/u/.local/share/containers/storage/overlay/${id}/merged`,
    `${pod}/volumes/kubernetes.io~empty-dir/mem`,
    `${pod}/volume-subpaths/config/app/0`,
    "/var/lib/kubelet/plugins/kubernetes.io/csi/pv/pvc-1/globalmount",
    "/var/lib/containerd/tmpmounts/containerd-mount1",
  ];
  const ofNode = [
    "/",
    "/etc",
    "/dev/shm",
    "/run/user/1000",
    "/var/lib/kubelet",
    "/var/lib/docker/overlay2",
    "/home/pods/volumes",
  ];
  const all = [...ofNode, ...ofContainers];
  const lines = all.map((mountPoint, index) =>
    `1 1 0:${50 + index} / ${mountPoint} rw - tmpfs tmpfs rw`
  );
  host.file(MOUNTINFO, lines.join("\n"));
  const fs = host.hostFs();
  const marked = partitionsOf(fs, readMounts(fs))
    .filter(({ isOfContainer }) => isOfContainer)
    .map(({ mountPoint }) => mountPoint);
  assertEquals(marked, ofContainers);
});

Deno.test("partitionsOf() treats bind mounts as the file system they show", () => {
  using host = TestCgroup.create();
  host.file(
    MOUNTINFO,
    "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" +
      "22 21 8:1 /srv /data rw - ext4 /dev/sda1 rw\n" +
      "23 21 0:50 / /merged rw - overlay overlay rw\n" +
      "24 21 0:51 / /two rw - overlay overlay rw\n" +
      "25 21 0:52 / /nfs rw - nfs4 box:/export rw\n" +
      "26 21 0:52 /a /nfs/a rw - nfs4 box:/export rw\n" +
      "27 21 0:53 / /share rw - cifs //box/share rw\n" +
      "28 21 0:54 / /cfg rw - configfs configfs rw\n",
  );
  assertEquals(partitionsIn(host), [
    ["/dev/sda1", "/", "8:1"],
    ["overlay_0-50", "/merged", "0:50"],
    ["overlay_0-51", "/two", "0:51"],
    ["box:/export", "/nfs", "0:52"],
    ["//box/share", "/share", "0:53"],
  ]);
});

Deno.test("partitionsOf() includes the root of any type", () => {
  using host = TestCgroup.create();
  host.file(MOUNTINFO, "1 0 0:2 / / rw - rootfs rootfs rw\n");
  assertEquals(partitionsIn(host), [["rootfs", "/", "0:2"]]);
});

Deno.test("partitionsOf() finds disk and UUID of btrfs and device mapper", () => {
  using host = TestCgroup.create();
  host.file(
    MOUNTINFO,
    "21 1 0:30 /root / rw - btrfs /dev/mapper/vg-root rw\n" +
      "22 21 259:1 / /boot rw - ext4 /dev/nvme0n1p1 rw\n",
  )
    .file("sys/class/block/dm-3/dev", "253:3\n")
    .file("sys/class/block/nvme0n1p1/dev", "259:1\n");
  const uuids = "/dev/disk/by-uuid";
  host.file("dev/disk/by-uuid/aaaa", "")
    .file("dev/disk/by-uuid/1C-2", "")
    .file("dev/disk/by-uuid/bbbb", "");
  const fs = new LinkedHostFs(host.path, {
    "/dev/mapper/vg-root": "/dev/dm-3",
    [`${uuids}/aaaa`]: "/dev/dm-3",
    [`${uuids}/1C-2`]: "/dev/nvme0n1p1",
  });
  assertEquals(
    partitionsOf(fs, readMounts(fs)).map(({ key, disk, uuid }) => [
      key,
      disk,
      uuid,
    ]),
    [["0:30", "253:3", "aaaa"], ["259:1", "259:1", "1C-2"]],
  );
});

Deno.test("readMounts() reads the host's mounts below another root, not those of this process", () => {
  using host = TestCgroup.create();
  host.file(MOUNTINFO, "1 0 8:9 / /own rw - ext4 /dev/sdz rw\n")
    .file("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
  assertEquals(
    readMounts(host.hostFs()).map(({ mountPoint }) => mountPoint),
    ["/"],
  );
});

Deno.test("enclosingMount() finds the deepest mount by complete path components", () => {
  const mounts = ["/", "/var", "/var/lib/docker"].map((mountPoint, minor) => ({
    root: "/",
    mountPoint,
    fsType: "ext4",
    source: "",
    major: 8,
    minor,
    superOptions: [],
  }));
  const mountPointOf = (path: string) =>
    enclosingMount(mounts, path)?.mountPoint;
  assertEquals(mountPointOf("/var/lib/docker/overlay2"), "/var/lib/docker");
  assertEquals(mountPointOf("/var/lib/dockers"), "/var");
  assertEquals(mountPointOf("/various"), "/");
  assertEquals(mountPointOf("/var"), "/var");
});
