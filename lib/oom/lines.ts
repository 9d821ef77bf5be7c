import type { CgroupName } from "../model/cgroup.ts";
import { defined } from "../model/defined.ts";
import {
  type OomSummaryLine,
  parseOomSummary,
  printedCgroup,
} from "./summary.ts";
import type { KilledProcess, OomScope } from "./report.ts";

/** The `Killed process` line. */
export interface OomKilledLine extends KilledProcess {
  readonly type: "killed";
  /** Absent before Linux 5.1: the previous line has it. */
  readonly scope?: OomScope;
}

/** The line that names the process to be killed. */
export interface OomSelectedLine {
  /**
   * `chosen` before Linux 5.1: a child may be killed instead. `exiting` since
   * Linux 5.0: it is already exiting, and is not killed.
   */
  readonly type: "chosen" | "exiting";
  readonly scope: OomScope;
  readonly pid: number;
  readonly processName: string;
}

/** An OOM line of the kernel log. */
export type OomLine =
  /** The header of every dump. */
  | { readonly type: "invoked" }
  /** Before Linux 5.0: the victim's cgroup, and that of the limit. */
  | {
    readonly type: "taskIn";
    readonly victimCgroup?: CgroupName;
    readonly limitCgroup?: CgroupName;
  }
  /** Before Linux 5.0, if no process can be killed. */
  | { readonly type: "limitReached"; readonly limitCgroup?: CgroupName }
  /** Only the first one of a dump names the cgroup. */
  | { readonly type: "memoryStats"; readonly limitCgroup?: CgroupName }
  | OomSummaryLine
  | OomSelectedLine
  | OomKilledLine
  /** Since Linux 4.19: kill lines of the cgroup's other processes follow. */
  | { readonly type: "group"; readonly cgroup?: CgroupName }
  /** No process can be killed, or a panic (`vm.panic_on_oom`). */
  | { readonly type: "noVictim"; readonly scope?: OomScope };

const SCOPE = String
  .raw`(Memory cgroup out of memory|Out of memory(?: \([^)]*\))?): `;

const KILLED_REGEXP = new RegExp(
  String.raw`^(?:${SCOPE})?Killed process (\d{1,10})(?:, UID \d+,)? \(`,
);
/** Matches up to the last `)` before the sizes: a name can contain parentheses. */
const NAME_END_REGEXP = /^[\s\S]*\)(?=(?:, UID \d+,)? (?:total-vm|vsz):\d+kB)/;

const CHOSEN_REGEXP = new RegExp(
  String.raw`^${SCOPE}[Kk]ill process (\d{1,10}) \(([\s\S]*)\) score `,
);
const EXITING_REGEXP = new RegExp(
  String.raw`^${SCOPE}OOM victim (\d{1,10}) \(([\s\S]*)\) is already exiting`,
);
const TASK_IN_REGEXP =
  /^Task in ([\s\S]*?) killed(?: as a result of limit of ([\s\S]*))?$/;
const TASK_IN_LIMIT = " killed as a result of limit of ";
const GROUP_REGEXP =
  /^Tasks in ([\s\S]*) are going to be killed due to memory\.oom\.group set/;
const LIMIT_REACHED_REGEXP = /^Memory limit reached of cgroup (\/[\s\S]*)$/;
/** Old kernels print the statistics (` cache:…`) on the same line. */
const MEMORY_STATS_REGEXP =
  /^Memory cgroup stats for (\/[\s\S]*?):(?:$| cache:\d)/;
const NO_VICTIM_REGEXP =
  /^(?:Kernel panic - not syncing: )?Out of memory(?: and no killable processes|: ([a-z-]+) panic_on_oom is enabled)/;

const INVOKED = " invoked oom-killer:";
/**
 * Maximum number of characters before `INVOKED`: a process name of at most 15
 * bytes, each 4 characters if escaped (`\xNN`).
 */
const MAX_INVOKER_LENGTH = 64;

/**
 * Parses an OOM line of any kernel from 2.6.32 to 6.18; returns `undefined` for
 * other messages.
 *
 * Only the start is matched, so that no process name is mistaken for a message.
 */
export function parseOomLine(text: string): OomLine | undefined {
  return parseByStart(text) ?? parseInvoked(text);
}

/** Selects by the first letter: nearly all messages match none. */
function parseByStart(text: string): OomLine | undefined {
  switch (text.charAt(0)) {
    case "K":
      return parseKilled(text) ?? parseNoVictim(text);
    case "M":
      return parseKilled(text) ?? parseChosen(text) ?? parseMemory(text);
    case "O":
      return parseKilled(text) ?? parseChosen(text) ?? parseNoVictim(text);
    case "T":
      return parseTasks(text);
    case "o":
      return parseOomSummary(text);
    default:
      return undefined;
  }
}

/** `tail invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0` */
function parseInvoked(text: string): OomLine | undefined {
  const at = text.indexOf(INVOKED);
  return at < 0 || at > MAX_INVOKER_LENGTH ? undefined : { type: "invoked" };
}

