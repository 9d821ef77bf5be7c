import type { CgroupName } from "../../model/cgroup.ts";
import type { Hierarchies } from "./hierarchy.ts";
import type { HostFs } from "../host_fs.ts";

/**
 * A process that is in the cgroup itself, by the first `cgroup.procs` that has
 * one; undefined where there is none.
 */
export function readFirstPid(
  fs: HostFs,
  { all }: Hierarchies,
  cgroup: CgroupName,
): number | undefined {
  for (const { path } of all) {
    const text = fs.textAt(`${path}${cgroup}/cgroup.procs`) ?? "";
    // 0 stands for a process that this pid namespace does not have.
    const pid = Number(text.slice(0, text.indexOf("\n")));
    if (pid > 0) return pid;
  }
  return undefined;
}
