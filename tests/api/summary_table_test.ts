// The kubelet's table of fields, row by row, on a composed node, complete and with
// a part missing. Exceeds 300 lines: one table.

import { assert, assertEquals } from "@std/assert";
import { nodeSummaryJson } from "../../lib/api/summary_json.ts";
import type { Manager } from "../../lib/manager/manager.ts";
import type { FsInfo } from "../../lib/model/filesystem.ts";
import { openManager } from "../../lib/open_manager.ts";
import {
  CONTAINER_IDS,
  KubeletNode,
  NODE_PARTS,
  type NodePart,
  POD_UID,
} from "../_support/kubelet_node.ts";
import { firstSamples } from "../_support/first_samples.ts";
import type { CgroupDriver } from "../_support/kubepods_tree.ts";

/** Sources of expected values. */
interface Known {
  readonly node: KubeletNode;
  readonly root: FsInfo;
  /** A file system by its mount point. */
  readonly filesystem: (mountPoint: string) => FsInfo;
}

/** A field: the parts of a node that it requires, and its value or format. */
interface Row {
  readonly field: string;
  readonly needs: readonly NodePart[];
  readonly expected: unknown | ((known: Known) => unknown) | RegExp;
}

type Where = "node" | "system" | "pod" | "container";

/** Fields that are always absent, because no file of the host has them. */
const ABSENT: Readonly<Record<Where, RegExp>> = {
  // Only the runtime could measure images and layers.
  node: /^runtime\.\w+\.(usedBytes|inodesUsed)$/,
  // The kubelet removes them.
  system: /^(rootfs|logs)\b/,
  // Only the API server has claims.
  pod: /\.pvcRef\b/,
  // An old kubelet's driver, and metrics that it requested from containers.
  container: /^(accelerators|userDefinedMetrics)\b/,
};

const TIME_REGEXP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

function number(text: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1]);
}

/** Swap of the node, bytes. */
const SWAP_TOTAL = 2 ** 20;

/** Returns the text of a control file; for the node of the root's. */
function controlOf(where: Where, file: string) {
  return ({ node }: Known): string =>
    where === "node"
      ? Deno.readTextFileSync(`${node.root}/sys/fs/cgroup/${file}`)
      : node.control(
        {
          system: node.podsCgroup,
          pod: node.podCgroup,
          container: node.containerCgroup,
        }[where],
        file,
      );
}

/** Returns a value of a flat keyed file. */
function keyed(where: Where, file: string, key: string, factor = 1) {
  return (known: Known) => number(controlOf(where, file)(known), key) * factor;
}

function psiRows(where: Where, section: "cpu" | "memory" | "io"): Row[] {
  const file = `${section}.pressure`;
  // The root's CPU has no "full" before Linux 5.13, and zeros since.
  return ["full", "some"].flatMap((share) =>
    ["total", "avg10", "avg60", "avg300"].map((key): Row => ({
      field: `${section}.psi.${share}.${key}`,
      needs: ["pressure"],
      expected: (known: Known) =>
        Number(
          new RegExp(`^${share} .*\\b${key}=([\\d.]+)`, "m")
            .exec(controlOf(where, file)(known))?.[1],
        ),
    }))
  );
}

