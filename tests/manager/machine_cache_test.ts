import { assert, assertEquals, assertRejects } from "@std/assert";
import { Filesystems } from "../../lib/filesystems/filesystems.ts";
import {
  type FileStat,
  type FilesystemUsage,
  MountedFiles,
} from "../../lib/filesystems/mounted_files.ts";
import { BlockingCallPool } from "../../lib/filesystems/blocking_call_pool.ts";
import { MachineCache } from "../../lib/manager/machine_cache.ts";
import { UnknownFilesystemError } from "../../lib/model/errors.ts";
import { silentLogger } from "../../lib/model/logger.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { recordedMachine } from "../_support/recorded_tree.ts";

const ROOT_DEVICE = 254 << 8;
const SHM_DEVICE = 27;

/** A recorded machine, whose directories are on the file systems that the test specifies. */
class SpaciousFiles extends MountedFiles {
  freeBytes = 100;
  readonly devices = new Map([["/", ROOT_DEVICE]]);

  override usage(): Promise<FilesystemUsage> {
    return Promise.resolve({
      capacityBytes: 400,
      freeBytes: this.freeBytes,
      availableBytes: 50,
      inodes: 10,
      inodesFree: 5,
    });
  }

  override stat(hostPath: string): Promise<FileStat> {
    const device = this.devices.get(hostPath);
    return device === undefined
      ? Promise.reject(new Deno.errors.NotFound(hostPath))
      : Promise.resolve({
        inode: 2,
        links: 1,
        bytes: 0,
        device,
        isDirectory: true,
        contentBytes: 0,
      });
  }
}

class Bench implements Disposable {
  readonly root = recordedMachine("6.18-vm.txt");
  readonly clock = new FakeClock();
  readonly files = new SpaciousFiles(this.root.hostFs());
  readonly machine = new MachineCache({
    fs: this.root.hostFs(),
    clock: this.clock,
    logger: silentLogger,
    filesystems: new Filesystems({
      fs: this.root.hostFs(),
      files: this.files,
      clock: this.clock,
      calls: new BlockingCallPool(this.clock),
      imageStores: () => Promise.resolve([]),
      isHost: false,
    }),
    machineIdFiles: ["/etc/machine-id"],
    bootId: "b1",
    version: "1.2.3",
  });

  /** Advances the clock and runs the timers due. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.clock.advance(0);
    }
  }

  [Symbol.dispose](): void {
    this.machine.stop();
    this.root.remove();
  }
}

Deno.test("MachineCache.machineInfo() is available before the start, and has file systems once they were read", async () => {
  using bench = new Bench();
  const { machine } = bench;
  assertEquals(machine.machineInfo().numCores, 2);
  assertEquals(machine.machineInfo().filesystems, []);
  await machine.start();
  assertEquals(
    machine.machineInfo().filesystems.map(({ device }) => device),
    ["/dev/shm", "/dev/vda", "/sys/fs/cgroup"],
  );
  assertEquals(machine.versionInfo(), {
    kernelVersion: "6.18.44-fc-v657",
    containerOsVersion: "Debian GNU/Linux 12 (bookworm)",
    version: "1.2.3",
  });
});

Deno.test("MachineCache reads the machine every 5 minutes", async () => {
  using bench = new Bench();
  const { machine, clock, root } = bench;
  await machine.start();
  const startMs = clock.now();
  assertEquals(machine.machineInfo().timestampMs, startMs);
  root.file("sys/devices/system/cpu/online", "0\n");
  await bench.advance(299_999);
  assertEquals(machine.machineInfo().numCores, 2);
  await bench.advance(1);
  assertEquals(machine.machineInfo().numCores, 1);
  assertEquals(machine.machineInfo().timestampMs, startMs + 300_000);
  root.file("sys/devices/system/cpu/online", "0-1\n");
  await bench.advance(300_000);
  assertEquals(machine.machineInfo().numCores, 2);
});

Deno.test("MachineCache reads the file systems every 10 s, until it is stopped", async () => {
  using bench = new Bench();
  const { machine, files, clock } = bench;
  await machine.start();
  const usage = () => machine.filesystems.withLabel("root")[0]?.usageBytes;
  assertEquals(usage(), 300);
  files.freeBytes = 0;
  await bench.advance(9_999);
  assertEquals(usage(), 300);
  await bench.advance(1);
  assertEquals(usage(), 400);
  machine.stop();
  files.freeBytes = 100;
  await bench.advance(20_000);
  assertEquals(usage(), 400);
  assertEquals(clock.pending, 0);
});

Deno.test("MachineCache.rootFsInfo() returns the file system of the kubelet's directory, otherwise of the root", async () => {
  using bench = new Bench();
  const { machine, files } = bench;
  await machine.start();
  assertEquals((await machine.rootFsInfo()).mountPoint, "/");
  files.devices.set("/var/lib/kubelet", SHM_DEVICE);
  assertEquals((await machine.rootFsInfo()).mountPoint, "/dev/shm");
});

Deno.test("MachineCache.dirFsInfo() returns the file system of a directory, and throws if it has none", async () => {
  using bench = new Bench();
  const { machine, files } = bench;
  await machine.start();
  const { device, availableBytes, labels } = await machine.filesystems
    .ofDirectory("/");
  assertEquals([device, availableBytes, labels], ["/dev/vda", 50, ["root"]]);
  // The device of `/proc`.
  files.devices.set("/proc/1", 21);
  const error = await assertRejects(() =>
    machine.filesystems.ofDirectory("/proc/1")
  );
  assert(error instanceof UnknownFilesystemError);
});
