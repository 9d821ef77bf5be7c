import { assertEquals } from "@std/assert";
import { attributesJson, machineInfoJson } from "../../lib/api/machine_json.ts";
import { readMachine } from "../../lib/kernfs/machine.ts";
import type { MachineInfo } from "../../lib/model/machine.ts";
import { recordedMachine } from "../_support/recorded_tree.ts";
import { assertForm, fieldsOf } from "../_support/wire_tables.ts";

const VERSIONS = {
  kernelVersion: "6.18.44",
  containerOsVersion: "Debian",
  version: "1.2.3",
};

/** A machine that tells all there is to tell; composed. */
const FULL: MachineInfo = {
  timestampMs: 1000,
  vendorId: "IBM/S390",
  numCores: 1,
  numPhysicalCores: 1,
  numSockets: 1,
  numBooks: 1,
  numDrawers: 1,
  cpuFrequencyKhz: 5_000_000,
  memoryCapacityBytes: 2 ** 40,
  swapCapacityBytes: 0,
  memoryByType: new Map([["Registered-DDR4", {
    capacityBytes: 2 ** 40,
    dimmCount: 8,
  }]]),
  hugepages: [{ pageSizeKib: 1024, numPages: 3 }],
  machineId: "m",
  systemUuid: "s",
  bootId: "b",
  disks: [{
    name: "nvme0n1",
    major: 259,
    minor: 0,
    sizeBytes: 4096,
    scheduler: "none",
  }],
  networkDevices: [{
    name: "eth0",
    macAddress: "02:00:00:00:00:01",
    speedMbps: 10_000,
    mtuBytes: 1500,
  }],
  topology: [{
    id: 0,
    memoryBytes: 2 ** 40,
    hugepages: [{ pageSizeKib: 1024, numPages: 3 }],
    cores: [{
      id: 0,
      threadIds: [0],
      caches: [{ id: 0, sizeBytes: 4096, type: "Data", level: 1 }],
      uncoreCaches: [{ id: 1, sizeBytes: 8192, type: "Unified", level: 2 }],
      socketId: 0,
      bookId: 0,
      drawerId: 0,
    }],
    caches: [{ id: 2, sizeBytes: 65536, type: "Unified", level: 3 }],
    distances: [10],
  }],
  cloud: { provider: "AWS", instanceType: "z.large", instanceId: "i-1" },
  filesystems: [],
};

/** As a client reads it. */
function read(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value));
}

Deno.test("machineInfoJson() has every row of cAdvisor's table where the host tells all", () => {
  const json = read(machineInfoJson(FULL));
  assertForm(json, "MachineInfo");
  assertEquals(
    Object.keys(json).toSorted(),
    fieldsOf("MachineInfo").toSorted(),
  );
  const [core] = (json.topology as { cores: unknown[] }[])[0]?.cores ?? [];
  assertEquals(
    Object.keys(core as object).toSorted(),
    fieldsOf("Core").toSorted(),
  );
  assertEquals(json.disk_map, {
    "259:0": {
      name: "nvme0n1",
      major: 259,
      minor: 0,
      size: 4096,
      scheduler: "none",
    },
  });
});

Deno.test("attributesJson() has every row of cAdvisor's table but those of Docker", () => {
  const json = read(attributesJson(FULL, VERSIONS));
  assertForm(json, "Attributes");
  assertEquals(
    fieldsOf("Attributes").filter((field) => !(field in json)),
    ["docker_version", "docker_api_version"],
  );
});

Deno.test("machineInfoJson() keeps to the table for a recorded machine", () => {
  using host = recordedMachine("6.18-vm.txt");
  const steps = readMachine(host.hostFs(), {
    timestampMs: 7,
    machineIdFiles: ["/etc/machine-id"],
    bootId: "b",
  });
  let step = steps.next();
  while (!step.done) step = steps.next();
  const machine = { ...step.value, filesystems: [] };
  assertForm(read(machineInfoJson(machine)), "MachineInfo");
  assertForm(read(attributesJson(machine, VERSIONS)), "Attributes");
});
