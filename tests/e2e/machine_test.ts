import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
} from "@std/assert";
import { DirectoryUsage } from "../../lib/filesystems/directory_usage.ts";
import { Filesystems } from "../../lib/filesystems/filesystems.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { MountedFiles } from "../../lib/filesystems/mounted_files.ts";
import { BlockingCallPool } from "../../lib/filesystems/blocking_call_pool.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { UnknownFilesystemError } from "../../lib/model/errors.ts";
import { AgentProcess, until } from "./_agent.ts";
import { hasProgram, outputOf } from "./_programs.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

/** Starts an agent for requests of a test. */
async function withAgent(
  ask: (agent: AgentProcess) => Promise<void>,
): Promise<void> {
  const agent = await AgentProcess.start(["--event-log=none"]);
  try {
    await ask(agent);
  } finally {
    await agent.stop();
  }
}

function test(
  program: string,
  name: string,
  ask: (agent: AgentProcess) => Promise<void>,
): void {
  Deno.test({
    name: `agent's ${name} agree with ${program}`,
    ignore: !hasProgram(program),
    fn: () => withAgent(ask),
  });
}

Deno.test("agent has the file systems of the machine in samples of the root", () =>
  withAgent(async (agent) => {
    const root = await agent.json("/api/v1.3/containers/");
    assertEquals(root.spec.has_filesystem, true);
    assert(root.stats.at(-1).filesystem.length > 0);
  }));

test("lscpu", "threads, cores, sockets and nodes", async (agent) => {
  const { topology, ...machine } = await agent.json("/api/v1.3/machine");
  const table = await outputOf("lscpu", "-p=CPU,CORE,SOCKET,NODE");
  const rows = table.split("\n").filter((line) => /^\d/.test(line))
    .map((line) => line.split(",").map(Number));
  assertEquals(machine.num_cores, rows.length);
  const count = (column: number) =>
    new Set(rows.map((row) => row[column])).size;
  assertEquals(machine.num_physical_cores, count(1));
  assertEquals(machine.num_sockets, count(2));
  const threadsOf = (node: Json) =>
    node.cores.flatMap((core: Json) => core.thread_ids);
  assertEquals(
    topology.map((node: Json) => [node.node_id, threadsOf(node).toSorted()]),
    [...Map.groupBy(rows, (row) => row[3] ?? 0)].map(([node, of]) => [
      node,
      of.map(([cpu]) => cpu).toSorted(),
    ]),
  );
});

test("lscpu", "caches", async (agent) => {
  const { topology } = await agent.json("/api/v1.3/machine");
  const { caches } = JSON.parse(
    await outputOf("lscpu", "-B", "-J", "-C=TYPE,LEVEL,ONE-SIZE"),
  );
  const key = (cache: Json) =>
    `${cache.level} ${cache.type} ${cache.size ?? cache["one-size"]}`;
  const reported = topology.flatMap((node: Json) => [
    ...node.caches,
    ...node.cores.flatMap((core: Json) => [
      ...core.caches,
      ...core.uncore_caches,
    ]),
  ]);
  assertEquals(
    [...new Set(reported.map(key))].toSorted(),
    caches.map(key).toSorted(),
  );
});

test("free", "memory and swap", async (agent) => {
  const machine = await agent.json("/api/v1.3/machine");
  const text = await outputOf("free", "-b");
  const total = (row: string) =>
    Number(new RegExp(`^${row}:\\s+(\\d+)`, "m").exec(text)?.[1]);
  assertEquals(machine.memory_capacity, total("Mem"));
  assertEquals(machine.swap_capacity, total("Swap"));
});

test("lsblk", "disks", async (agent) => {
  const { disk_map: disks } = await agent.json("/api/v1.3/machine");
  // Empty devices are not listed without -a.
  const { blockdevices } = JSON.parse(
    await outputOf(
      "lsblk",
      "-a",
      "-b",
      "-d",
      "-J",
      "-oNAME,MAJ:MIN,SIZE,SCHED",
    ),
  );
  for (const device of blockdevices) {
    if (/^(loop|ram|sr)/.test(device.name)) continue;
    const disk = disks[device["maj:min"].trim()];
    assertEquals(disk.name, device.name);
    assertEquals(disk.size, Number(device.size));
    assertEquals(disk.scheduler, device.sched ?? "none");
  }
});

test("ip", "interfaces", async (agent) => {
  const { network_devices: devices } = await agent.json("/api/v1.3/machine");
  const links = JSON.parse(await outputOf("ip", "-j", "link"));
  const own = links.filter(({ ifname }: Json) =>
    !/^(lo|veth|docker|nerdctl)/.test(ifname)
  );
  assertEquals(
    devices.map(({ name, mac_address, mtu }: Json) => [name, mac_address, mtu]),
    own.map(({ ifname, address, mtu }: Json) => [ifname, address, mtu])
      .toSorted(),
  );
});

