import { isAbsent } from "../model/errors.ts";
import type { HostFs } from "./host_fs.ts";
import { zeroEnded } from "./libc.ts";

/** What `HostFs.readAt()` returns where there is no such file. */
export const NOT_THERE = -2;

/** File names as the C library takes them: few, and the same in every cgroup. */
const names = new Map<string, Uint8Array<ArrayBuffer>>();

/**
 * The directory of one cgroup in one hierarchy, or another with kernel files
 * that are read again and again. It stays open, within the budget of its
 * {@linkcode HostFs}, so that a file is found by its name alone, and of this
 * cgroup: one that comes under the same name later is another's.
 */
export class ControlDirectory {
  readonly path: string;
  readonly fs: HostFs;
  #descriptor: number | undefined;

  constructor(fs: HostFs, path: string) {
    this.fs = fs;
    this.path = path;
  }

  /** A file in it. */
  file(name: string): ControlFile {
    return new ControlFile(this, name);
  }

  /** Reads a file in it to the end, as `HostFs.readAt()` does. */
  read(name: string): number {
    const { fs } = this;
    if (fs.libc === undefined) return -1;
    this.#descriptor ??= fs.keepDirectory(zeroEnded(this.path));
    if (this.#descriptor === undefined) {
      return fs.readAt(undefined, zeroEnded(`${this.path}/${name}`));
    }
    let bytes = names.get(name);
    if (bytes === undefined) names.set(name, bytes = zeroEnded(name));
    return fs.readAt(this.#descriptor, bytes);
  }

  /** Lets go of the descriptor; the next read opens the directory that is there then. */
  close(): void {
    if (this.#descriptor === undefined) return;
    this.fs.dropDirectory(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** One control file, which is opened for each read. */
export class ControlFile {
  readonly path: string;
  readonly #directory: ControlDirectory;
  readonly #name: string;
  #missing = false;

  constructor(directory: ControlDirectory, name: string) {
    this.path = `${directory.path}/${name}`;
    this.#directory = directory;
    this.#name = name;
  }

  /**
   * Reads the whole file into the buffer of the {@linkcode HostFs}; returns
   * the number of bytes, or −1 where there is no such file. A file that was
   * not there is not looked for again until {@linkcode recheck}.
   *
   * @throws an error that `isGone` knows where the cgroup is no more
   */
  read(): number {
    if (this.#missing) return -1;
    const length = this.#directory.read(this.#name);
    if (length >= 0) return length;
    if (length !== NOT_THERE) return this.#readPlainly();
    this.#missing = true;
    return -1;
  }

  /** Looks for a missing file at the next read again. */
  recheck(): void {
    this.#missing = false;
  }

  /** The way that says what is wrong. */
  #readPlainly(): number {
    try {
      return this.#directory.fs.read(this.path);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      this.#missing = true;
      return -1;
    }
  }
}