/** `Memory limit reached of cgroup /a`, `Memory cgroup stats for /a:` */
function parseMemory(text: string): OomLine | undefined {
  const reached = LIMIT_REACHED_REGEXP.exec(text)?.[1];
  const stats = MEMORY_STATS_REGEXP.exec(text)?.[1];
  const limit = defined({ limitCgroup: printedCgroup(reached ?? stats ?? "") });
  if (reached !== undefined) return { type: "limitReached", ...limit };
  return stats === undefined ? undefined : { type: "memoryStats", ...limit };
}

/** `Task in /a/b killed as a result of limit of /a`, `Tasks in /a are going to be killed due to …` */
function parseTasks(text: string): OomLine | undefined {
  const group = GROUP_REGEXP.exec(text)?.[1];
  if (group !== undefined) {
    return { type: "group", ...defined({ cgroup: printedCgroup(group) }) };
  }
  const task = TASK_IN_REGEXP.exec(text);
  if (task === null) return undefined;
  const [, victim = "", limit = ""] = task;
  // A name contains the separator: where the first one ends is ambiguous.
  if (limit.includes(TASK_IN_LIMIT)) return { type: "taskIn" };
  const victimCgroup = printedCgroup(victim);
  const limitCgroup = printedCgroup(limit);
  return { type: "taskIn", ...defined({ victimCgroup, limitCgroup }) };
}

/**
 * `Memory cgroup out of memory: Kill process 7 (sh) score 99 or sacrifice child`,
 * `Out of memory: OOM victim 7 (sh) is already exiting. Skip killing the task`
 */
function parseChosen(text: string): OomLine | undefined {
  const chosen = CHOSEN_REGEXP.exec(text);
  const match = chosen ?? EXITING_REGEXP.exec(text);
  if (match === null) return undefined;
  const [, scope = "", pid, processName = ""] = match;
  return {
    type: chosen === null ? "exiting" : "chosen",
    scope: scopeOf(scope),
    pid: Number(pid),
    processName,
  };
}

/** `Out of memory and no killable processes...`, `Out of memory: system-wide panic_on_oom is enabled` */
function parseNoVictim(text: string): OomLine | undefined {
  const match = NO_VICTIM_REGEXP.exec(text);
  if (match === null) return undefined;
  // "compulsory" panics also if the limit of a cgroup is hit.
  return match[1] === "system-wide"
    ? { type: "noVictim", scope: "host" }
    : { type: "noVictim" };
}

/**
 * The format depends on the kernel version:
 *
 * ```
 * Killed process 7, UID 0, (sh) total-vm:8kB, anon-rss:4kB, file-rss:0kB
 * Killed process 7 (sh) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB
 * Killed process 7 (sh), UID 0, total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB
 * Out of memory: Killed process 7 (sh) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:44kB oom_score_adj:0
 * ```
 */
function parseKilled(text: string): OomKilledLine | undefined {
  const head = KILLED_REGEXP.exec(text);
  if (head === null) return undefined;
  const [prefix, scope, pid] = head;
  const named = NAME_END_REGEXP.exec(text)?.[0];
  const end = (named?.length ?? text.lastIndexOf(")") + 1) - 1;
  if (end < prefix.length) return undefined;
  return {
    type: "killed",
    ...(scope === undefined ? {} : { scope: scopeOf(scope) }),
    pid: Number(pid),
    processName: text.slice(prefix.length, end),
    ...parseNumbers(prefix + text.slice(end)),
  };
}

/** Each pattern includes the text after the number: a truncated number does not match. */
const SIZE_REGEXPS = {
  totalVmBytes: / (?:total-vm|vsz):(\d{1,15})kB/,
  anonRssBytes: /, anon-rss:(\d{1,15})kB/,
  fileRssBytes: /, file-rss:(\d{1,15})kB/,
  shmemRssBytes: /, shmem-rss:(\d{1,15})kB/,
  pgtablesBytes: / pgtables:(\d{1,15})kB/,
} as const;
const UID_REGEXP = /, UID(?: (\d+),|:(\d+) )/;
const OOM_SCORE_ADJ_REGEXP = / oom_score_adj:(-?\d+)$/;

type KillNumbers = Partial<
  Record<keyof typeof SIZE_REGEXPS | "uid" | "oomScoreAdj", number>
>;

/** @param text the line without the process name */
function parseNumbers(text: string): KillNumbers {
  const numbers: KillNumbers = {};
  for (const [name, regexp] of Object.entries(SIZE_REGEXPS)) {
    const kib = regexp.exec(text)?.[1];
    if (kib !== undefined) {
      numbers[name as keyof typeof SIZE_REGEXPS] = Number(kib) * 1024;
    }
  }
  const { totalVmBytes, pgtablesBytes } = numbers;
  // Linux 5.4.0 to 5.4.7 print bytes as kB. Page tables are never larger than
  // the memory they map.
  if (
    pgtablesBytes !== undefined && pgtablesBytes > (totalVmBytes ?? Infinity)
  ) {
    numbers.pgtablesBytes = pgtablesBytes / 1024;
  }
  const uid = UID_REGEXP.exec(text);
  if (uid !== null) numbers.uid = Number(uid[1] ?? uid[2]);
  const adj = OOM_SCORE_ADJ_REGEXP.exec(text)?.[1];
  if (adj !== undefined) numbers.oomScoreAdj = Number(adj);
  return numbers;
}

function scopeOf(prefix: string): OomScope {
  return prefix.startsWith("Memory cgroup") ? "cgroup" : "host";
}
