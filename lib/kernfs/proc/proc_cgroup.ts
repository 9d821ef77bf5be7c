import { type CgroupName, ROOT } from "../../model/cgroup.ts";
import type { HostFs } from "../host_fs.ts";
import { type CgroupView, PLAIN_VIEW } from "./cgroup_namespace.ts";
import { TICKS_PER_SECOND } from "./process_stat.ts";

/** What the kernel appends to the name of a cgroup that was removed meanwhile. */
const DELETED = " (deleted)";

/** `PF_EXITING`, `PF_SIGNALED` and `PF_KTHREAD` (`linux/sched.h`). */
const EXITING = 0x4;
const SIGNALED = 0x400;
const KERNEL_THREAD = 0x200000;

/** SIGKILL in a mask of `/proc/<pid>/status`. */
const SIGKILL_BIT = 0x100n;

/** `kthreadd`, which is there in the initial pid namespace only. */
const KTHREADD = 2;

/** `PROC_CGROUP_INIT_INO` (`linux/proc_ns.h`). */
const INITIAL_CGROUP_NAMESPACE = "cgroup:[4026531835]";

const USEC_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

/** The cgroup of a process that the OOM killer killed. */
export interface VictimCgroup {
  readonly name: CgroupName;
  /** Whether its memory is charged there; else it is in a cgroup of this name in another hierarchy of v1. */
  readonly isMemory: boolean;
}

/**
 * Finds the cgroup of a process that was just killed in `/proc`. Only where
 * that is proven: pids are those of the kernel log, cgroups have the names that
 * the node gives them, and the process began before it was killed and is dying.
 */
export class VictimCgroups {
  readonly #fs: HostFs;
  readonly #view: CgroupView;
  #isHosts: boolean | undefined;

  constructor(fs: HostFs, view: CgroupView = PLAIN_VIEW) {
    this.#fs = fs;
    this.#view = view;
  }

