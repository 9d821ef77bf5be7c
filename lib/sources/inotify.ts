import type { InotifyCalls } from "../kernfs/libc.ts";

/** Of `sys/inotify.h`. */
const IN_MODIFY = 0x2;
const IN_MOVED_FROM = 0x40;
const IN_MOVED_TO = 0x80;
const IN_CREATE = 0x100;
const IN_DELETE = 0x200;
const IN_Q_OVERFLOW = 0x4000;
const IN_IGNORED = 0x8000;
const IN_ONLYDIR = 0x0100_0000;
const IN_DONT_FOLLOW = 0x0200_0000;
const IN_ISDIR = 0x4000_0000;

const MASK = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
  IN_MODIFY | IN_ONLYDIR | IN_DONT_FOLLOW;

/** `struct inotify_event`: watch, mask, cookie, length of the name that follows. */
const HEAD_BYTES = 16;
const LITTLE_ENDIAN = true;
/** Of one read: those of 1,500 containers and more. */
const BUFFER_BYTES = 64 * 1024;

/** Of `errno.h`. */
const EAGAIN = 11;
const EMFILE = 24;
const ENOSPC = 28;

/** What the kernel tells: of a directory made, removed or renamed, of a file written to, or that its queue was full. */
export type InotifyEvent =
  | {
    readonly kind: "create" | "remove" | "rename" | "modify";
    readonly path: string;
  }
  | { readonly kind: "overflow" };

const decoder = new TextDecoder();

/**
 * The kernel's `inotify(7)`, asked for directories that come and go and for
 * files that are written to, and for nothing else. `Deno.watchFs` asks it for each file that anyone opens
 * as well: a kubelet that reads the same cgroups would wake this process a
 * thousand times a second, and fill the queue.
 */
export class Inotify {
  readonly #calls: InotifyCalls;
  readonly #descriptor: number;
  /** Rung to end the waiting. */
  readonly #bell: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #watches = new Map<string, number>();
  /** Those that were taken back, too, until the kernel has told all of them. */
  readonly #paths = new Map<number, string>();
  #isClosed = false;
  /** Why a directory could not be watched; undefined where all could. */
  failure: string | undefined;

  private constructor(calls: InotifyCalls, descriptor: number, bell: number) {
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.#bell = bell;
  }

  /** @throws {Error} where there is none to be had */
  static open(calls: InotifyCalls | undefined): Inotify {
    if (calls === undefined) throw new Error("the C library cannot be had");
    const descriptor = calls.openInotify();
    if (descriptor < 0) throw new Error(reasonOf(calls));
    const bell = calls.openBell();
    if (bell < 0) {
      const reason = reasonOf(calls);
      calls.close(descriptor);
      throw new Error(reason);
    }
    return new Inotify(calls, descriptor, bell);
  }

  /** How many directories are watched. */
  get size(): number {
    return this.#watches.size;
  }

  /** Watches the directory at a path, if it is not watched; returns whether it is from now on. */
  add(path: string): boolean {
    if (this.#watches.has(path) || this.#isClosed) return false;
    if (this.failure !== undefined) return false;
    const calls = this.#calls;
    const watch = calls.addWatch(this.#descriptor, path, MASK);
    if (watch < 0) {
      // One that is gone is not to be watched.
      if (!calls.failedToFind) this.failure = reasonOf(calls);
      return false;
    }
    // It may have been renamed: the kernel's watch is the directory's.
    const before = this.#paths.get(watch);
    if (before !== undefined) this.#watches.delete(before);
    this.#watches.set(path, watch);
    this.#paths.set(watch, path);
    return true;
  }

  /** Takes the watch of a path back: the kernel keeps that of a cgroup that is gone. */
  remove(path: string): void {
    const watch = this.#watches.get(path);
    if (watch === undefined || this.#isClosed) return;
    this.#watches.delete(path);
    this.#calls.removeWatch(this.#descriptor, watch);
  }

  /** What the kernel tells, as it comes, until {@linkcode close}. */
  async *events(): AsyncGenerator<readonly InotifyEvent[]> {
    try {
      for (;;) {
        const isTold = await this.#calls.ready(this.#descriptor, this.#bell);
        if (!isTold && !this.#isClosed) continue;
        // All that there is: to wait for a thread takes longer than to read.
        while (!this.#isClosed) {
          const bytes = this.#calls.read(this.#descriptor, this.#buffer, 0);
          if (bytes <= 0) {
            if (this.#calls.errno === EAGAIN) break;
            throw new Error(reasonOf(this.#calls));
          }
          yield this.#parse(bytes);
        }
        if (this.#isClosed) return;
      }
    } finally {
      this.#isClosed = true;
      this.#calls.close(this.#descriptor);
      this.#calls.close(this.#bell);
    }
  }

  /** Ends the events. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#calls.ring(this.#bell);
  }

  #parse(bytes: number): InotifyEvent[] {
    const events: InotifyEvent[] = [];
    for (let at = 0; at + HEAD_BYTES <= bytes;) {
      const watch = this.#view.getInt32(at, LITTLE_ENDIAN);
      const mask = this.#view.getUint32(at + 4, LITTLE_ENDIAN);
      const begin = at + HEAD_BYTES;
      at = begin + this.#view.getUint32(at + 12, LITTLE_ENDIAN);
      if ((mask & IN_Q_OVERFLOW) !== 0) {
        this.#forget();
        events.push({ kind: "overflow" });
      } else if ((mask & IN_IGNORED) !== 0) this.#end(watch);
      else {
        const kind = kindOf(mask);
        const parent = this.#paths.get(watch);
        if (kind === undefined || parent === undefined || at === begin) {
          continue;
        }
        const zero = this.#buffer.indexOf(0, begin);
        const name = this.#buffer.subarray(begin, Math.min(zero, at));
        events.push({ kind, path: `${parent}/${decoder.decode(name)}` });
      }
    }
    return events;
  }

  /** The kernel tells no more of a watch. */
  #end(watch: number): void {
    const path = this.#paths.get(watch);
    if (path === undefined) return;
    this.#paths.delete(watch);
    if (this.#watches.get(path) === watch) this.#watches.delete(path);
  }

  /** Of which watches there is nothing more to come was lost with the rest. */
  #forget(): void {
    for (const [watch, path] of this.#paths) {
      if (this.#watches.get(path) !== watch) this.#paths.delete(watch);
    }
  }
}

function kindOf(mask: number) {
  if ((mask & IN_ISDIR) === 0) {
    return (mask & IN_MODIFY) === 0 ? undefined : "modify";
  }
  if ((mask & IN_CREATE) !== 0) return "create";
  if ((mask & IN_DELETE) !== 0) return "remove";
  return "rename";
}

function reasonOf(calls: InotifyCalls): string {
  const { errno } = calls;
  switch (errno) {
    case EMFILE:
      return "inotify's instance limit (fs.inotify.max_user_instances) or that of open files is reached";
    case ENOSPC:
      return "inotify's watch limit (fs.inotify.max_user_watches) is reached";
    default:
      return calls.meaningOf(errno);
  }
}
