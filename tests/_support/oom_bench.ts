import { readLogTail } from "../../lib/log/log_tail.ts";
import type { Event, NewEvent, OomKillData } from "../../lib/model/event.ts";
import { OomCounters } from "../../lib/oom/counters.ts";
import type { KmsgFile } from "../../lib/oom/kmsg_watcher.ts";
import type { KmsgRecord } from "../../lib/kernfs/kmsg_record.ts";
import { OomMonitor, type OomMonitorOptions } from "../../lib/oom/monitor.ts";
import type { ContainerHandler } from "../../lib/registry/handler_registry.ts";
import { FakeClock } from "./fake_clock.ts";
import { BOOT, ModelLog } from "./model_log.ts";

/** Seconds since boot at the start of a test. */
const UPTIME_S = 1_000;

/** The header and the summary of an OOM. */
export function headOf(pid: number, limit: string, victim = limit): string[] {
  return [
    "hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${limit},task_memcg=${victim},task=hog,pid=${pid},uid=0`,
  ];
}

/**
 * A machine whose kernel counts and prints as a test requires, with an event
 * log and runs of the agent.
 */
export class OomBench {
  readonly clock = new FakeClock();
  readonly log = new ModelLog(1_000);
  /** Node counter; undefined if the kernel has none. */
  count: number | undefined = 100;
  /** Ring buffer of the kernel log. */
  ring: KmsgRecord[] = [];
  nextSequence = 5_000;
  counters = new OomCounters(this.clock);
  monitor!: OomMonitor;
  readonly options: Partial<OomMonitorOptions>;
  readonly #counts = new Map<string, number>();
  #inodes = 0;
  /** Kind of kernel log that this run reads. */
  kind: KmsgFile["kind"] | "none" = "device";
  #position = 0;
  #seq = 0;

  constructor(options: Partial<OomMonitorOptions> = {}) {
    this.options = options;
    this.print("eth0: link is up");
    this.clock.advance(10_000);
  }

  get #uptimeS(): number {
    return UPTIME_S + this.clock.monotonic() / 1000;
  }

  /** Prints to the kernel log. */
  print(...lines: string[]): void {
    for (const text of lines) {
      this.ring.push({
        priority: 3,
        facility: 0,
        sequence: this.nextSequence++,
        usecSinceBoot: Math.round(this.#uptimeS * 1e6),
        flag: "-",
        text,
      });
    }
  }

  /** Counts kills, in a container and in the node. */
  add(cgroup?: string, kills = 1): void {
    if (this.count !== undefined) this.count += kills;
    if (cgroup === undefined) return;
    this.#counts.set(cgroup, (this.#counts.get(cgroup) ?? 0) + kills);
  }

  /** Counts a kill and prints its line. */
  killed(pid: number, cgroup?: string): void {
    this.add(cgroup);
    this.print(
      `Memory cgroup out of memory: Killed process ${pid} (hog) total-vm:100kB, anon-rss:50kB, file-rss:4kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0`,
    );
  }

  /** Prints a kill with its header. */
  kill(pid: number, cgroup: string): void {
    this.print(...headOf(pid, cgroup));
    this.killed(pid, cgroup);
  }

  /** Kills all processes of a cgroup, the first one twice. */
  killGroup(cgroup: string, pids: readonly number[]): void {
    const [first = 0] = pids;
    this.kill(first, cgroup);
    this.print(
      `Tasks in ${cgroup} are going to be killed due to memory.oom.group set`,
    );
    for (const pid of pids) this.killed(pid, cgroup);
  }

  /** Adds a container whose counter starts at 0. */
  open(name: string, isNew = true): void {
    this.#counts.set(name, this.#counts.get(name) ?? 0);
    const inode = ++this.#inodes;
    const handler = {
      reference: { name },
      oomKills: () => {
        const count = this.#counts.get(name);
        return count === undefined
          ? undefined
          : { count, source: "memory.events.local" };
      },
      memoryInode: () => inode,
    };
    this.counters.open(handler as unknown as ContainerHandler, isNew);
  }

  /** Removes a container. */
  drop(name: string): void {
    this.#counts.delete(name);
    this.counters.close(name);
  }

  /** Starts a run of the agent, which reads the log unless that is deferred. */
  async start(
    kind: OomBench["kind"] = "device",
    isReadAtOnce = true,
  ): Promise<void> {
    const tail = await readLogTail("log", { reader: this.log.reader });
    this.kind = kind;
    this.#position = 0;
    this.#seq = tail.lastSeq;
    this.counters = new OomCounters(this.clock);
    for (const name of this.#counts.keys()) this.open(name, false);
    this.monitor = new OomMonitor({
      fs: { readText: () => `${this.#uptimeS} 0`, pageBytes: 4096 },
      clock: this.clock,
      bootId: BOOT,
      counters: this.counters,
      earlier: tail.ooms,
      readCount: () => this.count,
      readContext: () => undefined,
      addEvent: (event) => this.log.write(this.#numbered(event)),
      onStateChange: () => this.log.checkpoint(this.monitor.state, false),
      ...this.options,
    });
    this.log.open(this.monitor.state, tail.lastSeq);
    if (kind === "none") this.monitor.withoutLog(true);
    else if (isReadAtOnce) this.end();
  }

  #numbered({ type, containerName, data }: NewEvent): Event {
    return {
      "seq": ++this.#seq,
      "boot_id": BOOT,
      "node": "n",
      "timestamp": "",
      "event_type": type,
      "container_name": containerName,
      "event_data": data ?? {},
    };
  }

  /** Reads new records. */
  read(): void {
    if (this.kind === "none") return;
    for (const record of this.ring) {
      if (record.sequence < this.#position) continue;
      this.#position = record.sequence + 1;
      this.monitor.take(record, this.kind);
    }
  }

  /** Restarts the writer of the log. */
  again(): void {
    this.#position = 0;
  }

  /** Reads the log to its end. */
  end(): void {
    this.monitor.sample();
    if (this.kind === "none") return this.monitor.withoutLog(true);
    this.read();
    this.monitor.end();
  }

  /** Advances time. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 250) {
      this.clock.advance(250);
      this.end();
    }
  }

  /** SIGTERM. */
  stop(): void {
    this.monitor.close();
    this.log.checkpoint(this.monitor.state, true);
  }

  /** Returns the kills in the log. */
  kills(): OomKillData[] {
    return this.log.events().flatMap(({ event_type: type, event_data }) =>
      type === "oomKill" && event_data.oom ? [event_data.oom] : []
    );
  }

  /** Returns the PIDs of the kills in the log; `?` for an inferred kill. */
  pids(): (number | string)[] {
    return this.kills().map(({ pid = "?" }) => pid);
  }
}
