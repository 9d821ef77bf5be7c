/** No architecture has all of them. */
export interface CpuInfo {
  readonly vendorId?: string;
  /** Threads. */
  readonly numCores: number;
  readonly numPhysicalCores?: number;
  readonly numSockets?: number;
  readonly cpuFrequencyKhz?: number;
}

/** x86; others; PowerPC (`clock : 3425.000000MHz`); s390x. */
const FREQUENCY_KEYS: ReadonlySet<string> = new Set([
  "cpu MHz",
  "CPU MHz",
  "clock",
  "cpu MHz dynamic",
]);

/** Parses `/proc/cpuinfo`. */
export function parseCpuinfo(text: string): CpuInfo {
  const sockets = new Set<string>();
  const cores = new Set<string>();
  let threads = 0;
  let socket = "0";
  let vendorId: string | undefined;
  let mhz: number | undefined;
  for (const line of text.split("\n")) {
    const [key = "", value = ""] = line.split(":").map((part) => part.trim());
    // s390x: "processor 0: version = 00, …".
    if (/^processor( \d+)?$/.test(key)) threads++;
    else if (key === "vendor_id") vendorId ??= value;
    else if (FREQUENCY_KEYS.has(key)) {
      const found = parseFloat(value);
      if (found > 0) mhz = Math.max(mhz ?? 0, found);
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