test("df", "file systems", async (agent) => {
  const storage: Json[] = await agent.json("/api/v2.1/storage");
  assert(storage.length > 0);
  for (const reported of storage) {
    const text = await outputOf(
      "df",
      "-B1",
      "--output=size,used,avail,itotal,iavail",
      reported.mountpoint,
    );
    const [size, used, available, inodes, inodesFree] =
      text.split("\n")[1]?.trim().split(/\s+/).map(Number) ?? [];
    assertEquals(reported.capacity, size, reported.mountpoint);
    // Other programs write in the meantime.
    const isNear = (a: number, b = NaN) =>
      assertLess(Math.abs(a - b), (size ?? 0) / 50 + 1, reported.mountpoint);
    isNear(reported.usage, used);
    isNear(reported.available, available);
    assertEquals(reported.inodes, inodes, reported.mountpoint);
    assertLess(Math.abs(reported.inodes_free - (inodesFree ?? NaN)), 10_000);
  }
  const text = await outputOf("df", "--output=target", "/");
  const [root] = await agent.json("/api/v2.1/storage?label=root");
  assertEquals(root.mountpoint, text.split("\n")[1]);
});

Deno.test("agent reports the kernel's boot time and version", () =>
  withAgent(async (agent) => {
    const machine = await agent.json("/api/v1.3/machine");
    const attributes = await agent.json("/api/v2.1/attributes");
    const read = async (name: string) =>
      (await Deno.readTextFile(`/proc/sys/kernel/${name}`)).trim();
    assertEquals(machine.boot_id, await read("random/boot_id"));
    assertEquals(attributes.kernel_version, await read("osrelease"));
  }));

Deno.test("agent reads IDs from the first readable file of the flags", async () => {
  const directory = await Deno.makeTempDir({ prefix: "cgwatch-ids-" });
  await Deno.writeTextFile(`${directory}/machine`, "m-1\n");
  await Deno.writeTextFile(`${directory}/boot`, "b-1\n");
  const agent = await AgentProcess.start([
    "--event-log=none",
    `-machine_id_file=${directory}/none,${directory}/machine`,
    `-boot_id_file=${directory}/boot`,
  ]);
  try {
    const machine = await agent.json("/api/v2.0/machine");
    assertEquals([machine.machine_id, machine.boot_id], ["m-1", "b-1"]);
    const [event] = await agent.json("/api/v1.3/events");
    assertEquals(event.boot_id, "b-1");
  } finally {
    await agent.stop();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  name:
    "Filesystems.ofDirectory() agrees with df on the file system of a directory",
  ignore: !hasProgram("df"),
  async fn() {
    const fs = new HostFs();
    const filesystems = new Filesystems({
      fs,
      files: new MountedFiles(fs),
      clock: systemClock,
      calls: new BlockingCallPool(systemClock),
      imageStores: () => Promise.resolve([]),
      isHost: true,
    });
    await filesystems.refresh();
    const mountPoints = filesystems.latest.map(({ mountPoint }) => mountPoint);
    for (const path of ["/", "/usr/share", "/var/run", ...mountPoints]) {
      const text = await outputOf("df", "--output=target,source", path);
      const [target, source] = text.split("\n")[1]?.split(/\s+/) ?? [];
      const { mountPoint, device } = await filesystems.ofDirectory(path);
      assertEquals(mountPoint, target, path);
      if (source?.startsWith("/dev/")) assertEquals(device, source);
    }
    await assertRejects(
      () => filesystems.ofDirectory("/proc/self"),
      UnknownFilesystemError,
    );
  },
});

Deno.test({
  name:
    "DirectoryUsage counts links, holes and thousands of files like du, without blocking the event loop",
  ignore: !hasProgram("du"),
  async fn() {
    const directory = await Deno.makeTempDir({ prefix: "cgwatch-du-" });
    try {
      for (let i = 0; i < 3_000; i++) {
        const place = `${directory}/${i % 30}`;
        await Deno.mkdir(place, { recursive: true });
        await Deno.writeTextFile(`${place}/${i}`, "x".repeat(i * 3));
      }
      await Deno.link(`${directory}/0/0`, `${directory}/linked`);
      await Deno.link(`${directory}/5/2975`, `${directory}/7/linked`);
      await Deno.symlink("/usr", `${directory}/usr`);
      await Deno.truncate(`${directory}/1/1`, 2 ** 30);
      const usage = new DirectoryUsage({
        files: new MountedFiles(new HostFs()),
        clock: systemClock,
        calls: new BlockingCallPool(systemClock),
      });
      let ticks = 0;
      const ticker = setInterval(() => ticks++, 1);
      assert(
        await until(() => usage.sizeOf(directory) !== undefined, {
          timeoutMs: 60_000,
        }),
      );
      clearInterval(ticker);
      const { bytes, inodes } = usage.sizeOf(directory) ?? {};
      const du = async (...args: string[]) =>
        parseInt(await outputOf("du", "-s", "-x", ...args, directory));
      assertEquals(bytes, await du("-B1"));
      assertEquals(inodes, await du("--inodes"));
      // The event loop is not blocked meanwhile.
      assertGreater(ticks, 10);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
