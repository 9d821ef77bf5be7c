/**
 * JSON of the kubelet's Summary API v1alpha1 (`/stats/summary`), with times
 * without fraction. Exceeds 300 lines: one table of names.
 *
 * @module
 */
import { swapLimitOf } from "../model/container.ts";
import type { FsInfo } from "../model/filesystem.ts";
import type {
  DescribedContainer,
  DiskUsage,
  NamedContainer,
  NodeSummary,
  PodSummary,
  TaskLimits,
  VolumeUsage,
} from "../model/node_summary.ts";
import type { InterfaceStats } from "../model/stats.ts";
import { integerJson } from "./json_values.ts";
import type { Wire } from "./schema.ts";
import { psiJson } from "./v1_json.ts";

/** Larger values are unlimited. */
const MAX_LIMIT = 2 ** 62;

/** In the kubelet, the pod's own interface. */
const DEFAULT_INTERFACE = "eth0";

/** Omitted from responses with only CPU and memory. */
const EXTRA_FIELDS = {
  "io": undefined,
  "swap": undefined,
  "network": undefined,
  "fs": undefined,
  "runtime": undefined,
  "rlimit": undefined,
  "volume": undefined,
  "ephemeral-storage": undefined,
  "process_stats": undefined,
  "rootfs": undefined,
  "logs": undefined,
};

/** All of {@linkcode EXTRA_FIELDS}, or none. */
type LeftOut = typeof EXTRA_FIELDS | Record<never, never>;

/** Returns a node's summary, complete or only CPU and memory. */
export function nodeSummaryJson(
  summary: NodeSummary,
  { onlyCpuAndMemory = false }: { readonly onlyCpuAndMemory?: boolean } = {},
): Wire<"Summary"> {
  const leftOut = onlyCpuAndMemory ? EXTRA_FIELDS : {};
  const { root, filesystems } = summary;
  const startMs = onlyCpuAndMemory
    ? root?.spec.creationTimeMs
    : summary.bootMs ?? root?.spec.creationTimeMs;
  return {
    "node": {
      "nodeName": summary.nodeName,
      "systemContainers": summary.systemContainers
        .map((container) => containerJson(container, leftOut)),
      "startTime": secondsJson(startMs),
      ...usageJson(root),
      "network": root && networkJson(root),
      "fs": filesystems.root && filesystemJson(filesystems.root),
      "runtime": runtimeJson(summary),
      "rlimit": rlimitJson(summary.tasks),
      ...leftOut,
    },
    "pods": summary.pods.map((pod) => podJson(pod, root, leftOut)),
  };
}

function podJson(
  pod: PodSummary,
  root: DescribedContainer | undefined,
  leftOut: LeftOut,
): Wire<"SummaryPod"> {
  const { cgroup, sandbox, containers, volumes = [] } = pod;
  const started = sandbox ?? cgroup ?? containers[0];
  return {
    "podRef": {
      "name": pod.name ?? "",
      "namespace": pod.namespace ?? "",
      "uid": pod.uid ?? "",
    },
    "startTime": secondsJson(started?.spec.creationTimeMs),
    "containers": containers.map((container) => ({
      ...containerJson(container, leftOut),
      "swap": containerSwapJson(container, root),
      ...leftOut,
    })),
    ...usageJson(cgroup),
    "network": networkOfPod(pod, root),
    "volume": volumes.length === 0 ? undefined : volumes.map(volumeJson),
    "ephemeral-storage": diskJson(pod.ephemeralStorage),
    "process_stats": processJson(pod),
    ...leftOut,
  };
}

function containerJson(
  container: NamedContainer,
  leftOut: LeftOut,
): Wire<"SummaryContainer"> {
  const { name, spec, rootfs, logs } = container;
  return {
    "name": name,
    "startTime": secondsJson(spec.startTimeMs ?? spec.creationTimeMs),
    ...usageJson(container),
    "rootfs": diskJson(rootfs),
    "logs": diskJson(logs),
    ...leftOut,
  };
}

