import {
  type FilesystemUsage,
  MountedFiles,
} from "../../lib/filesystems/mounted_files.ts";
import type { SeededRandom } from "../_support/random.ts";
import { errorOf, type Fault, isErrno, type Times } from "./_fault.ts";

/**
 * A call that can fail: of `Deno`, of a file that it opened, or of a watcher.
 */
export type Call =
  | keyof typeof FUNCTIONS
  | "statfs"
  | `FsFile.${keyof typeof METHODS}`
  | "watchFs"
  | "FsWatcher.next";

/** Whether the call is asynchronous, and whether it returns an open file. */
const FUNCTIONS = {
  lstat: "later",
  lstatSync: "now",
  open: "later",
  openSync: "now",
  readDir: "later",
  readDirSync: "now",
  readLinkSync: "now",
  readTextFile: "later",
  realPathSync: "now",
  remove: "later",
  rename: "later",
  stat: "later",
  statSync: "now",
} as const;

const METHODS = {
  read: "later",
  readSync: "now",
  seek: "later",
  seekSync: "now",
  stat: "later",
  syncData: "later",
  write: "later",
  writeSync: "now",
} as const;

/** All of Deno's calls by which the agent's library accesses files. */
export const CALLS: readonly string[] = [...Object.keys(FUNCTIONS), "watchFs"];

/** The active fault. */
export interface Injection {
  readonly call: Call;
  /** Pattern of affected paths. */
  readonly path: RegExp;
  readonly fault: Fault;
  readonly times: Times;
}

/** Usage of every file system. */
const USAGE: FilesystemUsage = {
  capacityBytes: 2 ** 30,
  freeBytes: 2 ** 29,
  availableBytes: 2 ** 29,
  inodes: 1000,
  inodesFree: 500,
};

// deno-lint-ignore no-explicit-any
type AnyFunction = (...args: any[]) => any;

/**
 * Replaces Deno's functions, one of which fails on demand. Everything else is
 * real.
 */
export class FaultyDeno implements Disposable {
  readonly #random: SeededRandom;
  readonly #real = new Map<string, AnyFunction>();
  readonly #deno = Deno as unknown as Record<string, AnyFunction>;
  #injection: Injection | undefined;
  #left = 0;
  #hits = 0;
  #healed = Promise.withResolvers<void>();

  readonly #usage = MountedFiles.prototype.usage;

