/**
 * Path of a cgroup below the root of its hierarchy: `/`, `/docker/eac18…`. The
 * same name is the same container in every hierarchy.
 */
export type CgroupName = string;

export const ROOT: CgroupName = "/";

/** Returns the parent; the root's parent is the root. */
export function parentOf(name: CgroupName): CgroupName {
  const slash = name.lastIndexOf("/");
  return slash <= 0 ? ROOT : name.slice(0, slash);
}

export function childOf(parent: CgroupName, base: string): CgroupName {
  return parent === ROOT ? `/${base}` : `${parent}/${base}`;
}

/** Returns whether `name` is below `ancestor`; no name is below itself. */
export function isDescendant(name: CgroupName, ancestor: CgroupName): boolean {
  if (name === ancestor) return false;
  return ancestor === ROOT || name.startsWith(`${ancestor}/`);
}

/**
 * Normalizes a path: a leading slash, no empty or dot parts, no trailing slash.
 */
export function cleanName(path: string): CgroupName {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}
