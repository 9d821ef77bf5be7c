import type { CgroupName } from "../../model/cgroup.ts";
import type { Hierarchies } from "./hierarchy.ts";
import type { HostFs } from "../host_fs.ts";

/**
 * Returns a process of the cgroup itself, from the first `cgroup.procs` with
 * one.
 */
export function readFirstPid(
  fs: HostFs,
  { all }: Hierarchies,
  cgroup: CgroupName,
): number | undefined {
  for (const { path } of all) {
    const text = fs.textAt(`${path}${cgroup}/cgroup.procs`) ?? "";
    // 0 is a process outside this PID namespace.
    const pid = Number(text.slice(0, text.indexOf("\n")));
    if (pid > 0) return pid;
  }
  return undefined;
}