/** Returns the fields of nodes, pods and containers. */
function usageJson(
  container: DescribedContainer | undefined,
): Pick<Wire<"SummaryContainer">, "cpu" | "memory" | "io" | "swap"> {
  return {
    "cpu": container && cpuJson(container),
    "memory": container && memoryJson(container),
    "io": container && ioJson(container),
    "swap": container && swapJson(container),
  };
}

function cpuJson(
  { stats }: DescribedContainer,
): Wire<"SummaryCpu"> | undefined {
  if (stats?.cpu === undefined) return undefined;
  return {
    "time": secondsJson(stats.timestampMs),
    "usageNanoCores": integerJson(stats.cpuInst?.usage),
    "usageCoreNanoSeconds": integerJson(stats.cpu.usageNs),
    "psi": psiJson(stats.cpu.pressure),
  };
}

function memoryJson(
  { spec, stats }: DescribedContainer,
): Wire<"SummaryMemory"> | undefined {
  if (stats?.memory === undefined) return undefined;
  const { memory } = stats;
  const { workingSetBytes } = memory;
  return {
    "time": secondsJson(stats.timestampMs),
    "availableBytes": leftJson(spec.memory?.limitBytes, workingSetBytes),
    "usageBytes": integerJson(memory.usageBytes),
    "workingSetBytes": integerJson(workingSetBytes),
    "rssBytes": integerJson(memory.rssBytes),
    "pageFaults": integerJson(memory.containerData?.pgfault),
    "majorPageFaults": integerJson(memory.containerData?.pgmajfault),
    "psi": psiJson(memory.pressure),
  };
}

function swapJson(
  { spec, stats }: DescribedContainer,
): Wire<"SummarySwap"> | undefined {
  const used = stats?.memory?.swapBytes;
  if (stats === undefined || used === undefined) return undefined;
  return {
    "time": secondsJson(stats.timestampMs),
    "swapAvailableBytes": leftJson(swapLimitOf(spec.memory), used),
    "swapUsageBytes": integerJson(used),
  };
}

/**
 * Returns the swap of a pod's container. Available swap is bounded by the
 * node's; without a limit it is 0, as runtimes report it to the kubelet.
 */
function containerSwapJson(
  container: DescribedContainer,
  root: DescribedContainer | undefined,
): Wire<"SummarySwap"> | undefined {
  const json = swapJson(container);
  const used = container.stats?.memory?.swapBytes;
  if (json === undefined || used === undefined) return undefined;
  const limit = swapLimitOf(container.spec.memory) ?? Infinity;
  const ofNode = swapLimitOf(root?.spec.memory) ?? Infinity;
  const left = limit > MAX_LIMIT ? 0 : Math.min(limit, ofNode) - used;
  return { ...json, "swapAvailableBytes": integerJson(Math.max(0, left)) };
}

function ioJson({ stats }: DescribedContainer): Wire<"SummaryIo"> | undefined {
  if (stats?.diskIo?.pressure === undefined) return undefined;
  return {
    "time": secondsJson(stats.timestampMs),
    "psi": psiJson(stats.diskIo.pressure),
  };
}

/**
 * Returns a pod's network usage: its sandbox's, or that of its first container
 * with one; on the host's network the node's.
 */
function networkOfPod(
  { sandbox, containers }: PodSummary,
  root: DescribedContainer | undefined,
): Wire<"SummaryNetwork"> | undefined {
  const candidates = sandbox === undefined
    ? containers
    : [sandbox, ...containers];
  const own = candidates.map(networkJson).find((json) => json !== undefined);
  if (own !== undefined || root === undefined) return own;
  return candidates.some(({ isOnHostNetwork }) => isOnHostNetwork)
    ? networkJson(root)
    : undefined;
}

