import type { KmsgFile } from "./kmsg_watcher.ts";
import type { KmsgRecord } from "./kmsg_record.ts";

/** How a record continues the log. */
export type RecordPlace =
  /** It was read before. */
  | { readonly type: "known" }
  /** It is new; so many were lost before it. */
  | { readonly type: "next"; readonly lost: number }
  /** Another log begins with it. */
  | { readonly type: "other" };

/** Records of a FIFO or a file whose numbers and times are kept: 512 KB. */
const MAX_KEPT = 32_768;

/**
 * Says of each record whether it is new. The kernel numbers its records from
 * 0 on, without gaps. A device that is opened again begins at the oldest. Who
 * feeds a FIFO may begin again, too, or continue with another kernel's log:
 * a record with number and time of one that was read is the same record.
 */
export class RecordOrder {
  #last: number | undefined;
  #sequences: Float64Array | undefined;
  #usecs: Float64Array | undefined;

  /** The number of the last record; −1 before the first. */
  get last(): number {
    return this.#last ?? -1;
  }

  /**
   * Finds the place of the record that was read next.
   *
   * @param earlier the last record that an earlier run read
   */
  place(
    { sequence, usecSinceBoot }: KmsgRecord,
    kind: KmsgFile["kind"],
    earlier: number | undefined,
  ): RecordPlace {
    const before = this.#last ?? earlier;
    const isFirst = this.#last === undefined;
    const lost = before === undefined ? 0 : sequence - before - 1;
    if (!isFirst && lost < 0) {
      if (kind === "device" || this.#isSame(sequence, usecSinceBoot)) {
        return { type: "known" };
      }
      this.#keep(kind, sequence, usecSinceBoot);
      return { type: "other" };
    }
    this.#keep(kind, sequence, usecSinceBoot);
    return { type: "next", lost: Math.max(0, lost) };
  }

  /** A record was lost whose number is not known. */
  skip(): void {
    if (this.#last !== undefined) this.#last++;
  }

  #keep(kind: KmsgFile["kind"], sequence: number, usec: number): void {
    this.#last = sequence;
    if (kind === "device") return;
    this.#sequences ??= new Float64Array(MAX_KEPT).fill(-1);
    this.#usecs ??= new Float64Array(MAX_KEPT);
    this.#sequences[sequence % MAX_KEPT] = sequence;
    this.#usecs[sequence % MAX_KEPT] = usec;
  }

  /** Whether it was read; of one so old that its time is not kept, that is taken for granted. */
  #isSame(sequence: number, usec: number): boolean {
    const at = sequence % MAX_KEPT;
    const kept = this.#sequences?.[at] ?? -1;
    return kept === sequence ? this.#usecs?.[at] === usec : kept > sequence;
  }
}
