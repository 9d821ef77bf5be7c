// Longer than other files: it is the one door to the host's files.

import { join, resolve } from "@std/path";
import { isGone } from "../model/errors.ts";
import { ControlFile, NOT_THERE } from "./control_file.ts";
import { type DirectoryStat, type FileCalls, Libc } from "./libc.ts";

/** Where a {@linkcode HostFs} finds the host, and what it may hold open. */
export interface HostFsOptions {
  /** Where the host's root directory is seen. @default "/" */
  readonly root?: string;
  /** Reads small files faster than Deno does. @default Deno's own calls */
  readonly libc?: FileCalls | undefined;
  /** Control files that may be open at once; past it they are opened for each read. @default MAX_OPEN_FILES */
  readonly maxOpenFiles?: number;
}

/**
 * Control files that may be open at once: those of 2,200 containers on v1. The
 * kernel keeps a page and more for each, 100 KB for a container.
 */
export const MAX_OPEN_FILES = 40_000;

/** Most control files are below one page; larger ones make the buffer grow. */
const BUFFER_BYTES = 64 * 1024;
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
/**
 * A kernel file of many records, such as `cgroup.procs`, answers each read
 * with a page of whole records; a shorter answer is the last.
 */
const SHORT_READ_BYTES = 4000;

/** On x86, and on most others. */
const USUAL_PAGE_BYTES = 4096;

/** `PROC_SUPER_MAGIC` (`linux/magic.h`). */
const PROC_MAGIC = 0x9fa0;

/** `CGROUP_SUPER_MAGIC` and `CGROUP2_SUPER_MAGIC` (`linux/magic.h`). */
const CGROUP_MAGICS: ReadonlySet<number> = new Set([0x27e0eb, 0x63677270]);

const decoder = new TextDecoder();

/**
 * The host's files, read-only, below one root. Reads of kernel files are
 * synchronous: they are answered from memory, in microseconds. What may be on
 * a disk or a network is for `MountedFiles`.
 */
export class HostFs {
  readonly root: string;
  readonly maxOpenFiles: number;
  readonly libc: FileCalls | undefined;
  /** Control files held open now. */
  openFiles = 0;
  /** What `ControlFile.read()` read last; valid until the next read of any file. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(BUFFER_BYTES);
  #pageBytes: number | undefined;

  constructor(options: HostFsOptions = {}) {
    this.root = resolve(options.root ?? "/");
    this.libc = options.libc;
    this.maxOpenFiles = options.maxOpenFiles ?? MAX_OPEN_FILES;
  }

  /** The place of a host path: below the root, unless it is named from our own root already. */
  path(hostPath: string): string {
    if (this.root === "/") return hostPath;
    if (hostPath === this.root || hostPath.startsWith(`${this.root}/`)) {
      return hostPath;
    }
    return join(this.root, hostPath);
  }

  /** The text of a host file; undefined where it cannot be read. */
  readText(hostPath: string): string | undefined {
    return this.textAt(this.path(hostPath));
  }

