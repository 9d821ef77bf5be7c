import { ControlFile } from "../control_file.ts";
import type { HostFs } from "../host_fs.ts";
import { FlatKeyed } from "../keyed.ts";

const reader = new FlatKeyed({ oom_kill: { column: 0 } });
const row = new Float64Array(1);

/**
 * Reads `oom_kill` of `/proc/vmstat` (since Linux 4.13): processes that the
 * kernel has killed for want of memory since boot, in whichever cgroup. The
 * returned function gives undefined where that is not counted.
 */
export function nodeOomKills(fs: HostFs): () => number | undefined {
  const file = new ControlFile(fs, fs.path("/proc/vmstat"));
  return () => {
    const length = file.read();
    if (length < 0) return undefined;
    row.fill(NaN);
    reader.parse(fs.bytes, length, row, file.path);
    const [count = NaN] = row;
    return Number.isNaN(count) ? undefined : count;
  };
}
