import { isAbsent } from "../model/errors.ts";
import type { HostFs } from "./host_fs.ts";
import { zeroEnded } from "./libc.ts";

/** What `HostFs.readAt()` returns where there is no such file. */
export const NOT_THERE = -2;

/** File names as the C library takes them: few, and the same in every cgroup. */
const names = new Map<string, Uint8Array<ArrayBuffer>>();

/** Of one file. */
export interface ControlFileOptions {
  /** The file stays open, within the budget of its {@linkcode HostFs}. @default false */
  readonly keepOpen?: boolean;
}

/**
 * The directory of one cgroup in one hierarchy, or another with kernel files
 * that are read again and again. It stays open, within the budget of its
 * {@linkcode HostFs}, so that a file is found by its name alone, and of this
 * cgroup: one that comes under the same name later is another's.
 */
export class ControlDirectory {
  readonly path: string;
  readonly fs: HostFs;
  readonly #kept: ControlFile[] = [];
  #descriptor: number | undefined;

  constructor(fs: HostFs, path: string) {
    this.fs = fs;
    this.path = path;
  }

  /** A file in it. */
  file(
    name: string,
    { keepOpen = false }: ControlFileOptions = {},
  ): ControlFile {
    const file = new ControlFile(this, name, keepOpen);
    if (keepOpen) this.#kept.push(file);
    return file;
  }

  /** Opens a file in it that is to be kept open; undefined where that cannot be. */
  keep(name: string): number | undefined {
    return this.fs.keep((libc) =>
      libc.openAt(this.#open(), this.#nameOf(name))
    );
  }

  /** Reads a file in it to the end, as `HostFs.readAt()` does. */
  read(name: string): number {
    const { fs } = this;
    if (fs.libc === undefined) return -1;
    return fs.readAt(this.#open(), this.#nameOf(name));
  }

  /** Lets go of all descriptors; the next read opens the directory that is there then. */
  close(): void {
    for (const file of this.#kept) file.close();
    if (this.#descriptor === undefined) return;
    this.fs.drop(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number | undefined {
    return this.#descriptor ??= this.fs.keep((libc) =>
      libc.openDirectory(zeroEnded(this.path))
    );
  }

  /** How a file is named: in the directory, where that is open. */
  #nameOf(name: string): Uint8Array<ArrayBuffer> {
    if (this.#descriptor === undefined) {
      return zeroEnded(`${this.path}/${name}`);
    }
    let bytes = names.get(name);
    if (bytes === undefined) names.set(name, bytes = zeroEnded(name));
    return bytes;
  }
}

/** One control file, which is opened for each read unless it is kept open. */
export class ControlFile {
  readonly path: string;
  readonly #directory: ControlDirectory;
  readonly #name: string;
  readonly #keepOpen: boolean;
  #descriptor: number | undefined;
  #missing = false;

  constructor(directory: ControlDirectory, name: string, keepOpen: boolean) {
    this.path = `${directory.path}/${name}`;
    this.#directory = directory;
    this.#name = name;
    this.#keepOpen = keepOpen;
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
    this.#directory.fs.drop(this.#descriptor);
    this.#descriptor = undefined;
  }

  #readByLibc(): number {
    const directory = this.#directory;
    if (!this.#keepOpen) return directory.read(this.#name);
    this.#descriptor ??= directory.keep(this.#name);
    if (this.#descriptor === undefined) return directory.read(this.#name);
    const length = directory.fs.readKept(this.#descriptor);
    if (length < 0) this.close();
    return length;
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
