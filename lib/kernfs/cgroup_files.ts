/**
 * What each control file says, and where it goes in a row: one table a
 * hierarchy version, hence over 300 lines. Numbers end as nanoseconds, bytes
 * and counts.
 *
 * @module
 */
import { COLUMN, IO_OPERATIONS, type RowBuilder } from "../model/sample.ts";
import { countLines, cursor, FlatKeyed, parseSingle } from "./keyed.ts";
import { parsePressure } from "./pressure.ts";

/** Puts what a control file says into the row. */
export type FileParser = (
  bytes: Uint8Array,
  length: number,
  builder: RowBuilder,
  path: string,
) => void;

/** The kinds of measurement that can be turned off, by cAdvisor's names. */
export type GatedKind = "percpu" | "diskIO" | "process" | "pressure";

/** One control file that is read at every sample. */
export interface CgroupFile {
  readonly file: string;
  /** v1: the controller whose hierarchy has the file. */
  readonly controller: string;
  readonly parse: FileParser;
  /** Read only when this kind is on. @default always read */
  readonly kind?: GatedKind;
  /** Whether an open file reads as it did when it was opened. @default false */
  readonly isFrozen?: boolean;
}

/** `USER_HZ` is 100 on every architecture that matters (`proc_pid_stat(5)`). */
const NS_PER_TICK = 10_000_000;
const NS_PER_USEC = 1000;

function single(column: number): FileParser {
  return (bytes, length, { row }, path) => {
    row[column] = parseSingle(bytes, length, path);
  };
}

function keyed(keys: ConstructorParameters<typeof FlatKeyed>[0]): FileParser {
  const reader = new FlatKeyed(keys);
  return (bytes, length, { row }, path) =>
    reader.parse(bytes, length, row, path);
}

function pressure(controller: string): FileParser {
  return (bytes, length, builder, path) => {
    const first = builder.group("pressure", controller);
    if (first >= 0) parsePressure(bytes, length, builder.row, first, path);
  };
}

const countProcesses: FileParser = (bytes, length, { row }) => {
  row[COLUMN.processCount] = countLines(bytes, length);
};

/** `cpuacct.usage_percpu`: nanoseconds of each CPU in one line. */
const parsePerCpu: FileParser = (bytes, length, builder, path) => {
  cursor.reset(bytes, length, path);
  for (let cpu = 0; !cursor.done; cpu++) {
    cursor.skipSpaces();
    if (cursor.done || cursor.peek() === 0x0a) break;
    const column = builder.group("cpu", String(cpu));
    if (column < 0) break;
    builder.row[column] = cursor.number();
  }
};

/** A disk. NVMe multipath has paths whose counts are of `(unknown)`, and of no use. */
const DEVICE_REGEXP = /^\d+:\d+$/;

/**
 * v1 `blkio.*` files: a line an operation and disk, and a sum over all that
 * names no disk and is skipped.
 *
 * ```text
 * 7:0 Read 2097152
 * Total 6291456
 * ```
 */
export function parseBlkio(
  kind: "serviceBytes" | "serviced",
): FileParser {
  return (bytes, length, builder, path) => {
    cursor.reset(bytes, length, path);
    for (; !cursor.done; cursor.nextLine()) {
      const device = cursor.word();
      if (!DEVICE_REGEXP.test(device)) continue;
      cursor.skipSpaces();
      const operation = IO_OPERATIONS.indexOf(
        cursor.word() as typeof IO_OPERATIONS[number],
      );
      if (operation < 0) continue;
      cursor.skipSpaces();
      const first = builder.group(kind, device);
      if (first >= 0) builder.row[first + operation] = cursor.number();
    }
  };
}

type IoStatTarget = readonly ["serviceBytes" | "serviced", number];

const IO_STAT_KEYS: ReadonlyMap<string, IoStatTarget> = new Map([
  ["rbytes", ["serviceBytes", IO_OPERATIONS.indexOf("Read")]],
  ["wbytes", ["serviceBytes", IO_OPERATIONS.indexOf("Write")]],
  ["rios", ["serviced", IO_OPERATIONS.indexOf("Read")]],
  ["wios", ["serviced", IO_OPERATIONS.indexOf("Write")]],
]);

/**
 * v2 `io.stat`, nested keyed. Some kernels do not end the line of a disk
 * without counts: counts are of the last disk named before them
 * (canonical/lxd#10052).
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
    while (!cursor.done && cursor.peek() !== 0x0a) {
      const start = cursor.at;
      const word = cursor.word();
      const [key = ""] = word.split("=", 1);
      const target = IO_STAT_KEYS.get(key);
      if (target !== undefined) {
        cursor.at = start + key.length;
        cursor.expect(0x3d);
        const value = cursor.number();
        if (device !== undefined) putCount(builder, device, target, value);
      } else if (key === word) {
        device = DEVICE_REGEXP.test(word) ? word : undefined;
      }
      cursor.skipSpaces();
    }
  }
};

function putCount(
  builder: RowBuilder,
  device: string,
  [kind, operation]: IoStatTarget,
  value: number,
): void {
  const first = builder.group(kind, device);
  if (first >= 0) builder.row[first + operation] = value;
}

/**
 * `memory.stat` of v1: with `memory.use_hierarchy` the `total_…` keys are of
 * the whole subtree, else they are the cgroup's own. They come last in the
 * file, so that they replace the keys without the prefix.
 */
