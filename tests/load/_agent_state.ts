/**
 * Reads the state of the agent's process and the host's cgroups from the
 * kernel.
 *
 * @module
 */
import { pathsOf } from "./_lifetimes.ts";

/** State of the agent's process. */
export interface AgentState {
  /** Number of descriptors by kind, without control files. */
  readonly descriptors: ReadonlyMap<string, number>;
  /** Open control files. */
  readonly controlFiles: readonly string[];
  readonly watches: number;
  /** Number of cgroup directories at that time. */
  readonly directories: number;
  /** Threads outside Deno's blocking pool. */
  readonly threads: number;
  /** Threads of that pool; they end after 10 s without work. */
  readonly fileThreads: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Time for which the main thread was runnable but not running. */
  readonly waitedSeconds: number;
}

/** Mount point of the cgroups. */
const CGROUPS = "/sys/fs/cgroup/";

/** First 15 bytes of the thread name. */
const FILE_THREAD = "tokio-runtime-w";

const TICKS_PER_SECOND = 100;

/** Reads the state of a process. */
export function stateOf(pid: number): AgentState {
  const descriptors = new Map<string, number>();
  const controlFiles: string[] = [];
  let watches = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    const target = targetOf(`/proc/${pid}/fd/${name}`);
    if (target === undefined) continue;
    if (target.startsWith(CGROUPS)) {
      controlFiles.push(target);
      continue;
    }
    const kind = kindOf(target);
    descriptors.set(kind, (descriptors.get(kind) ?? 0) + 1);
    if (!target.includes("inotify")) continue;
    watches += Deno.readTextFileSync(`/proc/${pid}/fdinfo/${name}`)
      .split("\ninotify wd:").length - 1;
  }
  const threads = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) =>
    nameOf(`/proc/${pid}/task/${name}/comm`)
  );
  const fileThreads = threads.filter((name) => name === FILE_THREAD).length;
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const schedstat = Deno.readTextFileSync(`/proc/${pid}/schedstat`);
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const number = (regexp: RegExp) => Number(regexp.exec(status)?.[1]);
  return {
    descriptors,
    controlFiles,
    watches,
    directories: hostCgroups().directories,
    threads: threads.length - fileThreads,
    fileThreads,
    residentBytes: number(/^VmRSS:\s+(\d+) kB$/m) * 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    waitedSeconds: Number(schedstat.split(" ")[1]) / 1e9,
  };
}

/** Returns a thread's name; empty if it has ended. */
function nameOf(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return "";
  }
}

function targetOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

/** Returns `socket`, `pipe`, `anon_inode`, or the path of a file. */
function kindOf(target: string): string {
  return /^(socket|pipe):/.exec(target)?.[1] ?? target;
}

/** Returns a line for each descriptor kind whose number differs. */
export function differenceOf(before: AgentState, after: AgentState): string[] {
  const kinds = new Set([
    ...before.descriptors.keys(),
    ...after.descriptors.keys(),
  ]);
  return [...kinds].flatMap((kind) => {
    const from = before.descriptors.get(kind) ?? 0;
    const to = after.descriptors.get(kind) ?? 0;
    return from === to ? [] : [`${kind}: ${from}, then ${to}`];
  });
}

/** All cgroups of the host. */
export interface HostCgroups {
  readonly names: ReadonlySet<string>;
  /** Number of directories in all hierarchies. */
  readonly directories: number;
}

/** Lists all cgroups. */
export function hostCgroups(): HostCgroups {
  const names = new Set<string>();
  let directories = 0;
  const list = (path: string, name: string) => {
    directories++;
    names.add(name === "" ? "/" : name);
    for (const entry of readDirectory(path + name)) {
      if (entry.isDirectory) list(path, `${name}/${entry.name}`);
    }
  };
  for (const path of pathsOf()) list(path, "");
  return { names, directories };
}

/** Returns the entries of a directory; empty if it was removed. */
function readDirectory(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch {
    return [];
  }
}

/** Returns whether the path is a directory. */
export function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
