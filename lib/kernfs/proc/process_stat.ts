import { KernfsSyntaxError } from "../../model/errors.ts";

/** Fields of `/proc/<pid>/stat`. A tick is 10 ms. */
export interface ProcessStat {
  /** First 15 bytes. */
  readonly name: string;
  /** `R`, `S`, `D`, `Z`, … */
  readonly state: string;
  readonly parentPid: number;
  readonly processGroup: number;
  readonly session: number;
  /** −1 without a terminal. */
  readonly foregroundGroup: number;
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly nice: number;
  readonly threads: number;
  /** Since boot. */
  readonly startTicks: number;
  readonly virtualBytes: number;
  readonly rssPages: number;
  readonly processor: number;
}

/** Fields of `/proc/<pid>/status`; kernel threads have no memory. */
export interface ProcessStatus {
  readonly effectiveUid: number;
  readonly rssBytes?: number;
  readonly lockedBytes?: number;
}

/** `USER_HZ`, 100 on x86-64 and arm64. */
export const TICKS_PER_SECOND = 100;

/**
 * Parses `/proc/<pid>/stat` (`proc_pid_stat(5)`). Names may contain any byte.
 *
 * ```text
 * 36 (sd-pam) S 35 35 35 0 -1 4194368 …
 * ```
 *
 * @throws {KernfsSyntaxError} if the format is invalid
 */
export function parseProcessStat(text: string, path = "stat"): ProcessStat {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).trimEnd().split(" ");
  // Numbered as in the man page, from 3.
  const field = (number: number) => Number(fields[number - 3]);
  if (open < 0 || close < open || !Number.isFinite(field(39))) {
    throw new KernfsSyntaxError(
      path,
      `unexpected "${text}", expected "pid (name) state …"`,
    );
  }
  return {
    name: text.slice(open + 1, close),
    state: fields[0] ?? "",
    parentPid: field(4),
    processGroup: field(5),
    session: field(6),
    foregroundGroup: field(8),
    userTicks: field(14),
    systemTicks: field(15),
    nice: field(19),
    threads: field(20),
    startTicks: field(22),
    virtualBytes: field(23),
    rssPages: field(24),
    processor: field(39),
  };
}

/**
 * Parses `/proc/<pid>/status` (`proc_pid_status(5)`).
 *
 * ```text
 * Uid:	0	0	0	0
 * VmRSS:	    3584 kB
 * ```
 *
 * @throws {KernfsSyntaxError} if there is no `Uid:` line
 */
export function parseProcessStatus(
  text: string,
  path = "status",
): ProcessStatus {
  const effectiveUid = /^Uid:\t\d+\t(\d+)/m.exec(text)?.[1];
  if (effectiveUid === undefined) {
    throw new KernfsSyntaxError(path, 'missing line "Uid:"');
  }
  const rssBytes = kibibytes(text, /^VmRSS:\s+(\d+) kB$/m);
  const lockedBytes = kibibytes(text, /^VmLck:\s+(\d+) kB$/m);
  return {
    effectiveUid: Number(effectiveUid),
    ...(rssBytes !== undefined && { rssBytes }),
    ...(lockedBytes !== undefined && { lockedBytes }),
  };
}

/**
 * Formats the state as `ps` does: letter, `<` or `N` for raised or lowered
 * priority, `L` locked pages, `s` session leader, `l` threads, `+` foreground.
 */
export function formatState(
  pid: number,
  stat: ProcessStat,
  { lockedBytes = 0 }: ProcessStatus,
): string {
  const { state, nice, session, threads } = stat;
  return [
    state,
    nice < 0 ? "<" : nice > 0 ? "N" : "",
    lockedBytes > 0 ? "L" : "",
    session === pid ? "s" : "",
    threads > 1 ? "l" : "",
    stat.foregroundGroup === stat.processGroup ? "+" : "",
  ].join("");
}

function kibibytes(text: string, line: RegExp): number | undefined {
  const value = line.exec(text)?.[1];
  return value === undefined ? undefined : Number(value) * 1024;
}
