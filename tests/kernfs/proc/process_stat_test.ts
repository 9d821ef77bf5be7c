import { assertEquals, assertThrows } from "@std/assert";
import { parsePasswd } from "../../../lib/kernfs/passwd.ts";
import {
  formatState,
  parseProcessStat,
  parseProcessStatus,
  type ProcessStat,
} from "../../../lib/kernfs/proc/process_stat.ts";
import { KernfsSyntaxError } from "../../../lib/model/errors.ts";

/** A bash with a terminal, Linux 6.18. */
const STAT =
  "512 (bash) S 509 512 512 34816 600 4194304 1412 20193 2 55 7 3 41 13 20 0 1 0 91825 7630848 955 18446744073709551615 94038745788416 94038746702077 140727420062320 0 0 0 65536 3686404 1266761467 1 0 0 17 1 0 0 0 0 0 94038746944176 94038746991812 94039167541248 140727420069590 140727420069595 140727420069595 140727420071918 0\n";

Deno.test("parseProcessStat() parses the used fields", () => {
  assertEquals(parseProcessStat(STAT), {
    name: "bash",
    state: "S",
    parentPid: 509,
    processGroup: 512,
    session: 512,
    foregroundGroup: 600,
    userTicks: 7,
    systemTicks: 3,
    nice: 0,
    threads: 1,
    startTicks: 91825,
    virtualBytes: 7_630_848,
    rssPages: 955,
    processor: 1,
  });
});

Deno.test("parseProcessStat() accepts any name", () => {
  for (const name of ["(sd-pam)", "a) R 1 (b", "", "x\ny", "kworker/0:1"]) {
    const stat = parseProcessStat(STAT.replace("bash", name));
    assertEquals(stat.name, name);
    assertEquals(stat.parentPid, 509);
  }
});

Deno.test("parseProcessStat() throws on an invalid format", () => {
  for (
    const text of ["", "512", "512 (bash", "512 (bash) S 509", "bash) 1 ("]
  ) {
    assertThrows(() => parseProcessStat(text), KernfsSyntaxError);
  }
});

Deno.test("parseProcessStatus() omits the memory of kernel threads", () => {
  const text = "Name:\tsh\nUid:\t1000\t0\t1000\t1000\nVmLck:\t       4 kB\n" +
    "VmRSS:\t    3584 kB\n";
  assertEquals(parseProcessStatus(text), {
    effectiveUid: 0,
    rssBytes: 3_670_016,
    lockedBytes: 4096,
  });
  assertEquals(
    parseProcessStatus("Name:\tkthreadd\nUid:\t0\t0\t0\t0\nThreads:\t1\n"),
    { effectiveUid: 0 },
  );
  assertThrows(() => parseProcessStatus("Name:\tsh\n"), KernfsSyntaxError);
});

Deno.test("formatState() formats as ps does", () => {
  const stat = parseProcessStat(STAT);
  const state = (changes: Partial<ProcessStat>, lockedBytes = 0) =>
    formatState(512, { ...stat, session: 1, ...changes }, {
      effectiveUid: 0,
      lockedBytes,
    });
  assertEquals(state({}), "S");
  assertEquals(state({ session: 512 }), "Ss");
  assertEquals(state({ session: 512, foregroundGroup: 512 }), "Ss+");
  assertEquals(state({ threads: 2 }, 4096), "SLl");
  assertEquals(state({ nice: -5, state: "I" }), "I<");
  assertEquals(state({ nice: 19 }), "SN");
});

Deno.test("parsePasswd() uses the first name of a UID, and skips invalid lines", () => {
  const text = "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\n" +
    "+::::::\nweb:x:33:33::/:/bin/false\n\n";
  assertEquals([...parsePasswd(text)], [[0, "root"], [33, "web"]]);
});
