import { isAbsent } from "../model/errors.ts";
import type { HostFs } from "./host_fs.ts";

/** What `HostFs.readByLibc()` and `readKept()` return where there is no such file, or no more. */
export const NOT_THERE = -2;

/**
 * One control file. It stays open within the budget of its {@linkcode HostFs}:
 * to open it for each read takes two and a half times as much CPU, and whoever
 * watches its directory hears of it.
 */
export class ControlFile {
  readonly path: string;
  readonly #fs: HostFs;
  readonly #keepOpen: boolean;
  #descriptor: number | undefined;
  #missing = false;

  constructor(fs: HostFs, path: string, keepOpen: boolean) {
    this.#fs = fs;
    this.path = path;
    this.#keepOpen = keepOpen;
  }

  /**
   * Reads the whole file into the buffer of the {@linkcode HostFs}; returns
   * the number of bytes, or −1 where there is no such file. A file that was
   * not there, or whose cgroup has gone, is not looked for again until
   * {@linkcode recheck}: another cgroup may have its name by then.
   *
   * @throws what Deno says where it cannot be read
   */
  read(): number {
    if (this.#missing) return -1;
    const length = this.#readByLibc();
    if (length >= 0) return length;
    if (length !== NOT_THERE) return this.#readPlainly();
    this.#missing = true;
    return -1;
  }

  /** Looks for a missing file at the next read again. */
  recheck(): void {
    this.#missing = false;
  }

  /** Lets go of the descriptor. */
  close(): void {
    if (this.#descriptor === undefined) return;
    this.#fs.drop(this.#descriptor);
    this.#descriptor = undefined;
  }

  #readByLibc(): number {
    const fs = this.#fs;
    if (this.#keepOpen) this.#descriptor ??= fs.keep(this.path);
    if (this.#descriptor === undefined) return fs.readByLibc(this.path);
    const length = fs.readKept(this.#descriptor);
    if (length < 0) this.close();
    return length;
  }

  /** The way that says what is wrong. */
  #readPlainly(): number {
    try {
      return this.#fs.read(this.path);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      this.#missing = true;
      return -1;
    }
  }
}
