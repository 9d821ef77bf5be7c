/**
 * A node of the fleet: a host tree whose containers and kernel log change, and
 * an agent that is restarted.
 *
 * @module
 */
import { AgentProcess, delay } from "../e2e/_agent.ts";
import { outputOf } from "../e2e/_programs.ts";
import { RotatedLog } from "../load/_log.ts";
import type { SeededRandom } from "../_support/random.ts";
import { unpack } from "../_support/recorded_tree.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

const BASE = new URL("../testdata/hosts/composed-v2.txt", import.meta.url);
const SLICE = "/kubepods.slice";
const POD_UID = "0f1e2d3c-1111-2222-3333-444455556666";
const POD = `${SLICE}/kubepods-pod${POD_UID.replaceAll("-", "_")}.slice`;
const BUNDLES = "run/containerd/io.containerd.runtime.v2.task/k8s.io";
const COUNTERS = ["memory.events", "memory.events.local"];

/** Uptime of the machine when the node is created. */
const UPTIME_MS = 5_000_000;

/**
 * Records that are written again at each start, as `/dev/kmsg` starts at its
 * oldest: 40 KB, less than the capacity of a pipe.
 */
const RING_RECORDS = 150;

const MAX_LIFE_MS = 6_000;

/** Control files of a container. */
const FILES: Readonly<Record<string, string>> = {
  "cgroup.procs": "",
  "cpu.stat": "usage_usec 250000\nuser_usec 150000\nsystem_usec 100000\n",
  "memory.current": "8388608\n",
  "memory.max": "33554432\n",
  "memory.stat": "anon 4194304\nfile 2097152\ninactive_file 1048576\n",
  "pids.current": "1\n",
};

const PRESSURE = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n" +
  "full avg10=0.00 avg60=0.00 avg300=0.00 total=500\n";

/** A container that existed. */
export interface Lifetime {
  readonly id: string;
  readonly createdMs: number;
  readonly removedMs: number;
}

/** A process that the kernel killed. */
export interface Kill {
  readonly kmsgSeq: number;
  readonly id: string;
}

/** A run of the agent, from its ready line to the signal that ends it. */
export interface Run {
  readonly readyMs: number;
  endMs: number;
}

/** Options of {@linkcode FleetNode}. */
export interface FleetNodeOptions {
  readonly name: string;
  readonly directory: string;
  readonly tokenFile: string;
}

/** A host tree with an agent. */
export class FleetNode {
  readonly name: string;
  readonly log: RotatedLog;
  readonly lifetimes: Lifetime[] = [];
  readonly kills: Kill[] = [];
  readonly runs: Run[] = [];
  readonly #options: FleetNodeOptions;
  readonly #root: TestCgroup;
  readonly #bootMs = Date.now() - UPTIME_MS;
  readonly #ring: string[] = [];
  #kmsgSeq = 0;
  #kmsg: Deno.FsFile | undefined;
  #agent: AgentProcess | undefined;

  constructor(options: FleetNodeOptions) {
    const { name, directory } = options;
    this.#options = options;
    this.name = name;
    this.log = new RotatedLog(`${directory}/${name}`);
    Deno.mkdirSync(`${directory}/${name}`);
    this.#root = TestCgroup.create();
    unpack(this.#root, Deno.readTextFileSync(BASE), "");
    this.#root
      .file("proc/sys/kernel/random/boot_id", `${crypto.randomUUID()}\n`)
      .file("proc/vmstat", "oom_kill 0\n");
    for (const resource of ["cpu", "io", "memory"]) {
      this.#root.file(`sys/fs/cgroup/${resource}.pressure`, PRESSURE);
    }
    for (const cgroup of [SLICE, POD]) this.#create(cgroup);
  }

  /** `127.0.0.1:8080`; empty before the first start. */
  get address(): string {
    return this.#agent === undefined ? "" : new URL(this.#agent.url).host;
  }

  get pid(): number {
    return this.#agent?.pid ?? 0;
  }

  /** Starts the agent; port 0 is a free one. */
  async start(command: string, port = 0): Promise<void> {
    const { name, tokenFile } = this.#options;
    await this.#openKmsg();
    this.#setUptime();
    this.#agent = await AgentProcess.start(
      [
        `--root=${this.#root.path}`,
        `--kmsg=${this.#root.path}/kmsg`,
        `--node-name=${name}`,
        `--event-log=${this.log.path}`,
        "--event-log-max-size=64KiB",
        // No line is deleted before the comparison.
        "--event-log-keep=1000",
        `--auth-token-file=${tokenFile}`,
      ],
      {},
      [command],
      port,
    );
    this.runs.push({ readyMs: Date.now(), endMs: Infinity });
  }

  /** Ends the agent. */
  async stop(signal: Deno.Signal): Promise<void> {
    const run = this.runs.at(-1);
    if (run !== undefined) run.endMs = Date.now();
    this.#kmsg?.close();
    this.#kmsg = undefined;
    await this.#agent?.stop(signal);
  }

