import { dropOldest } from "../model/drop_oldest.ts";
import type { KmsgRecord } from "../kernfs/kmsg_record.ts";
import type { KmsgFile } from "./kmsg_watcher.ts";

/** Position of a record relative to those read. */
export type RecordPlace =
  | { readonly type: "alreadyRead" }
  /** New, after `lost` lost records. */
  | { readonly type: "next"; readonly lost: number }
  /** First record of another log. */
  | { readonly type: "otherLog" };

/** Stored records of a FIFO or file: 1 MB. */
const MAX_STORED = 32_768;

/**
 * Determines whether each record is new. The kernel numbers records from 0
 * without gaps; a reopened device starts at the oldest. The writer of a FIFO
 * may also start over, or continue with another kernel's log: a record with a
 * known number and time is the same one.
 */
export class RecordOrder {
  #last: number | undefined;
  /** Microseconds since boot by number, of a FIFO or file. */
  readonly #usecs = new Map<number, number>();

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
    const lost = before === undefined ? 0 : sequence - before - 1;
    const isLower = this.#last !== undefined && lost < 0;
    const isKnown = isLower && kind === "device" ||
      this.#usecs.get(sequence) === usecSinceBoot ||
      isLower && this.#fits(sequence, usecSinceBoot);
    if (isKnown) return { type: "alreadyRead" };
    if (isLower) this.#usecs.clear();
    this.#last = sequence;
    if (kind !== "device") this.#usecs.set(sequence, usecSinceBoot);
    dropOldest(this.#usecs, MAX_STORED);
    if (isLower) return { type: "otherLog" };
    return { type: "next", lost: Math.max(0, lost) };
  }

  /** Counts one lost record: the next is expected after it. */
  skipRecord(): void {
    if (this.#last !== undefined) this.#last++;
  }

  /**
   * Returns whether a lower record is one of this log that was lost, by its
   * time, or is too old to be stored.
   */
  #fits(sequence: number, usec: number): boolean {
    let isAfterOne = this.#usecs.size === MAX_STORED;
    for (const [other, otherUsec] of this.#usecs) {
      if (other < sequence ? otherUsec > usec : otherUsec < usec) return false;
      isAfterOne ||= other < sequence;
    }
    return isAfterOne;
  }
}
