import type { DiskCounters } from "../../lib/model/filesystem.ts";

/**
 * Disk counters whose values are their column numbers in `/proc/diskstats`,
 * from 1.
 */
export const NUMBERED_COUNTERS: DiskCounters = {
  readsCompleted: 1,
  readsMerged: 2,
  sectorsRead: 3,
  readTimeMs: 4,
  writesCompleted: 5,
  writesMerged: 6,
  sectorsWritten: 7,
  writeTimeMs: 8,
  ioInProgress: 9,
  ioTimeMs: 10,
  weightedIoTimeMs: 11,
};
