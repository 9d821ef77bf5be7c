import { assertEquals } from "@std/assert";
import { readTopology } from "../../../lib/kernfs/sys/cpu_topology.ts";
import type { NumaNode } from "../../../lib/model/machine.ts";
import { recordedMachine } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

const CPU = "sys/devices/system/cpu";
const NODE = "sys/devices/system/node";

function topologyOf(host: TestCgroup): NumaNode[] {
  const steps = readTopology(host.hostFs());
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Writes one thread's sysfs files. */
function thread(
  host: TestCgroup,
  id: number,
  files: Readonly<Record<string, number>>,
): void {
  for (const [name, value] of Object.entries(files)) {
    host.file(`${CPU}/cpu${id}/topology/${name}`, `${value}\n`);
  }
}

/** Writes one cache of a thread, without an `id`, as on ARM. */
function cache(
  host: TestCgroup,
  cpu: number,
  index: number,
  [level, type, size, shared]: [number, string, string, string],
): void {
  const directory = `${CPU}/cpu${cpu}/cache/index${index}`;
  host.file(`${directory}/level`, `${level}\n`)
    .file(`${directory}/type`, `${type}\n`)
    .file(`${directory}/size`, `${size}\n`)
    .file(`${directory}/shared_cpu_list`, `${shared}\n`);
}

Deno.test("readTopology() reads a recorded machine of two cores", () => {
  using host = recordedMachine("6.18-vm.txt");
  const own = (id: number) => [
    { id, sizeBytes: 48 * 1024, type: "Data", level: 1 },
    { id, sizeBytes: 32 * 1024, type: "Instruction", level: 1 },
    { id, sizeBytes: 1024 * 1024, type: "Unified", level: 2 },
  ];
  assertEquals(topologyOf(host), [{
    id: 0,
    memoryBytes: 11495636 * 1024,
    hugepages: [
      { pageSizeKib: 2048, numPages: 0 },
      { pageSizeKib: 1048576, numPages: 0 },
    ],
    cores: [
      {
        id: 0,
        threadIds: [0],
        caches: own(0),
        uncoreCaches: [],
        socketId: 0,
      },
      {
        id: 1,
        threadIds: [1],
        caches: own(1),
        uncoreCaches: [],
        socketId: 0,
      },
    ],
    caches: [{ id: 0, sizeBytes: 32 * 1024 ** 2, type: "Unified", level: 3 }],
    distances: [10],
  }]);
});

Deno.test("readTopology() distinguishes sockets with equal core IDs, in ascending order, without offline CPUs", () => {
  using host = TestCgroup.create();
  // Two nodes of two sockets, two threads per core: 0 and 12, 1 and 13, …; 13
  // is offline.
  host.file(`${CPU}/online`, "0-12,14-23\n");
  for (let cpu = 0; cpu < 24; cpu++) {
    const socket = Math.floor(cpu % 12 / 6);
    thread(host, cpu, {
      "core_id": cpu % 6,
      "physical_package_id": socket,
    });
    host.child(`${NODE}/node${socket}/cpu${cpu}`);
  }
  host.file(`${NODE}/node0/distance`, "10 21\n")
    .file(`${NODE}/node1/distance`, "21 10\n")
    .file(`${NODE}/node1/meminfo`, "Node 1 MemTotal:       4096 kB\n");
  const nodes = topologyOf(host);
  assertEquals(
    nodes.map(({ cores }) => cores.map(({ threadIds }) => threadIds)),
    [
      [[0, 12], [1], [2, 14], [3, 15], [4, 16], [5, 17]],
      [[6, 18], [7, 19], [8, 20], [9, 21], [10, 22], [11, 23]],
    ],
  );
  assertEquals(nodes.map(({ distances }) => distances), [[10, 21], [21, 10]]);
  assertEquals(nodes.map(({ memoryBytes }) => memoryBytes), [
    undefined,
    4096 * 1024,
  ]);
  assertEquals(nodes[1]?.cores[0]?.socketId, 1);
});

Deno.test("readTopology() reports a cache shared by some cores for each of them", () => {
  using host = TestCgroup.create();
  host.file(`${CPU}/online`, "0-3\n");
  for (let cpu = 0; cpu < 4; cpu++) {
    thread(host, cpu, { "core_id": cpu, "physical_package_id": -1 });
    host.child(`${NODE}/node0/cpu${cpu}`);
    cache(host, cpu, 0, [1, "Data", "64K", `${cpu}`]);
    cache(host, cpu, 1, [2, "Unified", "1M", cpu < 2 ? "0-1" : "2-3"]);
    cache(host, cpu, 2, [3, "Unified", "8192K", "0-3"]);
  }
  const [node] = topologyOf(host);
  assertEquals(node?.caches, [
    { sizeBytes: 8 * 1024 ** 2, type: "Unified", level: 3 },
  ]);
  assertEquals(node?.cores[2], {
    id: 2,
    threadIds: [2],
    caches: [{ sizeBytes: 64 * 1024, type: "Data", level: 1 }],
    uncoreCaches: [{ sizeBytes: 1024 ** 2, type: "Unified", level: 2 }],
  });
});

Deno.test("readTopology() returns one node per socket if the kernel has none", () => {
  using host = TestCgroup.create();
  for (let cpu = 0; cpu < 4; cpu++) {
    thread(host, cpu, {
      "core_id": cpu % 2,
      "physical_package_id": cpu < 2 ? 1 : 0,
    });
  }
  const nodes = topologyOf(host);
  assertEquals(
    nodes.map(({ id, cores }) => [id, cores.map((core) => core.threadIds)]),
    [[0, [[2], [3]]], [1, [[0], [1]]]],
  );
});

Deno.test("readTopology() reads books and drawers, and omits threads without a core", () => {
  using host = TestCgroup.create();
  host.file(`${CPU}/online`, "0-2\n");
  const place = { "core_id": 0, "physical_package_id": 0 };
  thread(host, 0, { ...place, "book_id": 0, "drawer_id": 1 });
  thread(host, 1, { ...place, "book_id": 1, "drawer_id": 1 });
  for (const cpu of [0, 1, 2]) host.child(`${NODE}/node0/cpu${cpu}`);
  const [node] = topologyOf(host);
  assertEquals(
    node?.cores.map(({ threadIds, bookId, drawerId }) => [
      threadIds,
      bookId,
      drawerId,
    ]),
    [[[0], 0, 1], [[1], 1, 1]],
  );
});

Deno.test("readTopology() returns nothing for an empty host", () => {
  using host = TestCgroup.create();
  assertEquals(topologyOf(host), []);
});
