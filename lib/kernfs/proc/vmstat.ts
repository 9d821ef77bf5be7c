import { ControlFile } from "../control_file.ts";
import type { HostFs } from "../host_fs.ts";
import { FlatKeyed } from "../keyed.ts";

const reader = new FlatKeyed({ oom_kill: { column: 0 } });
const row = new Float64Array(1);

/**
 * Opens `oom_kill` of `/proc/vmstat` (since Linux 4.13): the node's OOM kills
 * since boot, `undefined` if not counted.
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