function networkJson(
  { stats }: DescribedContainer,
): Wire<"SummaryNetwork"> | undefined {
  const interfaces = stats?.network?.interfaces;
  if (stats === undefined || interfaces === undefined) return undefined;
  const own = interfaces.find(({ name }) => name === DEFAULT_INTERFACE);
  return {
    "time": secondsJson(stats.timestampMs),
    // The kubelet writes the name even without the interface.
    "name": own?.name ?? "",
    "rxBytes": integerJson(own?.rxBytes),
    "rxErrors": integerJson(own?.rxErrors),
    "txBytes": integerJson(own?.txBytes),
    "txErrors": integerJson(own?.txErrors),
    "interfaces": interfaces.map(interfaceJson),
  };
}

function interfaceJson(of: InterfaceStats): Wire<"SummaryInterface"> {
  return {
    "name": of.name,
    "rxBytes": integerJson(of.rxBytes),
    "rxErrors": integerJson(of.rxErrors),
    "txBytes": integerJson(of.txBytes),
    "txErrors": integerJson(of.txErrors),
  };
}

/** Counts a pod's processes, without the sandbox. */
function processJson(
  { containers }: PodSummary,
): Wire<"SummaryProcesses"> | undefined {
  const counts = containers
    .map(({ stats }) => stats?.processes?.processCount)
    .filter((count) => count !== undefined);
  if (counts.length === 0) return undefined;
  return { "process_count": counts.reduce((sum, count) => sum + count, 0) };
}

/**
 * Only the runtime could measure images and layers: their file systems may have
 * other files.
 */
function runtimeJson(
  { filesystems }: NodeSummary,
): Wire<"SummaryRuntime"> | undefined {
  const { images, containers } = filesystems;
  if (images === undefined && containers === undefined) return undefined;
  const unknown = { "usedBytes": undefined, "inodesUsed": undefined };
  return {
    "imageFs": images && { ...filesystemJson(images), ...unknown },
    "containerFs": containers && { ...filesystemJson(containers), ...unknown },
  };
}

/** Returns only `time` for an unknown file system. */
function filesystemJson(info: FsInfo | undefined): Wire<"SummaryFs"> {
  const { inodes, inodesFree } = info ?? {};
  return {
    "time": secondsJson(info?.timestampMs),
    "availableBytes": integerJson(info?.availableBytes),
    "capacityBytes": integerJson(info?.capacityBytes),
    "usedBytes": integerJson(info?.usageBytes),
    "inodesFree": integerJson(inodesFree),
    "inodes": integerJson(inodes),
    "inodesUsed": inodes === undefined || inodesFree === undefined
      ? undefined
      : integerJson(inodes - inodesFree),
  };
}

/** Returns the usage of files, with their file system. */
function diskJson(
  usage: DiskUsage | undefined,
): Wire<"SummaryFs"> | undefined {
  if (usage === undefined) return undefined;
  return {
    ...filesystemJson(usage.filesystem),
    "time": secondsJson(usage.timestampMs),
    "usedBytes": integerJson(usage.bytes),
    "inodesUsed": integerJson(usage.inodes),
  };
}

function volumeJson(
  { name, filesystem, used }: VolumeUsage,
): Wire<"SummaryVolume"> {
  return { ...(diskJson(used) ?? filesystemJson(filesystem)), "name": name };
}

function rlimitJson(tasks: TaskLimits): Wire<"SummaryRlimit"> | undefined {
  if (tasks.max === undefined && tasks.current === undefined) return undefined;
  return {
    "time": secondsJson(tasks.timestampMs),
    "maxpid": tasks.max,
    "curproc": tasks.current,
  };
}

/** Returns the rest of a limit, absent if unlimited. */
function leftJson(
  limit: number | undefined,
  used: number | undefined,
): number | undefined {
  if (limit === undefined || used === undefined || limit > MAX_LIMIT) {
    return undefined;
  }
  return integerJson(Math.max(0, limit - used));
}

/** Returns RFC 3339 with seconds; null for an unknown time, as Go. */
function secondsJson(timestampMs: number | undefined): string | null {
  if (timestampMs === undefined) return null;
  return new Date(timestampMs).toISOString().replace(/\.\d+Z$/, "Z");
}
