/**
 * Path of a cgroup below the root of its hierarchy: `/`, `/docker/eac18…`. It
 * names the same container in every hierarchy.
 */
export type CgroupName = string;

/** Name of the root cgroup. */
export const ROOT: CgroupName = "/";

/** The root's parent is the root. */
export function parentOf(name: CgroupName): CgroupName {
  const slash = name.lastIndexOf("/");
  return slash <= 0 ? ROOT : name.slice(0, slash);
}

/** Returns the name of a child. */
export function childOf(parent: CgroupName, base: string): CgroupName {
  return parent === ROOT ? `/${base}` : `${parent}/${base}`;
}

/** Returns whether `name` is below `ancestor`. */
export function isDescendant(name: CgroupName, ancestor: CgroupName): boolean {
  if (name === ancestor) return false;
  return ancestor === ROOT || name.startsWith(`${ancestor}/`);
}

/**
 * Normalizes to a leading slash, without empty parts, dot parts and trailing
 * slash.
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
