import { statfs } from "node:fs/promises";
import type { HostFs } from "../kernfs/host_fs.ts";

/** `statfs(2)`. */
export interface FilesystemUsage {
  readonly capacityBytes: number;
  readonly freeBytes: number;
  /** Free for unprivileged users. */
  readonly availableBytes: number;
  /** 0 if not counted. */
  readonly inodes: number;
  readonly inodesFree: number;
}

/** `stat(2)` or `lstat(2)`. */
export interface FileStat {
  readonly inode: number;
  readonly links: number;
  /** Allocated on disk. */
  readonly bytes: number;
  /** `st_dev`. */
  readonly device: number;
  readonly isDirectory: boolean;
  /** `st_size`: for a directory, size of its list of names. */
  readonly contentBytes: number;
}

/** Unit of `st_blocks`. */
const STAT_BLOCK_BYTES = 512;

/**
 * The host's files on any file system. Calls may never return: use
 * `BlockingCallPool`.
 */
export class MountedFiles {
  readonly #fs: HostFs;

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  /** @throws {Error} if `statfs(2)` fails */
  async usage(hostPath: string): Promise<FilesystemUsage> {
    const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(
      this.#fs.path(hostPath),
    );
    // `f_frsize` is the unit, which node:fs lacks. It differs from `f_bsize`
    // only for some FUSE servers, whose capacity is too large.
    return {
      capacityBytes: blocks * bsize,
      freeBytes: bfree * bsize,
      availableBytes: bavail * bsize,
      inodes: files,
      inodesFree: ffree,
    };
  }

  async stat(hostPath: string): Promise<FileStat> {
    return statOf(await Deno.stat(this.#fs.path(hostPath)));
  }

  async lstat(hostPath: string): Promise<FileStat> {
    return statOf(await Deno.lstat(this.#fs.path(hostPath)));
  }

  async *entries(hostPath: string): AsyncGenerator<string> {
    for await (const { name } of Deno.readDir(this.#fs.path(hostPath))) {
      yield name;
    }
  }
}

function statOf(info: Deno.FileInfo): FileStat {
  return {
    inode: info.ino ?? 0,
    links: info.nlink ?? 1,
    bytes: (info.blocks ?? 0) * STAT_BLOCK_BYTES,
    device: info.dev,
    isDirectory: info.isDirectory,
    contentBytes: info.size,
  };
}
