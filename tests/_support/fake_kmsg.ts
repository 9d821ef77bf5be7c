import type { KmsgFile, KmsgRead } from "../../lib/oom/kmsg_watcher.ts";

const encoder = new TextEncoder();

/** A kernel log that returns given reads, then waits. */
export class FakeKmsg implements KmsgFile {
  readonly kind: KmsgFile["kind"];
  readonly #reads: (KmsgRead | Error)[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;
  /** Whether the reader closed it. */
  closed = false;

  constructor(
    reads: readonly (string | KmsgRead | Error)[] = [],
    kind: KmsgFile["kind"] = "device",
  ) {
    this.kind = kind;
    for (const read of reads) this.push(read);
  }

  /** Adds the result of a later read; a string is a record. */
  push(read: string | KmsgRead | Error): void {
    this.#reads.push(
      typeof read === "string"
        ? { type: "records", records: [encoder.encode(read)] }
        : read,
    );
    this.#waiting?.resolve();
  }

  /**
   * Returns the next read; never resolves if closed meanwhile, as in Deno 2.6.
   */
  async read(): Promise<KmsgRead> {
    for (;;) {
      const read = this.#reads.shift();
      if (read instanceof Error) throw read;
      if (read !== undefined) return read;
      this.#waiting = Promise.withResolvers();
      await this.#waiting.promise;
    }
  }

  close(): void {
    this.closed = true;
  }
}
