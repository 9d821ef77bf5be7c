// Invariants of all parsers for arbitrary content: recorded files are mutated
// at random.

import { assert, assertEquals } from "@std/assert";
import type { FileParser } from "../../lib/kernfs/cgroup/cgroup_file.ts";
import { V1_FILES, V2_FILES } from "../../lib/kernfs/cgroup/cgroup_files.ts";
import { hugetlbFiles } from "../../lib/kernfs/cgroup/hugetlb_files.ts";
import {
  BLKIO_FAMILIES,
  parseBlkio,
} from "../../lib/kernfs/cgroup/io_files.ts";
import { parseCpuinfo } from "../../lib/kernfs/proc/cpuinfo.ts";
import { parseMeminfo, parseOpenFilesLimit } from "../../lib/kernfs/machine.ts";
import { numaFile } from "../../lib/kernfs/cgroup/memory_files.ts";
import { parseMountinfo } from "../../lib/kernfs/proc/mountinfo.ts";
import { perCpuFile } from "../../lib/kernfs/cgroup/cpu_files.ts";
import {
  parseNetDev,
  parseTcpCounters,
  parseTcpSockets,
  parseUdpSockets,
} from "../../lib/kernfs/proc/network_files.ts";
import { KernfsSyntaxError } from "../../lib/model/errors.ts";
import { type IoKind, RowBuilder } from "../../lib/model/sample.ts";
import { SeededRandom } from "../_support/random.ts";
import { readRecorded, recordedFiles } from "../_support/recorded_tree.ts";

const SEEDS = 150;

const PARSERS: readonly (readonly [string, FileParser])[] = [
  ...[
    ...V1_FILES,
    ...V2_FILES,
    ...hugetlbFiles(1, ["1GB", "2MB"]),
    ...hugetlbFiles(2, ["1GB", "2MB"]),
    perCpuFile([0, 2]),
    numaFile(1, 4096),
    numaFile(2, 4096),
  ].map(({ file, parse }) => [file, parse] as const),
  ...BLKIO_FAMILIES.flatMap((family) =>
    Object.entries(family).map(([kind, file]) =>
      [file, parseBlkio(kind as IoKind)] as const
    )
  ),
];

const NETWORK_PARSERS: readonly (readonly [string, FileParser])[] = [
  ["6.18-net-dev.txt", parseNetDev],
  ["6.1-v2-docker-net-dev.txt", parseNetDev],
  ["6.18-net-tcp.txt", parseTcpSockets("tcp")],
  ["6.18-net-tcp6.txt", parseTcpSockets("tcp6")],
  ["6.18-net-udp.txt", parseUdpSockets("udp")],
  ["6.18-net-udp6.txt", parseUdpSockets("udp6")],
  ["6.18-net-snmp.txt", parseTcpCounters("Tcp: ")],
  ["6.18-net-netstat.txt", parseTcpCounters("TcpExt: ")],
];

/** Fragments to insert. */
const SPLINTERS = [
  "-",
  "=",
  ":",
  " ",
  "\n",
  "max",
  "18446744073709551616",
  "\0",
  "0".repeat(400),
  "\u{1f512}",
  "some avg10=",
  "8:0 rbytes=",
  "8:0 Read ",
  "__proto__ ",
].map((splinter) => new TextEncoder().encode(splinter));

/** Mutates text in a few places: deletes, duplicates, overwrites, inserts. */
function mutate(text: string, random: SeededRandom): Uint8Array {
  let bytes = [...new TextEncoder().encode(text)];
  for (let i = 1 + random.below(4); i > 0; i--) {
    const at = random.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + random.below(20));
    const action = random.below(5);
    if (action === 0) bytes.splice(at, end - at);
    else if (action === 1) bytes.splice(at, 0, ...bytes.slice(at, end));
    else if (action === 2) bytes.splice(at, 1, random.below(256));
    else if (action === 3) bytes.splice(at, 0, ...random.pick(SPLINTERS));
    else bytes = bytes.slice(0, at);
  }
  return new Uint8Array(bytes);
}

/** Parses; returns the values, or that the text was rejected. */
function attempt(
  [file, parse]: readonly [string, FileParser],
  bytes: Uint8Array,
): Float64Array | "refused" {
  const builder = new RowBuilder();
  // The buffer is larger than the file and contains bytes of an earlier one.
  const buffer = new Uint8Array(bytes.length + 32).fill(0x37);
  buffer.set(bytes);
  try {
    parse(buffer, bytes.length, builder, file);
    return builder.row;
  } catch (error) {
    assert(error instanceof KernfsSyntaxError, `${file}: ${error}`);
    assertEquals(error.path, file);
    return "refused";
  }
}

Deno.test("every parser accepts a mutated file or throws KernfsSyntaxError, and returns no negative number", () => {
  let read = 0;
  let refused = 0;
  for (const parser of PARSERS) {
    for (const { dump, text } of recordedFiles(parser[0])) {
      for (let seed = 1; seed <= SEEDS / 5; seed++) {
        const bytes = mutate(text, new SeededRandom(seed));
        const row = attempt(parser, bytes);
        if (row === "refused") refused++;
        else read++;
        if (row === "refused") continue;
        assert(
          row.every((value) => Number.isNaN(value) || value >= 0),
          `${dump} ${parser[0]}, seed ${seed}`,
        );
      }
    }
  }
  // Both must occur; otherwise this tests nothing.
  assert(read > 1000 && refused > 300, `${read} read, ${refused} refused`);
});

Deno.test("every parser of network files accepts a mutated file or throws KernfsSyntaxError", () => {
  let read = 0;
  let refused = 0;
  for (const [file, parse] of NETWORK_PARSERS) {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const bytes = mutate(readRecorded("proc", file), new SeededRandom(seed));
      const row = attempt([file, parse], bytes);
      if (row === "refused") refused++;
      else read++;
    }
    attempt([file, parse], new Uint8Array(0));
  }
  assert(read > 300 && refused > 100, `${read} read, ${refused} refused`);
});

Deno.test("every parser accepts an empty file or throws KernfsSyntaxError", () => {
  for (const parser of PARSERS) attempt(parser, new Uint8Array(0));
});

Deno.test("every parser of machine files accepts any content", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new SeededRandom(seed);
    const mutated = (file: string) =>
      new TextDecoder().decode(mutate(readRecorded("proc", file), random));
    for (
      const { mountPoint, fsType } of parseMountinfo(
        mutated("6.1-v1-legacy-mountinfo.txt"),
      )
    ) assert(mountPoint !== "" && fsType !== "");
    for (const bytes of parseMeminfo(mutated("6.1-meminfo.txt")).values()) {
      assert(bytes >= 0);
    }
    const { numCores, cpuFrequencyKhz = 0 } = parseCpuinfo(
      mutated("6.1-cpuinfo.txt"),
    );
    assert(numCores >= 0 && cpuFrequencyKhz >= 0);
    parseOpenFilesLimit(mutated("6.1-meminfo.txt"));
  }
});
