import type { CpuCache } from "../../model/machine.ts";
import type { HostFs } from "../host_fs.ts";
import { parseCpuList, readIndexes, readInteger, readValue } from "./sysfs.ts";

export interface SharedCache extends CpuCache {
  readonly threads: ReadonlySet<number>;
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  K: 1024,
  M: 1024 ** 2,
};

/**
 * Reads a CPU's caches (`ABI/testing/sysfs-devices-system-cpu`): `cache/index3`
 * has `level` 3, `type` Unified, `size` 32768K, `shared_cpu_list` 0-15, and on
 * some architectures `id`.
 */
export function readCpuCaches(fs: HostFs, cpuDirectory: string): SharedCache[] {
  const caches = `${cpuDirectory}/cache`;
  return readIndexes(fs, caches, "index").flatMap((index) => {
    const directory = `${caches}/index${index}`;
    const level = readInteger(fs, `${directory}/level`);
    const type = readValue(fs, `${directory}/type`);
    const shared = readValue(fs, `${directory}/shared_cpu_list`);
    if (level === undefined || !type || shared === undefined) return [];
    const id = readInteger(fs, `${directory}/id`);
    const [, size, unit = ""] =
      /^(\d+)([KM]?)$/.exec(readValue(fs, `${directory}/size`) ?? "") ?? [];
    return [{
      ...(id !== undefined && { id }),
      ...(size !== undefined &&
        { sizeBytes: Number(size) * (UNIT_BYTES[unit] ?? 1) }),
      type,
      level,
      threads: parseCpuList(shared),
    }];
  });
}
