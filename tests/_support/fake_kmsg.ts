import type { KmsgFile, KmsgRead } from "../../lib/oom/kmsg_watcher.ts";

const encoder = new TextEncoder();

/** A kernel log that gives what it is told to, and then waits. */
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

  /** Adds what a later read gives; a string is a record. */
  push(read: string | KmsgRead | Error): void {
    this.#reads.push(
      typeof read === "string"
        ? { type: "records", records: [encoder.encode(read)] }
        : read,
    );
    this.#waiting?.resolve();
  }

  /** Gives what is next; waits for ever when closed meanwhile, as Deno 2.6 does. */
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
