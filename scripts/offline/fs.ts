/**
 * Stand-in for `@std/fs` where JSR cannot be reached: the functions and options that this project
 * uses.
 *
 * @module
 */

import { basename, fromFileUrl, join, normalize } from "./path.ts";

/** Options for {@linkcode exists} and {@linkcode existsSync}. */
export interface ExistsOptions {
  /** Only a directory counts. @default {false} */
  isDirectory?: boolean;
  /** Only a file counts. @default {false} */
  isFile?: boolean;
}

/** Options for {@linkcode walk}. */
export interface WalkOptions {
  /** How many levels below the root are visited. @default {Infinity} */
  maxDepth?: number;
  /** Whether files are yielded. @default {true} */
  includeFiles?: boolean;
  /** Whether directories are yielded, the root included. @default {true} */
  includeDirs?: boolean;
  /** If given, only paths that end in one of these, with or without the dot. */
  exts?: string[];
  /** If given, only paths that one of these matches. */
  match?: RegExp[];
}

/** What {@linkcode walk} yields. */
export interface WalkEntry extends Deno.DirEntry {
  /** The root's path joined with the way down to the entry. */
  path: string;
}

/** Makes the directory and its parents where they are missing. */
export async function ensureDir(dir: string | URL): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
}

/** Makes the directory and its parents where they are missing. */
export function ensureDirSync(dir: string | URL): void {
  Deno.mkdirSync(dir, { recursive: true });
}

/** Tells whether there is such a path; symbolic links are followed. */
export async function exists(
  path: string | URL,
  options: ExistsOptions = {},
): Promise<boolean> {
  checkOptions(options);
  try {
    return isWanted(await Deno.stat(path), options);
  } catch (error) {
    return isThereThough(error);
  }
}

/** Tells whether there is such a path; symbolic links are followed. */
export function existsSync(
  path: string | URL,
  options: ExistsOptions = {},
): boolean {
  checkOptions(options);
  try {
    return isWanted(Deno.statSync(path), options);
  } catch (error) {
    return isThereThough(error);
  }
}

/** Yields the root and what lies below it; symbolic links are yielded, not followed. */
export async function* walk(
  root: string | URL,
  options: WalkOptions = {},
): AsyncIterableIterator<WalkEntry> {
  const path = root instanceof URL ? fromFileUrl(root) : root;
  const { maxDepth = Infinity, includeFiles = true, includeDirs = true } =
    options;
  if (maxDepth < 0) return;
  if (includeDirs && isSelected(path, options)) {
    const { isFile, isDirectory, isSymlink } = await Deno.stat(path);
    const top = normalize(path);
    const name = basename(top);
    yield { path: top, name, isFile, isDirectory, isSymlink };
  }
  if (maxDepth < 1) return;
  for await (const entry of Deno.readDir(path)) {
    const below = join(path, entry.name);
    if (entry.isDirectory) {
      yield* walk(below, { ...options, maxDepth: maxDepth - 1 });
    } else if (includeFiles && isSelected(below, options)) {
      yield { path: below, ...entry };
    }
  }
}

function checkOptions(options: ExistsOptions): void {
  if (options.isDirectory && options.isFile) {
    throw new TypeError(
      "Cannot check a path: 'isDirectory' and 'isFile' exclude each other",
    );
  }
}

function isWanted(info: Deno.FileInfo, options: ExistsOptions): boolean {
  if (options.isDirectory) return info.isDirectory;
  if (options.isFile) return info.isFile;
  return true;
}

function isThereThough(error: unknown): boolean {
  if (error instanceof Deno.errors.NotFound) return false;
  if (error instanceof Deno.errors.PermissionDenied) return true;
  throw error;
}

function isSelected(path: string, options: WalkOptions): boolean {
  const { exts, match } = options;
  if (
    exts && !exts.some((ext) => path.endsWith(`.${ext.replace(/^\./, "")}`))
  ) {
    return false;
  }
  return match === undefined || match.some((regexp) => regexp.test(path));
}
