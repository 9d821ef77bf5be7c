/**
 * The C library's calls for files and for inotify, by Deno's foreign function
 * interface. A control file that is open is read in 0.5 µs, and in 0.9 by Deno;
 * one that is opened for it in 4.5, and in 9 by Deno. A directory is watched in
 * 8 µs, and in 84 by Deno.
 *
 * Numbers of 64 bits have a slow way in, and what is above 32 bits of the
 * others is not defined. Hence `readv`, whose sizes stand in memory.
 *
 * Over 300 lines, for it is the one table of foreign calls.
 *
 * @module
 */

/** Of `fcntl.h`, the same on every architecture that Deno runs on. */
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** Of `linux/stat.h`: type, number of links, time of the last change, inode. */
const STATX_MASK = 0x1 | 0x4 | 0x40 | 0x100;
/** Where they are in `struct statx`, in bytes. */
const STATX_BYTES = 256;
const STX_NLINK = 16;
const STX_MODE = 28;
const STX_INO = 32;
const STX_MTIME_SEC = 112;
const STX_MTIME_NSEC = 120;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
/** Where the words of `struct statfs` are, on every architecture of 64 bits. */
const STATFS_BYTES = 120;
const STATFS = {
  type: 0,
  bsize: 1,
  blocks: 2,
  bfree: 3,
  bavail: 4,
  files: 5,
  ffree: 6,
  frsize: 9,
};
const LITTLE_ENDIAN = true;
/** `PATH_MAX` of `linux/limits.h`, the zero at its end and more. */
const PATH_BYTES = 4096 + 16;
/** Of `poll.h`, `sys/inotify.h` and `sys/eventfd.h`. */
const POLLIN = 1;
const REVENTS_SHIFT = 16;
const NONBLOCK_CLOEXEC = O_NONBLOCK | O_CLOEXEC;
/** Of `errno.h`. */
const ENOENT = 2;
const ENODEV = 19;
const ENOTDIR = 20;

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // A `ssize_t` whose lower half tells: no buffer here has 2 GiB.
  readv: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // A `bigint` is the fast way into 64 bits.
  preadv: { parameters: ["i32", "buffer", "i32", "i64"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  statx: {
    parameters: ["i32", "buffer", "i32", "i32", "buffer"],
    result: "i32",
  },
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  inotify_rm_watch: { parameters: ["i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  eventfd_write: { parameters: ["i32", "u64"], result: "i32" },
  // A thread waits, and the others go on.
  poll: {
    parameters: ["buffer", "u64", "i32"],
    result: "i32",
    nonblocking: true,
  },
  strerror: { parameters: ["i32"], result: "pointer" },
  statfs: { parameters: ["buffer", "buffer"], result: "i32" },
  statfsLater: {
    name: "statfs",
    parameters: ["buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

const encoder = new TextEncoder();

/** glibc, which Deno itself is linked with. */
const LIBRARY = "libc.so.6";

/** What is asked of a directory. */
export interface DirectoryStat {
  readonly inode: number;
  /** 2 and the number of its subdirectories, on every file system that counts them. */
  readonly links: number;
  readonly modifiedMs: number | undefined;
}

/** What is told of a file system (`statfs(2)`), in blocks of `blockBytes`. */
export interface FileSystemStat {
  /** Which kind it is, by `linux/magic.h`. */
  readonly type: number;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly free: number;
  /** Free for users who are not root. */
  readonly available: number;
  /** 0 where it does not count them. */
  readonly inodes: number;
  readonly inodesFree: number;
}

/** What files are read by. */
export type FileCalls = Pick<
  Libc,
  | "open"
  | "read"
  | "readAgain"
  | "close"
  | "directory"
  | "failedToFind"
>;

/** What directories are watched by. */
export type InotifyCalls = Pick<
  Libc,
  | "openInotify"
  | "addWatch"
  | "removeWatch"
  | "openBell"
  | "ring"
  | "ready"
  | "read"
  | "close"
  | "failedToFind"
  | "errno"
  | "meaningOf"
>;

/** Files by their descriptors. What fails is −1. */
export class Libc {
  readonly #calls: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** `errno` of this thread, which no other has a part in. */
  readonly #errno: Deno.UnsafePointerView;
  readonly #statx = new DataView(new ArrayBuffer(STATX_BYTES));
  readonly #path = new Uint8Array(PATH_BYTES);
  /** One `struct iovec`: where to read to, and how much. */
  readonly #vector = new BigUint64Array(2);
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #address = 0n;
  #offset = 0;

  private constructor(library: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#calls = library.symbols;
    const location = this.#calls.__errno_location();
    if (location === null) throw new TypeError("There is no errno");
    this.#errno = new Deno.UnsafePointerView(location);
  }

  /** One for all, from the beginning. */
  static readonly #opened = Libc.#load();

  static #load(): Libc | undefined {
    try {
      return new Libc(Deno.dlopen(LIBRARY, SYMBOLS));
    } catch {
      return undefined;
    }
  }

  /** The library, which is part of the process; undefined where it cannot be had. */
  static open(): Libc | undefined {
    return Libc.#opened;
  }

  /** Whether the last call, which failed, did so since there is no such file, or no more; to be asked at once. */
  get failedToFind(): boolean {
    const { errno } = this;
    return errno === ENOENT || errno === ENODEV || errno === ENOTDIR;
  }

  /** `errno` of the last call, which failed; to be asked at once. */
  get errno(): number {
    return this.#errno.getInt32();
  }

  /** What an `errno` means (`strerror(3)`). */
  meaningOf(errno: number): string {
    const text = this.#calls.strerror(errno);
    return text === null
      ? `errno ${errno}`
      : Deno.UnsafePointerView.getCString(text);
  }

  /** Opens a file to be read. */
  open(path: string): number {
    return this.#calls.open(this.#zeroEnded(path), O_RDONLY | O_CLOEXEC);
  }

  /** Opens a file that is read without waiting. */
  openNow(path: string): number {
    const flags = O_RDONLY | NONBLOCK_CLOEXEC;
    return this.#calls.open(this.#zeroEnded(path), flags);
  }

  /** Facts of the file system that a path is on, which is the kernel's own; undefined where they cannot be had. */
  fileSystem(path: string): FileSystemStat | undefined {
    const words = new BigInt64Array(STATFS_BYTES / 8);
    const failed = this.#calls.statfs(this.#zeroEnded(path), words);
    return failed === 0 ? fileSystemOf(words) : undefined;
  }

  /** The same of any file system, in a thread: a server that is gone may never answer. */
  async fileSystemLater(path: string): Promise<FileSystemStat | undefined> {
    const words = new BigInt64Array(STATFS_BYTES / 8);
    const name = encoder.encode(`${path}\0`);
    const failed = await this.#calls.statfsLater(name, words);
    // The path is kept until it was read.
    return failed === 0 && name.length > 0 ? fileSystemOf(words) : undefined;
  }

  /** Reads on into `buffer` from `offset`; returns the number of bytes, 0 at the end. */
  read(
    descriptor: number,
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
  ): number {
    return this.#calls.readv(descriptor, this.#aim(buffer, offset), 1);
  }

  /** As {@linkcode read}, of a file that is kept open: `offset` is that of the file, too. */
  readAgain(
    descriptor: number,
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
  ): number {
    const at = offset === 0 ? 0n : BigInt(offset);
    return this.#calls.preadv(descriptor, this.#aim(buffer, offset), 1, at);
  }

  /** Facts of a directory; −1 where they cannot be had, undefined of what is none. */
  directory(path: string): DirectoryStat | undefined | -1 {
    const statx = this.#statx;
    const failed = this.#calls.statx(
      AT_FDCWD,
      this.#zeroEnded(path),
      AT_SYMLINK_NOFOLLOW,
      STATX_MASK,
      statx,
    );
    if (failed !== 0) return -1;
    const mode = statx.getUint16(STX_MODE, LITTLE_ENDIAN);
    if ((mode & S_IFMT) !== S_IFDIR) return undefined;
    const ns = statx.getUint32(STX_MTIME_NSEC, LITTLE_ENDIAN);
    return {
      inode: this.#number(STX_INO),
      links: statx.getUint32(STX_NLINK, LITTLE_ENDIAN),
      modifiedMs: this.#number(STX_MTIME_SEC) * 1000 + Math.floor(ns / 1e6),
    };
  }

  /** A number of 64 bits; a `bigint` of each would be garbage. */
  #number(at: number): number {
    const low = this.#statx.getUint32(at, LITTLE_ENDIAN);
    return this.#statx.getInt32(at + 4, LITTLE_ENDIAN) * 2 ** 32 + low;
  }

  /** A new descriptor of `inotify(7)`, which is read without waiting. */
  openInotify(): number {
    return this.#calls.inotify_init1(NONBLOCK_CLOEXEC);
  }

  /** Watches a directory; returns the watch. */
  addWatch(inotify: number, path: string, mask: number): number {
    return this.#calls.inotify_add_watch(
      inotify,
      this.#zeroEnded(path),
      mask,
    );
  }

  /** Takes a watch back. */
  removeWatch(inotify: number, watch: number): void {
    this.#calls.inotify_rm_watch(inotify, watch);
  }

  /** A new descriptor that {@linkcode ready} waits for, and {@linkcode ring} makes ready. */
  openBell(): number {
    return this.#calls.eventfd(0, NONBLOCK_CLOEXEC);
  }

  /** Makes a descriptor of {@linkcode openBell} ready for good. */
  ring(bell: number): void {
    this.#calls.eventfd_write(bell, 1n);
  }

  /** Waits until one of two descriptors can be read; returns whether the first can. */
  async ready(one: number, other: number): Promise<boolean> {
    // Two of `struct pollfd`, in memory that stays where it is.
    const waiting = new Int32Array(new ArrayBuffer(16));
    waiting.set([one, POLLIN, other, POLLIN]);
    await this.#calls.poll(waiting, 2n, -1);
    return (waiting[1] ?? 0) >>> REVENTS_SHIFT !== 0;
  }

  /** Lets go of a descriptor. */
  close(descriptor: number): void {
    this.#calls.close(descriptor);
  }

  /** A path as C takes it, valid until the next. One that is too long for the kernel stays so. */
  #zeroEnded(path: string): Uint8Array<ArrayBuffer> {
    const { written } = encoder.encodeInto(path, this.#path.subarray(0, -1));
    this.#path[written] = 0;
    return this.#path;
  }

  /** Where to read to; nearly always where the last read went. */
  #aim(
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
  ): BigUint64Array<ArrayBuffer> {
    if (buffer === this.#buffer && offset === this.#offset) return this.#vector;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
    }
    this.#offset = offset;
    this.#vector[0] = this.#address + BigInt(offset);
    this.#vector[1] = BigInt(buffer.length - offset);
    return this.#vector;
  }
}

function fileSystemOf(words: BigInt64Array): FileSystemStat {
  const word = (at: number) => Number(words[at] ?? 0n);
  // Only some FUSE servers have two sizes.
  const blockBytes = word(STATFS.frsize) || word(STATFS.bsize);
  return {
    type: word(STATFS.type),
    blockBytes,
    blocks: word(STATFS.blocks),
    free: word(STATFS.bfree),
    available: word(STATFS.bavail),
    inodes: word(STATFS.files),
    inodesFree: word(STATFS.ffree),
  };
}
