/**
 * Stand-in for `@std/fs/walk` where JSR cannot be reached: the options that this project uses.
 *
 * @module
 */

import { basename, fromFileUrl, join, normalize } from "./path.ts";

/** Options for {@linkcode walkSync}. */
export interface WalkOptions {
  /** Whether directories are yielded, the root included. @default {true} */
  includeDirs?: boolean;
  /** If given, only paths that end in one of these, with or without the dot. */
  exts?: string[];
}

/** An entry that {@linkcode walkSync} yields. */
export interface WalkEntry extends Deno.DirEntry {
  /** The root's path joined with the relative path of the entry. */
  path: string;
}

/** Yields the root and all entries below it; symbolic links are yielded, not followed. */
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
