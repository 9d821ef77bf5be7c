import { join } from "@std/path";
import { isGone } from "../model/errors.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { parseJsonBound } from "./json_bound.ts";

/** A runtime's file that is larger than this is not read. */
const MAX_FILE_BYTES = 4 * 2 ** 20;
/** Of a directory with more names none is taken. */
const MAX_NAMES = 10_000;

/**
 * The files that runtimes leave on disk, read without waiting for them. They
 * may be on a disk that does not answer: the caller bounds how many it reads
 * at once.
 */
export class RuntimeFiles {
  readonly #fs: HostFs;

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  /** Of the place where `hostPath` is seen: by its own root, or by that of a container. */
  path(hostPath: string, root = ""): string {
    return this.#fs.path(root === "" ? hostPath : join(root, hostPath));
  }

  /**
   * The text of a file; undefined where there is none.
   *
   * @throws {RangeError} where it is too large, {@linkcode Error} where it cannot be read
   */
  async read(path: string): Promise<string | undefined> {
    try {
      const { size, isFile } = await Deno.stat(path);
      if (!isFile) return undefined;
      if (size > MAX_FILE_BYTES) {
        throw new RangeError(
          `Cannot read "${path}": its ${size} bytes are more than ${MAX_FILE_BYTES}`,
        );
      }
      return await Deno.readTextFile(path);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /**
   * The JSON in a file; undefined where there is none, or half of one that is being written.
   *
   * @throws {RangeError} where it is too large, {@linkcode Error} where it cannot be read
   */
  async json(path: string): Promise<unknown> {
    const text = await this.read(path);
    if (text === undefined) return undefined;
    try {
      return parseJsonBound(text);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      return undefined;
    }
  }

  /** When a file was last changed, milliseconds since the epoch; undefined where there is none. */
  async modifiedMs(path: string): Promise<number | undefined> {
    try {
      return (await Deno.stat(path)).mtime?.getTime();
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /**
   * Names of all that is in a directory; none where there is no such directory.
   *
   * @throws {RangeError} where there are too many, {@linkcode Error} where it cannot be read
   */
  async list(path: string): Promise<string[]> {
    const names: string[] = [];
    try {
      for await (const { name } of Deno.readDir(path)) {
        if (names.length === MAX_NAMES) {
          throw new RangeError(
            `Cannot list "${path}": it has more than ${MAX_NAMES} entries`,
          );
        }
        names.push(name);
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return names;
  }
}
