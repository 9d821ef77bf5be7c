import { assertEquals } from "@std/assert";
import { expositionText, section } from "../../lib/metrics/exposition.ts";
import {
  PROCESS_FAMILIES,
  type ProcessMetrics,
  readProcessMetrics,
} from "../../lib/metrics/process_metrics.ts";
import { decodeChunks, parseExposition } from "../_support/exposition.ts";
import { readRecorded } from "../_support/recorded_tree.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

/**
 * A running `sleep`, Linux 6.18, with another name: two seconds of CPU, 100
 * pages.
 */
const STAT =
  "321 (a (b) c) S 1 321 321 0 -1 4194304 105 0 0 0 150 50 0 0 20 0 1 0 6000 5500000 100 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

Deno.test("readProcessMetrics() reads all values of PROCESS_FAMILIES", () => {
  using root = TestCgroup.create();
  root.file("proc/self/stat", STAT)
    .file("proc/self/limits", readRecorded("proc", "6.18-limits.txt"))
    .file("proc/stat", "cpu  1 2 3\nbtime 1000\nprocesses 5\n")
    .file("proc/self/fd/0", "")
    .file("proc/self/fd/1", "");
  const process = readProcessMetrics(root.hostFs());
  const text = decodeChunks(expositionText(
    [section<ProcessMetrics>({
      families: PROCESS_FAMILIES,
      subjects: process === undefined ? [] : [process],
      labelsOf: () => "",
    })],
    { format: "prometheus", names: new Set(), onError: () => {} },
  ));
  const exposed = [...parseExposition(text)].map(([name, { type, series }]) => [
    name,
    type,
    series[0]?.value,
  ]);
  const { pageBytes = 0, maxOpenFiles } = process ?? {};
  // The recorded limit of virtual memory is unlimited.
  assertEquals(exposed, [
    ["process_cpu_seconds_total", "counter", 2],
    ["process_open_fds", "gauge", 2],
    ["process_max_fds", "gauge", maxOpenFiles],
    ["process_virtual_memory_bytes", "gauge", 5_500_000],
    ["process_resident_memory_bytes", "gauge", 100 * pageBytes],
    ["process_start_time_seconds", "gauge", 1060],
  ]);
});

Deno.test("readProcessMetrics() returns undefined without /proc", () => {
  using root = TestCgroup.create();
  assertEquals(readProcessMetrics(root.hostFs()), undefined);
});
