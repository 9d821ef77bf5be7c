import type { MachineInfo } from "../../lib/model/machine.ts";

/** A machine with every value; composed. */
export const FULL_MACHINE: MachineInfo = {
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
