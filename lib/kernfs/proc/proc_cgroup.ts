import { type CgroupName, ROOT } from "../../model/cgroup.ts";
import type { HostFs } from "../host_fs.ts";
import { type CgroupView, PLAIN_VIEW } from "./cgroup_namespace.ts";

/** What the kernel adds to the name of a cgroup that was removed meanwhile. */
const DELETED = " (deleted)";

/**
 * The cgroup that a process's memory is charged to, by `/proc/<pid>/cgroup`
 * (`cgroups(7)`): the line of v1's memory controller, else that of v2. A
 * process that is exiting has left v1's hierarchies for their roots, but not
 * that of v2 until it is reaped (6.18); there it has the same name. `undefined`
 * if the view has no name for it.
 *
 * ```text
 * 4:memory:/docker/eac18179
 * 0::/system.slice/ssh.service
 * ```
 */
export function parseMemoryCgroup(
  text: string,
  view: CgroupView = PLAIN_VIEW,
): CgroupName | undefined {
  let memory: string | undefined;
  let unified: string | undefined;
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers.split(",").includes("memory")) memory = path;
    if (controllers === "") unified = path;
  }
  const nameOf = (controller: string, path: string | undefined) =>
    path === undefined
      ? undefined
      : view.resolve(controller, withoutMark(path));
  const name = nameOf("memory", memory);
  if (memory !== undefined && name !== ROOT) return name;
  return nameOf("", unified) ?? name;
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
  view: CgroupView = PLAIN_VIEW,
): CgroupName | undefined {
  const text = fs.readText(`/proc/${pid}/cgroup`);
  if (text === undefined) return undefined;
  const name = parseMemoryCgroup(text, view);
  if (name !== ROOT) return name;
  const path = fs.readText(`/proc/${pid}/cpuset`)?.trimEnd();
  if (!path?.startsWith("/")) return undefined;
  const cpuset = view.resolve("cpuset", withoutMark(path));
  return cpuset === ROOT ? undefined : cpuset;
}

function withoutMark(path: string): string {
  return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
}
