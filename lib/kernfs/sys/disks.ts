import type { Disk } from "../../model/machine.ts";
import type { HostFs } from "../host_fs.ts";
import { readInteger, readNames, readValue } from "./sysfs.ts";

/** Without storage of their own, as in cAdvisor. */
const IGNORED_REGEXP = /^(?:loop|ram|sr)/;
/** Unit of `size`, regardless of the disk's sectors. */
const SECTOR_BYTES = 512;

/**
 * Reads `/sys/block`: `dev` is `8:0`, and `queue/scheduler` has the active one
 * in brackets: `[none] mq-deadline kyber`.
 */
export function readDisks(fs: HostFs): Disk[] {
  return readNames(fs, "/sys/block").toSorted().flatMap((name) => {
    const directory = `/sys/block/${name}`;
    if (IGNORED_REGEXP.test(name)) return [];
    if (readValue(fs, `${directory}/hidden`) === "1") return [];
    const [, major, minor] =
      /^(\d+):(\d+)$/.exec(readValue(fs, `${directory}/dev`) ?? "") ?? [];
    if (major === undefined || minor === undefined) return [];
    const sectors = readInteger(fs, `${directory}/size`);
    const schedulers = readValue(fs, `${directory}/queue/scheduler`) ?? "";
    return [{
      name,
      major: Number(major),
      minor: Number(minor),
      ...(sectors !== undefined && { sizeBytes: sectors * SECTOR_BYTES }),
      scheduler: /\[(.+?)\]/.exec(schedulers)?.[1] ?? "none",
    }];
  });
}
