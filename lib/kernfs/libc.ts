/**
 * The C library's calls for inotify, by Deno's foreign function interface.
 *
 * @module
 */

export type { DirectoryStat } from "./host_fs.ts";

/** Of `fcntl.h`, the same on every architecture that Deno runs on. */
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
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
  // A `ssize_t` whose lower half tells: no buffer here has 2 GiB.
  readv: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
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
  __errno_location: { parameters: [], result: "pointer" },
} as const;

const encoder = new TextEncoder();

/** glibc, which Deno itself is linked with. */
const LIBRARY = "libc.so.6";

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

  /** Reads on into `buffer` from `offset`; returns the number of bytes, 0 at the end. */
  read(
    descriptor: number,
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
  ): number {
    return this.#calls.readv(descriptor, this.#aim(buffer, offset), 1);
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
