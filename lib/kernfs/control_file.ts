import { isGone, isUnavailable } from "../model/errors.ts";
import type { HostFs } from "./host_fs.ts";

/**
 * A control file, kept open within the limit of its {@linkcode HostFs}: opening
 * it for each read takes three times as much CPU, and notifies all processes
 * that watch its directory.
 */
export class ControlFile {
  readonly path: string;
  readonly #fs: HostFs;
  readonly #keepOpen: boolean;
  #file: Deno.FsFile | undefined;
  #isMissing = false;

  constructor(fs: HostFs, path: string, keepOpen = true) {
    this.#fs = fs;
    this.path = path;
    this.#keepOpen = keepOpen;
  }

  /**
   * Reads the whole file into {@linkcode HostFs.bytes}. Returns its length, or
   * −1 if it does not exist. A file that is missing, or whose cgroup was
   * removed, is not opened again until {@linkcode recheck}: another cgroup may
   * have its name by then.
   *
   * @throws Deno's error if it cannot be read
   */
  read(): number {
    if (this.#isMissing) return -1;
    try {
      const length = this.#read();
      this.#isMissing = length < 0;
      return length;
    } catch (error) {
      this.close();
      if (!isUnavailable(error) && !isGone(error)) throw error;
      this.#isMissing = true;
      return -1;
    }
  }

  /** Allows a missing file to be opened again. */
  recheck(): void {
    this.#isMissing = false;
  }

  close(): void {
    if (this.#file === undefined) return;
    this.#file.close();
    this.#file = undefined;
    this.#fs.openFiles--;
  }

  #read(): number {
    const fs = this.#fs;
    if (this.#file !== undefined) return fs.readControl(this.#file);
    const file = fs.open(this.path);
    if (file === undefined) return -1;
    if (this.#keepOpen && fs.openFiles < fs.maxOpenFiles) {
      this.#file = file;
      fs.openFiles++;
      return fs.readControl(file);
    }
    try {
      return fs.readControl(file);
    } finally {
      file.close();
    }
  }
}
