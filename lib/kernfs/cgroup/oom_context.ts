import { NO_LIMIT_BYTES } from "../../model/container.ts";
import { type CgroupName, parentOf, ROOT } from "../../model/cgroup.ts";
import type { OomContext } from "../../model/event.ts";
import type { Hierarchies, Hierarchy } from "./hierarchy.ts";
import type { HostFs } from "../host_fs.ts";

type Key = Exclude<
  keyof OomContext,
  "top_tasks" | "run_up" | "growth_bytes_per_second"
>;

/** `cgroup-v1/memory.rst`. */
const V1_FILES: readonly (readonly [Key, string])[] = [
  ["limit_bytes", "memory.limit_in_bytes"],
  ["usage_bytes", "memory.usage_in_bytes"],
  ["peak_bytes", "memory.max_usage_in_bytes"],
  ["memory_and_swap_bytes", "memory.memsw.usage_in_bytes"],
  ["memory_and_swap_limit_bytes", "memory.memsw.limit_in_bytes"],
];

/** `cgroup-v2.rst`, "Memory Interface Files". */
const V2_FILES: readonly (readonly [Key, string])[] = [
  ["limit_bytes", "memory.max"],
  ["usage_bytes", "memory.current"],
  ["peak_bytes", "memory.peak"],
  ["swap_bytes", "memory.swap.current"],
  ["swap_limit_bytes", "memory.swap.max"],
  ["oom_group", "memory.oom.group"],
];

const PRESSURE_REGEXP = /^(some|full) avg10=(\d+\.\d+)/gm;

/** Reads usage and limits of a cgroup that hit its limit; `max` is omitted. */
export function readOomContext(
  fs: HostFs,
  hierarchies: Hierarchies,
  cgroup: CgroupName,
): OomContext | undefined {
  const hierarchy = memoryHierarchy(hierarchies);
  if (hierarchy === undefined) return undefined;
  const directory = hierarchy.path + (cgroup === ROOT ? "" : cgroup);
  const context: Partial<Record<Key, number>> = {};
  for (const [key, file] of hierarchy.version === 1 ? V1_FILES : V2_FILES) {
    const text = fs.textAt(`${directory}/${file}`)?.trim() ?? "";
    if (!/^\d+$/.test(text)) continue;
    const value = Number(text);
    if (value < NO_LIMIT_BYTES) context[key] = value;
  }
  const pressure = fs.textAt(`${directory}/memory.pressure`) ?? "";
  for (const [, share, avg10] of pressure.matchAll(PRESSURE_REGEXP)) {
    context[`pressure_${share as "some" | "full"}_avg10`] = Number(avg10);
  }
  return Object.keys(context).length > 0 ? context : undefined;
}

/**
 * Whether a kill is not part of a group kill: `memory.oom.group` (v2) is 0 from
 * the victim up to the limit's cgroup. False if unknown.
 *
 * @param limit `/` if the machine ran out of memory
 */
export function isKilledAlone(
  fs: HostFs,
  hierarchies: Hierarchies,
  victim: CgroupName,
  limit: CgroupName,
): boolean {
  const path = memoryHierarchy(hierarchies)?.path;
  if (path === undefined) return false;
  for (let cgroup = victim; cgroup !== ROOT; cgroup = parentOf(cgroup)) {
    const group = fs.textAt(`${path}${cgroup}/memory.oom.group`);
    if (group?.trim() !== "0") return false;
    if (cgroup === limit) return true;
  }
  return limit === ROOT;
}

function memoryHierarchy({ all }: Hierarchies): Hierarchy | undefined {
  return all.find(({ controllers }) => controllers.includes("memory"));
}