  constructor(random: SeededRandom) {
    this.#random = random;
    // `node:fs` cannot be replaced; this method is its only user.
    MountedFiles.prototype.usage = async (hostPath) => {
      const fault = this.#fail("statfs", hostPath);
      if (fault === "hang") await this.#healed.promise;
      return USAGE;
    };
    for (const [name, when] of Object.entries(FUNCTIONS)) {
      this.#replace(name, (real) => this.#wrap(name as Call, when, real, 0));
    }
    this.#replace("watchFs", (real) => (path: string, options) => {
      this.#failBelow(path, options.recursive);
      return this.#wrapWatcher(real(path, options));
    });
  }

  /** Number of calls that failed. */
  get hits(): number {
    return this.#hits;
  }

  /** Starts to fail calls. */
  inject(injection: Injection): void {
    this.#injection = injection;
    this.#hits = 0;
    this.#left = injection.times === "until healed"
      ? Infinity
      : injection.times;
    this.#healed = Promise.withResolvers();
  }

  /** Stops failing calls, and resumes those that hang. */
  heal(): void {
    this.#injection = undefined;
    this.#healed.resolve();
  }

  [Symbol.dispose](): void {
    this.heal();
    MountedFiles.prototype.usage = this.#usage;
    for (const [name, real] of this.#real) this.#deno[name] = real;
  }

  #replace(name: string, make: (real: AnyFunction) => AnyFunction): void {
    const real = this.#deno[name] as AnyFunction;
    this.#real.set(name, real);
    this.#deno[name] = make(real);
  }

  /** Returns the fault that a call would have. */
  #awaits(call: Call, path: string): Fault | undefined {
    const injection = this.#injection;
    if (injection?.call !== call || !injection.path.test(path)) {
      return undefined;
    }
    return this.#left > 0 ? injection.fault : undefined;
  }

  /** Returns the fault of a call, and counts it. */
  #meet(call: Call, path: string): Fault | undefined {
    const fault = this.#awaits(call, path);
    if (fault === undefined) return undefined;
    this.#left--;
    this.#hits++;
    return fault;
  }

  #fail(call: Call, path: string): Fault | undefined {
    const fault = this.#meet(call, path);
    if (fault !== undefined && isErrno(fault)) throw errorOf(fault);
    return fault;
  }

  #wrap(
    call: Call,
    when: "now" | "later",
    real: AnyFunction,
    pathAt: number,
  ): AnyFunction {
    if (call === "readDir") {
      return (path: string) => this.#readDir(path, real);
    }
    const wrapped = (...args: unknown[]) => {
      const path = String(args[pathAt]);
      const fault = this.#fail(call, path);
      const result = real(...args);
      if (fault === undefined) return this.#wrapIfFile(result, path);
      return this.#spoil(fault, result);
    };
    if (when === "now") return wrapped;
    return async (...args: unknown[]) => {
      const path = String(args[pathAt]);
      const fault = this.#fail(call, path);
      if (fault === "hang") await this.#healed.promise;
      const result = await real(...args);
      if (fault === undefined || fault === "hang") {
        return this.#wrapIfFile(result, path);
      }
      return this.#spoil(fault, result);
    };
  }

  /** Watching a tree fails if it fails for one of its directories. */
  #failBelow(path: string, recursive: boolean): void {
    this.#fail("watchFs", path);
    if (!recursive) return;
    const readDirSync = this.#real.get("readDirSync") as AnyFunction;
    for (const { name, isDirectory } of readDirSync(path)) {
      if (isDirectory) this.#failBelow(`${path}/${name}`, recursive);
    }
  }

  #wrapWatcher(watcher: Deno.FsWatcher): Deno.FsWatcher {
    const meet = async () => {
      // A hung watcher reports nothing.
      while (this.#awaits("FsWatcher.next", "") === "hang") {
        this.#fail("FsWatcher.next", "");
        await this.#healed.promise;
      }
      this.#fail("FsWatcher.next", "");
    };
    const events = async function* () {
      for await (const event of { [Symbol.asyncIterator]: () => real }) {
        await meet();
        yield event;
      }
    };
    const real = watcher[Symbol.asyncIterator]();
    watcher[Symbol.asyncIterator] = events;
    return watcher;
  }

  async *#readDir(path: string, real: AnyFunction): AsyncGenerator<unknown> {
    if (this.#fail("readDir", path) === "hang") await this.#healed.promise;
    yield* real(path);
  }

  /** Truncates or corrupts a result. */
  #spoil(fault: Fault, result: unknown): unknown {
    if (typeof result !== "string") return result;
    switch (fault) {
      case "short":
        return result.slice(0, Math.floor(result.length / 2));
      case "eof":
        return "";
      default:
        return String.fromCharCode(...this.#garbage(64));
    }
  }

  #garbage(length: number): Uint8Array {
    return Uint8Array.from(
      { length },
      () => 0x80 + this.#random.below(0x7f),
    );
  }

  #wrapIfFile(result: unknown, path: string): unknown {
    if (!(result instanceof Deno.FsFile)) return result;
    const file = result as unknown as Record<string, AnyFunction>;
    for (const [name, when] of Object.entries(METHODS)) {
      const real = (file[name] as AnyFunction).bind(result);
      const call = `FsFile.${name}` as Call;
      const meet = (args: unknown[]) => this.#fail(call, path) ?? args;
      file[name] = when === "now"
        ? (...args) => this.#transfer(real, args, meet(args))
        : async (...args) => {
          const fault = meet(args);
          if (fault === "hang") await this.#healed.promise;
          // Respond from the event loop, so that other tasks run meanwhile.
          if (fault !== args) await new Promise((done) => setTimeout(done, 0));
          return await this.#transfer(real, args, fault);
        };
    }
    return result;
  }

  /** A read or write that is wrong without an error. */
  #transfer(real: AnyFunction, args: unknown[], fault: unknown): unknown {
    const [bytes] = args;
    if (!(bytes instanceof Uint8Array)) return real(...args);
    switch (fault) {
      case "short":
        return real(bytes.subarray(0, Math.ceil(bytes.length / 2) % 64 + 1));
      case "eof":
        return null;
      case "garbage": {
        const garbage = this.#garbage(Math.min(bytes.length, 512));
        garbage[garbage.length - 1] = 0x0a;
        bytes.set(garbage);
        return garbage.length;
      }
      default:
        return real(...args);
    }
  }
}
