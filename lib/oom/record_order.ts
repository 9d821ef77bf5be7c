import type { KmsgFile } from "./kmsg_watcher.ts";
import type { KmsgRecord } from "../kernfs/kmsg_record.ts";

/** Position of a record relative to those read. */
export type RecordPlace =
  | { readonly type: "alreadyRead" }
  /** New, after `lost` lost records. */
  | { readonly type: "next"; readonly lost: number }
  /** First record of another log. */
  | { readonly type: "otherLog" };

/** Stored records of a FIFO or file: 512 KB. */
const MAX_STORED = 32_768;

/**
 * Determines whether each record is new. The kernel numbers records from 0
 * without gaps; a reopened device starts at the oldest. The writer of a FIFO
 * may also start over, or continue with another kernel's log: a record with a
 * known number and time is the same one.
 */
export class RecordOrder {
  #last: number | undefined;
  #sequences: Float64Array | undefined;
  #usecs: Float64Array | undefined;

  /** −1 before the first record. */
  get last(): number {
    return this.#last ?? -1;
  }

  /** @param earlier the last record read by an earlier run */
  place(
    { sequence, usecSinceBoot }: KmsgRecord,
    kind: KmsgFile["kind"],
    earlier: number | undefined,
  ): RecordPlace {
    const before = this.#last ?? earlier;
    const isFirst = this.#last === undefined;
    const lost = before === undefined ? 0 : sequence - before - 1;
    if (!isFirst && lost < 0) {
      if (kind === "device" || this.#wasRead(sequence, usecSinceBoot)) {
        return { type: "alreadyRead" };
      }
      this.#store(kind, sequence, usecSinceBoot);
      return { type: "otherLog" };
    }
    this.#store(kind, sequence, usecSinceBoot);
    return { type: "next", lost: Math.max(0, lost) };
  }

  /** Counts one lost record: the next is expected after it. */
  skipRecord(): void {
    if (this.#last !== undefined) this.#last++;
  }

  #store(kind: KmsgFile["kind"], sequence: number, usec: number): void {
    this.#last = sequence;
    if (kind === "device") return;
    this.#sequences ??= new Float64Array(MAX_STORED).fill(-1);
    this.#usecs ??= new Float64Array(MAX_STORED);
    this.#sequences[sequence % MAX_STORED] = sequence;
    this.#usecs[sequence % MAX_STORED] = usec;
  }

  /** Returns whether the record was read; assumed if it is too old to be stored. */
  #wasRead(sequence: number, usec: number): boolean {
    const at = sequence % MAX_STORED;
    const stored = this.#sequences?.[at] ?? -1;
    return stored === sequence ? this.#usecs?.[at] === usec : stored > sequence;
  }
}
