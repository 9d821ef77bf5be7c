import { isGone, isUnavailable } from "../model/errors.ts";
import type { HostFs } from "./host_fs.ts";

/**
 * A control file, kept open within the limit of its {@linkcode HostFs}: opening
 * it per read takes three times the CPU, and notifies watchers of its
 * directory.
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
   * Reads the file into {@linkcode HostFs.bytes}. Returns its length, or −1 if
   * it is missing, inaccessible, unsupported or too large, or its cgroup was
   * removed. Then it is not opened again until {@linkcode recheck}: another
   * cgroup may have the path.
   *
   * @throws Deno's error for other failures, such as EMFILE
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

  /** Lets the next read try a missing file again. */
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
