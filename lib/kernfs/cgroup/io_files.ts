import {
  IO_OPERATIONS,
  IO_SUM_KINDS,
  type IoKind,
  type RowBuilder,
} from "../../model/sample.ts";
import type { CgroupFile, FileParser } from "./cgroup_file.ts";
import { cursor } from "../keyed.ts";

/** NVMe multipath has unusable counters of `(unknown)` paths. */
const DEVICE_REGEXP = /^\d+:\d+$/;

const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/**
 * Parses v1 `blkio.*`: a line per disk and operation (`sectors` and `time`: per
 * disk); the total is skipped.
 *
 * ```text
 * 7:0 Read 2097152
 * Total 6291456
 * ```
 */
export function parseBlkio(kind: IoKind): FileParser {
  const isSum = IO_SUM_KINDS.some((other) => other === kind);
  return (bytes, length, builder, path) => {
    cursor.reset(bytes, length, path);
    for (; !cursor.done; cursor.nextLine()) {
      const device = cursor.word();
      if (!DEVICE_REGEXP.test(device)) continue;
      cursor.skipSpaces();
      const operation = isSum ? 0 : IO_OPERATIONS.indexOf(
        cursor.word() as typeof IO_OPERATIONS[number],
      );
      if (operation < 0) continue;
      cursor.skipSpaces();
      put(builder, device, [kind, operation], cursor.number());
    }
  };
}

type IoStatTarget = readonly [kind: IoKind, column: number];

const IO_STAT_KEYS: ReadonlyMap<string, IoStatTarget> = new Map([
  ["rbytes", ["serviceBytes", IO_OPERATIONS.indexOf("Read")]],
  ["wbytes", ["serviceBytes", IO_OPERATIONS.indexOf("Write")]],
  ["dbytes", ["serviceBytes", IO_OPERATIONS.indexOf("Discard")]],
  ["rios", ["serviced", IO_OPERATIONS.indexOf("Read")]],
  ["wios", ["serviced", IO_OPERATIONS.indexOf("Write")]],
  ["dios", ["serviced", IO_OPERATIONS.indexOf("Discard")]],
  ["cost.usage", ["costUsageUsec", 0]],
  ["cost.wait", ["costWaitUsec", 0]],
  ["cost.indebt", ["costIndebtUsec", 0]],
  ["cost.indelay", ["costIndelayUsec", 0]],
]);

/**
 * Parses v2 `io.stat`. Some kernels do not end the line of a disk without
 * counters: counters belong to the last disk before them (canonical/lxd#10052).
 *
 * ```text
 * 259:0 rbytes=40960 wbytes=0 rios=1 wios=0 dbytes=0 dios=0
 * 7:7 7:6 7:5 7:4 rbytes=28672 wbytes=0 rios=22 wios=0 dbytes=0 dios=0
 * ```
 */
const parseIoStat: FileParser = (bytes, length, builder, path) => {
  cursor.reset(bytes, length, path);
  for (; !cursor.done; cursor.nextLine()) {
    let device: string | undefined;
    while (!cursor.done && cursor.peek() !== NEWLINE) {
      const start = cursor.at;
      const word = cursor.word();
      const [key = ""] = word.split("=", 1);
      const target = IO_STAT_KEYS.get(key);
      if (target !== undefined) {
        cursor.at = start + key.length;
        cursor.expect(EQUALS);
        const value = cursor.number();
        if (device !== undefined) put(builder, device, target, value);
      } else if (key === word) {
        device = DEVICE_REGEXP.test(word) ? word : undefined;
      }
      cursor.skipSpaces();
    }
  }
};

function put(
  builder: RowBuilder,
  device: string,
  [kind, column]: IoStatTarget,
  value: number,
): void {
  const first = builder.group(kind, device);
  if (first >= 0) builder.row[first + column] = value;
}

/** I/O, v2. */
export const IO_FILES_V2: readonly CgroupFile[] = [
  { file: "io.stat", controller: "io", parse: parseIoStat, kind: "diskIO" },
];

/** Files with the same requests, keyed by counter. */
export type BlkioFamily = { readonly [K in IoKind]?: string };

function family(prefix: string): BlkioFamily {
  return {
    serviceBytes: `${prefix}.io_service_bytes_recursive`,
    serviced: `${prefix}.io_serviced_recursive`,
    queued: `${prefix}.io_queued_recursive`,
    sectors: `${prefix}.sectors_recursive`,
    serviceTimeNs: `${prefix}.io_service_time_recursive`,
    waitTimeNs: `${prefix}.io_wait_time_recursive`,
    merged: `${prefix}.io_merged_recursive`,
    timeMs: `${prefix}.time_recursive`,
  };
}

/**
 * v1's files, by I/O scheduler. A family lists only its scheduler's disks: the
 * first with a disk is read. The throttle files, last, list every disk that
 * ever had a limit (all disks before Linux 6.x). More than bytes and operations
 * needs `CONFIG_BFQ_CGROUP_DEBUG` for bfq, `CONFIG_DEBUG_BLK_CGROUP` for cfq
 * (before 5.0).
 */
export const BLKIO_FAMILIES: readonly BlkioFamily[] = [
  family("blkio.bfq"),
  family("blkio"),
  {
    serviceBytes: "blkio.throttle.io_service_bytes_recursive",
    serviced: "blkio.throttle.io_serviced_recursive",
  },
  {
    serviceBytes: "blkio.throttle.io_service_bytes",
    serviced: "blkio.throttle.io_serviced",
  },
];
