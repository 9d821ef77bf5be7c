import { assertEquals } from "@std/assert";
import { parseMountinfo } from "../../lib/kernfs/proc/mountinfo.ts";
import { PodDiskUsage } from "../../lib/manager/pod_disk_usage.ts";
import type {
  PodDirectories,
  PodVolume,
  PodVolumes,
} from "../../lib/manager/pod_volume_scanner.ts";
import type { FsInfo } from "../../lib/model/filesystem.ts";
import type { PodSummary } from "../../lib/model/node_summary.ts";

const POD_DIRECTORY = "/var/lib/kubelet/pods/0f1e";
const LOGS = "/var/log/pods/shop_web-0_0f1e";

function filesystem(minor: number, numbers: Partial<FsInfo> = {}): FsInfo {
  return {
    timestampMs: 500,
    device: `/dev/vd${minor}`,
    type: "vfs",
    mountPoint: "/",
    major: 8,
    minor,
    labels: [],
    capacityBytes: 1_000,
    ...numbers,
  };
}

const ROOT = filesystem(1);
const DISK = filesystem(2, { usageBytes: 7, inodes: 9, inodesFree: 4 });

function volume(plugin: string, name: string): PodVolume {
  const path = `${POD_DIRECTORY}/volumes/kubernetes.io~${plugin}/${name}`;
  return { plugin: `kubernetes.io~${plugin}`, name, path };
}

/** Reports the length of a directory's path as its size in bytes, unless a test sets another. */
class Node {
  found: PodVolumes | undefined = { volumes: [], files: [] };
  readonly scanned: PodDirectories[] = [];
  readonly forgotten: string[] = [];
  /** Directories that are not counted yet, or missing. */
  readonly unknown = new Map<string, "uncounted" | "missing">();
  readonly mounted = new Map<string, number>([["/", 1]]);
  latest: FsInfo[] = [ROOT, DISK];

  get disks(): PodDiskUsage {
    const { mounted, latest, unknown } = this;
    return new PodDiskUsage({
      usage: {
        sizeOf: (path) =>
          unknown.has(path) ? undefined : {
            timestampMs: 1_000 + path.length,
            bytes: path.length,
            inodes: 2,
          },
        isMissing: (path) => unknown.get(path) === "missing",
        forget: (path) => void this.forgotten.push(path),
        isBehind: false,
        caughtUp: () => Promise.resolve(),
      },
      volumeScanner: {
        volumesOf: (directories) => {
          this.scanned.push(directories);
          return this.found;
        },
        forget: (path) => void this.forgotten.push(path),
        isBehind: false,
        caughtUp: () => Promise.resolve(),
      },
      filesystems: {
        latest,
        mounts: parseMountinfo(
          Array.from(
            mounted,
            ([point, minor]) => `1 1 8:${minor} / ${point} rw - ext4 x rw\n`,
          ).join(""),
        ),
      },
    });
  }
}

const POD: PodSummary = {
  namespace: "shop",
  name: "web-0",
  uid: "0f1e",
  containers: ["app", "sidecar"].map((name) => ({
    name,
    reference: { name: `/${name}` },
    spec: { hasDiskIo: false },
    stats: {
      timestampMs: 2_000,
      filesystems: [{
        timestampMs: 1_500,
        type: "vfs",
        device: DISK.device,
        baseUsageBytes: 100,
        usageBytes: 150,
        inodes: 3,
      }],
    },
  })),
};

const APP_LOGS = `${LOGS}/app`;
const SIDECAR_LOGS = `${LOGS}/sidecar`;

Deno.test("PodDiskUsage.measure() reports layers on their own file system, and logs on the kubelet's", () => {
  const [pod] = new Node().disks.measure([POD], ROOT);
  assertEquals(pod?.containers.map(({ rootfs }) => rootfs), [
    { timestampMs: 1_500, bytes: 100, inodes: 3, filesystem: DISK },
    { timestampMs: 1_500, bytes: 100, inodes: 3, filesystem: DISK },
  ]);
  assertEquals(pod?.containers[0]?.logs, {
    timestampMs: 1_000 + APP_LOGS.length,
    bytes: APP_LOGS.length,
    inodes: 2,
    filesystem: ROOT,
  });
});

