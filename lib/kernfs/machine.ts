import type { MachineAttributes, NumaNode } from "../model/machine.ts";
import { readCloud } from "./sys/cloud.ts";
import { readTopology } from "./sys/cpu_topology.ts";
import { type CpuInfo, parseCpuinfo } from "./proc/cpuinfo.ts";
import { readDisks } from "./sys/disks.ts";
import type { HostFs } from "./host_fs.ts";
import { readHugepages } from "./sys/hugepages.ts";
import { readMemoryModules } from "./sys/memory_modules.ts";
import { readNetworkDevices } from "./sys/network_devices.ts";
import { readFirstValue, readInteger, readValue } from "./sys/sysfs.ts";

export interface ReadMachineOptions {
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  /** The first readable one is used. */
  readonly machineIdFiles: readonly string[];
  /** Empty if unknown. */
  readonly bootId: string;
}

/** PC firmware, device trees of PowerPC and its virtual machines, systemd. */
const SYSTEM_UUID_FILES = [
  "/sys/class/dmi/id/product_uuid",
  "/proc/device-tree/system-id",
  "/proc/device-tree/vm,uuid",
  "/etc/machine-id",
];

/**
 * Reads the machine's attributes (`/proc/cpuinfo`, `/proc/meminfo`,
 * `/sys/devices/system`, …); unreadable ones are omitted. Yields between steps.
 */
export function* readMachine(
  fs: HostFs,
  { timestampMs, machineIdFiles, bootId }: ReadMachineOptions,
): Generator<undefined, MachineAttributes> {
  const topology = yield* readTopology(fs);
  const cpuinfo = parseCpuinfo(fs.readText("/proc/cpuinfo") ?? "");
  yield;
  const memory = readMeminfo(fs);
  const memoryCapacityBytes = memory.get("MemTotal");
  const swapCapacityBytes = memory.get("SwapTotal");
  const machineId = readFirstValue(fs, machineIdFiles);
  const systemUuid = readFirstValue(fs, SYSTEM_UUID_FILES);
  const cloud = readCloud(fs);
  const memoryByType = readMemoryModules(fs);
  const hugepages = readHugepages(fs, "/sys/kernel/mm/hugepages");
  yield;
  const disks = readDisks(fs);
  yield;
  return {
    timestampMs,
    ...mergeCpuInfo(fs, cpuinfo, topology),
    ...(memoryCapacityBytes !== undefined && { memoryCapacityBytes }),
    ...(swapCapacityBytes !== undefined && { swapCapacityBytes }),
    memoryByType,
    hugepages,
    ...(machineId !== undefined && { machineId }),
    ...(systemUuid !== undefined && { systemUuid }),
    ...(bootId !== "" && { bootId }),
    disks,
    networkDevices: readNetworkDevices(fs),
    topology,
    ...(cloud !== undefined && { cloud }),
  };
}

/** Either may lack counts, as cpuinfo does on ARM. */
function mergeCpuInfo(
  fs: HostFs,
  cpuinfo: CpuInfo,
  topology: readonly NumaNode[],
): CpuInfo & Pick<MachineAttributes, "numBooks" | "numDrawers"> {
  const cores = topology.flatMap((node) => node.cores);
  const threads = cores.flatMap(({ threadIds }) => threadIds).length;
  const numPhysicalCores = cpuinfo.numPhysicalCores ??
    (cores.length || undefined);
  const numSockets = cpuinfo.numSockets ??
    countKnown(cores.map(({ socketId }) => socketId));
  const numBooks = countKnown(cores.map(({ bookId }) => bookId));
  const numDrawers = countKnown(cores.map(({ drawerId }) => drawerId));
  const cpuFrequencyKhz =
    readInteger(fs, "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq") ??
      cpuinfo.cpuFrequencyKhz;
  return {
    ...cpuinfo,
    numCores: threads || cpuinfo.numCores,
    ...(numPhysicalCores !== undefined && { numPhysicalCores }),
    ...(numSockets !== undefined && { numSockets }),
    ...(numBooks !== undefined && { numBooks }),
    ...(numDrawers !== undefined && { numDrawers }),
    ...(cpuFrequencyKhz !== undefined && { cpuFrequencyKhz }),
  };
}

function countKnown(ids: readonly (number | undefined)[]): number | undefined {
  const known = new Set(ids.filter((id) => id !== undefined));
  return known.size || undefined;
}

/** Reads `/proc/meminfo`, bytes by key. */
export function readMeminfo(fs: HostFs): Map<string, number> {
  return parseMeminfo(fs.readText("/proc/meminfo") ?? "");
}

/** Parses `/proc/meminfo` ("MemTotal:  24613212 kB"). */
export function parseMeminfo(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const match of text.matchAll(/^(\w+):\s+(\d+) kB$/gm)) {
    values.set(match[1] as string, Number(match[2]) * 1024);
  }
  return values;
}

/** Returns the boot ID of the first file with one, or `""`. */
export function readBootId(fs: HostFs, files: readonly string[]): string {
  return readFirstValue(fs, files) ?? "";
}

/** Reads `uname -r` and the operating system's name. */
export function readVersions(
  fs: HostFs,
): { kernelVersion: string; containerOsVersion: string } {
  const release = fs.readText("/etc/os-release") ??
    fs.readText("/usr/lib/os-release") ?? "";
  const pretty = /^PRETTY_NAME="?(.*?)"?$/m.exec(release);
  return {
    kernelVersion: readValue(fs, "/proc/sys/kernel/osrelease") ?? "",
    containerOsVersion: pretty?.[1] ?? (release === "" ? "Unknown" : "Linux"),
  };
}

/** Parses the soft limit of open files (`/proc/<pid>/limits`). */
export function parseOpenFilesLimit(text: string): number | undefined {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(text);
  if (match === null) return undefined;
  return match[1] === "unlimited" ? Infinity : Number(match[1]);
}
