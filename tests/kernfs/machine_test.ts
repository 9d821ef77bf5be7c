import { assertEquals } from "@std/assert";
import type { HostFs } from "../../lib/kernfs/host_fs.ts";
import {
  parseMeminfo,
  parseOpenFilesLimit,
  readBootId,
  readMachine,
  readVersions,
} from "../../lib/kernfs/machine.ts";
import type { MachineAttributes } from "../../lib/model/machine.ts";
import { readRecorded, recordedMachine } from "../_support/recorded_tree.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

Deno.test("parseMeminfo() parses a recorded file into bytes", () => {
  const memory = parseMeminfo(readRecorded("proc", "6.1-meminfo.txt"));
  assertEquals(memory.get("MemTotal"), 1510848 * 1024);
  assertEquals(memory.get("SwapTotal"), 0);
  assertEquals(memory.get("DirectMap1G"), 0);
  // Neither bytes nor a simple key.
  assertEquals(memory.has("HugePages_Total"), false);
  assertEquals(memory.has("Active(anon)"), false);
});

Deno.test("parseMeminfo() skips invalid lines", () => {
  assertEquals(
    [...parseMeminfo("MemTotal: x kB\nMemFree: 1 MB\nCached:  8 kB")],
    [["Cached", 8192]],
  );
  assertEquals(parseMeminfo("").size, 0);
});

/** Runs all steps. */
function read(fs: HostFs): MachineAttributes {
  const steps = readMachine(fs, {
    timestampMs: 7,
    machineIdFiles: ["/etc/machine-id", "/var/lib/dbus/machine-id"],
    bootId: "boot-1",
  });
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

Deno.test("readMachine() reads all attributes of a recorded host", () => {
  using host = recordedMachine("6.18-vm.txt");
  host.file("etc/machine-id", "5d5d\n")
    .file("sys/class/dmi/id/product_uuid", "UUID-1\n");
  const { topology, disks, networkDevices, ...facts } = read(host.hostFs());
  assertEquals(facts, {
    timestampMs: 7,
    vendorId: "AuthenticAMD",
    numCores: 2,
    numPhysicalCores: 2,
    numSockets: 1,
    cpuFrequencyKhz: 2596122,
    memoryCapacityBytes: 25276510208,
    swapCapacityBytes: 0,
    memoryByType: new Map(),
    hugepages: [{ pageSizeKib: 2048, numPages: 0 }, {
      pageSizeKib: 1048576,
      numPages: 0,
    }],
    machineId: "5d5d",
    systemUuid: "UUID-1",
    bootId: "boot-1",
  });
  assertEquals(topology.length, 1);
  assertEquals(disks.map(({ name }) => name), ["vda", "zram0"]);
  assertEquals(networkDevices.map(({ name }) => name), ["eth0", "ifb0"]);
});

Deno.test("readMachine() uses the first available ID, without the NUL bytes of a device tree", () => {
  using host = TestCgroup.create();
  host.file("var/lib/dbus/machine-id", "d-bus\n")
    .file("proc/device-tree/system-id", "board-7\0");
  const { machineId, systemUuid } = read(host.hostFs());
  assertEquals({ machineId, systemUuid }, {
    machineId: "d-bus",
    systemUuid: "board-7",
  });
});

Deno.test("readMachine() omits unavailable attributes", () => {
  using host = TestCgroup.create();
  host.file("etc/machine-id", "\n");
  assertEquals(read(host.hostFs()), {
    timestampMs: 7,
    numCores: 0,
    memoryByType: new Map(),
    hugepages: [],
    bootId: "boot-1",
    disks: [],
    networkDevices: [],
    topology: [],
  });
});

Deno.test("readMachine() counts cores and sockets from the topology if cpuinfo does not", () => {
  using host = TestCgroup.create();
  host.file("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 243.75\n")
    .file("sys/devices/system/cpu/online", "0-1\n")
    .file("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3000000\n");
  for (const cpu of [0, 1]) {
    host.file(`sys/devices/system/cpu/cpu${cpu}/topology/core_id`, `${cpu}\n`)
      .file(
        `sys/devices/system/cpu/cpu${cpu}/topology/physical_package_id`,
        "36\n",
      );
  }
  const { numCores, numPhysicalCores, numSockets, cpuFrequencyKhz } = read(
    host.hostFs(),
  );
  assertEquals({ numCores, numPhysicalCores, numSockets, cpuFrequencyKhz }, {
    numCores: 2,
    numPhysicalCores: 2,
    numSockets: 1,
    cpuFrequencyKhz: 3000000,
  });
});

Deno.test("readBootId() reads the first file that has an ID, or returns an empty string", () => {
  using host = TestCgroup.create();
  const files = ["/proc/no-such", "/proc/sys/kernel/random/boot_id"];
  assertEquals(readBootId(host.hostFs(), files), "");
  host.file("proc/sys/kernel/random/boot_id", "2f5c\n");
  assertEquals(readBootId(host.hostFs(), files), "2f5c");
});

Deno.test("readVersions() reads kernel and operating system versions", () => {
  using host = TestCgroup.create();
  assertEquals(readVersions(host.hostFs()), {
    kernelVersion: "",
    containerOsVersion: "Unknown",
  });
  host.file("proc/sys/kernel/osrelease", "6.1.0-37-amd64\n")
    .file(
      "usr/lib/os-release",
      'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
    );
  assertEquals(readVersions(host.hostFs()), {
    kernelVersion: "6.1.0-37-amd64",
    containerOsVersion: "Debian GNU/Linux 12 (bookworm)",
  });
  host.file("etc/os-release", "PRETTY_NAME=Flat\n");
  assertEquals(readVersions(host.hostFs()).containerOsVersion, "Flat");
  host.file("etc/os-release", "ID=x\n");
  assertEquals(readVersions(host.hostFs()).containerOsVersion, "Linux");
});

Deno.test("parseOpenFilesLimit() reads the soft limit", () => {
  const limits = (soft: string) =>
    "Limit                     Soft Limit           Hard Limit           Units     \n" +
    "Max processes             94146                94146                processes \n" +
    `Max open files            ${
      soft.padEnd(21)
    }524288               files     \n`;
  assertEquals(parseOpenFilesLimit(limits("1024")), 1024);
  assertEquals(parseOpenFilesLimit(limits("unlimited")), Infinity);
  assertEquals(parseOpenFilesLimit(""), undefined);
});
