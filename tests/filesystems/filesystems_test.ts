import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Filesystems } from "../../lib/filesystems/filesystems.ts";
import {
  type FileStat,
  type FilesystemUsage,
  MountedFiles,
} from "../../lib/filesystems/mounted_files.ts";
import { BlockingCallPool } from "../../lib/filesystems/blocking_call_pool.ts";
import { isGone, UnknownFilesystemError } from "../../lib/model/errors.ts";
import type { FsInfo } from "../../lib/model/filesystem.ts";
import { NUMBERED_COUNTERS } from "../_support/disk_counters.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

const GIB = 1024 ** 3;

const MOUNTS = [
  "21 1 8:1 / / rw - ext4 /dev/sda1 rw",
  "22 21 259:2 / /var/lib/docker rw - xfs /dev/nvme0n1p2 rw",
  "23 21 0:40 / /run rw - tmpfs tmpfs rw",
  "24 21 0:50 / /mnt/nfs rw - nfs4 box:/export rw",
  "25 21 0:60 / /mnt/portal rw - fuse.portal portal rw",
  "26 21 0:5 / /proc rw - proc proc rw",
].join("\n");

/** File systems whose results a test sets, by mount point. */
class FakeFiles extends MountedFiles {
  readonly usages = new Map<string, Promise<FilesystemUsage>>();
  readonly failing = new Set<string>();
  readonly devices = new Map<string, number>();
  /** Directories whose calls hang. */
  readonly hung = new Set<string>();
  readonly calls: string[] = [];

  override usage(hostPath: string): Promise<FilesystemUsage> {
    this.calls.push(hostPath);
    if (this.failing.has(hostPath)) return Promise.reject(new Error());
    return this.usages.get(hostPath) ?? Promise.resolve(usage(4, 1));
  }

  override stat(hostPath: string): Promise<FileStat> {
    if (this.hung.has(hostPath)) return new Promise(() => {});
    const device = this.devices.get(hostPath);
    if (device === undefined) {
      return Promise.reject(new Deno.errors.NotFound(hostPath));
    }
    return Promise.resolve({
      inode: 2,
      links: 1,
      bytes: 0,
      device,
      isDirectory: true,
      contentBytes: 0,
    });
  }
}

function usage(capacity: number, free: number): FilesystemUsage {
  return {
    capacityBytes: capacity * GIB,
    freeBytes: free * GIB,
    availableBytes: free * GIB / 2,
    inodes: 100,
    inodesFree: 60,
  };
}

/** `makedev(3)`. */
function device(major: number, minor: number): number {
  return (major << 8) | (minor & 0xff) | ((minor & ~0xff) << 12);
}

class FakeMachine implements Disposable {
  readonly root = TestCgroup.create();
  readonly clock = new FakeClock();
  readonly files = new FakeFiles(this.root.hostFs());
  readonly filesystems: Filesystems;

  constructor(isHost = true) {
    this.root.file("proc/1/mountinfo", MOUNTS)
      .file("proc/diskstats", "259 2 nvme0n1p2 1 2 3 4 5 6 7 8 9 10 11\n");
    this.files.devices.set("/", device(8, 1))
      .set("/var/lib/docker", device(259, 2))
      .set("/proc/sys", device(0, 5)).set("/run", device(0, 40))
      .set("/mnt/nfs", device(0, 50)).set("/mnt/portal", device(0, 60));
    // Like a FUSE file system that stores no files.
    this.files.usages.set("/mnt/portal", Promise.resolve(usage(0, 0)));
    this.filesystems = new Filesystems({
      fs: this.root.hostFs(),
      files: this.files,
      clock: this.clock,
      calls: new BlockingCallPool(this.clock),
      imageStores: () =>
        Promise.resolve([
          {
            label: "docker-images",
            directories: ["/var/lib/docker/overlay2", "/var/lib/docker"],
          },
          { label: "crio-images", directories: ["/var/lib/containers"] },
        ]),
      isHost,
    });
  }

