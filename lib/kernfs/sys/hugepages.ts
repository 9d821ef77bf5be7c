import type { Hugepages } from "../../model/machine.ts";
import type { HostFs } from "../host_fs.ts";
import { readInteger, readNames } from "./sysfs.ts";

const SIZE_REGEXP = /^hugepages-(\d+)kB$/;

/** Reads `hugepages-2048kB/nr_hugepages` etc., by size. */
export function readHugepages(fs: HostFs, directory: string): Hugepages[] {
  return readNames(fs, directory).flatMap((name) => {
    const [, size] = SIZE_REGEXP.exec(name) ?? [];
    const numPages = readInteger(fs, `${directory}/${name}/nr_hugepages`);
    if (size === undefined || numPages === undefined) return [];
    return [{ pageSizeKib: Number(size), numPages }];
  }).toSorted((a, b) => a.pageSizeKib - b.pageSizeKib);
}
