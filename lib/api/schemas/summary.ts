/**
 * Schemas of the kubelet's Summary API v1alpha1, in the notation of
 * `schema.ts`.
 *
 * @module
 */

const TIME = "time | null: Time of the values";

const USAGE = {
  "cpu?": "SummaryCpu: CPU usage",
  "memory?": "SummaryMemory: Memory usage",
  "io?": "SummaryIo: I/O pressure",
  "swap?": "SummarySwap: Swap usage",
} as const;

const START = "time | null: Start time";

const FILESYSTEM = {
  "time": TIME,
  "availableBytes?": "integer: Space for unprivileged users, bytes",
  "capacityBytes?": "integer: Capacity, bytes",
  "usedBytes?": "integer: Used space, bytes",
  "inodesFree?": "integer: Free inodes",
  "inodes?": "integer: Inodes",
  "inodesUsed?": "integer: Used inodes",
} as const;

const COUNTERS = {
  "rxBytes?": "integer: Bytes received",
  "rxErrors?": "integer: Receive errors",
  "txBytes?": "integer: Bytes sent",
  "txErrors?": "integer: Transmit errors",
} as const;

/** Keyed by name. */
export const SUMMARY_SCHEMAS = {
  Summary: {
    "node": "SummaryNode: The node",
    "pods": "[SummaryPod]: Pods of the node",
  },
  SummaryNode: {
    "nodeName": "string: Node name",
    "systemContainers": "[SummaryContainer]: `kubelet`, `runtime` and `pods`",
    "startTime": START,
    ...USAGE,
    "network?": "SummaryNetwork: Network usage",
    "fs?": "SummaryFs: File system of the kubelet's directory",
    "runtime?": "SummaryRuntime: File systems of the container runtime",
    "rlimit?": "SummaryRlimit: Tasks and their limit",
  },
  SummaryPod: {
    "podRef": "SummaryPodRef: Identity of the pod",
    "startTime": START,
    "containers": "[SummaryContainer]: Containers of the pod",
    ...USAGE,
    "network?": "SummaryNetwork: Network usage",
    "volume?": "[SummaryVolume]: Volumes",
    "ephemeral-storage?":
      "SummaryFs: Writable layers, logs and local volumes, summed",
    "process_stats?": "SummaryProcesses: Processes of the pod",
  },
  SummaryPodRef: {
    "name": "string: Pod name; empty if unknown",
    "namespace": "string: Namespace; empty if unknown",
    "uid": "string: UID; empty if unknown",
  },
  SummaryContainer: {
    "name": "string: Container name",
    "startTime": START,
    ...USAGE,
    "rootfs?": "SummaryFs: Writable layer",
    "logs?": "SummaryFs: Logs",
  },
  SummaryCpu: {
    "time": TIME,
    "usageNanoCores?": "integer: CPU time per second, nanoseconds",
    "usageCoreNanoSeconds?": "integer: Cumulative CPU time, nanoseconds",
    "psi?": "Psi: Pressure stall information",
  },
  SummaryMemory: {
    "time": TIME,
    "availableBytes?": "integer: Limit minus working set, bytes",
    "usageBytes?": "integer: Memory charged, page cache included, bytes",
    "workingSetBytes?": "integer: Working set, bytes",
    "rssBytes?": "integer: Anonymous memory, bytes",
    "pageFaults?": "integer: Page faults",
    "majorPageFaults?": "integer: Major page faults",
    "psi?": "Psi: Pressure stall information",
  },
  SummaryIo: { "time": TIME, "psi?": "Psi: Pressure stall information" },
  SummarySwap: {
    "time": TIME,
    "swapAvailableBytes?": "integer: Available swap, bytes",
    "swapUsageBytes?": "integer: Used swap, bytes",
  },
  SummaryNetwork: {
    "time": TIME,
    "name": "string: Name of the default interface; empty if absent",
    ...COUNTERS,
    "interfaces": "[SummaryInterface]: Interfaces",
  },
  SummaryInterface: { "name": "string: Interface name", ...COUNTERS },
  SummaryFs: FILESYSTEM,
  SummaryVolume: { ...FILESYSTEM, "name": "string: Volume name" },
  SummaryRuntime: {
    "imageFs?": "SummaryFs: File system of the images",
    "containerFs?": "SummaryFs: File system of the writable layers",
  },
  SummaryRlimit: {
    "time": TIME,
    "maxpid?": "integer: Maximum number of tasks",
    "curproc?": "integer: Number of tasks",
  },
  SummaryProcesses: { "process_count": "integer: Number of processes" },
} as const satisfies Record<string, Record<string, string>>;