  /** Refreshes while a call hangs: advances the clock past the timeout. */
  async refreshSlowly(): Promise<void> {
    let isDone = false;
    const pass = this.filesystems.refresh().then(() => isDone = true);
    while (!isDone) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.clock.advance(500);
    }
    await pass;
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

Deno.test("Filesystems.refresh() reads usage, inodes, disk counters and labels of each file system", async () => {
  using machine = new FakeMachine();
  const { filesystems, clock } = machine;
  assertEquals(filesystems.latest, []);
  await filesystems.refresh();
  assertEquals(filesystems.latest.map(({ device }) => device), [
    "/dev/sda1",
    "/dev/nvme0n1p2",
    "/run",
    "box:/export",
  ]);
  assertEquals(filesystems.latest[1], {
    device: "/dev/nvme0n1p2",
    type: "vfs",
    mountPoint: "/var/lib/docker",
    major: 259,
    minor: 2,
    labels: ["docker-images"],
    io: NUMBERED_COUNTERS,
    timestampMs: clock.now(),
    capacityBytes: 4 * GIB,
    usageBytes: 3 * GIB,
    availableBytes: GIB / 2,
    inodes: 100,
    inodesFree: 60,
  });
  assertEquals(filesystems.state.state, "ok");
});

Deno.test("Filesystems.refresh() keeps the last values of a hung file system, marks them as stale, and calls it once", async () => {
  using machine = new FakeMachine();
  const { filesystems, files } = machine;
  await filesystems.refresh();
  const before = filesystems.latest.at(-1) as FsInfo;
  const { promise, resolve } = Promise.withResolvers<FilesystemUsage>();
  files.usages.set("/mnt/nfs", promise).set("/", Promise.resolve(usage(9, 3)));
  files.calls.length = 0;
  await machine.refreshSlowly();
  await machine.refreshSlowly();
  assertEquals(filesystems.latest.at(-1), { ...before, isStale: true });
  assertEquals(filesystems.latest[0]?.usageBytes, 6 * GIB);
  assertEquals(files.calls.filter((path) => path === "/mnt/nfs").length, 1);
  assertEquals(filesystems.state, {
    name: "filesystems",
    state: "degraded",
    detail: 'no response from "/mnt/nfs"',
  });
  resolve(usage(8, 2));
  await new Promise((done) => setTimeout(done, 0));
  files.usages.set("/mnt/nfs", Promise.resolve(usage(8, 1)));
  await filesystems.refresh();
  assertEquals(filesystems.latest.at(-1)?.isStale, undefined);
  assertEquals(filesystems.latest.at(-1)?.usageBytes, 7 * GIB);
  assertEquals(filesystems.state.state, "ok");
});

Deno.test("Filesystems.refresh() keeps the last values of a file system that fails later, until it is unmounted", async () => {
  using machine = new FakeMachine();
  const { filesystems, files } = machine;
  await filesystems.refresh();
  const before = filesystems.latest.at(-1) as FsInfo;
  files.failing.add("/mnt/nfs");
  for (let i = 0; i < 2; i++) {
    await filesystems.refresh();
    assertEquals(filesystems.latest.at(-1), { ...before, isStale: true });
    assertEquals(filesystems.state.detail, 'no response from "/mnt/nfs"');
  }
  // During a pass.
  files.usages.set(
    "/",
    Promise.resolve(usage(4, 1)).finally(() => {
      const left = MOUNTS.split("\n").filter((line) => !line.includes("nfs"));
      machine.root.file("proc/1/mountinfo", left.join("\n"));
    }),
  );
  await filesystems.refresh();
  assertEquals(filesystems.latest.at(-1)?.mountPoint, "/run");
  assertEquals(filesystems.state.state, "ok");
});

Deno.test("Filesystems.refresh() includes a file system that never responded, without values", async () => {
  using machine = new FakeMachine();
  machine.files.usages.set("/mnt/nfs", new Promise(() => {}));
  await machine.refreshSlowly();
  assertEquals(machine.filesystems.latest.at(-1), {
    device: "box:/export",
    type: "vfs",
    mountPoint: "/mnt/nfs",
    major: 0,
    minor: 50,
    labels: [],
    isStale: true,
  });
});

Deno.test("Filesystems.refresh() omits a file system whose first call hung and whose directory is not there", async () => {
  using machine = new FakeMachine();
  const { filesystems, files } = machine;
  const { promise, reject } = Promise.withResolvers<FilesystemUsage>();
  files.usages.set("/mnt/nfs", promise);
  await machine.refreshSlowly();
  assertEquals(filesystems.state.detail, 'no response from "/mnt/nfs"');
  files.usages.delete("/mnt/nfs");
  files.devices.delete("/mnt/nfs");
  reject(new Deno.errors.NotFound());
  await new Promise((done) => setTimeout(done, 0));
  await filesystems.refresh();
  assertEquals(filesystems.latest.at(-1)?.mountPoint, "/run");
  assertEquals(filesystems.state.state, "ok");
});

Deno.test("Filesystems.refresh() omits a file system that fails, and inodes that are not counted", async () => {
  using machine = new FakeMachine();
  const { filesystems, files } = machine;
  files.failing.add("/run");
  files.usages.set(
    "/",
    Promise.resolve({ ...usage(4, 1), inodes: 0, inodesFree: 0 }),
  );
  await filesystems.refresh();
  const mountPoints = filesystems.latest.map(({ mountPoint }) => mountPoint);
  assertEquals(mountPoints, ["/", "/var/lib/docker", "/mnt/nfs"]);
  assertEquals("inodes" in (filesystems.latest[0] ?? {}), false);
});

Deno.test("Filesystems.refresh() omits mount points that show another file system", async () => {
  using machine = new FakeMachine();
  const { filesystems, files } = machine;
  await filesystems.refresh();
  // Mounted on the host after the agent's container started, and not
  // propagated.
  files.devices.set("/run", device(8, 1)).set("/mnt/nfs", device(0, 98));
  await filesystems.refresh();
  const mountPoints = () =>
    filesystems.latest.map(({ mountPoint }) => mountPoint);
  assertEquals(mountPoints(), ["/", "/var/lib/docker"]);
  assertEquals(filesystems.state, {
    name: "filesystems",
    state: "degraded",
    detail: 'mounted on the host and not visible here: "/run", "/mnt/nfs"',
  });
  files.devices.set("/run", device(0, 40)).set("/mnt/nfs", device(0, 50));
  await filesystems.refresh();
  assertEquals(mountPoints(), ["/", "/var/lib/docker", "/run", "/mnt/nfs"]);
});

Deno.test("Filesystems.refresh() does not check visibility in a directory tree that looks like a host", async () => {
  using machine = new FakeMachine(false);
  machine.files.devices.set("/", device(254, 1)).set("/run", device(254, 1));
  await machine.filesystems.refresh();
  assertEquals(machine.filesystems.latest.length, 4);
  assertEquals(machine.filesystems.state.state, "ok");
});

Deno.test("Filesystems.refresh() accepts the device numbers of subvolumes, but not of another mount", async () => {
  using machine = new FakeMachine();
  const { filesystems, files, root } = machine;
  const btrfs = "22 21 0:33 /sub /data rw - btrfs /dev/sdb1 rw";
  root.file("proc/1/mountinfo", `${MOUNTS}\n${btrfs}`);
  const isThere = () =>
    filesystems.latest.some(({ mountPoint }) => mountPoint === "/data");
  for (
    const [number, expected] of [[device(0, 77), true], [
      device(8, 1),
      false,
    ]] as const
  ) {
    files.devices.set("/data", number);
    await filesystems.refresh();
    assertEquals(isThere(), expected);
  }
});

Deno.test("Filesystems.at() returns the last reading before a time", async () => {
  using machine = new FakeMachine();
  const { filesystems, files, clock } = machine;
  const startMs = clock.now();
  assertEquals(filesystems.at(startMs), undefined);
  await filesystems.refresh();
  clock.advance(10_000);
  files.usages.set("/", Promise.resolve(usage(9, 3)));
  await filesystems.refresh();
  const capacityAt = (timeMs: number) =>
    filesystems.at(timeMs)?.[0]?.capacityBytes;
  assertEquals(capacityAt(startMs - 1), 4 * GIB);
  assertEquals(capacityAt(startMs + 9_999), 4 * GIB);
  assertEquals(capacityAt(startMs + 10_000), 9 * GIB);
  assertEquals(capacityAt(Infinity), 9 * GIB);
  for (let i = 0; i < 64; i++) {
    clock.advance(10_000);
    await filesystems.refresh();
  }
  assertEquals(capacityAt(startMs), undefined);
});

Deno.test("Filesystems.at() returns readings since the clock was set back", async () => {
  using machine = new FakeMachine();
  const { filesystems, files, clock } = machine;
  for (let i = 0; i < 64; i++) {
    clock.advance(10_000);
    await filesystems.refresh();
  }
  clock.stepWall(-3_600_000);
  files.usages.set("/", Promise.resolve(usage(9, 3)));
  await filesystems.refresh();
  assertEquals(filesystems.at(clock.now())?.[0]?.capacityBytes, 9 * GIB);
});

Deno.test("Filesystems.withLabel() and withUuid() throw for unknown values", async () => {
  using machine = new FakeMachine();
  const { filesystems } = machine;
  await filesystems.refresh();
  assertEquals(
    filesystems.withLabel("root").map(({ mountPoint }) => mountPoint),
    ["/"],
  );
  assertEquals(filesystems.withLabel().length, 4);
  assertThrows(
    () => filesystems.withLabel("crio-images"),
    UnknownFilesystemError,
    'the label "crio-images"',
  );
  assertThrows(
    () => filesystems.withUuid("1-2"),
    UnknownFilesystemError,
    'the UUID "1-2"',
  );
});

Deno.test("Filesystems.ofDirectory() uses the device from stat, and mountinfo if stat has none", async () => {
  using machine = new FakeMachine();
  const { filesystems, files } = machine;
  await filesystems.refresh();
  const mountOf = async (path: string) =>
    (await filesystems.ofDirectory(path)).mountPoint;
  // A link to another file system.
  files.devices.set("/srv", device(259, 2));
  assertEquals(await mountOf("/srv"), "/var/lib/docker");
  // The device number of a btrfs subvolume is not in mountinfo.
  files.devices.set("/var/lib/docker/btrfs", device(0, 99));
  assertEquals(await mountOf("/var/lib/docker/btrfs"), "/var/lib/docker");
  const missing = await assertRejects(() => mountOf("/none"));
  assert(isGone(missing));
  await assertRejects(
    () => mountOf("/proc/sys"),
    UnknownFilesystemError,
    '"/proc/sys"',
  );
});

Deno.test("Filesystems.ofDirectory() returns the mount's last values if stat hangs, immediately the next time", async () => {
  using machine = new FakeMachine();
  const { filesystems, files, clock } = machine;
  await filesystems.refresh();
  files.hung.add("/mnt/nfs/a");
  const first = filesystems.ofDirectory("/mnt/nfs/a");
  await new Promise((resolve) => setTimeout(resolve, 0));
  clock.advance(2_000);
  assertEquals((await first).mountPoint, "/mnt/nfs");
  const { device } = await filesystems.ofDirectory("/mnt/nfs/b");
  assertEquals(device, "box:/export");
  assertEquals((await filesystems.ofDirectory("/")).mountPoint, "/");
});

Deno.test("Filesystems.ofDirectory() finds a file system mounted since the last reading", async () => {
  using machine = new FakeMachine();
  const { filesystems, files, root } = machine;
  await filesystems.refresh();
  root.file(
    "proc/1/mountinfo",
    `${MOUNTS}\n30 21 8:17 / /new rw - ext4 /dev/sdb1 rw`,
  );
  files.devices.set("/new", device(8, 17));
  assertEquals((await filesystems.ofDirectory("/new")).device, "/dev/sdb1");
});
