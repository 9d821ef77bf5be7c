import { COLUMN } from "../../model/sample.ts";
import {
  type CgroupFile,
  type FileParser,
  keyed,
  single,
  singleOfGroup,
} from "./cgroup_file.ts";
import { cursor } from "../keyed.ts";

/** `USER_HZ` is 100 on x86-64 and arm64. */
const NS_PER_TICK = 10_000_000;
const NS_PER_USEC = 1000;

const NEWLINE = 0x0a;

/**
 * Returns `cpuacct.usage_percpu`: nanoseconds of each possible CPU, ascending,
 * without the CPU numbers, which may have gaps.
 *
 * ```text
 * 8571823 17829144
 * ```
 *
 * @param possible the CPU numbers; beyond them, the position is the number
 */
export function perCpuFile(possible: readonly number[]): CgroupFile {
  const parse: FileParser = (bytes, length, builder, path) => {
    cursor.reset(bytes, length, path);
    for (let at = 0; !cursor.done; at++) {
      cursor.skipSpaces();
      if (cursor.done || cursor.peek() === NEWLINE) break;
      const column = builder.group("cpu", String(possible[at] ?? at));
      if (column < 0) break;
      builder.row[column] = cursor.number();
    }
  };
  return {
    file: "cpuacct.usage_percpu",
    controller: "cpuacct",
    parse,
    kind: "percpu",
  };
}

/**
 * CPU time, throttling and cpusets, v1 (`cgroup-v1/cpuacct.rst`,
 * `scheduler/sched-bwc.rst`, `cgroup-v1/cpusets.rst`).
 */
export const CPU_FILES_V1: readonly CgroupFile[] = [
  {
    file: "cpuacct.usage",
    controller: "cpuacct",
    parse: single(COLUMN.cpuUsageNs),
  },
  {
    file: "cpuacct.stat",
    controller: "cpuacct",
    parse: keyed({
      user: { column: COLUMN.cpuUserNs, scale: NS_PER_TICK },
      system: { column: COLUMN.cpuSystemNs, scale: NS_PER_TICK },
    }),
  },
  {
    file: "cpu.stat",
    controller: "cpu",
    parse: keyed({
      nr_periods: { column: COLUMN.cpuPeriods },
      nr_throttled: { column: COLUMN.cpuThrottledPeriods },
      throttled_time: { column: COLUMN.cpuThrottledNs },
      nr_bursts: { column: COLUMN.cpuBurstPeriods },
      burst_time: { column: COLUMN.cpuBurstNs },
    }),
  },
  {
    file: "cpuset.memory_migrate",
    controller: "cpuset",
    parse: singleOfGroup("memoryMigrate", "", 0),
    kind: "cpuset",
  },
];

/** CPU time and throttling, v2. */
export const CPU_FILES_V2: readonly CgroupFile[] = [
  {
    file: "cpu.stat",
    controller: "cpu",
    parse: keyed({
      usage_usec: { column: COLUMN.cpuUsageNs, scale: NS_PER_USEC },
      user_usec: { column: COLUMN.cpuUserNs, scale: NS_PER_USEC },
      system_usec: { column: COLUMN.cpuSystemNs, scale: NS_PER_USEC },
      nr_periods: { column: COLUMN.cpuPeriods },
      nr_throttled: { column: COLUMN.cpuThrottledPeriods },
      throttled_usec: { column: COLUMN.cpuThrottledNs, scale: NS_PER_USEC },
      nr_bursts: { column: COLUMN.cpuBurstPeriods },
      burst_usec: { column: COLUMN.cpuBurstNs, scale: NS_PER_USEC },
    }),
  },
];
