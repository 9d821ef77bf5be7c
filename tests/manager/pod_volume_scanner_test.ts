import { assertEquals } from "@std/assert";
import { MountedFiles } from "../../lib/filesystems/mounted_files.ts";
import {
  type PodVolumes,
  PodVolumeScanner,
} from "../../lib/manager/pod_volume_scanner.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";
import { WatchedCalls } from "../_support/watched_calls.ts";

const DIRECTORIES = {
  directory: "/var/lib/kubelet/pods/0f1e",
  logs: "/var/log/pods/shop_web-0_0f1e",
};
const VOLUMES = `${DIRECTORIES.directory}/volumes`;

/** Files of which some directories never respond, or must not be listed. */
class HangingFiles extends MountedFiles {
  readonly hanging = new Set<string>();
  readonly listed: string[] = [];

  override async *entries(hostPath: string): AsyncGenerator<string> {
    this.listed.push(hostPath);
    if (this.hanging.has(hostPath)) await new Promise(() => {});
    yield* super.entries(hostPath);
  }
}

class Node implements Disposable {
  readonly root = TestCgroup.create();
  readonly clock = new FakeClock();
  readonly files = new HangingFiles(this.root.hostFs());
  readonly calls = new WatchedCalls(this.clock);
  readonly scanner = new PodVolumeScanner({
    files: this.files,
    clock: this.clock,
    calls: this.calls,
  });

  /** Starts a scan and returns its result. */
  async scan(directories = DIRECTORIES): Promise<PodVolumes | undefined> {
    this.scanner.volumesOf(directories);
    await this.calls.idle();
    return this.scanner.volumesOf(directories);
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

Deno.test("PodVolumeScanner.volumesOf() finds volumes by plugin and name, the pod's hosts, and logs that belong to no container", async () => {
  using node = new Node();
  node.root.file(`${VOLUMES}/kubernetes.io~empty-dir/cache/a`, "")
    .file(`${VOLUMES}/kubernetes.io~csi/pvc-1/vol_data.json`, "{}")
    .file(`${VOLUMES}/stray`, "")
    .file(`${DIRECTORIES.directory}/etc-hosts`, "127.0.0.1 localhost\n")
    .file(`${DIRECTORIES.logs}/app/0.log`, "")
    .file(`${DIRECTORIES.logs}/hook.log`, "");
  const found = await node.scan();
  assertEquals(
    found?.volumes.toSorted((a, b) => a.name.localeCompare(b.name)),
    [
      {
        plugin: "kubernetes.io~empty-dir",
        name: "cache",
        path: `${VOLUMES}/kubernetes.io~empty-dir/cache`,
      },
      {
        plugin: "kubernetes.io~csi",
        name: "pvc-1",
        path: `${VOLUMES}/kubernetes.io~csi/pvc-1`,
      },
    ],
  );
  assertEquals(found?.files, [
    `${DIRECTORIES.directory}/etc-hosts`,
    `${DIRECTORIES.logs}/hook.log`,
  ]);
  // The contents of a volume, or of a mount, are not read.
  assertEquals(
    node.files.listed.filter((path) => path.startsWith(VOLUMES)).toSorted(),
    [
      VOLUMES,
      `${VOLUMES}/kubernetes.io~csi`,
      `${VOLUMES}/kubernetes.io~empty-dir`,
    ],
  );
});

Deno.test("PodVolumeScanner.volumesOf() returns no volumes for a pod without any, and undefined for a missing pod", async () => {
  using node = new Node();
  assertEquals(await node.scan(), undefined);
  node.root.child(DIRECTORIES.directory);
  node.clock.advance(60_000);
  assertEquals(await node.scan(), { volumes: [], files: [] });
  await Deno.remove(node.root.path + DIRECTORIES.directory);
  node.clock.advance(60_000);
  assertEquals(await node.scan(), undefined);
});

Deno.test("PodVolumeScanner.volumesOf() scans again a minute later, and not before", async () => {
  using node = new Node();
  node.root.child(`${VOLUMES}/kubernetes.io~empty-dir/a`);
  assertEquals((await node.scan())?.volumes.length, 1);
  node.root.child(`${VOLUMES}/kubernetes.io~empty-dir/b`);
  node.clock.advance(59_999);
  assertEquals((await node.scan())?.volumes.length, 1);
  node.clock.advance(1);
  assertEquals((await node.scan())?.volumes.length, 2);
});

Deno.test("PodVolumeScanner.volumesOf() finds another pod's files while one pod's directory hangs, and keeps what it found there", async () => {
  using node = new Node();
  node.root.child(`${VOLUMES}/kubernetes.io~empty-dir/a`);
  const other = { directory: "/var/lib/kubelet/pods/aaaa" };
  node.root.child(`${other.directory}/volumes/kubernetes.io~empty-dir/b`);
  const before = await node.scan();
  node.files.hanging.add(DIRECTORIES.directory);
  node.clock.advance(60_000);
  node.scanner.volumesOf(DIRECTORIES);
  node.scanner.volumesOf(other);
  while (node.clock.pending === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // The call times out after two seconds.
  node.clock.advance(2_000);
  await node.calls.idle();
  assertEquals(node.scanner.volumesOf(DIRECTORIES), before);
  assertEquals(node.scanner.volumesOf(other)?.volumes.map(({ name }) => name), [
    "b",
  ]);
});

Deno.test("PodVolumeScanner.volumesOf() returns undefined for a pod with too many volumes, and not a part of them", async () => {
  using node = new Node();
  for (let i = 0; i <= 1_000; i++) {
    node.root.child(`${VOLUMES}/kubernetes.io~empty-dir/v${i}`);
  }
  assertEquals(await node.scan(), undefined);
});

Deno.test("PodVolumeScanner.forget() removes the result, and a queued scan", async () => {
  using node = new Node();
  node.root.child(`${VOLUMES}/kubernetes.io~empty-dir/a`);
  await node.scan();
  node.scanner.forget(DIRECTORIES.directory);
  const { length } = node.files.listed;
  assertEquals(node.scanner.volumesOf(DIRECTORIES), undefined);
  node.scanner.forget(DIRECTORIES.directory);
  await node.scan({ ...DIRECTORIES, directory: "/elsewhere" });
  assertEquals(
    node.files.listed.slice(length).includes(DIRECTORIES.directory),
    false,
  );
});
