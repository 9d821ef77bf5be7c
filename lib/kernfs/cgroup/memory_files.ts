import { COLUMN, MEMORY_EVENTS } from "../../model/sample.ts";
import {
  type CgroupFile,
  type FileParser,
  keyed,
  keyedGroup,
  single,
} from "./cgroup_file.ts";
import { cursor, type KeyTarget } from "../keyed.ts";

const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const NUMA_KINDS = ["file", "anon", "unevictable"] as const;
const HIERARCHICAL = NUMA_KINDS.length;

/**
 * `memory.stat` of v1. `total_…` keys count the subtree with
 * `memory.use_hierarchy`, otherwise the cgroup itself. Being last, they replace
 * the unprefixed keys, except for faults.
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
    "workingset_refault_file": COLUMN.memoryRefaultFile,
    "workingset_refault_anon": COLUMN.memoryRefaultAnon,
  };
  const targets: [string, KeyTarget][] = Object.entries(keys).flatMap(
    ([key, column]) => [[key, { column }], [`total_${key}`, { column }]],
  );
  return keyed({
    ...Object.fromEntries(targets),
    pgfault: { column: COLUMN.memoryOwnPgfault },
    pgmajfault: { column: COLUMN.memoryOwnPgmajfault },
    total_pgfault: { column: COLUMN.memoryPgfault },
    total_pgmajfault: { column: COLUMN.memoryPgmajfault },
  });
}

/** Memory, v1 (`cgroup-v1/memory.rst`). */
export const MEMORY_FILES_V1: readonly CgroupFile[] = [
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
];

const EVENT_KEYS = MEMORY_EVENTS.map((name) =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
);

/** Memory, v2. */
export const MEMORY_FILES_V2: readonly CgroupFile[] = [
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
  {
    // Since Linux 5.3.
    file: "memory.events.local",
    controller: "memory",
    parse: keyedGroup(
      "eventsLocal",
      "",
      Object.fromEntries(EVENT_KEYS.map((key, column) => [key, column])),
    ),
  },
  {
    file: "memory.swap.events",
    controller: "memory",
    parse: keyedGroup("swapEvents", "", { high: 0, max: 1, fail: 2 }),
  },
];

/**
 * `memory.numa_stat`: v1 has pages of the cgroup itself and the subtree; v2
 * (since 5.10) bytes of the subtree.
 *
 * ```text
 * file=97 N0=97
 * hierarchical_file=97 N0=97
 * ```
 *
 * ```text
 * file N0=40960
 * ```
 */
export function numaFile(version: 1 | 2, pageBytes: number): CgroupFile {
  const scale = version === 1 ? 1 : 1 / pageBytes;
  const parse: FileParser = (bytes, length, builder, path) => {
    cursor.reset(bytes, length, path);
    for (; !cursor.done; cursor.nextLine()) {
      const hierarchical = cursor.skip("hierarchical_") || version === 2;
      const kind = NUMA_KINDS.findIndex((name) => cursor.skip(name));
      if (kind < 0) continue;
      // `file_mapped` and `anon_thp` have neither `=` nor ` N` here.
      if (cursor.skip("=")) cursor.number();
      const column = kind + (hierarchical ? HIERARCHICAL : 0);
      for (cursor.skipSpaces(); cursor.skip("N"); cursor.skipSpaces()) {
        const node = cursor.at;
        while (!cursor.done && cursor.peek() !== EQUALS) {
          if (cursor.peek() === NEWLINE) cursor.fail();
          cursor.at++;
        }
        const key = cursor.textFrom(node);
        cursor.expect(EQUALS);
        const pages = cursor.number() * scale;
        const first = builder.group("numa", key);
        if (first >= 0) builder.row[first + column] = pages;
      }
    }
  };
  return {
    file: "memory.numa_stat",
    controller: "memory",
    parse,
    kind: "memory_numa",
  };
}
