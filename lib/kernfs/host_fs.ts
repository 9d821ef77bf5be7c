// Exceeds 300 lines: the only access to the host's files.

import { existsSync, statfsSync, type StatsFs } from "node:fs";
import { join, resolve } from "@std/path";
import { isGone } from "../model/errors.ts";

export interface HostFsOptions {
  /** Mount point of the host's root directory. @default "/" */
  readonly root?: string;
  /**
   * Limit of open control files; further ones are opened per read.
   *
   * @default MAX_OPEN_FILES
   */
  readonly maxOpenFiles?: number;
}

export interface DirectoryStat {
  readonly inode: number;
  /** 2 plus the subdirectories, on file systems that count them. */
  readonly links: number;
  readonly modifiedMs: number | undefined;
}

/** Control files of 2,200 containers on v1, each 100 KB of kernel memory. */
export const MAX_OPEN_FILES = 40_000;

/**
 * Size of one read, also for larger files: a file of `/proc/sys` allocates the
 * requested size, and fails with ENOMEM from 4 MiB on.
 */
const READ_BYTES = 64 * 1024;
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
/**
 * A control file of many records, such as `cgroup.procs`, fills each read but
 * the last with a page of complete records.
 */
const SHORT_READ_BYTES = 4000;

/** More names than kernel files have. */
const MAX_MISSING = 1_000;

/** Page size of most architectures. */
const USUAL_PAGE_BYTES = 4096;

/** `linux/magic.h`. */
const PROC_MAGIC = 0x9fa0;

const CGROUP_MAGICS: ReadonlySet<number> = new Set([0x27e0eb, 0x63677270]);

const decoder = new TextDecoder();

/**
 * The host's files, read-only, below one root, which a `path` includes and a
 * `hostPath` does not. Kernel files are read synchronously, in microseconds;
 * others by `MountedFiles`. Methods return `undefined` if a file is missing or
 * unreadable, unless they document an error.
 */
export class HostFs {
  readonly root: string;
  readonly maxOpenFiles: number;
  openFiles = 0;
  /** Content of the last read file, valid until the next read. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(READ_BYTES);
  /** Cached target of most reads, which take 1 to 2 µs. */
  #start = this.bytes;
  /** Names that were missing when last opened, in any directory. */
  readonly #missing = new Set<string>();
  #pageBytes: number | undefined;

  constructor(options: HostFsOptions = {}) {
    this.root = resolve(options.root ?? "/");
    this.maxOpenFiles = options.maxOpenFiles ?? MAX_OPEN_FILES;
  }

  path(hostPath: string): string {
    if (this.root === "/") return hostPath;
    if (hostPath === this.root || hostPath.startsWith(`${this.root}/`)) {
      return hostPath;
    }
    return join(this.root, hostPath);
  }

  readText(hostPath: string): string | undefined {
    return this.textAt(this.path(hostPath));
  }

  textAt(path: string): string | undefined {
    const length = this.readOnce(path, MAX_BUFFER_BYTES);
    return length < 0
      ? undefined
      : decoder.decode(this.bytes.subarray(0, length));
  }

  exists(path: string): boolean {
    try {
      return existsSync(path);
    } catch {
      // Deno's permissions do not include the path.
      return false;
    }
  }

  /** @throws Deno's error if it exists and is unreadable */
  statDirectory(path: string): DirectoryStat | undefined {
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

  /**
   * Empty if the directory is gone.
   *
   * @throws Deno's error if it is unreadable
   */
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

  async *entries(hostPath: string): AsyncGenerator<string> {
    for await (const { name } of Deno.readDir(this.path(hostPath))) yield name;
  }

  /** Reads a host file that may block. */
  async readTextAsync(hostPath: string): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(this.path(hostPath));
    } catch {
      return undefined;
    }
  }

  async countOpenFiles(pid: number): Promise<number | undefined> {
    const directory = `/proc/${pid}/fd`;
    try {
      const { size } = await Deno.stat(this.path(directory));
      // The count since Linux 6.2; 0 before, and if empty.
      return size || (await Array.fromAsync(this.entries(directory))).length;
    } catch {
      return undefined;
    }
  }

  /** Whether `path` is on a real cgroupfs. */
  isCgroupfs(path: string): boolean {
    return CGROUP_MAGICS.has(statfs(path)?.type ?? NaN);
  }

  readLink(path: string): string | undefined {
    try {
      return Deno.readLinkSync(path);
    } catch {
      return undefined;
    }
  }

  /** Follows links. */
  inodeAt(path: string): number | undefined {
    try {
      return Deno.statSync(path).ino ?? undefined;
    } catch {
      return undefined;
    }
  }

  names(path: string): string[] | undefined {
    try {
      return Array.from(Deno.readDirSync(path), ({ name }) => name);
    } catch {
      return undefined;
    }
  }

  /** Block size of procfs. */
  get pageBytes(): number {
    this.#pageBytes ??= statfs(this.path("/proc"))?.bsize;
    return this.#pageBytes ?? USUAL_PAGE_BYTES;
  }

  /**
   * As {@linkcode countOpenFiles}, for any directory; listing 10,000 entries
   * takes 16 ms.
   */
  entryCount(path: string): number | undefined {
    try {
      if (statfs(path)?.type === PROC_MAGIC) {
        const { size } = Deno.statSync(path);
        if (size > 0) return size;
      }
    } catch {
      // Listing may work without permission for stat(2).
    }
    return this.names(path)?.length;
  }

  /** Milliseconds since the epoch. */
  modifiedMs(path: string): number | undefined {
    try {
      return Deno.statSync(path).mtime?.getTime();
    } catch {
      return undefined;
    }
  }

  /** For file systems that cannot block. */
  realPath(hostPath: string): string | undefined {
    try {
      return Deno.realPathSync(this.path(hostPath));
    } catch {
      return undefined;
    }
  }

  /**
   * Creating an error takes 20 to 40 µs, and each container may lack the same
   * ten files: a name missing last time is checked with stat(2) first, in 3 µs.
   *
   * @throws Deno's error if it exists and cannot be opened
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
   * Reads into {@linkcode HostFs.bytes}. Returns the length, or −1 above 16
   * MiB.
   */
  readControl(file: Deno.FsFile): number {
    file.seekSync(0, Deno.SeekMode.Start);
    return this.#readToEnd(file, SHORT_READ_BYTES, MAX_BUFFER_BYTES);
  }

  /**
   * Reads into {@linkcode HostFs.bytes}. Returns the length, or −1 if
   * unreadable or larger than `maxBytes`. For files with large records, such as
   * those of `/proc/<pid>`.
   */
  readOnce(path: string, maxBytes: number): number {
    let file: Deno.FsFile | undefined;
    try {
      file = this.open(path);
      return file === undefined ? -1 : this.#readToEnd(file, 1, maxBytes);
    } catch {
      // The process has exited, is a kernel thread, or is inaccessible.
      return -1;
    } finally {
      file?.close();
    }
  }

  /** A read of fewer than `shortBytes` is the last. */
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

  #grow(): boolean {
    if (this.bytes.length >= MAX_BUFFER_BYTES) return false;
    const larger = new Uint8Array(this.bytes.length * 4);
    larger.set(this.bytes);
    this.bytes = larger;
    this.#start = larger.subarray(0, READ_BYTES);
    return true;
  }
}

/** For file systems that cannot block. */
function statfs(path: string): StatsFs | undefined {
  try {
    return statfsSync(path);
  } catch {
    return undefined;
  }
}
