import type { Clock } from "../model/clock.ts";

/** What a log is written through; an open file of Deno's is one. */
export interface LogHandle {
  /** Writes off the event loop; gives how many bytes went. */
  write(bytes: Uint8Array): Promise<number>;
  /** Writes at once; gives how many bytes went. */
  writeSync(bytes: Uint8Array): number;
  /** Has the kernel bring what was written to the disk. */
  syncData(): Promise<void>;
  close(): void;
}

/** What a {@linkcode LogFile} knows of the file it is given. */
export interface LogFileOptions {
  /** Whether it is a file of a disk, which answers at once and can be synced; else a pipe or device. */
  readonly regular: boolean;
  /** Device and inode: two of one id are the same file. */
  readonly id: string;
  /** How large it is, bytes. */
  readonly sizeBytes: number;
  /** How long after a write it is synced, milliseconds; absent: only when told. */
  readonly syncAfterMs?: number;
  readonly clock: Clock;
  /** Hears of a sync that failed; it is tried again at the next. */
  readonly onSyncError: (error: unknown) => void;
}

/** The place of the part `n` of a rotated log: 0 is the file itself, 1 the newest before it. */
export function partOf(path: string, n: number): string {
  return n === 0 ? path : `${path}.${n}`;
}

/** An open log file: counts its bytes, and syncs what is new, one sync at a time. */
export class LogFile {
  /** Whether it is a file of a disk. */
  readonly regular: boolean;
  /** Device and inode. */
  readonly id: string;
  readonly #handle: LogHandle;
  readonly #syncAfterMs: number | undefined;
  readonly #clock: Clock;
  readonly #onSyncError: (error: unknown) => void;
  #sizeBytes: number;
  #headBytes = 0;
  #dirty = false;
  #cancelSync: (() => void) | undefined;
  #syncing: Promise<void> | undefined;
  #syncingSinceMs: number | undefined;

  /** Takes over an open file. */
  constructor(handle: LogHandle, options: LogFileOptions) {
    this.regular = options.regular;
    this.id = options.id;
    this.#handle = handle;
    this.#syncAfterMs = options.syncAfterMs;
    this.#clock = options.clock;
    this.#onSyncError = options.onSyncError;
    this.#sizeBytes = options.sizeBytes;
  }

  /** How large the file is, bytes. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether it has lines besides its head. */
  get hasLines(): boolean {
    return this.#sizeBytes > this.#headBytes;
  }

  /** All that it has is its head. */
  endHead(): void {
    this.#headBytes = this.#sizeBytes;
  }

  /** Since when a sync is under way, on the clock's monotonic time. */
  get syncingSinceMs(): number | undefined {
    return this.#syncingSinceMs;
  }

  /** Writes at once; gives how many bytes went, which may be fewer. */
  append(bytes: Uint8Array): number {
    return this.#wrote(this.#handle.writeSync(bytes));
  }

  /** As {@linkcode LogFile.append}, but off the event loop, for what may not take it at once. */
  async send(bytes: Uint8Array): Promise<number> {
    return this.#wrote(await this.#handle.write(bytes));
  }

  /** Syncs what was written before the call; never rejects. */
  async sync(): Promise<void> {
    this.#cancelSync?.();
    this.#cancelSync = undefined;
    // One that is under way may have begun before the last write.
    await this.#syncing;
    if (!this.#dirty) return;
    this.#syncing ??= this.#syncNow();
    await this.#syncing;
  }

  /** Syncs what is new if it is to be synced at all, and closes. */
  async retire(options: { readonly sync: boolean }): Promise<void> {
    if (options.sync) await this.sync();
    this.close();
  }

  /** Closes at once. */
  close(): void {
    this.#cancelSync?.();
    try {
      this.#handle.close();
    } catch {
      // It is closed then.
    }
  }

  #wrote(count: number): number {
    if (count === 0) throw new Error("Cannot write: nothing was taken");
    this.#sizeBytes += count;
    if (this.regular) {
      this.#dirty = true;
      this.#scheduleSync();
    }
    return count;
  }

  #scheduleSync(): void {
    if (this.#syncAfterMs === undefined) return;
    if (this.#cancelSync !== undefined || this.#syncing !== undefined) return;
    this.#cancelSync = this.#clock.schedule(
      this.#syncAfterMs,
      () => void this.sync(),
    );
  }

  async #syncNow(): Promise<void> {
    this.#dirty = false;
    this.#syncingSinceMs = this.#clock.monotonic();
    try {
      await this.#handle.syncData();
    } catch (error) {
      this.#dirty = true;
      this.#onSyncError(error);
    }
    this.#syncing = undefined;
    this.#syncingSinceMs = undefined;
    if (this.#dirty) this.#scheduleSync();
  }
}
