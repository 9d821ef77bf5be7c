import { assertEquals } from "@std/assert";
import { expositionText, section } from "../../lib/metrics/exposition.ts";
import {
  type Machine,
  MACHINE_FAMILIES,
  machineLabels,
} from "../../lib/metrics/machine_families.ts";
import { decodeChunks, parseExposition } from "../_support/exposition.ts";

const CACHE = { sizeBytes: 32_768, type: "Data", level: 1 };

const MACHINE: Machine = {
  timestampMs: 0,
  numCores: 8,
  numPhysicalCores: 4,
  numSockets: 2,
  numBooks: 1,
  numDrawers: 1,
  memoryCapacityBytes: 1_000,
  swapCapacityBytes: 0,
  memoryByType: new Map([["DDR4", { capacityBytes: 500, dimmCount: 2 }]]),
  hugepages: [],
  machineId: "m",
  systemUuid: "s",
  bootId: "b",
  topology: [{
    id: 0,
    memoryBytes: 1_000,
    hugepages: [{ pageSizeKib: 2048, numPages: 3 }],
    cores: [{
      id: 1,
      threadIds: [0, 4],
      caches: [CACHE, CACHE, { ...CACHE, type: "Instruction" }],
      uncoreCaches: [],
    }],
    caches: [{ ...CACHE, type: "Unified", level: 3 }],
    distances: [10, 21],
  }, {
    // The second of two online nodes: node 1 is offline.
    id: 2,
    hugepages: [],
    cores: [],
    caches: [],
    distances: [21, 10],
  }],
};

const EXPECTED = `
machine_cpu_physical_cores 4
machine_cpu_cores 8
machine_cpu_sockets 2
machine_cpu_books 1
machine_cpu_drawers 1
machine_memory_bytes 1000
machine_swap_bytes 0
machine_dimm_count type=DDR4 2
machine_dimm_capacity_bytes type=DDR4 500
machine_cpu_cache_capacity_bytes node_id=0 core_id=1 type=Data level=1 32768
machine_cpu_cache_capacity_bytes node_id=0 core_id=1 type=Instruction level=1 32768
machine_cpu_cache_capacity_bytes node_id=0 type=Unified level=3 32768
machine_thread_siblings_count node_id=0 core_id=1 thread_id=0 2
machine_thread_siblings_count node_id=0 core_id=1 thread_id=4 2
machine_node_memory_capacity_bytes node_id=0 1000
machine_node_hugepages_count node_id=0 page_size=2048 3
machine_node_distance node_id=0 target_node_id=0 10
machine_node_distance node_id=0 target_node_id=2 21
machine_node_distance node_id=2 target_node_id=0 21
machine_node_distance node_id=2 target_node_id=2 10
`.trim().split("\n");

Deno.test("MACHINE_FAMILIES have all of cAdvisor's that the host's files provide, with its labels", () => {
  const text = decodeChunks(expositionText(
    [section<Machine>({
      families: MACHINE_FAMILIES,
      subjects: [MACHINE],
      labelsOf: machineLabels,
    })],
    { format: "prometheus", names: new Set(), onError: () => {} },
  ));
  const exposed = [...parseExposition(text).values()].flatMap((
    { type, series },
  ) =>
    series.map(({ name, labels, value }) => {
      const {
        machine_id: machine,
        system_uuid: system,
        boot_id: boot,
        ...own
      } = labels;
      assertEquals([type, machine, system, boot], ["gauge", "m", "s", "b"]);
      const pairs = Object.entries(own).map(([key, of]) => `${key}=${of}`);
      return [name, ...pairs, value].join(" ");
    })
  );
  assertEquals(exposed, EXPECTED);
});
