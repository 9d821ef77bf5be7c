import { statfs } from "node:fs/promises";
import type { HostFs } from "../kernfs/host_fs.ts";

/** Capacity of a file system (`statfs(2)`). */
export interface FilesystemUsage {
  readonly capacityBytes: number;
  readonly freeBytes: number;
  /** Free for unprivileged users. */
  readonly availableBytes: number;
  /** 0 if the file system does not count inodes. */
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface FileSize {
  readonly inode: number;
  readonly links: number;
  /** Allocated on disk. */
  readonly bytes: number;
  /** `st_dev` of the file system. */
  readonly device: number;
  readonly isDirectory: boolean;
  /** Size of the content in bytes; for a directory, of its list of names. */
  readonly contentBytes: number;
}

/** Unit of `st_blocks`, regardless of the file system's block size. */
const STAT_BLOCK_BYTES = 512;

/**
 * The host's files on any file system, such as a slow disk or an unreachable
 * server. A call may never return; until then it occupies a thread.
 */
export class MountedFiles {
  readonly #fs: HostFs;

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  /**
   * Returns the capacity of the file system of a host path.
   *
   * @throws {Error} if it cannot be determined
   */
  async usage(hostPath: string): Promise<FilesystemUsage> {
    const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(
      this.#fs.path(hostPath),
    );
    // The kernel counts in `f_frsize`, which node:fs does not return. It
    // differs from `f_bsize` only for some FUSE servers, whose capacity is then
    // too large.
    return {
      capacityBytes: blocks * bsize,
      freeBytes: bfree * bsize,
      availableBytes: bavail * bsize,
      inodes: files,
      inodesFree: ffree,
    };
  }

  /**
   * Returns the size of a host path's file; `followsLinks` selects a link's
   * target rather than the link.
   */
  async fileSize(hostPath: string, followsLinks = false): Promise<FileSize> {
    const path = this.#fs.path(hostPath);
    const info = await (followsLinks ? Deno.stat(path) : Deno.lstat(path));
    return {
      inode: info.ino ?? 0,
      links: info.nlink ?? 1,
      bytes: (info.blocks ?? 0) * STAT_BLOCK_BYTES,
      device: info.dev,
      isDirectory: info.isDirectory,
      contentBytes: info.size,
    };
  }

  /** Yields the names of the entries of a host directory. */
  async *entries(hostPath: string): AsyncGenerator<string> {
    for await (const { name } of Deno.readDir(this.#fs.path(hostPath))) {
      yield name;
    }
  }
}
