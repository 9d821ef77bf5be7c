import type { CgroupName } from "../model/cgroup.ts";
import type { OomScope } from "./report.ts";

/** The one line that Linux ≥5.0 puts before a kill. */
export interface OomSummaryLine {
  readonly type: "summary";
  readonly scope: OomScope;
  readonly constraint?: string;
  readonly limitCgroup?: CgroupName;
  readonly victimCgroup?: CgroupName;
  /** The process chosen; absent where the line was cut. */
  readonly pid?: number;
  readonly processName?: string;
  readonly uid?: number;
}

/** What a summary starts with. */
export const OOM_SUMMARY_START = "oom-kill:constraint=";

/** What ends a whole summary. The first kernels padded the numbers. */
const END_REGEXP = /,pid= *(\d{1,10}),uid= *(\d{1,10})\s*$/;

/** The kernel keeps 15 bytes of a process's name. */
const MAX_NAME_LENGTH = 15;

/** Whether a summary has its last field. */
export function isWholeOomSummary(text: string): boolean {
  return END_REGEXP.test(text);
}

/**
 * Parses the summary (`mm/oom_kill.c`, `dump_oom_summary()`):
 *
 * ```
 * oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0,oom_memcg=/pod,task_memcg=/pod/web,task=tail,pid=7,uid=0
 * oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,global_oom,task_memcg=/web,task=tail,pid=7,uid=0
 * ```
 *
 * A kernel without memory cgroups prints none of `oom_memcg`, `global_oom` and
 * `task_memcg`. Names can hold commas: a process can call itself
 * `x,pid=1,uid=0`, so the numbers are taken from the end, and cgroups, which
 * not everyone can name, from the start.
 */
export function parseOomSummary(text: string): OomSummaryLine | undefined {
  if (!text.startsWith(OOM_SUMMARY_START)) return undefined;
  const end = END_REGEXP.exec(text);
  const cgroups = parseCgroups(text, end?.index ?? text.length);
  const { constraint, limitCgroup, victimCgroup } = cgroups;
  const memcg = limitCgroup !== undefined || constraint === "CONSTRAINT_MEMCG";
  return {
    type: "summary",
    scope: memcg ? "cgroup" : "host",
    ...(constraint === undefined ? {} : { constraint }),
    ...(limitCgroup === undefined ? {} : { limitCgroup }),
    ...(victimCgroup === undefined ? {} : { victimCgroup }),
    ...(end === null ? {} : {
      processName: cgroups.processName,
      pid: Number(end[1]),
      uid: Number(end[2]),
    }),
  };
}

interface Cgroups {
  readonly constraint: string | undefined;
  readonly limitCgroup: CgroupName | undefined;
  readonly victimCgroup: CgroupName | undefined;
  readonly processName: string;
}

/** Reads what stands before `end`, the place of `,pid=`. */
function parseCgroups(text: string, end: number): Cgroups {
  const body = text.slice(0, end);
  const nodemask = body.indexOf(",nodemask=");
  const constraint = nodemask < 0
    ? undefined
    : body.slice(OOM_SUMMARY_START.length, nodemask);

  // The list of nodes has commas of its own; a letter ends it.
  const mems = body.indexOf(",mems_allowed=");
  let at = mems < 0 ? body.length : mems + ",mems_allowed=".length;
  while (at < body.length && /[\d,-]/.test(body.charAt(at))) at++;
  if (body.charAt(at - 1) === ",") at--;

  let limitCgroup: string | undefined;
  if (body.startsWith(",oom_memcg=", at)) {
    const from = at + ",oom_memcg=".length;
    at = indexOrEnd(body, ",task_memcg=", from);
    limitCgroup = whole(body, from, at);
  } else if (body.startsWith(",global_oom", at)) {
    at += ",global_oom".length;
  }
  const nameAt = findName(body, at);
  const victimCgroup = body.startsWith(",task_memcg=", at)
    ? whole(body, at + ",task_memcg=".length, nameAt)
    : undefined;
  const processName = body.slice(nameAt + ",task=".length);
  return { constraint, limitCgroup, victimCgroup, processName };
}

/** The first `,task=` after which no more stands than a name can have; a cgroup can hold one too. */
function findName(body: string, from: number): number {
  let at = indexOrEnd(body, ",task=", from);
  while (at < body.length - ",task=".length - MAX_NAME_LENGTH) {
    const next = body.indexOf(",task=", at + 1);
    if (next < 0) break;
    at = next;
  }
  return at;
}

function indexOrEnd(text: string, searched: string, from: number): number {
  const at = text.indexOf(searched, from);
  return at < 0 ? text.length : at;
}

/**
 * A cgroup's path. One that nothing follows may have been cut, and the kernel
 * can print `(null)` or `<name too long>` in its place.
 */
function whole(body: string, from: number, to: number): CgroupName | undefined {
  return to < body.length && body.startsWith("/", from)
    ? body.slice(from, to)
    : undefined;
}