/** Fields of CPU, memory, I/O and swap, which node, pods and containers share. */
function usageRows(where: Where): Row[] {
  const usage = (known: Known): number =>
    where === "node"
      ? keyed(where, "memory.stat", "anon")(known) +
        keyed(where, "memory.stat", "file")(known)
      : Number(controlOf(where, "memory.current")(known));
  const workingSet = (known: Known) =>
    Math.max(
      0,
      usage(known) - keyed(where, "memory.stat", "inactive_file")(known),
    );
  const limit = (known: Known, file: string, key: string): number =>
    where === "node"
      ? Number(
        new RegExp(`^${key}: +(\\d+)`, "m").exec(
          Deno.readTextFileSync(`${known.node.root}/proc/meminfo`),
        )?.[1],
      ) * 1024
      : Number(controlOf(where, file)(known));
  const swap = (known: Known): number =>
    where === "node"
      ? limit(known, "", "SwapTotal") - limit(known, "", "SwapFree")
      : Number(controlOf(where, "memory.swap.current")(known));
  // The node's limit is its memory, which is always known.
  const limits: NodePart[] = where === "node" ? [] : ["limits"];
  return [
    { field: "cpu.time", needs: [], expected: TIME_REGEXP },
    // The files do not change between two samples.
    { field: "cpu.usageNanoCores", needs: [], expected: 0 },
    {
      field: "cpu.usageCoreNanoSeconds",
      needs: [],
      expected: keyed(where, "cpu.stat", "usage_usec", 1_000),
    },
    ...psiRows(where, "cpu"),
    { field: "memory.time", needs: [], expected: TIME_REGEXP },
    {
      field: "memory.availableBytes",
      needs: limits,
      expected: (known: Known) =>
        limit(known, "memory.max", "MemTotal") - workingSet(known),
    },
    { field: "memory.usageBytes", needs: [], expected: usage },
    { field: "memory.workingSetBytes", needs: [], expected: workingSet },
    {
      field: "memory.rssBytes",
      needs: [],
      expected: keyed(where, "memory.stat", "anon"),
    },
    {
      field: "memory.pageFaults",
      needs: [],
      expected: keyed(where, "memory.stat", "pgfault"),
    },
    {
      field: "memory.majorPageFaults",
      needs: [],
      expected: keyed(where, "memory.stat", "pgmajfault"),
    },
    ...psiRows(where, "memory"),
    { field: "io.time", needs: ["pressure"], expected: TIME_REGEXP },
    ...psiRows(where, "io"),
    { field: "swap.time", needs: ["swap"], expected: TIME_REGEXP },
    {
      field: "swap.swapAvailableBytes",
      // 0 for a container without a limit, at most the node's.
      needs: where === "container" ? ["swap"] : ["swap", ...limits],
      expected: (known: Known) =>
        Math.max(
          0,
          Math.min(
            limit(known, "memory.swap.max", "SwapTotal"),
            where === "container" ? SWAP_TOTAL : Infinity,
          ) - swap(known),
        ),
    },
    { field: "swap.swapUsageBytes", needs: ["swap"], expected: swap },
  ];
}

function networkRows(needs: readonly NodePart[]): Row[] {
  const names = [["", "eth0", 1], ["interfaces.0.", "eth0", 1], [
    "interfaces.1.",
    "eth1",
    3,
  ]] as const;
  return [
    { field: "network.time", needs, expected: TIME_REGEXP },
    ...names.flatMap(([prefix, name, of]) => [
      { field: `network.${prefix}name`, needs, expected: name },
      { field: `network.${prefix}rxBytes`, needs, expected: of * 1_000 },
      { field: `network.${prefix}rxErrors`, needs, expected: of },
      { field: `network.${prefix}txBytes`, needs, expected: (of + 1) * 1_000 },
      { field: `network.${prefix}txErrors`, needs, expected: of + 1 },
    ]),
  ];
}

/** Fields of a file system. */
function spaceRows(
  field: string,
  of: (known: Known) => FsInfo,
  needs: readonly NodePart[],
): Row[] {
  const on = [...needs, "filesystems"] as const;
  return [
    {
      field: `${field}.availableBytes`,
      needs: on,
      expected: (known: Known) => of(known).availableBytes,
    },
    {
      field: `${field}.capacityBytes`,
      needs: on,
      expected: (known: Known) => of(known).capacityBytes,
    },
    {
      field: `${field}.inodesFree`,
      needs: on,
      expected: (known: Known) => of(known).inodesFree,
    },
    {
      field: `${field}.inodes`,
      needs: on,
      expected: (known: Known) => of(known).inodes,
    },
  ];
}

/** Fields of a whole file system. */
function filesystemRows(
  field: string,
  of: (known: Known) => FsInfo,
  needs: readonly NodePart[] = [],
): Row[] {
  const on = [...needs, "filesystems"] as const;
  return [
    { field: `${field}.time`, needs: on, expected: TIME_REGEXP },
    ...spaceRows(field, of, needs),
    {
      field: `${field}.usedBytes`,
      needs: on,
      expected: (known: Known) => of(known).usageBytes,
    },
    {
      field: `${field}.inodesUsed`,
      needs: on,
      expected: (known: Known) =>
        (of(known).inodes ?? NaN) - (of(known).inodesFree ?? NaN),
    },
  ];
}