Deno.test("PodDiskUsage.measure() counts local volumes, and reports the file system's usage of a mounted one", () => {
  const node = new Node();
  const cache = volume("empty-dir", "cache");
  const memory = volume("empty-dir", "memory");
  const claim = volume("csi", "pvc-1");
  const detached = volume("csi", "pvc-2");
  const silent = volume("nfs", "silent");
  node.found = {
    volumes: [cache, memory, claim, detached, silent],
    files: [],
  };
  node.mounted.set(memory.path, 2).set(`${claim.path}/mount`, 2)
    .set(silent.path, 3);
  // It has never responded.
  const { timestampMs: _, ...never } = filesystem(3);
  node.latest = [ROOT, DISK, never];
  const [pod] = node.disks.measure([POD], ROOT);
  assertEquals(pod?.volumes, [
    {
      name: "cache",
      used: {
        timestampMs: 1_000 + cache.path.length,
        bytes: cache.path.length,
        inodes: 2,
        filesystem: ROOT,
      },
    },
    { name: "memory", filesystem: DISK },
    { name: "pvc-1", filesystem: DISK },
  ]);
});

Deno.test("PodDiskUsage.measure() sums layers, logs, local volumes and single files up, and not what is mounted", () => {
  const node = new Node();
  const cache = volume("empty-dir", "cache");
  const memory = volume("empty-dir", "memory");
  const config = volume("configmap", "config");
  const hosts = `${POD_DIRECTORY}/etc-hosts`;
  node.found = { volumes: [cache, memory, config], files: [hosts] };
  node.mounted.set(memory.path, 2);
  const counted = [APP_LOGS, SIDECAR_LOGS, cache.path, config.path, hosts];
  const [pod] = node.disks.measure([POD], ROOT);
  assertEquals(pod?.ephemeralStorage, {
    // The layers were counted last.
    timestampMs: 1_500,
    bytes: 200 + counted.reduce((bytes, { length }) => bytes + length, 0),
    inodes: 6 + 2 * counted.length,
    filesystem: ROOT,
  });
});

Deno.test("PodDiskUsage.measure() reports no sum while a part of it is not counted, and counts missing directories as 0", () => {
  const node = new Node();
  const cache = volume("empty-dir", "cache");
  const hosts = `${POD_DIRECTORY}/etc-hosts`;
  node.found = { volumes: [cache], files: [hosts] };
  const parts = [APP_LOGS, SIDECAR_LOGS, cache.path, hosts];
  const sum = (pod = POD, root: FsInfo | undefined = ROOT) =>
    node.disks.measure([pod], root)[0]?.ephemeralStorage?.bytes;
  const whole = sum() ?? NaN;
  for (const part of parts) {
    node.unknown.set(part, "uncounted");
    assertEquals(sum(), undefined, part);
    node.unknown.set(part, "missing");
    assertEquals(sum(), whole - part.length, part);
    node.unknown.clear();
  }
  const [first, ...others] = POD.containers;
  const { stats: _, ...uncounted } = first ?? {};
  assertEquals(
    sum({ ...POD, containers: [uncounted as typeof others[0], ...others] }),
    undefined,
  );
  assertEquals(
    node.disks.measure([POD], undefined)[0]?.ephemeralStorage,
    undefined,
  );
  node.found = undefined;
  assertEquals(sum(), undefined);
});

Deno.test("PodDiskUsage.measure() stops counting what is gone", () => {
  const node = new Node();
  const cache = volume("empty-dir", "cache");
  node.found = { volumes: [cache], files: [] };
  const { disks } = node;
  disks.measure([POD], ROOT);
  assertEquals(node.forgotten, []);
  disks.measure([{ ...POD, containers: POD.containers.slice(0, 1) }], ROOT);
  assertEquals(node.forgotten, [SIDECAR_LOGS]);
  disks.measure([], ROOT);
  assertEquals(
    new Set(node.forgotten),
    new Set([SIDECAR_LOGS, APP_LOGS, cache.path, POD_DIRECTORY]),
  );
});

Deno.test("PodDiskUsage.measure() looks for volumes by the uid alone, for logs by all names, and nowhere else than there", () => {
  const node = new Node();
  const { name: _, ...unnamed } = POD;
  const [pod] = node.disks.measure([unnamed], ROOT);
  assertEquals(node.scanned, [{ directory: POD_DIRECTORY }]);
  assertEquals(pod?.volumes, []);
  assertEquals(pod?.containers[0]?.logs, undefined);
  assertEquals(pod?.ephemeralStorage, undefined);
  node.disks.measure([{ ...POD, name: "../../../etc" }], ROOT);
  assertEquals(node.scanned[1], { directory: POD_DIRECTORY });
  node.disks.measure([{ ...POD, uid: "../../../etc" }], ROOT);
  assertEquals(node.scanned.length, 2);
});
