/**
 * The kubelet's Summary v1alpha1 (`/stats/summary`): its names, units and
 * times, which have no fraction. What is not known is left out.
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
import { type JsonObject, wholeJson } from "./json_values.ts";
import { psiJson } from "./v1_json.ts";

/** What is larger is no limit. */
const MAX_LIMIT = 2 ** 62;

/** The interface that the kubelet takes for a pod's own. */
const DEFAULT_INTERFACE = "eth0";

/** All of a node, or what its CPUs and its memory do. */
export function nodeSummaryJson(
  summary: NodeSummary,
  { onlyCpuAndMemory = false }: { readonly onlyCpuAndMemory?: boolean } = {},
): JsonObject {
  const { root } = summary;
  const startMs = onlyCpuAndMemory
    ? root?.spec.creationTimeMs
    : summary.bootMs ?? root?.spec.creationTimeMs;
  return {
    "node": {
      "nodeName": summary.nodeName,
      "systemContainers": summary.systemContainers
        .map((container) => containerJson(container, onlyCpuAndMemory)),
      "startTime": secondsJson(startMs),
      ...(root && usageJson(root, onlyCpuAndMemory)),
      ...(onlyCpuAndMemory ? {} : {
        "network": root && networkJson(root),
        "fs": filesystemJson(summary.filesystems.root),
        "runtime": runtimeJson(summary),
        "rlimit": rlimitJson(summary.tasks),
      }),
    },
    "pods": summary.pods.map((pod) =>
      podJson(pod, { onlyCpuAndMemory, summary })
    ),
  };
}

function podJson(
  pod: PodSummary,
  { onlyCpuAndMemory, summary }: {
    readonly onlyCpuAndMemory: boolean;
    readonly summary: NodeSummary;
  },
): JsonObject {
  const { cgroup, sandbox, containers, volumes = [] } = pod;
  const { root } = summary;
  const started = sandbox ?? cgroup ?? containers[0];
  return {
    "podRef": {
      "name": pod.name ?? "",
      "namespace": pod.namespace ?? "",
      "uid": pod.uid ?? "",
    },
    "startTime": secondsJson(started?.spec.creationTimeMs),
    "containers": containers.map((container) => ({
      ...containerJson(container, onlyCpuAndMemory),
      ...(onlyCpuAndMemory
        ? {}
        : { "swap": containerSwapJson(container, root) }),
    })),
    ...(cgroup && usageJson(cgroup, onlyCpuAndMemory)),
    ...(onlyCpuAndMemory ? {} : {
      "network": networkOfPod(pod, root),
      "volume": volumes.length === 0 ? undefined : volumes.map(volumeJson),
      "ephemeral-storage": diskJson(pod.ephemeralStorage),
      "process_stats": processJson(pod),
    }),
  };
}

function containerJson(
  container: NamedContainer,
  onlyCpuAndMemory: boolean,
): JsonObject {
  const { name, spec, rootfs, logs } = container;
  return {
    "name": name,
    "startTime": secondsJson(spec.startTimeMs ?? spec.creationTimeMs),
    ...usageJson(container, onlyCpuAndMemory),
    ...(onlyCpuAndMemory
      ? {}
      : { "rootfs": diskJson(rootfs), "logs": diskJson(logs) }),
  };
}

/** What a node, a pod and a container have alike. */
function usageJson(
  container: DescribedContainer,
  onlyCpuAndMemory: boolean,
): JsonObject {
  return {
    "cpu": cpuJson(container),
    "memory": memoryJson(container),
    ...(onlyCpuAndMemory
      ? {}
      : { "io": ioJson(container), "swap": swapJson(container) }),
  };
}

function cpuJson({ stats }: DescribedContainer): JsonObject | undefined {
  if (stats?.cpu === undefined) return undefined;
  return {
    "time": secondsJson(stats.timestampMs),
    "usageNanoCores": wholeJson(stats.cpuInst?.usage),
    "usageCoreNanoSeconds": wholeJson(stats.cpu.usageNs),
    "psi": psiJson(stats.cpu.pressure),
  };
}

function memoryJson(
  { spec, stats }: DescribedContainer,
): JsonObject | undefined {
  if (stats?.memory === undefined) return undefined;
  const { memory } = stats;
  const { workingSetBytes } = memory;
  return {
    "time": secondsJson(stats.timestampMs),
    "availableBytes": leftJson(spec.memory?.limitBytes, workingSetBytes),
    "usageBytes": wholeJson(memory.usageBytes),
    "workingSetBytes": wholeJson(workingSetBytes),
    "rssBytes": wholeJson(memory.rssBytes),
    "pageFaults": wholeJson(memory.containerData?.pgfault),
    "majorPageFaults": wholeJson(memory.containerData?.pgmajfault),
    "psi": psiJson(memory.pressure),
  };
}

function swapJson({ spec, stats }: DescribedContainer): JsonObject | undefined {
  const used = stats?.memory?.swapBytes;
  if (stats === undefined || used === undefined) return undefined;
  return {
    "time": secondsJson(stats.timestampMs),
    "swapAvailableBytes": leftJson(swapLimitOf(spec.memory), used),
    "swapUsageBytes": wholeJson(used),
  };
}

/**
 * Of a container of a pod: what it may still swap out, on a node that has so
 * much; 0 without a limit of its own, as the runtimes report it to the kubelet.
 */