type Place = keyof KubeletNode["places"];

/** Fields of files on the kubelet's file system. */
function countedRows(
  field: string,
  places: readonly Place[],
  needs: readonly NodePart[],
): Row[] {
  const usage = ({ node }: Known) =>
    node.usage(...places.map((place) => node.places[place]));
  return [
    { field: `${field}.time`, needs, expected: TIME_REGEXP },
    ...spaceRows(field, ({ root }) => root, needs),
    {
      field: `${field}.usedBytes`,
      needs,
      expected: (known: Known) => usage(known).bytes,
    },
    {
      field: `${field}.inodesUsed`,
      needs,
      expected: (known: Known) => usage(known).inodes,
    },
  ];
}

const root = ({ root }: Known) => root;

const ROWS: Readonly<Record<Where, readonly Row[]>> = {
  node: [
    { field: "nodeName", needs: [], expected: "n1" },
    { field: "startTime", needs: [], expected: TIME_REGEXP },
    ...usageRows("node"),
    ...networkRows(["network"]),
    ...filesystemRows("fs", root),
    // containerd's images are on the file system of the layers.
    ...["imageFs", "containerFs"].flatMap((of) =>
      filesystemRows(`runtime.${of}`, root, ["layers", "runtime"])
        .filter(({ field }) => !ABSENT.node.test(field))
    ),
    { field: "rlimit.time", needs: ["tasks"], expected: TIME_REGEXP },
    { field: "rlimit.maxpid", needs: ["tasks"], expected: 32_768 },
    { field: "rlimit.curproc", needs: ["tasks"], expected: 80 },
  ],
  system: [
    { field: "name", needs: [], expected: "pods" },
    { field: "startTime", needs: [], expected: TIME_REGEXP },
    ...usageRows("system"),
  ],
  pod: [
    { field: "podRef.uid", needs: [], expected: POD_UID },
    // They are empty if unknown.
    { field: "podRef.name", needs: [], expected: "web-0" },
    { field: "podRef.namespace", needs: [], expected: "shop" },
    { field: "startTime", needs: [], expected: TIME_REGEXP },
    ...usageRows("pod"),
    ...networkRows(["network", "runtime"]),
    {
      field: "process_stats.process_count",
      needs: ["processes"],
      // Two processes in each of two containers, without those of pod and sandbox.
      expected: 4,
    },
    {
      field: "volume.cache.name",
      needs: ["kubelet", "filesystems"],
      expected: "cache",
    },
    ...countedRows("volume.cache", ["cache"], ["kubelet", "filesystems"]),
    {
      field: "volume.config.name",
      needs: ["kubelet", "filesystems"],
      expected: "config",
    },
    ...countedRows("volume.config", ["config"], ["kubelet", "filesystems"]),
    {
      field: "volume.kube-api-access-x7k2p.name",
      needs: ["kubelet", "filesystems"],
      expected: "kube-api-access-x7k2p",
    },
    ...filesystemRows(
      "volume.kube-api-access-x7k2p",
      ({ node, filesystem }) => filesystem(node.places.token),
      ["kubelet"],
    ),
    {
      field: "volume.pvc-1.name",
      needs: ["kubelet", "filesystems"],
      expected: "pvc-1",
    },
    ...filesystemRows(
      "volume.pvc-1",
      ({ node, filesystem }) => filesystem(node.places.claim),
      ["kubelet"],
    ),
    ...countedRows("ephemeral-storage", [
      "layer",
      "otherLayer",
      "log",
      "emptyLog",
      "otherLog",
      "podLog",
      "cache",
      "config",
      "hosts",
    ], ["kubelet", "layers", "runtime", "filesystems"]),
  ],
  container: [
    { field: "name", needs: [], expected: "app" },
    { field: "startTime", needs: [], expected: TIME_REGEXP },
    ...usageRows("container"),
    ...countedRows("rootfs", ["layer"], ["layers", "runtime"]),
    ...countedRows("logs", ["log", "emptyLog"], ["logs", "runtime"]),
  ],
};

