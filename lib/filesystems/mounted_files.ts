import { statfs } from "node:fs/promises";
import type { HostFs } from "../kernfs/host_fs.ts";

/** How full a file system is (`statfs(2)`). */
export interface Space {
  readonly capacityBytes: number;
  readonly freeBytes: number;
  /** Free for users who are not root. */
  readonly availableBytes: number;
  /** 0 where it does not count them. */
  readonly inodes: number;
  readonly inodesFree: number;
}

/** What is told of a file for the sake of its size. */
export interface FileSize {
  readonly inode: number;
  readonly links: number;
  /** What it takes on disk. */
  readonly bytes: number;
  /** Of the file system that it is on. */
  readonly device: number;
  readonly isDirectory: boolean;
  /** What is in it, bytes; of a directory its list of names. */
  readonly contentBytes: number;
}

/** `st_blocks` is in these, whatever the file system's own blocks are. */
const STAT_BLOCK_BYTES = 512;

/**
 * The host's files wherever they are: on a disk that is slow, or on a server
 * that is gone. Each call may never be answered, and costs a thread until then.
 */
export class MountedFiles {
  readonly #fs: HostFs;

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  /** How full the file system is that a host path is on. @throws {Error} where that cannot be determined */
  async space(hostPath: string): Promise<Space> {
    const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(
      this.#fs.path(hostPath),
    );
    // The kernel counts in `f_frsize`, which node:fs does not return. It differs
    // from `f_bsize` for some FUSE servers only, which then seem too large.
    return {
      capacityBytes: blocks * bsize,
      freeBytes: bfree * bsize,
      availableBytes: bavail * bsize,
      inodes: files,
      inodesFree: ffree,
    };
  }

  /** What a host path's file takes; what a link leads to with `followsLinks`, else the link itself. */
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

  /** Names of all that is in a host directory, as they come. */
  async *entries(hostPath: string): AsyncGenerator<string> {
    for await (const { name } of Deno.readDir(this.#fs.path(hostPath))) {
      yield name;
    }
  }
}
