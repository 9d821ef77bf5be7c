import { assertEquals } from "@std/assert";
import { parseCpuinfo } from "../../../lib/kernfs/proc/cpuinfo.ts";
import { readRecorded } from "../../_support/recorded_tree.ts";

Deno.test("parseCpuinfo() parses a recorded file of two cores in one socket", () => {
  assertEquals(parseCpuinfo(readRecorded("proc", "6.1-cpuinfo.txt")), {
    vendorId: "AuthenticAMD",
    numCores: 2,
    numPhysicalCores: 2,
    numSockets: 1,
    cpuFrequencyKhz: 2596155,
  });
});

Deno.test("parseCpuinfo() distinguishes threads, cores and sockets", () => {
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

Deno.test("parseCpuinfo() omits what an architecture does not print", () => {
  const arm = "processor\t: 0\nBogoMIPS\t: 243.75\n\nprocessor\t: 1\n";
  assertEquals(parseCpuinfo(arm), { numCores: 2 });
  const s390 = "vendor_id       : IBM/S390\n# processors    : 2\n" +
    "processor 0: version = 00,  identification = 0E, machine = 2964\n" +
    "processor 1: version = 00,  identification = 0E, machine = 2964\n";
  assertEquals(parseCpuinfo(s390), { vendorId: "IBM/S390", numCores: 2 });
  assertEquals(parseCpuinfo(""), { numCores: 0 });
});

Deno.test("parseCpuinfo() reads the frequency of an s390x, after its list of threads", () => {
  const s390 = "vendor_id       : IBM/S390\n# processors    : 1\n" +
    "processor 0: version = FF,  identification = 0E, machine = 3931\n\n" +
    "cpu number      : 0\nphysical id     : 1\ncore id         : 2\n" +
    "cpu MHz dynamic : 5196\ncpu MHz static  : 5200\n";
  assertEquals(parseCpuinfo(s390), {
    vendorId: "IBM/S390",
    numCores: 1,
    numPhysicalCores: 1,
    numSockets: 1,
    cpuFrequencyKhz: 5196000,
  });
});

Deno.test("parseCpuinfo() reads the frequency of a PowerPC", () => {
  const power = "processor\t: 0\nclock\t\t: 3425.000000MHz\n\n" +
    "timebase\t: 512000000\n";
  assertEquals(parseCpuinfo(power), { numCores: 1, cpuFrequencyKhz: 3425000 });
});
