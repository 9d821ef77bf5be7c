import type { KmsgRecord } from "./kmsg_record.ts";
import { isWholeOomSummary, OOM_SUMMARY_START } from "./summary.ts";

/** The rest of a line comes at once or never: past so many other records it is given up. */
const MAX_RECORDS_BETWEEN = 64;

/** Lines begun at once; more than a handful of CPUs have never been seen in one OOM. */
const MAX_HELD = 16;

const TASK_WHOLE_REGEXP =
  / killed as a result of limit of \/| due to memory\.oom\.group set| invoked oom-killer:/;

interface Held {
  readonly first: KmsgRecord;
  text: string;
  records: number;
}

/**
 * Puts lines together that the kernel printed in pieces (`KERN_CONT`).
 *
 * The lines with cgroup names are printed piece by piece. A message from
 * another CPU between two pieces, or a line of more than about 1000 bytes,
 * makes a record of its own of the rest: flagged `c` or `+`, or beginning with
 * the comma that the summary's fields begin with. With extended consoles every
 * piece is a record.
 */
export class OomFragments {
  /** By who prints, where the kernel says so. */
  readonly #held = new Map<string | undefined, Held>();

  /**
   * Gives the records whose text is whole, or as whole as it will get: as a
   * rule the one that came.
   */
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

  /** Records were lost: what is held may lack its middle. */
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

  /** Takes out what the record shows to be over, or what waited for too long. */
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

/** Whether the text begins one of the lines that come in pieces, and lacks its end. */
function isUnfinished(text: string): boolean {
  if (text.startsWith(OOM_SUMMARY_START)) return !isWholeOomSummary(text);
  if (!/^Tasks? in /.test(text)) return false;
  // A process can have such a name and ask for memory.
  return !TASK_WHOLE_REGEXP.test(text);
}

/** Whether the record can only be the next line of an OOM. */
function beginsLine(text: string): boolean {
  return /^(?:Memory cgroup |Out of memory|Killed process |Tasks? in |oom-kill:)/
    .test(text) || text.includes(" invoked oom-killer:");
}

/** Whether the record goes on with the text, in a place where the kernel splits it. */
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
