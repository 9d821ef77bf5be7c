/**
 * A cgroup named by its path below the root of its hierarchy: `/`,
 * `/docker/eac18…`. The same name stands for the same container in every
 * hierarchy it shows in.
 */
export type CgroupName = string;

/** The root cgroup. */
export const ROOT: CgroupName = "/";

/** The name of the cgroup above; the root's parent is the root. */
export function parentOf(name: CgroupName): CgroupName {
  const slash = name.lastIndexOf("/");
  return slash <= 0 ? ROOT : name.slice(0, slash);
}

/** The name of a child of `parent`. */
export function childOf(parent: CgroupName, base: string): CgroupName {
  return parent === ROOT ? `/${base}` : `${parent}/${base}`;
}

/** Whether `name` lies below `ancestor`; no name lies below itself. */
export function isDescendant(name: CgroupName, ancestor: CgroupName): boolean {
  if (name === ancestor) return false;
  return ancestor === ROOT || name.startsWith(`${ancestor}/`);
}

/**
 * The name in its one form: a leading slash, no empty and no dot parts, no
 * trailing slash.
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