  /**
   * The cgroup of a process; undefined where it is not proven.
   *
   * @param killedUsec time of the record of the kill, on the kernel log's clock
   */
  find(pid: number, killedUsec: number): VictimCgroup | undefined {
    this.#isHosts ??= this.#seesHost();
    if (!this.#isHosts) return undefined;
    const stat = parseStat(this.#fs.readText(`/proc/${pid}/stat`));
    // The log's clock stands still in a suspend and the process's does not: one
    // that seems to have begun later may be the victim, but that is not proven.
    if (
      stat === undefined || (stat.startTicks + 1) * USEC_PER_TICK > killedUsec
    ) return undefined;
    const found = this.#memoryCgroup(pid);
    return found !== undefined && this.#isDying(pid, stat) ? found : undefined;
  }

  /** Whether `/proc` shows the pids of the kernel log, and cgroups from the node's root on. */
  #seesHost(): boolean {
    const stat = parseStat(this.#fs.readText(`/proc/${KTHREADD}/stat`));
    if (stat === undefined || (stat.flags & KERNEL_THREAD) === 0) return false;
    // Our own, not that of a process below the root; absent before Linux 4.6.
    const own = this.#fs.linkAt("/proc/self/ns/cgroup");
    return own === undefined || own === INITIAL_CGROUP_NAMESPACE ||
      this.#view.isPrivate === true;
  }

  #isDying(pid: number, { state, flags }: Stat): boolean {
    if (/[ZXx]/.test(state) || (flags & (EXITING | SIGNALED)) !== 0) {
      return true;
    }
    const status = this.#fs.readText(`/proc/${pid}/status`) ?? "";
    return status.matchAll(/^(?:SigPnd|ShdPnd):\t([0-9a-f]+)$/gm)
      .some(([, mask]) => (BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n);
  }

  #memoryCgroup(pid: number): VictimCgroup | undefined {
    const text = this.#fs.readText(`/proc/${pid}/cgroup`);
    if (text === undefined) return undefined;
    const found = parseVictimCgroup(text, this.#view);
    if (found !== undefined) return found;
    const name = readCpuset(this.#fs, pid, this.#view);
    return name === undefined ? undefined : { name, isMemory: false };
  }
}

interface Stat {
  readonly state: string;
  readonly flags: number;
  readonly startTicks: number;
}

/** What of `/proc/<pid>/stat` proves who a process is. */
function parseStat(text: string | undefined): Stat | undefined {
  if (text === undefined) return undefined;
  // The name is in parentheses, and may contain any.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  const flags = Number(fields[6]);
  const startTicks = Number(fields[19]);
  return Number.isFinite(flags) && Number.isFinite(startTicks)
    ? { state, flags, startTicks }
    : undefined;
}

/**
 * The cgroup that a process's memory is charged to, by `/proc/<pid>/cgroup`
 * (`cgroups(7)`): the line of v1's memory controller, else that of v2. A
 * process that is exiting has left v1's hierarchies for their roots, but not
 * that of v2 until it is reaped (6.18); there it has the same name. `undefined`
 * if the view has no name for it.
 *
 * ```text
 * 4:memory:/docker/eac18179
 * 0::/system.slice/ssh.service
 * ```
 */
export function parseMemoryCgroup(
  text: string,
  view: CgroupView = PLAIN_VIEW,
): CgroupName | undefined {
  const { memory, unified } = namesOf(text, view);
  if (memory !== undefined && memory.name !== ROOT) return memory.name;
  return unified?.name ?? memory?.name;
}

/**
 * The cgroup of a process as {@linkcode parseMemoryCgroup} finds it; undefined
 * where only a root is named. Of a process that has left v1's memory cgroups,
 * the line of v2 may name another cgroup than memory was charged to.
 */
export function parseVictimCgroup(
  text: string,
  view: CgroupView = PLAIN_VIEW,
): VictimCgroup | undefined {
  const { memory, unified } = namesOf(text, view);
  const isMemory = memory === undefined || memory.name !== ROOT;
  const { name } = memory !== undefined && isMemory ? memory : unified ?? {};
  return name === undefined || name === ROOT ? undefined : { name, isMemory };
}

/**
 * The cgroup that a process's memory is charged to; undefined where the
 * process is gone, or nothing but a root names it. Of one that is exiting
 * `/proc/<pid>/cpuset` still names the cgroup of v1's cpuset controller (6.18),
 * where runtimes give it the same name.
 */
export function readMemoryCgroup(
  fs: HostFs,
  pid: number,
  view: CgroupView = PLAIN_VIEW,
): CgroupName | undefined {
  const text = fs.readText(`/proc/${pid}/cgroup`);
  if (text === undefined) return undefined;
  const name = parseMemoryCgroup(text, view);
  return name === ROOT ? readCpuset(fs, pid, view) : name;
}

/** The cgroup of v1's cpuset controller, unless that is a root. */
function readCpuset(
  fs: HostFs,
  pid: number,
  view: CgroupView,
): CgroupName | undefined {
  const path = fs.readText(`/proc/${pid}/cpuset`)?.trimEnd();
  if (!path?.startsWith("/")) return undefined;
  const name = view.resolve("cpuset", withoutMark(path));
  return name === ROOT ? undefined : name;
}

/** A line that is there, and the name in it, if the view has one. */
interface Named {
  readonly name: CgroupName | undefined;
}

/** What the lines of v1's memory controller and of v2 name. */
function namesOf(
  text: string,
  view: CgroupView,
): { readonly memory?: Named; readonly unified?: Named } {
  let memory: Named | undefined;
  let unified: Named | undefined;
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const nameIn = (controller: string) => ({
      name: view.resolve(controller, withoutMark(path)),
    });
    if (controllers.split(",").includes("memory")) memory = nameIn("memory");
    if (controllers === "") unified = nameIn("");
  }
  return {
    ...(memory !== undefined && { memory }),
    ...(unified !== undefined && { unified }),
  };
}

function withoutMark(path: string): string {
  return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
}
