/** What is known of the machine; an absent field is one the host does not tell. */
export interface MachineInfo {
  readonly timestampMs: number;
  readonly vendorId?: string;
  readonly numCores: number;
  readonly numPhysicalCores?: number;
  readonly numSockets?: number;
  readonly cpuFrequencyKhz?: number;
  readonly memoryCapacityBytes: number;
  readonly swapCapacityBytes: number;
  readonly machineId?: string;
  readonly systemUuid?: string;
  readonly bootId: string;
}

/** Versions of what runs here. */
export interface VersionInfo {
  readonly kernelVersion: string;
  readonly containerOsVersion: string;
  readonly version: string;
}
