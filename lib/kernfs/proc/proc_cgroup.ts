import { type CgroupName, ROOT } from "../../model/cgroup.ts";
import type { HostFs } from "../host_fs.ts";
import { type CgroupView, HOST_VIEW } from "./cgroup_namespace.ts";
import { TICKS_PER_SECOND } from "./process_stat.ts";

/** Suffix of a removed cgroup's name. */
const DELETED = " (deleted)";

/** `PF_EXITING`, `PF_SIGNALED` and `PF_KTHREAD` (`linux/sched.h`). */
const EXITING = 0x4;
const SIGNALED = 0x400;
const KERNEL_THREAD = 0x200000;

const SIGKILL_BIT = 0x100n;

/** `kthreadd`, only in the initial PID namespace. */
const KTHREADD = 2;

/** `PROC_CGROUP_INIT_INO` (`linux/proc_ns.h`). */
const INITIAL_CGROUP_NAMESPACE = "cgroup:[4026531835]";

const USEC_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

/**
 * Finds the memory cgroup of a just killed process in `/proc`, if proven: PIDs
 * are the kernel log's, cgroups have the node's names, the process started
 * before the kill and is dying, but has not left its v1 cgroups.
 */
export class VictimCgroups {
  readonly #fs: HostFs;
  readonly #view: CgroupView;
  #isHosts: boolean | undefined;

  constructor(fs: HostFs, view: CgroupView = HOST_VIEW) {
    this.#fs = fs;
    this.#view = view;
  }

  /** @param killedUsec time of the kill, on the kernel log's clock */
  find(pid: number, killedUsec: number): CgroupName | undefined {
    this.#isHosts ??= this.#seesHost();
    if (!this.#isHosts) return undefined;
    const stat = parseStat(this.#fs.readText(`/proc/${pid}/stat`));
    // The log's clock stops during suspends: a later start proves nothing.
    if (
      stat === undefined || (stat.startTicks + 1) * USEC_PER_TICK > killedUsec
    ) return undefined;
    const found = this.#memoryCgroup(pid);
    return found !== undefined && this.#isDying(pid, stat) ? found : undefined;
  }

  /** Whether `/proc` has the log's PIDs and the node's cgroup names. */
  #seesHost(): boolean {
    const stat = parseStat(this.#fs.readText(`/proc/${KTHREADD}/stat`));
    if (stat === undefined || (stat.flags & KERNEL_THREAD) === 0) return false;
    // The agent's own; absent before Linux 4.6.
    const own = this.#fs.readLink("/proc/self/ns/cgroup");
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

  #memoryCgroup(pid: number): CgroupName | undefined {
    const text = this.#fs.readText(`/proc/${pid}/cgroup`);
    return text === undefined ? undefined : parseVictimCgroup(text, this.#view);
  }
}

interface Stat {
  readonly state: string;
  readonly flags: number;
  readonly startTicks: number;
}

function parseStat(text: string | undefined): Stat | undefined {
  if (text === undefined) return undefined;
  // The name may contain parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  const flags = Number(fields[6]);
  const startTicks = Number(fields[19]);
  return Number.isFinite(flags) && Number.isFinite(startTicks)
    ? { state, flags, startTicks }
    : undefined;
}

/**
 * Returns the cgroup that a process's memory is charged to (`cgroups(7)`): from
 * the line of v1's memory controller, otherwise of v2. An exiting process has
 * moved to v1's roots, but keeps its v2 cgroup of the same name until reaped
 * (Linux 6.18). `undefined` if the view has no name.
 *
 * ```text
 * 4:memory:/docker/eac18179
 * 0::/system.slice/ssh.service
 * ```
 */
export function parseMemoryCgroup(
  text: string,
  view: CgroupView = HOST_VIEW,
): CgroupName | undefined {
  const { memory, unified } = namesOf(text, view);
  if (memory !== undefined && memory.name !== ROOT) return memory.name;
  return unified?.name ?? memory?.name;
}

/**
 * Returns the cgroup that a process's memory is charged to; `undefined` for a
 * root. An exiting process has left v1's cgroups: v1 prints "/"
 * (`proc_cgroup_show`), also in a private namespace, and v2 may have another
 * cgroup than the one that its memory is charged to.
 */
export function parseVictimCgroup(
  text: string,
  view: CgroupView = HOST_VIEW,
): CgroupName | undefined {
  const { memory, unified } = namesOf(text, view);
  if (memory?.isRoot) return undefined;
  const { name } = memory ?? unified ?? {};
  return name === ROOT ? undefined : name;
}

/**
 * Reads the cgroup that a process's memory is charged to; `undefined` for a
 * root. `/proc/<pid>/cpuset` still names an exiting process's v1 cpuset cgroup
 * (Linux 6.18), to which runtimes give the same name.
 */
export function readMemoryCgroup(
  fs: HostFs,
  pid: number,
  view: CgroupView = HOST_VIEW,
): CgroupName | undefined {
  const text = fs.readText(`/proc/${pid}/cgroup`);
  if (text === undefined) return undefined;
  const name = parseMemoryCgroup(text, view);
  return name === ROOT ? readCpuset(fs, pid, view) : name;
}

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

interface Named {
  readonly name: CgroupName | undefined;
  /**
   * Whether the path is `/`: the namespace's root, or in v1 an exiting process.
   */
  readonly isRoot: boolean;
}

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
      isRoot: path === ROOT,
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
