/**
 * What the kernel tells of the agent's process, and of the cgroups of the host.
 *
 * @module
 */
import { pathsOf } from "./_lives.ts";

/** The agent's process, looked at from outside. */
export interface AgentState {
  /** Descriptors by what they are of; those of control files apart. */
  readonly descriptors: ReadonlyMap<string, number>;
  /** Control files that are open. */
  readonly controlFiles: readonly string[];
  readonly watches: number;
  /** Directories of cgroups that there were then. */
  readonly directories: number;
  /** Threads that are not of Deno's pool for files. */
  readonly threads: number;
  /** Threads of that pool: they come with work, and go after ten seconds without. */
  readonly fileThreads: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** How long its main thread could have run, and others did. */
  readonly waitedSeconds: number;
}

/** Where cgroups are mounted. */
const CGROUPS = "/sys/fs/cgroup/";

/** The first 15 bytes of what Deno calls them. */
const FILE_THREAD = "tokio-runtime-w";

const TICKS_PER_SECOND = 100;

/** Looks at a process. */
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

/** A thread's name; none where it has ended. */
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

/** `socket`, `pipe`, `anon_inode`, or the path of a file. */
function kindOf(target: string): string {
  return /^(socket|pipe):/.exec(target)?.[1] ?? target;
}

/** Descriptors that one has and the other has not, as a text for each. */
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
  /** Over all hierarchies. */
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

/** What is in a directory; nothing where it went. */
function readDirectory(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch {
    return [];
  }
}

/** Whether there is a directory. */
export function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
