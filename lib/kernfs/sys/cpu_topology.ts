import type { Core, CpuCache, NumaNode } from "../../model/machine.ts";
import { readCpuCaches, type SharedCache } from "./cpu_caches.ts";
import type { HostFs } from "../host_fs.ts";
import { readHugepages } from "./hugepages.ts";
import { parseCpuList, readIndexes, readInteger, readValue } from "./sysfs.ts";

const CPUS = "/sys/devices/system/cpu";
const NODES = "/sys/devices/system/node";

/** From this level on, caches may belong to a node. */
const NODE_CACHE_LEVEL = 3;

interface Thread {
  readonly id: number;
  readonly coreId: number;
  readonly socketId?: number;
  readonly bookId?: number;
  readonly drawerId?: number;
}

/**
 * Reads threads, cores and caches by node, ascending. Yields after each thread
 * or core: 256 threads have some 6,000 files. Offline CPUs and those without a
 * core are omitted. If the kernel has no nodes, each socket is one.
 */
export function* readTopology(fs: HostFs): Generator<undefined, NumaNode[]> {
  const online = readOnline(fs);
  const nodes = readIndexes(fs, NODES, "node");
  if (nodes.length === 0) return yield* readSockets(fs, online);
  const found: NumaNode[] = [];
  for (const id of nodes) {
    const directory = `${NODES}/node${id}`;
    const threads: Thread[] = [];
    for (const cpu of readIndexes(fs, directory, "cpu")) {
      yield;
      const thread = online.has(cpu) ? readThread(fs, cpu) : undefined;
      if (thread !== undefined) threads.push(thread);
    }
    const memoryKib = /MemTotal:\s+(\d+) kB/
      .exec(readValue(fs, `${directory}/meminfo`) ?? "")?.[1];
    found.push({
      id,
      ...(memoryKib !== undefined && { memoryBytes: Number(memoryKib) * 1024 }),
      hugepages: readHugepages(fs, `${directory}/hugepages`),
      ...yield* readCores(fs, threads),
      distances: (readValue(fs, `${directory}/distance`) ?? "")
        .split(/\s+/).filter((text) => text !== "").map(Number),
    });
  }
  return found;
}

function* readSockets(
  fs: HostFs,
  online: ReadonlySet<number>,
): Generator<undefined, NumaNode[]> {
  const sockets = new Map<number, Thread[]>();
  for (const cpu of online) {
    yield;
    const thread = readThread(fs, cpu);
    if (thread === undefined) continue;
    const { socketId = 0 } = thread;
    const threads = sockets.get(socketId);
    if (threads === undefined) sockets.set(socketId, [thread]);
    else threads.push(thread);
  }
  const found: NumaNode[] = [];
  for (const [id, threads] of sockets) {
    const cores = yield* readCores(fs, threads);
    found.push({ id, hugepages: [], ...cores, distances: [] });
  }
  return found.toSorted((a, b) => a.id - b.id);
}

/** Without CPU hotplug there is no list. */
function readOnline(fs: HostFs): ReadonlySet<number> {
  const list = readValue(fs, `${CPUS}/online`);
  return list === undefined
    ? new Set(readIndexes(fs, CPUS, "cpu"))
    : parseCpuList(list);
}

function readThread(fs: HostFs, id: number): Thread | undefined {
  const topology = `${CPUS}/cpu${id}/topology`;
  const coreId = readInteger(fs, `${topology}/core_id`);
  if (coreId === undefined) return undefined;
  const socketId = readInteger(fs, `${topology}/physical_package_id`);
  const bookId = readInteger(fs, `${topology}/book_id`);
  const drawerId = readInteger(fs, `${topology}/drawer_id`);
  return {
    id,
    coreId,
    ...(socketId !== undefined && { socketId }),
    ...(bookId !== undefined && { bookId }),
    ...(drawerId !== undefined && { drawerId }),
  };
}

/** Returns cores, and caches shared only within the node. */
function* readCores(
  fs: HostFs,
  threads: readonly Thread[],
): Generator<undefined, Pick<NumaNode, "cores" | "caches">> {
  const byCore = Map.groupBy(
    threads,
    ({ coreId, socketId, bookId, drawerId }) =>
      [drawerId, bookId, socketId, coreId].join(),
  );
  const nodeThreads = new Set(threads.map(({ id }) => id));
  const nodeCaches = new Map<string, CpuCache>();
  const cores: Core[] = [];
  for (const siblings of byCore.values()) {
    yield;
    const [first] = siblings;
    if (first === undefined) continue;
    const { id, coreId, ...place } = first;
    const threadIds = siblings.map((thread) => thread.id);
    const own: CpuCache[] = [];
    const uncore: CpuCache[] = [];
    for (const shared of readCpuCaches(fs, `${CPUS}/cpu${id}`)) {
      const { threads, ...cache } = shared;
      if (isOfNode(shared, nodeThreads)) {
        nodeCaches.set([cache.level, cache.type, cache.id].join(), cache);
      } else if (threadIds.length === threads.size) own.push(cache);
      else uncore.push(cache);
    }
    cores.push({
      id: coreId,
      threadIds,
      caches: own,
      uncoreCaches: uncore,
      ...place,
    });
  }
  return { cores, caches: [...nodeCaches.values()] };
}

function isOfNode(
  { level, threads }: SharedCache,
  nodeThreads: ReadonlySet<number>,
): boolean {
  return level >= NODE_CACHE_LEVEL && nodeThreads.isSubsetOf(threads);
}
