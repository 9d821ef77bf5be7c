/**
 * Path below a hierarchy's root: `/`, `/docker/eac18…`; the same in every
 * hierarchy.
 */
export type CgroupName = string;

/** The root cgroup. */
export const ROOT: CgroupName = "/";

/** The root's parent is the root. */
export function parentOf(name: CgroupName): CgroupName {
  const slash = name.lastIndexOf("/");
  return slash <= 0 ? ROOT : name.slice(0, slash);
}

/** Returns a child's name. */
export function childOf(parent: CgroupName, base: string): CgroupName {
  return parent === ROOT ? `/${base}` : `${parent}/${base}`;
}

/** Whether `name` is below `ancestor`. */
export function isDescendant(name: CgroupName, ancestor: CgroupName): boolean {
  if (name === ancestor) return false;
  return ancestor === ROOT || name.startsWith(`${ancestor}/`);
}

/** Adds a leading slash, removes empty and `.` parts, and resolves `..`. */
export function cleanName(path: string): CgroupName {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}
