/**
 * Tables of control files and parsers. Values are nanoseconds, bytes and
 * counts.
 *
 * @module
 */
import { COLUMN } from "../../model/sample.ts";
import { type CgroupFile, type FileParser, single } from "./cgroup_file.ts";
import { CPU_FILES_V1, CPU_FILES_V2, perCpuFile } from "./cpu_files.ts";
import type { HostFs } from "../host_fs.ts";
import { hugePageSizes, hugetlbFiles } from "./hugetlb_files.ts";
import { IO_FILES_V2 } from "./io_files.ts";
import { countLines } from "../keyed.ts";
import { parseCpuList } from "../sys/sysfs.ts";
import { MEMORY_FILES_V1, MEMORY_FILES_V2, numaFile } from "./memory_files.ts";
import { parsePressure } from "./pressure.ts";

function pressure(controller: string): FileParser {
  return (bytes, length, builder, path) => {
    const first = builder.group("pressure", controller);
    if (first >= 0) parsePressure(bytes, length, builder.row, first, path);
  };
}

const countProcesses: FileParser = (bytes, length, { row }) => {
  row[COLUMN.processCount] = countLines(bytes, length);
};

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

/** Pressure files of v2 and hybrid hosts. */
export const PRESSURE_FILES: readonly CgroupFile[] =
  (["cpu", "memory", "io"] as const).map((controller) => ({
    file: `${controller}.pressure`,
    controller,
    parse: pressure(controller),
    kind: "pressure",
  }));

/** Control files of v1 (`cgroup-v1/*.rst`), except `blkio` (`BlkioFiles`). */
export const V1_FILES: readonly CgroupFile[] = [
  ...CPU_FILES_V1,
  ...MEMORY_FILES_V1,
  ...PIDS_FILES,
  {
    file: "cgroup.procs",
    controller: "pids",
    parse: countProcesses,
    kind: "process",
    listsProcesses: true,
    // The kernel keeps the list until it is unread for a second.
    isFrozen: true,
  },
];

/** Control files of v2 (`cgroup-v2.rst`). */
export const V2_FILES: readonly CgroupFile[] = [
  ...CPU_FILES_V2,
  ...MEMORY_FILES_V2,
  ...IO_FILES_V2,
  ...PIDS_FILES,
  {
    file: "cgroup.procs",
    controller: "pids",
    parse: countProcesses,
    kind: "process",
    listsProcesses: true,
  },
  ...PRESSURE_FILES,
];

function possibleCpus(fs: HostFs): number[] {
  const list = fs.readText("/sys/devices/system/cpu/possible") ?? "";
  return [...parseCpuList(list)];
}

/** Returns the control files for the host's CPUs and page sizes. */
export function controlFiles(
  version: 1 | 2,
  fs: HostFs,
  kinds: ReadonlySet<string>,
): CgroupFile[] {
  const files = [
    ...(version === 1 ? [...V1_FILES, perCpuFile(possibleCpus(fs))] : V2_FILES),
    numaFile(version, fs.pageBytes),
    ...(kinds.has("hugetlb") ? hugetlbFiles(version, hugePageSizes(fs)) : []),
  ];
  return files.filter(({ kind }) => kind === undefined || kinds.has(kind));
}
