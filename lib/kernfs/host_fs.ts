// Longer than other files: it is the only access to the host's files.

import { existsSync, statfsSync, type StatsFs } from "node:fs";
import { join, resolve } from "@std/path";
import { isGone } from "../model/errors.ts";

/** Where a {@linkcode HostFs} finds the host, and what it may hold open. */
export interface HostFsOptions {
  /** Where the host's root directory is seen. @default "/" */
  readonly root?: string;
  /** Control files that may be open at once; past it they are opened for each read. @default MAX_OPEN_FILES */
  readonly maxOpenFiles?: number;
}

/** Attributes of a directory. */
export interface DirectoryStat {
  readonly inode: number;
  /** 2 and the number of its subdirectories, on every file system that counts them. */
  readonly links: number;
  readonly modifiedMs: number | undefined;
}

/**
 * Control files that may be open at once: those of 2,200 containers on v1. The
 * kernel keeps a page and more for each, 100 KB for a container.
 */
export const MAX_OPEN_FILES = 40_000;

/**
 * The size of one read. Most kernel files fit; the buffer grows for larger
 * ones, and reads do not: a file of `/proc/sys` allocates what a read offers,
 * and fails with ENOMEM from 4 MiB on.
 */
const READ_BYTES = 64 * 1024;
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
/**
 * A control file of many records, such as `cgroup.procs`, fills each read with
 * a page of whole records; a shorter read is the last.
 */
const SHORT_READ_BYTES = 4000;

/** Names of kernel files that are remembered as missing: more than there are. */
const MAX_MISSING = 1_000;

/** On x86, and on most others. */
const USUAL_PAGE_BYTES = 4096;

/** `PROC_SUPER_MAGIC` (`linux/magic.h`). */
const PROC_MAGIC = 0x9fa0;

/** `CGROUP_SUPER_MAGIC` and `CGROUP2_SUPER_MAGIC` (`linux/magic.h`). */
const CGROUP_MAGICS: ReadonlySet<number> = new Set([0x27e0eb, 0x63677270]);

const decoder = new TextDecoder();

/**
 * The host's files, read-only, below one root. Reads of kernel files are
 * synchronous: they are served from memory, in microseconds. What may be on
 * a disk or a network is for `MountedFiles`.
 */
export class HostFs {
  readonly root: string;
  readonly maxOpenFiles: number;
  /** Control files held open now. */
  openFiles = 0;
  /** The content of the file that was read last; valid until the next read of any file. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(READ_BYTES);
  /** Where most reads go, of which there is one each µs or two. */
  #start = this.bytes;
  /** Names of files that were missing when they were last opened, in whichever directory. */
  readonly #missing = new Set<string>();
  #pageBytes: number | undefined;

  constructor(options: HostFsOptions = {}) {
    this.root = resolve(options.root ?? "/");
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
    const length = this.readOnce(path, MAX_BUFFER_BYTES);
    return length < 0
      ? undefined
      : decoder.decode(this.bytes.subarray(0, length));
  }

  /** Whether there is something at `path`. */
  exists(path: string): boolean {
    try {
      return existsSync(path);
    } catch {
      // Deno's permissions do not include it.
      return false;
    }
  }

  /** Attributes of the directory at `path` (as it is seen, root included); undefined where there is none. */
  directory(path: string): DirectoryStat | undefined {
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
    return CGROUP_MAGICS.has(statfs(path)?.type ?? NaN);
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
    this.#pageBytes ??= statfs(this.path("/proc"))?.bsize;
    return this.#pageBytes ?? USUAL_PAGE_BYTES;
  }

  /**
   * How many entries the directory at `path` has; undefined where it cannot be
   * read. Of `/proc/<pid>/fd` its size says so since Linux 6.2; to list 10,000
   * takes 16 ms.
   */
  entryCount(path: string): number | undefined {
    try {
      if (statfs(path)?.type === PROC_MAGIC) {
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

  /**
   * Opens the file at `path` (as it is seen, root included); undefined where
   * there is none. An error takes 20 to 40 µs to create, and each container of
   * a host may lack the same ten files: one whose name was missing last time
   * is first looked for, which takes 3 µs.
   *
   * @throws Deno's error where it cannot be opened
   */
  open(path: string): Deno.FsFile | undefined {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (this.#missing.has(name)) {
      if (!this.exists(path)) return undefined;
      this.#missing.delete(name);
    }
    try {
      return Deno.openSync(path);
    } catch (error) {
      if (!isGone(error)) throw error;
      if (this.#missing.size < MAX_MISSING) this.#missing.add(name);
      return undefined;
    }
  }

  /**
   * Reads a control file that is open, from its start, into
   * {@linkcode HostFs.bytes}; returns the number of bytes, or −1 where it has
   * more than 16 MiB.
   */
  readControl(file: Deno.FsFile): number {
    file.seekSync(0, Deno.SeekMode.Start);
    return this.#readToEnd(file, SHORT_READ_BYTES, MAX_BUFFER_BYTES);
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
      file = this.open(path);
      return file === undefined ? -1 : this.#readToEnd(file, 1, maxBytes);
    } catch {
      // The process has exited, is a kernel thread, or may not be read.
      return -1;
    } finally {
      file?.close();
    }
  }

  /** Reads until a read returns fewer than `shortBytes`; −1 where there are more than `maxBytes`. */
  #readToEnd(file: Deno.FsFile, shortBytes: number, maxBytes: number): number {
    for (let length = 0;;) {
      const read = file.readSync(
        length === 0
          ? this.#start
          : this.bytes.subarray(length, length + READ_BYTES),
      ) ?? 0;
      length += read;
      if (length > maxBytes) return -1;
      if (length < this.bytes.length) {
        if (read < shortBytes) return length;
      } else if (!this.#grow()) return -1;
    }
  }

  /** Makes the shared buffer larger, up to 16 MiB. */
  #grow(): boolean {
    if (this.bytes.length >= MAX_BUFFER_BYTES) return false;
    const larger = new Uint8Array(this.bytes.length * 4);
    larger.set(this.bytes);
    this.bytes = larger;
    this.#start = larger.subarray(0, READ_BYTES);
    return true;
  }
}

/** The file system that the kernel itself has at `path`, which answers at once; undefined where it cannot be determined. */
function statfs(path: string): StatsFs | undefined {
  try {
    return statfsSync(path);
  } catch {
    return undefined;
  }
}
