import type { DiskCounters } from "../../model/filesystem.ts";

/** Device fields and the eleven counters of all kernels since 2.6. */
const FIELDS = 14;

/**
 * Parses `/proc/diskstats` (`admin-guide/iostats.rst`), keyed by `major:minor`.
 * Shorter lines are skipped.
 *
 * ```text
 * 254       0 vda 716546 57293 31278154 469242 170351 127284 17641104 89230 0 133396 619179 1345333 51
 * 259       2 nvme0n1p1 1204 0 35466 310 88 12 812 44 0 190 354
 * ```
 */
export function parseDiskstats(text: string): Map<string, DiskCounters> {
  const disks = new Map<string, DiskCounters>();
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields.length < FIELDS) continue;
    const [
      readsCompleted = 0,
      readsMerged = 0,
      sectorsRead = 0,
      readTimeMs = 0,
      writesCompleted = 0,
      writesMerged = 0,
      sectorsWritten = 0,
      writeTimeMs = 0,
      ioInProgress = 0,
      ioTimeMs = 0,
      weightedIoTimeMs = 0,
    ] = fields.slice(3, FIELDS).map(Number);
    disks.set(`${fields[0]}:${fields[1]}`, {
      readsCompleted,
      readsMerged,
      sectorsRead,
      readTimeMs,
      writesCompleted,
      writesMerged,
      sectorsWritten,
      writeTimeMs,
      ioInProgress,
      ioTimeMs,
      weightedIoTimeMs,
    });
  }
  return disks;
}