function containerSwapJson(
  container: DescribedContainer,
  root: DescribedContainer | undefined,
): JsonObject | undefined {
  const json = swapJson(container);
  const used = container.stats?.memory?.swapBytes;
  if (json === undefined || used === undefined) return undefined;
  const limit = swapLimitOf(container.spec.memory) ?? Infinity;
  const ofNode = swapLimitOf(root?.spec.memory) ?? Infinity;
  const left = limit > MAX_LIMIT ? 0 : Math.min(limit, ofNode) - used;
  return { ...json, "swapAvailableBytes": wholeJson(Math.max(0, left)) };
}

function ioJson({ stats }: DescribedContainer): JsonObject | undefined {
  if (stats?.diskIo?.pressure === undefined) return undefined;
  return {
    "time": secondsJson(stats.timestampMs),
    "psi": psiJson(stats.diskIo.pressure),
  };
}

/**
 * The network of a pod is its sandbox's, or that of whichever container of it
 * has one; of a pod on the host's network it is the node's.
 */
function networkOfPod(
  { sandbox, containers }: PodSummary,
  root: DescribedContainer | undefined,
): unknown {
  const candidates = sandbox === undefined
    ? containers
    : [sandbox, ...containers];
  const own = candidates.map(networkJson).find((json) => json !== undefined);
  if (own !== undefined || root === undefined) return own;
  return candidates.some(({ isOnHostNetwork }) => isOnHostNetwork)
    ? networkJson(root)
    : undefined;
}

function networkJson({ stats }: DescribedContainer): JsonObject | undefined {
  const interfaces = stats?.network?.interfaces;
  if (stats === undefined || interfaces === undefined) return undefined;
  const own = interfaces.find(({ name }) => name === DEFAULT_INTERFACE);
  return {
    "time": secondsJson(stats.timestampMs),
    // The kubelet writes the name even where there is no such interface.
    ...(own === undefined ? { "name": "" } : interfaceJson(own)),
    "interfaces": interfaces.map(interfaceJson),
  };
}

function interfaceJson(of: InterfaceStats): JsonObject {
  return {
    "name": of.name,
    "rxBytes": wholeJson(of.rxBytes),
    "rxErrors": wholeJson(of.rxErrors),
    "txBytes": wholeJson(of.txBytes),
    "txErrors": wholeJson(of.txErrors),
  };
}

/** Of its containers; the sandbox, which only holds namespaces, is none of them. */
function processJson({ containers }: PodSummary): JsonObject | undefined {
  const counts = containers
    .map(({ stats }) => stats?.processes?.processCount)
    .filter((count) => count !== undefined);
  if (counts.length === 0) return undefined;
  return { "process_count": counts.reduce((sum, count) => sum + count, 0) };
}

/** What images and layers take of it together, only their runtime knows; others may be on it. */
function runtimeJson({ filesystems }: NodeSummary): JsonObject | undefined {
  const { images, containers } = filesystems;
  if (images === undefined && containers === undefined) return undefined;
  const unknown = { "usedBytes": undefined, "inodesUsed": undefined };
  return {
    "imageFs": images && { ...filesystemJson(images), ...unknown },
    "containerFs": containers && { ...filesystemJson(containers), ...unknown },
  };
}

function filesystemJson(info: FsInfo | undefined): JsonObject | undefined {
  if (info === undefined) return undefined;
  const { inodes, inodesFree } = info;
  return {
    "time": secondsJson(info.timestampMs),
    "availableBytes": wholeJson(info.availableBytes),
    "capacityBytes": wholeJson(info.capacityBytes),
    "usedBytes": wholeJson(info.usageBytes),
    "inodesFree": wholeJson(inodesFree),
    "inodes": wholeJson(inodes),
    "inodesUsed": inodes === undefined || inodesFree === undefined
      ? undefined
      : wholeJson(inodes - inodesFree),
  };
}

/** What some files take, and the file system that they are on. */
function diskJson(usage: DiskUsage | undefined): JsonObject | undefined {
  if (usage === undefined) return undefined;
  return {
    ...filesystemJson(usage.filesystem),
    "time": secondsJson(usage.timestampMs),
    "usedBytes": wholeJson(usage.bytes),
    "inodesUsed": wholeJson(usage.inodes),
  };
}

function volumeJson({ name, filesystem, used }: VolumeUsage): JsonObject {
  return { ...(diskJson(used) ?? filesystemJson(filesystem)), "name": name };
}

function rlimitJson(tasks: TaskLimits): JsonObject | undefined {
  if (tasks.max === undefined && tasks.current === undefined) return undefined;
  return {
    "time": secondsJson(tasks.timestampMs),
    "maxpid": tasks.max,
    "curproc": tasks.current,
  };
}

/** What is left of a limit, if there is one. */
function leftJson(
  limit: number | undefined,
  used: number | undefined,
): unknown {
  if (limit === undefined || used === undefined || limit > MAX_LIMIT) {
    return undefined;
  }
  return wholeJson(Math.max(0, limit - used));
}

/** RFC 3339 in whole seconds; null where there is no time, as Go writes it. */
function secondsJson(timestampMs: number | undefined): string | null {
  if (timestampMs === undefined) return null;
  return new Date(timestampMs).toISOString().replace(/\.\d+Z$/, "Z");
}