// deno-lint-ignore no-explicit-any
type Json = any;

/** Returns each leaf of an object by its path, without nested lists. */
function flatten(json: Json, skip: readonly string[] = []): Map<string, Json> {
  const flat = new Map<string, Json>();
  const visit = (value: Json, path: string) => {
    if (skip.includes(path)) return;
    if (typeof value !== "object" || value === null) {
      flat.set(path, value);
      return;
    }
    for (const [key, below] of Object.entries(value)) {
      visit(below, path === "" ? key : `${path}.${key}`);
    }
  };
  visit(json, "");
  return flat;
}

/** Returns the first complete summary of a ready manager. */
async function firstSummary(manager: Manager) {
  const summary = await manager.nodeSummary({ maxAgeMs: 0 });
  const json: Json = JSON.parse(JSON.stringify(nodeSummaryJson(summary)));
  const pod = json.pods.find(({ podRef }: Json) => podRef.uid === POD_UID);
  const container = pod?.containers.find(({ name }: Json) =>
    name === "app" || name === CONTAINER_IDS[0]
  );
  const [system] = json.node.systemContainers;
  return { node: json.node, system, pod, container };
}

/** Returns volumes by name instead of index. */
function byName(part: Json): Json {
  if (part?.volume === undefined) return part;
  const volume = Object.fromEntries(
    part.volume.map((volume: Json) => [volume.name, volume]),
  );
  return { ...part, volume };
}

const SKIPPED: Readonly<Record<Where, readonly string[]>> = {
  node: ["systemContainers"],
  system: [],
  pod: ["containers"],
  container: [],
};

function check(where: Where, part: Json, known?: Known, lacks?: NodePart) {
  const flat = flatten(byName(part), SKIPPED[where]);
  const present = [...flat.keys()].filter((field) => ABSENT[where].test(field));
  assertEquals(present, [], `${where}: fields that no file has`);
  for (const { field, needs, expected } of ROWS[where]) {
    const isKnown = lacks === undefined || !needs.includes(lacks);
    assertEquals(
      flat.has(field),
      isKnown,
      `${where}: ${field}${lacks === undefined ? "" : ` without ${lacks}`}`,
    );
    const value = flat.get(field);
    flat.delete(field);
    if (known === undefined || !isKnown) continue;
    if (expected instanceof RegExp) assert(expected.test(value), field);
    else {
      const wanted = typeof expected === "function"
        ? expected(known)
        : expected;
      assertEquals(value, wanted, `${where}: ${field}`);
    }
  }
  assertEquals([...flat.keys()], [], `${where}: what the table does not have`);
}

async function checkNode(driver: CgroupDriver, lacks?: NodePart) {
  using node = new KubeletNode(driver, lacks);
  const manager = openManager({
    root: node.root,
    kmsg: "none",
    nodeName: "n1",
    housekeepingIntervalMs: 60_000,
  });
  await manager.start();
  try {
    // CPU as a rate requires two samples.
    await firstSamples(manager);
    const parts = await firstSummary(manager);
    const known: Known | undefined = lacks === undefined
      ? {
        node,
        root: await manager.rootFsInfo(),
        filesystem: (mountPoint) => {
          const info = manager.fsInfo().find((info) =>
            info.mountPoint === mountPoint
          );
          assert(info !== undefined, `nothing is mounted at ${mountPoint}`);
          return info;
        },
      }
      : undefined;
    for (const where of Object.keys(parts) as Where[]) {
      check(where, parts[where], known, lacks);
    }
  } finally {
    await manager.stop();
  }
}

/** Disk usage is counted to the end after the manager has stopped. */
const CONTINUES = { sanitizeOps: false, sanitizeResources: false } as const;

for (const driver of ["cgroupfs", "systemd"] as const) {
  Deno.test({
    name:
      `Manager.nodeSummary() has each of the kubelet's fields with its value, with the ${driver} driver`,
    ...CONTINUES,
    fn: () => checkNode(driver),
  });
}

for (const part of NODE_PARTS) {
  Deno.test({
    name:
      `Manager.nodeSummary() without ${part} lacks exactly the fields that require it`,
    ...CONTINUES,
    fn: () => checkNode("systemd", part),
  });
}
