import { type CgroupName, isDescendant } from "../model/cgroup.ts";
import { defined } from "../model/defined.ts";
import type { OomScope } from "./report.ts";

/** One interpretation of a summary's names. */
export interface SummaryNames {
  readonly limitCgroup?: CgroupName;
  readonly victimCgroup?: CgroupName;
  readonly processName?: string;
}

/** The line that Linux ≥5.0 prints before a kill. */
export interface OomSummaryLine {
  readonly type: "summary";
  readonly scope: OomScope;
  readonly constraint?: string;
  /** Several if a name contains a separator, none if the line is truncated. */
  readonly names: readonly SummaryNames[];
  /** Absent if the line is truncated. */
  readonly pid?: number;
  readonly uid?: number;
}

/** Prefix of a summary. */
export const OOM_SUMMARY_START = "oom-kill:constraint=";

/** The first kernels pad the numbers; the user is signed. */
const END_REGEXP = /,pid= *(\d{1,10}),uid= *(-?\d{1,10})\s*$/;

const MEMS_ALLOWED = ",mems_allowed=";
/** The list of nodes may contain commas. */
const NODES_REGEXP = new RegExp(
  String.raw`^${MEMS_ALLOWED}[\d,-]*?(?=,oom_memcg=|,global_oom,|,task=)`,
);

const LIMIT = ",oom_memcg=";
const GLOBAL = ",global_oom";
const VICTIM = ",task_memcg=";
const NAME = ",task=";

/** Printed for no cgroup. */
const NO_PATH = "(null)";

/** Bytes that the kernel keeps. */
const MAX_NAME_BYTES = 15;

/**
 * Each path is truncated to the size of a record: 1,021 bytes since Linux 5.10,
 * 975 or 991 before. A path of that length may be the prefix of another.
 */
const TRUNCATED_BYTES = 960;

const encoder = new TextEncoder();

/** Returns whether a summary has its last field. */
export function isCompleteOomSummary(text: string): boolean {
  return END_REGEXP.test(text);
}

/** Returns a printed path; `undefined` if possibly truncated, or not a path, such as `(null)`. */
export function printedCgroup(path: string): CgroupName | undefined {
  return path.startsWith("/") && byteLength(path) < TRUNCATED_BYTES
    ? path
    : undefined;
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
 * `task_memcg`. Names may contain separators: all interpretations are returned.
 */
export function parseOomSummary(text: string): OomSummaryLine | undefined {
  if (!text.startsWith(OOM_SUMMARY_START)) return undefined;
  const end = END_REGEXP.exec(text);
  const nodemask = text.indexOf(",nodemask=");
  const constraint = nodemask < 0
    ? undefined
    : text.slice(OOM_SUMMARY_START.length, nodemask);
  return {
    type: "summary",
    scope: constraint === "CONSTRAINT_MEMCG" ? "cgroup" : "host",
    ...defined({ constraint }),
    names: end === null ? [] : namesIn(text.slice(0, end.index)),
    // A user above 2^31 is printed as negative.
    ...(end === null ? {} : { pid: Number(end[1]), uid: Number(end[2]) >>> 0 }),
  };
}

/** Returns the names on which all interpretations with this process name agree. */
export function agreedNames(
  all: readonly SummaryNames[],
  killedName?: string,
): SummaryNames {
  const named = all.filter(({ processName }) => processName === killedName);
  const [first, ...others] = named.length > 0 ? named : all;
  const agreed: { -readonly [Key in keyof SummaryNames]: SummaryNames[Key] } =
    {};
  for (const key of ["limitCgroup", "victimCgroup", "processName"] as const) {
    const value = first?.[key];
    if (value === undefined) continue;
    if (others.every((other) => other[key] === value)) agreed[key] = value;
  }
  return agreed;
}

/** @param body the text before `,pid=` */
function namesIn(body: string): SummaryNames[] {
  const names = afterCpuset(body);
  if (names === undefined) return [];
  if (names.startsWith(NAME)) return nameIn(names.slice(NAME.length));
  const read: SummaryNames[] = [];
  const limits = names.startsWith(GLOBAL)
    ? [[NO_PATH, names.slice((GLOBAL + VICTIM).length)] as const]
    : splits(names.slice(LIMIT.length), VICTIM);
  for (const [limitPath, rest] of limits) {
    if (!isPrinted(limitPath)) continue;
    const limit = printedCgroup(limitPath);
    for (const [path, name] of splits(rest, NAME)) {
      if (!isPrinted(path)) continue;
      const victim = printedCgroup(path);
      // The victim is in the limit's cgroup or a descendant.
      const isBelow = limit === undefined || victim === undefined ||
        victim === limit || isDescendant(victim, limit);
      if (!isBelow) continue;
      for (const process of nameIn(name)) {
        const cgroups = defined({ limitCgroup: limit, victimCgroup: victim });
        read.push({ ...cgroups, ...process });
      }
    }
  }
  return read;
}

/**
 * Returns the text after the nodes. A cpuset's name may contain anything except
 * a slash: it ends at the last possible `,mems_allowed=`.
 */
function afterCpuset(body: string): string | undefined {
  const from = body.indexOf(",cpuset=") + ",cpuset=".length;
  let found: string | undefined;
  for (const [cpuset, rest] of splits(body.slice(from), MEMS_ALLOWED)) {
    if (cpuset !== "/" && cpuset.includes("/")) break;
    const nodes = NODES_REGEXP.exec(MEMS_ALLOWED + rest)?.[0];
    if (nodes === undefined) continue;
    const names = (MEMS_ALLOWED + rest).slice(nodes.length);
    if (/^,(?:oom_memcg=|global_oom,task_memcg=)[/(<]|^,task=/.test(names)) {
      found = names;
    }
  }
  return found;
}

/** `/a`, `(null)`, `<name too long>`. */
function isPrinted(path: string): boolean {
  return /^[/(<]/.test(path);
}

/** Splits at each occurrence of a separator. */
function* splits(
  text: string,
  separator: string,
): Generator<readonly [string, string]> {
  for (
    let at = text.indexOf(separator);
    at >= 0;
    at = text.indexOf(separator, at + 1)
  ) {
    yield [text.slice(0, at), text.slice(at + separator.length)];
  }
}

function nameIn(processName: string): { processName: string }[] {
  return byteLength(processName) <= MAX_NAME_BYTES ? [{ processName }] : [];
}

/** Each replacement character was one byte. */
function byteLength(text: string): number {
  return encoder.encode(text.replaceAll("\ufffd", " ")).length;
}
