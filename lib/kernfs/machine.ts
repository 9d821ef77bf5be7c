import type { MachineInfo } from "../model/machine.ts";
import type { HostFs } from "./host_fs.ts";

/** Reads what the machine is: cores, memory, ids (`/proc/cpuinfo`, `/proc/meminfo`, …). */
export function readMachineInfo(
  fs: HostFs,
  bootId: string,
  timestampMs: number,
): MachineInfo {
  const cpu = parseCpuinfo(fs.readText("/proc/cpuinfo") ?? "");
  const memory = readMeminfo(fs);
  const machineId = firstLine(fs, [
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
  ]);
  const systemUuid = firstLine(fs, [
    "/sys/class/dmi/id/product_uuid",
    "/proc/device-tree/system-id",
    "/proc/device-tree/vm,uuid",
    "/etc/machine-id",
  ]);
  return {
    timestampMs,
    ...cpu,
    memoryCapacityBytes: memory.get("MemTotal") ?? 0,
    swapCapacityBytes: memory.get("SwapTotal") ?? 0,
    ...(machineId !== undefined && { machineId }),
    ...(systemUuid !== undefined && { systemUuid }),
    bootId,
  };
}

/** The host's `/proc/meminfo` in bytes by key; empty where it cannot be read. */
export function readMeminfo(fs: HostFs): Map<string, number> {
  return parseMeminfo(fs.readText("/proc/meminfo") ?? "");
}

/** Parses `/proc/meminfo` ("MemTotal:  24613212 kB") into bytes by key. */
export function parseMeminfo(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const match of text.matchAll(/^(\w+):\s+(\d+) kB$/gm)) {
    values.set(match[1] as string, Number(match[2]) * 1024);
  }
  return values;
}

type CpuFacts = Pick<
  MachineInfo,
  | "vendorId"
  | "numCores"
  | "numPhysicalCores"
  | "numSockets"
  | "cpuFrequencyKhz"
>;

/** Parses `/proc/cpuinfo`: a paragraph a thread; not every architecture has every key. */
export function parseCpuinfo(text: string): CpuFacts {
  const sockets = new Set<string>();
  const cores = new Set<string>();
  let threads = 0;
  let socket = "0";
  let vendorId: string | undefined;
  let mhz: number | undefined;
  for (const line of text.split("\n")) {
    const [key = "", value = ""] = line.split(":").map((part) => part.trim());
    // s390x has one line a thread: "processor 0: version = 00, …".
    if (/^processor( \d+)?$/.test(key)) threads++;
    else if (key === "vendor_id") vendorId ??= value;
    else if (key === "cpu MHz" && Number(value) > 0) {
      mhz = Math.max(mhz ?? 0, Number(value));
    } else if (key === "physical id") sockets.add(socket = value);
    else if (key === "core id") cores.add(`${socket} ${value}`);
  }
  return {
    ...(vendorId !== undefined && { vendorId }),
    numCores: threads,
    ...(cores.size > 0 && { numPhysicalCores: cores.size }),
    ...(sockets.size > 0 && { numSockets: sockets.size }),
    ...(mhz !== undefined && { cpuFrequencyKhz: Math.round(mhz * 1000) }),
  };
}

/** The boot's id; empty where the host does not tell. */
export function readBootId(fs: HostFs): string {
  return firstLine(fs, ["/proc/sys/kernel/random/boot_id"]) ?? "";
}

/** `uname -r` and the name of the operating system. */
export function readVersions(
  fs: HostFs,
): { kernelVersion: string; containerOsVersion: string } {
  const release = fs.readText("/etc/os-release") ??
    fs.readText("/usr/lib/os-release") ?? "";
  const pretty = /^PRETTY_NAME="?(.*?)"?$/m.exec(release);
  return {
    kernelVersion: firstLine(fs, ["/proc/sys/kernel/osrelease"]) ?? "",
    containerOsVersion: pretty?.[1] ?? (release === "" ? "Unknown" : "Linux"),
  };
}

/** How many files this process may hold open (`/proc/self/limits`). */
export function parseOpenFilesLimit(text: string): number | undefined {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(text);
  if (match === null) return undefined;
  return match[1] === "unlimited" ? Infinity : Number(match[1]);
}

function firstLine(fs: HostFs, paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const line = fs.readText(path)?.replaceAll("\0", "").trim();
    if (line) return line;
  }
  return undefined;
}
