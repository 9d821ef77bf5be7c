/**
 * Stand-in for `@std/fs/walk` if JSR is not reachable: the options that this
 * project uses.
 *
 * @module
 */

import { basename, fromFileUrl, join, normalize } from "./path.ts";

export interface WalkOptions {
  /** Whether to yield directories, the root included. @default {true} */
  includeDirs?: boolean;
  /**
   * Only paths with one of these suffixes, with or without the dot.
   *
   * @default all
   */
  exts?: string[];
}

export interface WalkEntry extends Deno.DirEntry {
  /** Path of the root joined with the entry's relative path. */
  path: string;
}

/**
 * Yields the root and its subtree; symbolic links are yielded, not followed.
 */
export function* walkSync(
  root: string | URL,
  options: WalkOptions = {},
): IterableIterator<WalkEntry> {
  const path = root instanceof URL ? fromFileUrl(root) : root;
  const { includeDirs = true } = options;
  if (includeDirs && isSelected(path, options)) {
    const { isFile, isDirectory, isSymlink } = Deno.statSync(path);
    const top = normalize(path);
    const name = basename(top);
    yield { path: top, name, isFile, isDirectory, isSymlink };
  }
  for (const entry of Deno.readDirSync(path)) {
    const below = join(path, entry.name);
    if (entry.isDirectory) yield* walkSync(below, options);
    else if (isSelected(below, options)) yield { path: below, ...entry };
  }
}

function isSelected(path: string, { exts }: WalkOptions): boolean {
  return exts === undefined ||
    exts.some((ext) => path.endsWith(`.${ext.replace(/^\./, "")}`));
}