  /** Creates a container, has a process in it killed if requested, and removes it. */
  async live(ms: number, isKilled: boolean): Promise<void> {
    const id = (crypto.randomUUID() + crypto.randomUUID())
      .replaceAll("-", "");
    const cgroup = `${POD}/cri-containerd-${id}.scope`;
    this.#root.file(`${BUNDLES}/${id}/config.json`, this.#bundle(id));
    const createdMs = Date.now();
    this.#create(cgroup);
    await delay(ms / 2);
    if (isKilled) this.#kill(cgroup, id);
    await delay(ms / 2);
    this.lifetimes.push({ id, createdMs, removedMs: Date.now() });
    for (const path of [`sys/fs/cgroup${cgroup}`, `${BUNDLES}/${id}`]) {
      Deno.removeSync(`${this.#root.path}/${path}`, { recursive: true });
    }
  }

  /** Returns whether an agent ran from the creation of a container until some time after its removal. */
  isObserved({ createdMs, removedMs }: Lifetime, marginMs: number): boolean {
    return this.runs.some(({ readyMs, endMs }) =>
      readyMs <= createdMs && removedMs + marginMs <= endMs
    );
  }

  remove(): void {
    this.#kmsg?.close();
    this.#root.remove();
  }

  /** The kernel creates a cgroup together with its files. */
  #create(cgroup: string): void {
    const files = { ...FILES };
    for (const name of COUNTERS) files[name] = "oom 0\noom_kill 0\n";
    const prepared = this.#root.child("prepared");
    for (const [name, text] of Object.entries(files)) prepared.file(name, text);
    Deno.renameSync(
      prepared.path,
      `${this.#root.path}/sys/fs/cgroup${cgroup}`,
    );
  }

  /** Counts a kill as the kernel does, then writes its records. */
  #kill(cgroup: string, id: string): void {
    const pid = 10_000 + this.kills.length;
    const events = COUNTERS.map((name) => `${cgroup}/${name}`);
    for (
      const file of [
        ...events,
        `${POD}/memory.events`,
        `${SLICE}/memory.events`,
      ]
    ) {
      this.#increment(`sys/fs/cgroup${file}`);
    }
    this.#increment("proc/vmstat");
    this.#print(
      4,
      "app invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    );
    this.#print(
      6,
      `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${cgroup},task_memcg=${cgroup},task=app,pid=${pid},uid=0`,
    );
    const kmsgSeq = this.#print(
      3,
      `Memory cgroup out of memory: Killed process ${pid} (app) total-vm:22408kB, anon-rss:20304kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:80kB oom_score_adj:0`,
    );
    this.kills.push({ kmsgSeq, id });
  }

  /** Increments `oom_kill`. The agent keeps the file open. */
  #increment(file: string): void {
    const text = Deno.readTextFileSync(`${this.#root.path}/${file}`)
      .replace(/^oom_kill (\d+)$/m, (_, n) => `oom_kill ${Number(n) + 1}`);
    this.#overwrite(file, text);
  }

  /** A reader must not find an empty file. */
  #overwrite(file: string, text: string): void {
    using opened = Deno.openSync(`${this.#root.path}/${file}`, { write: true });
    opened.writeSync(new TextEncoder().encode(text));
  }

  #print(priority: number, text: string): number {
    const seq = this.#kmsgSeq++;
    const usec = Math.round((Date.now() - this.#bootMs) * 1000);
    const record = `${priority},${seq},${usec},-;${text}\n`;
    this.#ring.push(record);
    if (this.#ring.length > RING_RECORDS) this.#ring.shift();
    this.#setUptime();
    this.#kmsg?.writeSync(new TextEncoder().encode(record));
    return seq;
  }

  #setUptime(): void {
    const seconds = ((Date.now() - this.#bootMs) / 1000).toFixed(2);
    this.#overwrite("proc/uptime", `${seconds} 0.00\n`);
  }

  /** Opened for both, so that it does not block and a reader sees no end. */
  async #openKmsg(): Promise<void> {
    const path = `${this.#root.path}/kmsg`;
    await Deno.remove(path).catch(() => {});
    await outputOf("mkfifo", path);
    this.#kmsg = await Deno.open(path, { read: true, write: true });
    this.#kmsg.writeSync(new TextEncoder().encode(this.#ring.join("")));
  }

  #bundle(id: string): string {
    return JSON.stringify({
      annotations: {
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.container-name": "app",
        "io.kubernetes.cri.image-name": "registry.example/app:1",
        "io.kubernetes.cri.sandbox-id": "5".repeat(64),
        "io.kubernetes.cri.sandbox-name": `web-${this.name}`,
        "io.kubernetes.cri.sandbox-namespace": "shop",
        "io.kubernetes.cri.sandbox-uid": POD_UID,
      },
      linux: {
        cgroupsPath: `${POD.split("/").at(-1)}:cri-containerd:${id}`,
        namespaces: [{ type: "pid" }],
      },
    });
  }
}

/** Creates and removes containers on a node over a time, at random times. */
export async function churn(
  node: FleetNode,
  random: SeededRandom,
  { ms, lifetimes, kills }: {
    readonly ms: number;
    readonly lifetimes: number;
    readonly kills: number;
  },
): Promise<void> {
  const killed = new Set(
    random.shuffle(Array.from({ length: lifetimes }, (_, at) => at))
      .slice(0, kills),
  );
  await Promise.all(Array.from({ length: lifetimes }, async (_, at) => {
    const lifeMs = 500 + random.below(MAX_LIFE_MS - 500);
    await delay(random.below(Math.max(1, ms - lifeMs)));
    await node.live(lifeMs, killed.has(at));
  }));
}
