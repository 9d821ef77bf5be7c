import { type CgroupName, ROOT } from "../../model/cgroup.ts";
import type { HostFs } from "../host_fs.ts";

/** What the kernel adds to the name of a cgroup that was removed meanwhile. */
const DELETED = " (deleted)";

/**
 * The cgroup that a process's memory is charged to, by `/proc/<pid>/cgroup`
 * (`cgroups(7)`): the line of v1's memory controller, else that of v2. A
 * process that is exiting has left v1's hierarchies for their roots, but not
 * that of v2 until it is reaped (6.18); there it has the same name.
 *
 * ```text
 * 4:memory:/docker/eac18179
 * 0::/system.slice/ssh.service
 * ```
 */
export function parseMemoryCgroup(text: string): CgroupName | undefined {
  let memory: CgroupName | undefined;
  let unified: CgroupName | undefined;
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const name = withoutMark(path);
    if (controllers.split(",").includes("memory")) memory = name;
    if (controllers === "") unified = name;
  }
  return memory === undefined || memory === ROOT ? unified ?? memory : memory;
}

/**
 * The cgroup that a process's memory is charged to; undefined where the
 * process is gone, or nothing but a root names it. Of one that is exiting
 * `/proc/<pid>/cpuset` still tells the cgroup of v1's cpuset controller (6.18),
 * where runtimes give it the same name.
 */
export function readMemoryCgroup(
  fs: HostFs,
  pid: number,
): CgroupName | undefined {
  const text = fs.readText(`/proc/${pid}/cgroup`);
  if (text === undefined) return undefined;
  const name = parseMemoryCgroup(text);
  if (name !== ROOT) return name;
  const cpuset = withoutMark(fs.readText(`/proc/${pid}/cpuset`)?.trimEnd());
  return cpuset?.startsWith("/") && cpuset !== ROOT ? cpuset : undefined;
}

function withoutMark<T extends string | undefined>(path: T): string | T {
  return path?.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
}
