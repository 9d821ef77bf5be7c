import { deviceKey } from "../../lib/filesystems/mount_visibility.ts";
import type { CgroupName } from "../../lib/model/cgroup.ts";
import {
  readRecorded,
  RecordedTree,
  unpack,
} from "../_support/recorded_tree.ts";

/** The container with faults. */
export const FAULTY: CgroupName = "/shop/web";
/** Unaffected containers. */
export const OTHERS: readonly CgroupName[] = ["/shop/db", "/mail"];

const CGROUPS = "sys/fs/cgroup";
const DOCKER = "var/lib/docker/containers";
/**
 * The tested part of a recorded container, because hundreds of combinations
 * run.
 */
const DUMP = readRecorded("cgroup", "6.1-v2-docker.txt")
  .split(/^(?=--- )/m)
  .filter((file) =>
    /^--- (?:cgroup\.procs|cpu\.(?:max|stat)|memory\.(?:current|events|max|stat)|pids\.current)\n/
      .test(file)
  ).join("");
/** Memory usage of each container. */
export const USAGE_BYTES = Number(/--- memory\.current\n(\d+)/.exec(DUMP)?.[1]);

/**
 * A recorded host with additions in a temporary directory, whose state changes
 * on demand.
 */
export class FaultyHost implements Disposable {
  readonly root: string;
  readonly #recorded = new RecordedTree("6.1-v2");
  #made = 0;
  #records = 0;

  constructor() {
    const { root } = this.#recorded;
    this.root = root.path;
    // The recorded root is on the disk of the directory.
    const device = deviceKey(Deno.statSync(root.path).dev);
    for (const who of ["1", "self"]) {
      const path = `${root.path}/proc/${who}/mountinfo`;
      const text = Deno.readTextFileSync(path);
      root.file(
        `proc/${who}/mountinfo`,
        text.replace(" 259:0 ", ` ${device} `),
      );
    }
    for (const name of [FAULTY, ...OTHERS]) {
      unpack(root, DUMP, `${CGROUPS}${name}`);
    }
    // Other containers of the recording are not used.
    Deno.removeSync(this.pathOf("/lab"), { recursive: true });
    for (const { name } of Deno.readDirSync(this.pathOf("/system.slice"))) {
      const id = /^docker-(\w+)\.scope$/.exec(name)?.[1];
      if (id !== undefined) this.#describe(id);
    }
    root.child("stash");
    root.child("gone");
    root.child("log");
    root.file("kmsg", "");
  }

  /** Path of the event log. */
  get logPath(): string {
    return `${this.root}/log/events.ndjson`;
  }

  /** Path of a container's cgroup. */
  pathOf(name: CgroupName): string {
    return `${this.root}/${CGROUPS}${name}`;
  }

  /** Creates a Docker container; its runtime's files exist first. */
  make(): CgroupName {
    const id = (++this.#made).toString(16).padStart(64, "e");
    this.#describe(id);
    // It appears complete, as a cgroup does.
    unpack(this.#recorded.root, DUMP, `stash/${id}`);
    const name = `/system.slice/docker-${id}.scope`;
    Deno.renameSync(`${this.root}/stash/${id}`, this.pathOf(name));
    return name;
  }

  /** Creates a cgroup that contains another one. */
  makeNested(): void {
    const name = `nested-${++this.#made}`;
    unpack(this.#recorded.root, DUMP, `stash/${name}`);
    unpack(this.#recorded.root, DUMP, `stash/${name}/inner`);
    Deno.renameSync(`${this.root}/stash/${name}`, this.pathOf(`/${name}`));
  }

  /** Writes Docker's files of a container. */
  #describe(id: string): void {
    this.#recorded.root.file(
      `${DOCKER}/${id}/config.v2.json`,
      JSON.stringify({
        ID: id,
        Name: `/app-${this.#made}`,
        Config: { Image: "app:1", Labels: {} },
        State: { Pid: 0 },
      }),
    ).file(`${DOCKER}/${id}/hostconfig.json`, "{}");
  }

  remove(name: CgroupName): void {
    const to = `${this.root}/gone/${name.replaceAll("/", "_")}`;
    Deno.renameSync(this.pathOf(name), to);
  }

  /** Prints an OOM kill; returns the PID. */
  kill(): number {
    const pid = 1000 + ++this.#records;
    const time = 2 * this.#records;
    const head = (sequence: number) => `6,${sequence},${sequence}000,-;`;
    const text =
      `${
        head(time)
      }oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${FAULTY},task_memcg=${FAULTY},task=tail,pid=${pid},uid=0\n` +
      `${
        head(time + 1)
      }Memory cgroup out of memory: Killed process ${pid} (tail) total-vm:34520kB, anon-rss:32384kB, file-rss:1308kB, shmem-rss:0kB, UID:0 pgtables:104kB oom_score_adj:0\n`;
    this.writeKmsg(text);
    return pid;
  }

  /** Writes to the kernel log. */
  writeKmsg(text: string): void {
    Deno.writeTextFileSync(`${this.root}/kmsg`, text, { append: true });
  }

  /** Sequence numbers of the events in the log, in order. */
  loggedSeqs(): number[] {
    const seqs: number[] = [];
    for (const part of this.#readLog()) {
      // A line torn by a full disk is followed by the complete one.
      for (const [, seq] of part.matchAll(/^\{"seq":(\d+),.*\}$/gm)) {
        seqs.push(Number(seq));
      }
    }
    return seqs.toSorted((a, b) => a - b);
  }

  /** Returns the parts of the log; none while it is being rotated. */
  #readLog(): string[] {
    const directory = `${this.root}/log`;
    try {
      return [...Deno.readDirSync(directory)].map(({ name }) =>
        Deno.readTextFileSync(`${directory}/${name}`)
      );
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#recorded[Symbol.dispose]();
  }
}
