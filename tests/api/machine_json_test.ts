import { assertEquals } from "@std/assert";
import { attributesJson, machineInfoJson } from "../../lib/api/machine_json.ts";
import { FULL_MACHINE } from "../_support/full_machine.ts";

const VERSIONS = {
  kernelVersion: "6.18.44",
  containerOsVersion: "Debian",
  version: "1.2.3",
};

const HUGEPAGES = [{ "page_size": 1024, "num_pages": 3 }];

const SHARED = {
  "num_cores": 1,
  "cpu_frequency_khz": 5_000_000,
  "memory_capacity": 2 ** 40,
  hugepages: HUGEPAGES,
  "machine_id": "m",
  "system_uuid": "s",
  filesystems: [],
  "disk_map": {
    "259:0": {
      name: "nvme0n1",
      major: 259,
      minor: 0,
      size: 4096,
      scheduler: "none",
    },
  },
  "network_devices": [{
    name: "eth0",
    "mac_address": "02:00:00:00:00:01",
    speed: 10_000,
    mtu: 1500,
  }],
  topology: [{
    "node_id": 0,
    memory: 2 ** 40,
    hugepages: HUGEPAGES,
    cores: [{
      "core_id": 0,
      "thread_ids": [0],
      caches: [{ id: 0, size: 4096, type: "Data", level: 1 }],
      "uncore_caches": [{ id: 1, size: 8192, type: "Unified", level: 2 }],
      "socket_id": 0,
      "book_id": 0,
      "drawer_id": 0,
    }],
    caches: [{ id: 2, size: 65536, type: "Unified", level: 3 }],
    distances: [10],
  }],
  "cloud_provider": "AWS",
  "instance_type": "z.large",
};

function received(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

Deno.test("machineInfoJson() has cAdvisor's names", () => {
  assertEquals(received(machineInfoJson(FULL_MACHINE)), {
    ...SHARED,
    timestamp: "1970-01-01T00:00:01Z",
    "vendor_id": "IBM/S390",
    "num_physical_cores": 1,
    "num_sockets": 1,
    "num_books": 1,
    "num_drawers": 1,
    "swap_capacity": 0,
    "memory_by_type": {
      "Registered-DDR4": { capacity: 2 ** 40, "dimm_count": 8 },
    },
    "boot_id": "b",
    "instance_id": "i-1",
  });
});

Deno.test("attributesJson() has cAdvisor's names, without Docker's versions", () => {
  assertEquals(received(attributesJson(FULL_MACHINE, VERSIONS)), {
    ...SHARED,
    "kernel_version": "6.18.44",
    "container_os_version": "Debian",
    "cadvisor_version": "1.2.3",
  });
});
