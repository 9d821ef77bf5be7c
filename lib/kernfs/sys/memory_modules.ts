import type { MemoryModules } from "../../model/machine.ts";
import type { HostFs } from "../host_fs.ts";
import { readIndexes, readInteger, readValue } from "./sysfs.ts";

const CONTROLLERS = "/sys/devices/system/edac/mc";

/**
 * Reads memory modules by type from EDAC (`admin-guide/RAS/main.rst`):
 * `mc0/dimm0/dimm_mem_type` is `Registered-DDR4`, `size` is in MiB.
 */
export function readMemoryModules(fs: HostFs): Map<string, MemoryModules> {
  const found = new Map<string, MemoryModules>();
  for (const controller of readIndexes(fs, CONTROLLERS, "mc")) {
    const modules = `${CONTROLLERS}/mc${controller}`;
    for (const index of readIndexes(fs, modules, "dimm")) {
      const type = readValue(fs, `${modules}/dimm${index}/dimm_mem_type`);
      const sizeMib = readInteger(fs, `${modules}/dimm${index}/size`);
      if (type === undefined || sizeMib === undefined) continue;
      const { capacityBytes = 0, dimmCount = 0 } = found.get(type) ?? {};
      found.set(type, {
        capacityBytes: capacityBytes + sizeMib * 1024 * 1024,
        dimmCount: dimmCount + 1,
      });
    }
  }
  return found;
}
