/**
 * The C library's calls for files, by Deno's foreign function interface. A
 * control file that is opened, read and closed by them takes 3 µs, of which the
 * kernel has 2.9; by `Deno.openSync` and `readSync` it takes 9.
 *
 * Only calls whose numbers are C `int`s: those of 64 bits have a slow way in,
 * and what is above 32 bits of the others is not defined. Hence `readv`, whose
 * sizes stand in memory.
 *
 * @module
 */

/** Of `fcntl.h`, the same on every architecture that Deno runs on. */
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const AT_FDCWD = -100;
/** Of `errno.h`. */
const ENOENT = 2;
const ENOTDIR = 20;

const SYMBOLS = {
  openat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // A `ssize_t` whose lower half tells: no buffer here has 2 GiB.
  readv: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

/** glibc, which Deno itself is linked with. */
const LIBRARY = "libc.so.6";

/** What files are read by. */
export type FileCalls = Pick<
  Libc,
  "openDirectory" | "openAt" | "read" | "close" | "failedToFind"
>;

/** Files by their descriptors. What fails is −1. */
export class Libc {
  /** One for all: it is part of the process. */
  static #opened: Libc | undefined;
  readonly #calls: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** `errno` of this thread, which no other has a part in. */
  readonly #errno: Deno.UnsafePointerView;
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

  /** Opens the library; undefined where it cannot be had. */
  static open(): Libc | undefined {
    try {
      return Libc.#opened ??= new Libc(Deno.dlopen(LIBRARY, SYMBOLS));
    } catch {
      return undefined;
    }
  }

  /** Whether the last call, which failed, did so since there is no such file; to be asked at once. */
  get failedToFind(): boolean {
    const errno = this.#errno.getInt32();
    return errno === ENOENT || errno === ENOTDIR;
  }

  /** Opens a directory only to name it in {@linkcode openAt}. `path` ends with a zero. */
  openDirectory(path: Uint8Array<ArrayBuffer>): number {
    return this.#calls.openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);
  }

  /** Opens a file of that directory, or of any where it is named by its whole path. `name` ends with a zero. */
  openAt(directory: number | undefined, name: Uint8Array<ArrayBuffer>): number {
    return this.#calls.openat(
      directory ?? AT_FDCWD,
      name,
      O_RDONLY | O_CLOEXEC,
    );
  }

  /** Reads on into `buffer` from `offset`; returns the number of bytes, 0 at the end. */
  read(
    descriptor: number,
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
  ): number {
    if (buffer !== this.#buffer || offset !== this.#offset) {
      this.#aim(buffer, offset);
    }
    return this.#calls.readv(descriptor, this.#vector, 1);
  }

  /** Lets go of a descriptor. */
  close(descriptor: number): void {
    this.#calls.close(descriptor);
  }

  #aim(buffer: Uint8Array<ArrayBuffer>, offset: number): void {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
    }
    this.#offset = offset;
    this.#vector[0] = this.#address + BigInt(offset);
    this.#vector[1] = BigInt(buffer.length - offset);
  }
}
