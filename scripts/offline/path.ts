/**
 * Stand-in for `@std/path` if JSR is not reachable. It does not use
 * `node:path`, which loads 3 MB of Node code.
 *
 * @module
 */

const SLASH = "/";

function isAbsolute(path: string): boolean {
  return path.startsWith(SLASH);
}

/** Removes `.`, `..` after a name, and repeated slashes. */
export function normalize(path: string | URL): string {
  path = pathOf(path);
  const names = namesOf(path, isAbsolute(path));
  const end = path.endsWith(SLASH) && names.length > 0 ? SLASH : "";
  const text = (isAbsolute(path) ? SLASH : "") + names.join(SLASH) + end;
  return text === "" ? (path.endsWith(SLASH) ? "./" : ".") : text;
}

export function join(path: string | URL, ...paths: string[]): string {
  const all = [pathOf(path), ...paths].filter((part) => part !== "");
  return normalize(all.join(SLASH));
}

/**
 * Returns the absolute path of the last argument, relative to those before it
 * and the working directory.
 */
export function resolve(...paths: string[]): string {
  const from = paths.findLastIndex(isAbsolute);
  const parts = from < 0 ? [Deno.cwd(), ...paths] : paths.slice(from);
  return SLASH + namesOf(parts.join(SLASH), true).join(SLASH);
}

/** Returns the path without its last name. */
export function dirname(path: string | URL): string {
  path = pathOf(path);
  const bare = withoutEnd(path);
  const at = bare.lastIndexOf(SLASH);
  if (at < 0) return path.startsWith(SLASH) ? SLASH : ".";
  return withoutEnd(bare.slice(0, at)) || SLASH;
}

/** Returns the last name of a path, without the suffix. */
export function basename(path: string | URL, suffix = ""): string {
  const bare = withoutEnd(pathOf(path));
  const name = bare.slice(bare.lastIndexOf(SLASH) + 1);
  return suffix !== "" && name !== suffix && name.endsWith(suffix)
    ? name.slice(0, -suffix.length)
    : name;
}

/** Returns the path of a URL such as `file:///a`. */
export function fromFileUrl(url: string | URL): string {
  const { protocol, pathname } = new URL(url);
  if (protocol !== "file:") {
    throw new TypeError(`URL must be a file URL: received "${protocol}"`);
  }
  return decodeURIComponent(pathname);
}

function pathOf(path: string | URL): string {
  return path instanceof URL ? fromFileUrl(path) : path;
}

function namesOf(path: string, isRooted: boolean): string[] {
  const names: string[] = [];
  for (const name of path.split(SLASH)) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.length > 0 && names.at(-1) !== "..") names.pop();
    else if (!isRooted) names.push(name);
  }
  return names;
}

/** Removes trailing slashes; the root becomes empty. */
function withoutEnd(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === SLASH) end--;
  return path.slice(0, end);
}
