import type { Clock } from "../model/clock.ts";

/** Implemented by `Deno.FsFile`. */
export interface LogHandle {
  write(bytes: Uint8Array): Promise<number>;
  writeSync(bytes: Uint8Array): number;
  /** To the disk. */
  syncData(): Promise<void>;
  close(): void;
  /** Absent for a pipe or device. */
  stat?(): Promise<{ readonly nlink: number | null }>;
}

/** Options of {@linkcode LogFile}. */
export interface LogFileOptions {
  /** A regular file does not block and can be synced; otherwise a pipe or device. */
  readonly regular: boolean;
  /** Device and inode. */
  readonly id: string;
  readonly sizeBytes: number;
  /** From a write to its sync; absent for explicit syncs only. */
  readonly syncAfterMs?: number;
  readonly clock: Clock;
  /** The next sync retries it. */
  readonly onSyncError: (error: unknown) => void;
}

/** Returns the path of part `n`: 0 is current, 1 the newest rotated one. */
export function rotatedPath(path: string, n: number): string {
  return n === 0 ? path : `${path}.${n}`;
}

/** Counts bytes and syncs new data, one sync at a time. */
export class LogFile {
  readonly regular: boolean;
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

  constructor(handle: LogHandle, options: LogFileOptions) {
    this.regular = options.regular;
    this.id = options.id;
    this.#handle = handle;
    this.#syncAfterMs = options.syncAfterMs;
    this.#clock = options.clock;
    this.#onSyncError = options.onSyncError;
    this.#sizeBytes = options.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether lines follow the head. */
  get hasLines(): boolean {
    return this.#sizeBytes > this.#headBytes;
  }

  /** The current content is the head. */
  endHead(): void {
    this.#headBytes = this.#sizeBytes;
  }

  /** Monotonic start of the running sync. */
  get syncingSinceMs(): number | undefined {
    return this.#syncingSinceMs;
  }

  /** Whether no name leads to it: its lines would be lost. */
  async isDeleted(): Promise<boolean> {
    if (!this.regular) return false;
    return (await this.#handle.stat?.())?.nlink === 0;
  }

  /** Returns the number of bytes written, possibly fewer. */
  append(bytes: Uint8Array): number {
    return this.#wrote(this.#handle.writeSync(bytes));
  }

  /** A pipe or device may block. */
  async appendAsync(bytes: Uint8Array): Promise<number> {
    return this.#wrote(await this.#handle.write(bytes));
  }

  /** Syncs data written before the call; never rejects. */
  async sync(): Promise<void> {
    this.#cancelSync?.();
    this.#cancelSync = undefined;
    // A running sync may have started before the last write.
    await this.#syncing;
    if (!this.#dirty) return;
    this.#syncing ??= this.#syncNow();
    await this.#syncing;
  }

  async syncAndClose(options: { readonly sync: boolean }): Promise<void> {
    if (options.sync) await this.sync();
    this.close();
  }

  /** Closes without a sync. */
  close(): void {
    this.#cancelSync?.();
    try {
      this.#handle.close();
    } catch {
      // Already closed.
    }
  }

  #wrote(count: number): number {
    if (count === 0) throw new Error("Cannot write: no bytes were written");
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
