import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { HostFs } from "./host_fs.ts";

/** What the kernel adds to the name of a cgroup that was removed meanwhile. */
const DELETED = " (deleted)";

/**
 * The cgroup that a process's memory is charged to, by `/proc/<pid>/cgroup`
 * (`cgroups(7)`): the line of v1's memory controller, else that of v2.
 *
 * ```text
 * 4:memory:/docker/eac18179
 * 0::/system.slice/ssh.service
 * ```
 */
export function parseMemoryCgroup(text: string): CgroupName | undefined {
  let unified: CgroupName | undefined;
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const name = path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
    if (controllers.split(",").includes("memory")) return name;
    if (controllers === "") unified = name;
  }
  return unified;
}

/**
 * The cgroup that a process's memory is charged to; undefined where the
 * process is gone, or is a zombie that has left its cgroup for the root.
 */
export function readMemoryCgroup(
  fs: HostFs,
  pid: number,
): CgroupName | undefined {
  const text = fs.readText(`/proc/${pid}/cgroup`);
  const name = text === undefined ? undefined : parseMemoryCgroup(text);
  return name === ROOT ? undefined : name;
}
