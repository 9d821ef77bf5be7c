import type { KmsgRecord } from "../kernfs/kmsg_record.ts";
import { isCompleteOomSummary, OOM_SUMMARY_START } from "./summary.ts";

/** Records between two fragments of a line; after more, the line is returned incomplete. */
const MAX_RECORDS_BETWEEN = 64;

/** One per CPU or thread that prints at the same time, usually a few. */
const MAX_INCOMPLETE_LINES = 16;

const COMPLETE_TASK_REGEXP =
  / killed as a result of limit of \/| due to memory\.oom\.group set| invoked oom-killer:/;

interface IncompleteLine {
  /** The first fragment. */
  readonly first: KmsgRecord;
  text: string;
  /** Since the last fragment. */
  otherRecords: number;
}

/**
 * Joins the fragments of lines with cgroup names, which the kernel prints in
 * several calls (`KERN_CONT`).
 *
 * The kernel normally joins them into one record. If another CPU prints between
 * two fragments, or the line exceeds about 1000 bytes, the rest is a separate
 * record: with flag `c` or `+`, or starting with the comma before a field of
 * the summary. With extended consoles each fragment is a record.
 */
export class OomFragments {
  /** Keyed by caller, if the kernel prints it. */
  readonly #incomplete = new Map<string | undefined, IncompleteLine>();

  get isEmpty(): boolean {
    return this.#incomplete.size === 0;
  }

  /** Returns complete lines, and incomplete ones whose rest is missing: usually only `record`. */
  push(record: KmsgRecord): readonly KmsgRecord[] {
    if (this.#incomplete.size === 0) {
      return this.#begin(record) ? [] : [record];
    }
    const line = this.#incomplete.get(record.caller);
    if (line !== undefined && continuesLine(line.text, record)) {
      line.text += record.text;
      if (isIncomplete(line.text)) return [];
      this.#incomplete.delete(record.caller);
      return [toRecord(line)];
    }
    const released = this.#releaseBefore(record);
    if (!this.#begin(record)) released.push(record);
    return released;
  }

  /** Must be called after a loss of records: fragments may be missing. */
  clear(): void {
    this.#incomplete.clear();
  }

  /** Returns whether the line is incomplete, and stored. */
  #begin(record: KmsgRecord): boolean {
    const isFull = this.#incomplete.size >= MAX_INCOMPLETE_LINES;
    if (isFull || !isIncomplete(record.text)) return false;
    const { caller, text } = record;
    this.#incomplete.set(caller, { first: record, text, otherRecords: 0 });
    return true;
  }

  /**
   * Removes and returns incomplete lines: the caller starts another, or too
   * many records followed.
   */
  #releaseBefore(record: KmsgRecord): KmsgRecord[] {
    const released: KmsgRecord[] = [];
    for (const [caller, line] of this.#incomplete) {
      line.otherRecords++;
      const isEnded = caller === record.caller && startsOomLine(record.text);
      if (!isEnded && line.otherRecords <= MAX_RECORDS_BETWEEN) continue;
      this.#incomplete.delete(caller);
      released.push(toRecord(line));
    }
    return released;
  }
}

function toRecord({ first, text }: IncompleteLine): KmsgRecord {
  return { ...first, text };
}

/** Returns whether the text starts a fragmented line, without its end. */
function isIncomplete(text: string): boolean {
  if (text.startsWith(OOM_SUMMARY_START)) return !isCompleteOomSummary(text);
  if (!/^Tasks? in /.test(text)) return false;
  // A header is complete: a process name can start with `Task in `.
  return !COMPLETE_TASK_REGEXP.test(text);
}

/** Returns whether the text starts an OOM line, and so continues none. */
function startsOomLine(text: string): boolean {
  return /^(?:Memory cgroup |Out of memory|Killed process |Tasks? in |oom-kill:)/
    .test(text) || text.includes(" invoked oom-killer:");
}

/** Returns whether the record continues the text, which ends where the kernel may split. */
function continuesLine(text: string, record: KmsgRecord): boolean {
  const summary = text.startsWith(OOM_SUMMARY_START);
  if (summary && record.text.startsWith(",")) return true;
  if (record.flag !== "c" && record.flag !== "+") return false;
  if (startsOomLine(record.text)) return false;
  if (summary) return text.endsWith("=");
  return / (?:in|of) $/.test(text)
    ? record.text.startsWith("/")
    : /^ (?:killed|as a result of|are going to be)/.test(record.text);
}