function memoryStatV1(): FileParser {
  const keys = {
    cache: COLUMN.memoryCache,
    rss: COLUMN.memoryRss,
    swap: COLUMN.memorySwap,
    "mapped_file": COLUMN.memoryMappedFile,
    "active_file": COLUMN.memoryActiveFile,
    "inactive_file": COLUMN.memoryInactiveFile,
    dirty: COLUMN.memoryFileDirty,
    writeback: COLUMN.memoryFileWriteback,
    pgfault: COLUMN.memoryPgfault,
    pgmajfault: COLUMN.memoryPgmajfault,
    "workingset_refault_file": COLUMN.memoryRefaultFile,
    "workingset_refault_anon": COLUMN.memoryRefaultAnon,
  };
  return keyed(Object.fromEntries(
    Object.entries(keys).flatMap(([key, column]) => [
      [key, { column }],
      [`total_${key}`, { column }],
    ]),
  ));
}

/** Control files of the pids controller, the same in v1 and v2. */
const PIDS_FILES: readonly CgroupFile[] = [
  {
    file: "pids.current",
    controller: "pids",
    parse: single(COLUMN.threadsCurrent),
    kind: "process",
  },
  {
    file: "pids.max",
    controller: "pids",
    parse: single(COLUMN.threadsMax),
    kind: "process",
  },
];

/** Control files of v1 (`cgroup-v1/*.rst`). */
export const V1_FILES: readonly CgroupFile[] = [
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
    file: "cpuacct.usage_percpu",
    controller: "cpuacct",
    parse: parsePerCpu,
    kind: "percpu",
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
    file: "memory.usage_in_bytes",
    controller: "memory",
    parse: single(COLUMN.memoryUsage),
  },
  {
    file: "memory.max_usage_in_bytes",
    controller: "memory",
    parse: single(COLUMN.memoryMaxUsage),
  },
  {
    file: "memory.kmem.usage_in_bytes",
    controller: "memory",
    parse: single(COLUMN.memoryKernel),
  },
  {
    file: "memory.failcnt",
    controller: "memory",
    parse: single(COLUMN.memoryFailcnt),
  },
  { file: "memory.stat", controller: "memory", parse: memoryStatV1() },
  {
    file: "memory.oom_control",
    controller: "memory",
    parse: keyed({ oom_kill: { column: COLUMN.memoryOomKill } }),
  },
  ...PIDS_FILES,
  {
    file: "cgroup.procs",
    controller: "pids",
    parse: countProcesses,
    kind: "process",
    // The kernel keeps the list that it made for an open file until it was not read for a second.
    isFrozen: true,
  },
];

/** The pressure files: of v2, and of the v2 side of a hybrid host. */
export const PRESSURE_FILES: readonly CgroupFile[] =
  (["cpu", "memory", "io"] as const).map((controller) => ({
    file: `${controller}.pressure`,
    controller,
    parse: pressure(controller),
    kind: "pressure",
  }));

/** Control files of v2 (`cgroup-v2.rst`). */
export const V2_FILES: readonly CgroupFile[] = [
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
  {
    file: "memory.current",
    controller: "memory",
    parse: single(COLUMN.memoryUsage),
  },
  {
    file: "memory.peak",
    controller: "memory",
    parse: single(COLUMN.memoryMaxUsage),
  },
  {
    file: "memory.swap.current",
    controller: "memory",
    parse: single(COLUMN.memorySwap),
  },
  {
    file: "memory.stat",
    controller: "memory",
    parse: keyed({
      anon: { column: COLUMN.memoryRss },
      file: { column: COLUMN.memoryCache },
      kernel: { column: COLUMN.memoryKernel },
      file_mapped: { column: COLUMN.memoryMappedFile },
      file_dirty: { column: COLUMN.memoryFileDirty },
      file_writeback: { column: COLUMN.memoryFileWriteback },
      active_file: { column: COLUMN.memoryActiveFile },
      inactive_file: { column: COLUMN.memoryInactiveFile },
      pgfault: { column: COLUMN.memoryPgfault },
      pgmajfault: { column: COLUMN.memoryPgmajfault },
      pgscan: { column: COLUMN.memoryPgscan },
      pgsteal: { column: COLUMN.memoryPgsteal },
      workingset_refault_file: { column: COLUMN.memoryRefaultFile },
      workingset_refault_anon: { column: COLUMN.memoryRefaultAnon },
    }),
  },
  {
    file: "memory.events",
    controller: "memory",
    parse: keyed({
      low: { column: COLUMN.memoryLow },
      high: { column: COLUMN.memoryHigh },
      max: { column: COLUMN.memoryMax },
      oom: { column: COLUMN.memoryOom },
      oom_kill: { column: COLUMN.memoryOomKill },
      oom_group_kill: { column: COLUMN.memoryOomGroupKill },
    }),
  },
  { file: "io.stat", controller: "io", parse: parseIoStat, kind: "diskIO" },
  ...PIDS_FILES,
  {
    file: "cgroup.procs",
    controller: "pids",
    parse: countProcesses,
    kind: "process",
  },
  ...PRESSURE_FILES,
];

/**
 * v1's files of bytes and of operations, by I/O scheduler. Only the scheduler
 * that a disk uses counts it, and a family that counts nothing prints no disk:
 * the first that names one is read. throttle's count every disk that has ever
 * had a limit (all disks before Linux 6.x), which makes them the last resort.
 */
export const BLKIO_FAMILIES: readonly (readonly [string, string])[] = [
  ["blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_serviced_recursive"],
  ["blkio.io_service_bytes_recursive", "blkio.io_serviced_recursive"],
  [
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_serviced_recursive",
  ],
  ["blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"],
];
