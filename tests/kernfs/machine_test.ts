import { assertEquals } from "@std/assert";
import {
  parseCpuinfo,
  parseMeminfo,
  parseOpenFilesLimit,
  readBootId,
  readMachineInfo,
  readVersions,
} from "../../lib/kernfs/machine.ts";
import { readRecorded } from "../_support/recorded_tree.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

Deno.test("parseMeminfo() reads a recorded file into bytes", () => {
  const memory = parseMeminfo(readRecorded("proc", "6.1-meminfo.txt"));
  assertEquals(memory.get("MemTotal"), 1510848 * 1024);
  assertEquals(memory.get("SwapTotal"), 0);
  assertEquals(memory.get("DirectMap1G"), 0);
  // Neither bytes nor a plain key.
  assertEquals(memory.has("HugePages_Total"), false);
  assertEquals(memory.has("Active(anon)"), false);
});

Deno.test("parseMeminfo() leaves out what is not in its form", () => {
  assertEquals(
    [...parseMeminfo("MemTotal: x kB\nMemFree: 1 MB\nCached:  8 kB")],
    [["Cached", 8192]],
  );
  assertEquals(parseMeminfo("").size, 0);
});

Deno.test("parseCpuinfo() reads a recorded file of two cores in one socket", () => {
  assertEquals(parseCpuinfo(readRecorded("proc", "6.1-cpuinfo.txt")), {
    vendorId: "AuthenticAMD",
    numCores: 2,
    numPhysicalCores: 2,
    numSockets: 1,
    cpuFrequencyKhz: 2596155,
  });
});

Deno.test("parseCpuinfo() tells threads, cores and sockets apart", () => {
  const threads = [[0, 0], [0, 1], [1, 0], [1, 1], [0, 0], [0, 1], [1, 0], [
    1,
    1,
  ]]
    .map(([socket, core], i) =>
      `processor\t: ${i}\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`
    );
  assertEquals(parseCpuinfo(threads.join("\n")), {
    numCores: 8,
    numPhysicalCores: 4,
    numSockets: 2,
  });
});

Deno.test("parseCpuinfo() leaves out what an architecture does not tell", () => {
  const arm = "processor\t: 0\nBogoMIPS\t: 243.75\n\nprocessor\t: 1\n";
  assertEquals(parseCpuinfo(arm), { numCores: 2 });
  const s390 = "vendor_id       : IBM/S390\n# processors    : 2\n" +
    "processor 0: version = 00,  identification = 0E, machine = 2964\n" +
    "processor 1: version = 00,  identification = 0E, machine = 2964\n";
  assertEquals(parseCpuinfo(s390), { vendorId: "IBM/S390", numCores: 2 });
  assertEquals(parseCpuinfo(""), { numCores: 0 });
});

Deno.test("readMachineInfo() puts together what the host tells", () => {
  using host = TestCgroup.create();
  host
    .file("proc/cpuinfo", readRecorded("proc", "6.1-cpuinfo.txt"))
    .file("proc/meminfo", readRecorded("proc", "6.1-meminfo.txt"))
    .file("etc/machine-id", "5d5d\n")
    .file("sys/class/dmi/id/product_uuid", "UUID-1\n");
  assertEquals(readMachineInfo(host.hostFs(), "boot-1", 7), {
    timestampMs: 7,
    vendorId: "AuthenticAMD",
    numCores: 2,
    numPhysicalCores: 2,
    numSockets: 1,
    cpuFrequencyKhz: 2596155,
    memoryCapacityBytes: 1510848 * 1024,
    swapCapacityBytes: 0,
    machineId: "5d5d",
    systemUuid: "UUID-1",
    bootId: "boot-1",
  });
});

Deno.test("readMachineInfo() takes the next best id, without the zeros of a device tree", () => {
  using host = TestCgroup.create();
  host.file("var/lib/dbus/machine-id", "d-bus\n")
    .file("proc/device-tree/system-id", "board-7\0");
  const { machineId, systemUuid } = readMachineInfo(host.hostFs(), "", 0);
  assertEquals({ machineId, systemUuid }, {
    machineId: "d-bus",
    systemUuid: "board-7",
  });
});

Deno.test("readMachineInfo() leaves out the ids of a host that has none", () => {
  using host = TestCgroup.create();
  host.file("etc/machine-id", "\n");
  assertEquals(readMachineInfo(host.hostFs(), "", 0), {
    timestampMs: 0,
    numCores: 0,
    memoryCapacityBytes: 0,
    swapCapacityBytes: 0,
    bootId: "",
  });
});

Deno.test("readBootId() reads the boot's id, or nothing", () => {
  using host = TestCgroup.create();
  assertEquals(readBootId(host.hostFs()), "");
  host.file("proc/sys/kernel/random/boot_id", "2f5c\n");
  assertEquals(readBootId(host.hostFs()), "2f5c");
});

Deno.test("readVersions() reads the versions of kernel and operating system", () => {
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
