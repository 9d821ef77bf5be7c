import { join } from "@std/path";
import { isGone } from "../model/errors.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { parseBoundedJson } from "./bounded_json.ts";

const MAX_FILE_BYTES = 4 * 2 ** 20;
const MAX_NAMES = 10_000;

/** Reads runtimes' files. The disk may hang: the caller limits concurrent reads. */
export class RuntimeFiles {
  readonly #fs: HostFs;

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  /** Returns the agent's path; `root` is a container's. */
  path(hostPath: string, root = ""): string {
    return this.#fs.path(root === "" ? hostPath : join(root, hostPath));
  }

  /**
   * Returns `undefined` for a missing file.
   *
   * @throws {RangeError} if it is too large
   * @throws {Error} if it cannot be read
   */
  async read(path: string): Promise<string | undefined> {
    try {
      const { size, isFile } = await Deno.stat(path);
      if (!isFile) return undefined;
      if (size > MAX_FILE_BYTES) {
        throw new RangeError(
          `Cannot read "${path}": it has ${size} bytes, expected at most ${MAX_FILE_BYTES}`,
        );
      }
      return await Deno.readTextFile(path);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /**
   * Returns `undefined` for a missing or incomplete file.
   *
   * @throws {Error} as {@linkcode read}
   */
  async json(path: string): Promise<unknown> {
    const text = await this.read(path);
    if (text === undefined) return undefined;
    try {
      return parseBoundedJson(text);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      return undefined;
    }
  }

  /** Milliseconds since the epoch; `undefined` for a missing file. */
  async modifiedMs(path: string): Promise<number | undefined> {
    try {
      return (await Deno.stat(path)).mtime?.getTime();
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /**
   * Returns names; none for a missing directory.
   *
   * @throws {RangeError} if there are too many
   * @throws {Error} if it cannot be read
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
