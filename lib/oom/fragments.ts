import type { KmsgRecord } from "./kmsg_record.ts";
import { isWholeOomSummary, OOM_SUMMARY_START } from "./summary.ts";

/** The rest of a line follows immediately or never: after more other records it is given up. */
const MAX_RECORDS_BETWEEN = 64;

/** Maximum number of incomplete lines; one OOM involves a handful of CPUs. */
const MAX_HELD = 16;

const TASK_WHOLE_REGEXP =
  / killed as a result of limit of \/| due to memory\.oom\.group set| invoked oom-killer:/;

interface Held {
  readonly first: KmsgRecord;
  text: string;
  records: number;
}

/**
 * Joins lines that the kernel printed in fragments (`KERN_CONT`).
 *
 * The lines with cgroup names are printed in fragments. If a message from
 * another CPU is between two fragments, or a line exceeds about 1000 bytes, the
 * rest is a separate record: flagged `c` or `+`, or starting with the comma
 * before a field of the summary. With extended consoles each fragment is a
 * record.
 */
export class OomFragments {
  /** Keyed by caller, if the kernel prints it. */
  readonly #held = new Map<string | undefined, Held>();

  /** Returns the records whose text is complete or given up: usually the argument. */
  push(record: KmsgRecord): readonly KmsgRecord[] {
    if (this.#held.size === 0) {
      return this.#begin(record) ? [] : [record];
    }
    const held = this.#held.get(record.caller);
    if (held !== undefined && continues(held.text, record)) {
      held.text += record.text;
      if (isUnfinished(held.text)) return [];
      this.#held.delete(record.caller);
      return [finish(held)];
    }
    const given = this.#giveUp(record);
    if (!this.#begin(record)) given.push(record);
    return given;
  }

  /** Discards incomplete lines after a loss of records: their middle may be missing. */
  clear(): void {
    this.#held.clear();
  }

  #begin(record: KmsgRecord): boolean {
    if (!isUnfinished(record.text) || this.#held.size >= MAX_HELD) return false;
    this.#held.set(record.caller, {
      first: record,
      text: record.text,
      records: 0,
    });
    return true;
  }

  /** Removes and returns the lines that the record ends, or that waited for too many records. */
  #giveUp(record: KmsgRecord): KmsgRecord[] {
    const given: KmsgRecord[] = [];
    for (const [caller, held] of this.#held) {
      held.records++;
      const over = caller === record.caller && beginsLine(record.text);
      if (!over && held.records <= MAX_RECORDS_BETWEEN) continue;
      this.#held.delete(caller);
      given.push(finish(held));
    }
    return given;
  }
}

function finish(held: Held): KmsgRecord {
  return { ...held.first, text: held.text };
}

/** Returns whether the text starts a line printed in fragments and lacks its end. */
function isUnfinished(text: string): boolean {
  if (text.startsWith(OOM_SUMMARY_START)) return !isWholeOomSummary(text);
  if (!/^Tasks? in /.test(text)) return false;
  // A process with such a name can invoke the OOM killer.
  return !TASK_WHOLE_REGEXP.test(text);
}

/** Returns whether the record can only be the next line of an OOM. */
function beginsLine(text: string): boolean {
  return /^(?:Memory cgroup |Out of memory|Killed process |Tasks? in |oom-kill:)/
    .test(text) || text.includes(" invoked oom-killer:");
}

/** Returns whether the record continues the text at a point where the kernel splits lines. */
function continues(text: string, record: KmsgRecord): boolean {
  const summary = text.startsWith(OOM_SUMMARY_START);
  if (summary && record.text.startsWith(",")) return true;
  if (record.flag !== "c" && record.flag !== "+") return false;
  if (beginsLine(record.text)) return false;
  if (summary) return text.endsWith("=");
  return / (?:in|of) $/.test(text)
    ? record.text.startsWith("/")
    : /^ (?:killed|as a result of|are going to be)/.test(record.text);
}