  /** The text of the file at `path` (as it is seen, root included); undefined where it cannot be read. */
  textAt(path: string): string | undefined {
    if (this.libc !== undefined) {
      const length = this.#readByLibc(path, 0);
      return length < 0
        ? undefined
        : decoder.decode(this.bytes.subarray(0, length));
    }
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return undefined;
    }
  }

  /** Facts of the directory at `path` (as it is seen, root included); undefined where there is none. */
  directory(path: string): DirectoryStat | undefined {
    const { libc } = this;
    if (libc !== undefined) {
      const stat = libc.directory(path);
      if (stat !== -1) return stat;
      if (libc.failedToFind) return undefined;
    }
    try {
      const info = Deno.lstatSync(path);
      if (!info.isDirectory) return undefined;
      return {
        inode: info.ino ?? 0,
        links: info.nlink ?? 0,
        modifiedMs: info.mtime?.getTime(),
      };
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** Names of the directories in the directory at `path`; none where it is gone. */
  subdirectories(path: string): string[] {
    const names: string[] = [];
    try {
      for (const entry of Deno.readDirSync(path)) {
        if (entry.isDirectory) names.push(entry.name);
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return names;
  }

  /** Names of all that is in a host directory, as they come. */
  async *entries(hostPath: string): AsyncGenerator<string> {
    for await (const { name } of Deno.readDir(this.path(hostPath))) yield name;
  }

  /** As {@linkcode readText}, for files that may keep their reader waiting. */
  async readTextLater(hostPath: string): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(this.path(hostPath));
    } catch {
      return undefined;
    }
  }

  /** How many files a process has open, by its `fd` directory; undefined where we may not know. */
  async countOpenFiles(pid: number): Promise<number | undefined> {
    const directory = `/proc/${pid}/fd`;
    try {
      const { size } = await Deno.stat(this.path(directory));
      // Since Linux 6.2 the size says it; before, and where there are none, it is 0.
      return size || (await Array.fromAsync(this.entries(directory))).length;
    } catch {
      return undefined;
    }
  }

  /** Whether the kernel's cgroups are mounted at `path`, and not files that look like them. */
  isCgroupfs(path: string): boolean {
    return CGROUP_MAGICS.has(Libc.open()?.fileSystem(path)?.type ?? NaN);
  }

  /** What the link at `path` says; undefined where it cannot be read. */
  linkAt(path: string): string | undefined {
    try {
      return Deno.readLinkSync(path);
    } catch {
      return undefined;
    }
  }

  /** The inode of what is at `path`, or of what a link there leads to; undefined where it cannot be told. */
  inodeAt(path: string): number | undefined {
    try {
      return Deno.statSync(path).ino ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** Names of all that is in the directory at `path`; undefined where it cannot be read. */
  names(path: string): string[] | undefined {
    try {
      return Array.from(Deno.readDirSync(path), ({ name }) => name);
    } catch {
      return undefined;
    }
  }

  /** Bytes of a page of memory; the kernel gives it as the block size of its own file systems. */
  get pageBytes(): number {
    return this.#pageBytes ??=
      Libc.open()?.fileSystem(this.path("/proc"))?.blockBytes ??
        USUAL_PAGE_BYTES;
  }

  /**
   * How many entries the directory at `path` has; undefined where it cannot be
   * read. Of `/proc/<pid>/fd` its size says so since Linux 6.2; to list 10,000
   * takes 16 ms.
   */
  entryCount(path: string): number | undefined {
    try {
      if (Libc.open()?.fileSystem(path)?.type === PROC_MAGIC) {
        const { size } = Deno.statSync(path);
        if (size > 0) return size;
      }
    } catch {
      // Where it cannot be asked it may be listed.
    }
    return this.names(path)?.length;
  }

  /** When the file at `path` was last changed, milliseconds since the epoch. */
  modifiedMs(path: string): number | undefined {
    try {
      return Deno.statSync(path).mtime?.getTime();
    } catch {
      return undefined;
    }
  }

  /** The path that a host path's links lead to, as it is seen; undefined where there is none. For `/dev` and its like only. */
  realPath(hostPath: string): string | undefined {
    try {
      return Deno.realPathSync(this.path(hostPath));
    } catch {
      return undefined;
    }
  }

  /** A control file that is read again and again; `keepOpen` false opens it anew each time. */
  controlFile(path: string, keepOpen = true): ControlFile {
    return new ControlFile(this, path, keepOpen);
  }

  /** Opens a control file that is to stay open; undefined where that cannot be. */
  keep(path: string): number | undefined {
    const { libc } = this;
    if (libc === undefined || this.openFiles >= this.maxOpenFiles) {
      return undefined;
    }
    const descriptor = libc.open(path);
    if (descriptor < 0) return undefined;
    this.openFiles++;
    return descriptor;
  }

  /** Lets go of a control file that was kept open. */
  drop(descriptor: number): void {
    this.libc?.close(descriptor);
    this.openFiles--;
  }

  /** Reads a control file that is kept open, as {@linkcode readByLibc} does. */
  readKept(descriptor: number): number {
    const { libc } = this;
    if (libc === undefined) return -1;
    return this.#readAll(
      (offset) => libc.readAgain(descriptor, this.bytes, offset),
      SHORT_READ_BYTES,
    );
  }

  /**
   * Reads the control file at `path` (as it is seen, root included) into
   * {@linkcode HostFs.bytes}; returns the number of bytes,
   * {@linkcode NOT_THERE}, or −1 where it cannot be read so.
   */
  readByLibc(path: string): number {
    return this.#readByLibc(path, SHORT_READ_BYTES);
  }

  /** An answer of fewer bytes than `shortBytes` is taken for the last. */
  #readByLibc(path: string, shortBytes: number): number {
    const { libc } = this;
    if (libc === undefined) return -1;
    const file = libc.open(path);
    // Deno's error of it takes 60 µs to make, and a container may lack ten files.
    if (file < 0) return libc.failedToFind ? NOT_THERE : -1;
    try {
      return this.#readAll(
        (offset) => libc.read(file, this.bytes, offset),
        shortBytes,
      );
    } finally {
      libc.close(file);
    }
  }

  /**
   * Reads the control file at `path` (as it is seen, root included) into
   * {@linkcode HostFs.bytes}; returns the number of bytes.
   *
   * @throws what Deno says where it cannot be read
   */
  read(path: string): number {
    const file = Deno.openSync(path);
    try {
      return this.#readAll(
        (offset) => file.readSync(this.bytes.subarray(offset)) ?? 0,
        SHORT_READ_BYTES,
      );
    } finally {
      file.close();
    }
  }

  /** Reads until there is no more; `NOT_THERE` or −1 where a read fails so. */
  #readAll(read: (offset: number) => number, shortBytes: number): number {
    for (let length = 0;;) {
      const more = read(length);
      if (more < 0) return this.libc?.failedToFind ? NOT_THERE : -1;
      length += more;
      if (length === this.bytes.length) {
        if (!this.grow()) return length;
      } else if (more === 0 || more < shortBytes) return length;
    }
  }

  /**
   * Reads the file at `path` (as it is seen, root included) once, to its end,
   * into {@linkcode HostFs.bytes}; returns the number of bytes, or −1 where it
   * cannot be read or has more than `maxBytes`. For files whose records are
   * larger than a control file's: those of `/proc/<pid>`.
   */
  readOnce(path: string, maxBytes: number): number {
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(path);
      for (let length = 0; length <= maxBytes;) {
        if (length === this.bytes.length && !this.grow()) return -1;
        const read = file.readSync(this.bytes.subarray(length));
        if (read === null) return length;
        length += read;
      }
      return -1;
    } catch {
      // The process is no more, is the kernel's own, or not ours to look at.
      return -1;
    } finally {
      file?.close();
    }
  }

  /** Makes the shared buffer larger, within reason. */
  grow(): boolean {
    if (this.bytes.length >= MAX_BUFFER_BYTES) return false;
    const larger = new Uint8Array(this.bytes.length * 4);
    larger.set(this.bytes);
    this.bytes = larger;
    return true;
  }
}
