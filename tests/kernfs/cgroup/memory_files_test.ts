import { assertEquals, assertThrows } from "@std/assert";
import {
  MEMORY_FILES_V1,
  numaFile,
} from "../../../lib/kernfs/cgroup/memory_files.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";
import { readAs, readWith } from "../../_support/read_file.ts";
import { recordedFiles } from "../../_support/recorded_tree.ts";

function recorded(dump: string): string {
  const found = recordedFiles("memory.numa_stat")
    .find((other) => other.dump === dump);
  if (found === undefined) throw new RangeError(`Nothing in "${dump}"`);
  return found.text;
}

Deno.test("numaFile() reads v1 pages of the cgroup and its subtree", () => {
  const { parse } = numaFile(1, 4096);
  assertEquals(readWith(parse, recorded("6.1-v1-legacy-docker.txt")), {
    "numa 0": [97, 28, 0, 97, 28, 0],
  });
  const text = "total=9 N0=4 N1=5\nfile=3 N0=1 N1=2\n" +
    "hierarchical_anon=7 N0=3 N1=4\n";
  assertEquals(readWith(parse, text), {
    "numa 0": [1, NaN, NaN, NaN, 3, NaN],
    "numa 1": [2, NaN, NaN, NaN, 4, NaN],
  });
});

Deno.test("numaFile() converts v2 bytes of the subtree to pages", () => {
  const { parse } = numaFile(2, 4096);
  assertEquals(readWith(parse, recorded("6.1-v2-docker.txt")), {
    "numa 0": [NaN, NaN, NaN, 10, 27, 0],
  });
  const text = "anon N0=65536 N3=131072\nfile_mapped N0=4096\nanon_thp N0=1\n";
  assertEquals(readWith(numaFile(2, 65536).parse, text), {
    "numa 0": [NaN, NaN, NaN, NaN, 1, NaN],
    "numa 3": [NaN, NaN, NaN, NaN, 2, NaN],
  });
});

Deno.test("numaFile() throws if a node has no number", () => {
  for (const bad of ["file N0", "file N0=", "anon N0=x", "anon N"]) {
    assertThrows(
      () => readWith(numaFile(2, 4096).parse, `${bad}\n`),
      KernfsSyntaxError,
    );
  }
});

Deno.test("MEMORY_FILES_V1 separate faults of the cgroup and of its subtree", () => {
  const text = "pgfault 1\npgmajfault 2\ntotal_pgfault 3\ntotal_pgmajfault 4\n";
  assertEquals(readAs(MEMORY_FILES_V1, "memory.stat", text), {
    memoryOwnPgfault: 1,
    memoryOwnPgmajfault: 2,
    memoryPgfault: 3,
    memoryPgmajfault: 4,
  });
});
