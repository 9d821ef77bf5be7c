import { parseUptime } from "../kernfs/proc/boot_time.ts";
import type { HostFs } from "../kernfs/host_fs.ts";
import { readMeminfo } from "../kernfs/machine.ts";
import { parsePasswd } from "../kernfs/passwd.ts";
import { type CgroupView, HOST_VIEW } from "../kernfs/proc/cgroup_namespace.ts";
import { parseMemoryCgroup } from "../kernfs/proc/proc_cgroup.ts";
import {
  formatState,
  parseProcessStat,
  parseProcessStatus,
  TICKS_PER_SECOND,
} from "../kernfs/proc/process_stat.ts";
import { type CgroupName, ROOT } from "../model/cgroup.ts";
import { KernfsSyntaxError } from "../model/errors.ts";
import { type Clock, sleep } from "../model/clock.ts";
import type { ProcessInfo, ProcessListOptions } from "../model/process.ts";
import { TimeSlicer } from "../model/time_slicer.ts";

/** Data common to all processes. */
interface Host {
  readonly nowMs: number;
  readonly bootMs: number;
  readonly memoryBytes: number | undefined;
  readonly users: ReadonlyMap<number, string>;
}

/**
 * The kernel reads `cmdline` from process memory, which a hanging process may
 * have locked.
 */
const CMDLINE_TIMEOUT_MS = 200;
/** Maximum number of pending reads; beyond it none is started. */
const MAX_STUCK = 16;

/**
 * Lists processes from `/proc` in short slices, without ended and hidden
 * (`hidepid`) ones.
 */
export class ProcessList {
  readonly #fs: HostFs;
  readonly #clock: Clock;
  readonly #view: CgroupView;
  readonly #pending = new Map<string, Promise<ProcessInfo[]>>();
  /** Pending reads of command lines. */
  #stuck = 0;

  constructor(fs: HostFs, clock: Clock, view: CgroupView = HOST_VIEW) {
    this.#fs = fs;
    this.#clock = clock;
    this.#view = view;
  }

  /**
   * Returns a cgroup's processes without those of descendants, by PID; for the
   * root, all. Concurrent calls for a cgroup share the result.
   */
  read(
    name: CgroupName,
    { commandLines = false }: ProcessListOptions = {},
  ): Promise<ProcessInfo[]> {
    const key = `${commandLines} ${name}`;
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const reading = this.#read(name, commandLines)
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, reading);
    return reading;
  }

  async #read(
    name: CgroupName,
    commandLines: boolean,
  ): Promise<ProcessInfo[]> {
    const names = await Array.fromAsync(this.#fs.entries("/proc"));
    const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
      .sort((a, b) => a - b);
    const host = this.#readHost();
    const found: ProcessInfo[] = [];
    const slicer = new TimeSlicer(this.#clock);
    slicer.begin();
    for (const pid of pids) {
      if (slicer.isExpired) await slicer.yieldToEventLoop();
      const info = this.#tryProcess(pid, name, host);
      if (info === undefined) continue;
      const fdCount = await this.#fs.countOpenFiles(pid);
      const line = commandLines ? await this.#commandLine(pid) : undefined;
      found.push({
        ...info,
        ...(line !== undefined && { command: line }),
        ...(fdCount !== undefined && { fdCount }),
      });
    }
    return found;
  }

  #readHost(): Host {
    const fs = this.#fs;
    const nowMs = this.#clock.now();
    const uptime = parseUptime(fs.readText("/proc/uptime") ?? "");
    return {
      nowMs,
      bootMs: nowMs - uptime * 1000,
      memoryBytes: readMeminfo(fs).get("MemTotal"),
      users: parsePasswd(fs.readText("/etc/passwd") ?? ""),
    };
  }

  /** Returns `undefined` for an unexpected format, so that others are still listed. */
  #tryProcess(
    pid: number,
    name: CgroupName,
    host: Host,
  ): ProcessInfo | undefined {
    try {
      return this.#readProcess(pid, name, host);
    } catch (error) {
      if (error instanceof KernfsSyntaxError) return undefined;
      throw error;
    }
  }

  #readProcess(
    pid: number,
    name: CgroupName,
    { nowMs, bootMs, memoryBytes, users }: Host,
  ): ProcessInfo | undefined {
    const text = (file: string) => this.#fs.readText(`/proc/${pid}/${file}`);
    const cgroupText = text("cgroup");
    if (cgroupText === undefined) return undefined;
    const cgroup = parseMemoryCgroup(cgroupText, this.#view);
    if (name !== ROOT && cgroup !== name) return undefined;
    const statText = text("stat");
    const statusText = text("status");
    if (statText === undefined || statusText === undefined) return undefined;
    const stat = parseProcessStat(statText);
    const status = parseProcessStatus(statusText);
    const startTimeMs = bootMs + stat.startTicks * 1000 / TICKS_PER_SECOND;
    const runningTimeMs = (stat.userTicks + stat.systemTicks) * 1000 /
      TICKS_PER_SECOND;
    // No memory listed and no pages: a kernel thread, or an ended process.
    const rssBytes = status.rssBytes ??
      (stat.rssPages === 0 ? 0 : undefined);
    return {
      user: users.get(status.effectiveUid) ?? `${status.effectiveUid}`,
      pid,
      parentPid: stat.parentPid,
      startTimeMs,
      // A tick is the shortest measurable runtime.
      cpuPercent: runningTimeMs * 100 /
        Math.max(1000 / TICKS_PER_SECOND, nowMs - startTimeMs),
      ...(rssBytes !== undefined && memoryBytes !== undefined && {
        memoryPercent: rssBytes * 100 / memoryBytes,
      }),
      ...(rssBytes !== undefined && { rssBytes }),
      virtualBytes: stat.virtualBytes,
      status: formatState(pid, stat, status),
      runningTimeMs,
      ...(cgroup !== undefined && { cgroup }),
      command: stat.name,
      processor: stat.processor,
    };
  }

  /**
   * Returns arguments separated by spaces; `undefined` for a kernel thread or
   * after a timeout.
   */
  async #commandLine(pid: number): Promise<string | undefined> {
    if (this.#stuck >= MAX_STUCK) return undefined;
    this.#stuck++;
    const timer = new AbortController();
    const reading = this.#fs.readTextAsync(`/proc/${pid}/cmdline`)
      .finally(() => this.#stuck--);
    const text = await Promise.race([
      reading,
      sleep(this.#clock, CMDLINE_TIMEOUT_MS, timer.signal),
    ]);
    timer.abort();
    return text?.replace(/\0+$/, "").replaceAll("\0", " ") || undefined;
  }
}
