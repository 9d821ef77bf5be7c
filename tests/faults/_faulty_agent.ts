import { assert, assertEquals } from "@std/assert";
import { EventStreams } from "../../lib/api/event_stream.ts";
import { createHandler } from "../../lib/api/routes.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { EventLog } from "../../lib/log/event_log.ts";
import type { Manager } from "../../lib/manager/manager.ts";
import { Metrics } from "../../lib/metrics/metrics.ts";
import type { CgroupName } from "../../lib/model/cgroup.ts";
import type { ContainerInfo } from "../../lib/model/container.ts";
import { UnknownContainerError } from "../../lib/model/errors.ts";
import { openManager } from "../../lib/open_manager.ts";
import { DEFAULT_CONFIG } from "../../lib/config.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { SeededRandom } from "../_support/random.ts";
import {
  readRecorded,
  RecordedTree,
  unpack,
} from "../_support/recorded_tree.ts";
import { Diagnostics } from "./_diagnostics.ts";
import { FaultyDeno } from "./_faulty_deno.ts";

/** The container that faults are of. */
export const FAULTY: CgroupName = "/shop/web";
/** Those that have nothing to do with it. */
export const OTHERS: readonly CgroupName[] = ["/shop/db", "/mail"];

const CGROUPS = "sys/fs/cgroup";
const DOCKER = "var/lib/docker/containers";
/** Of a recorded container, what the tests look at: hundreds of combinations are tried. */
const DUMP = readRecorded("cgroup", "6.1-v2-docker.txt")
  .split(/^(?=--- )/m)
  .filter((file) =>
    /^--- (?:cgroup\.procs|cpu\.(?:max|stat)|memory\.(?:current|events|max|stat)|pids\.current)\n/
      .test(file)
  ).join("");
/** Of the dump. */
const USAGE_BYTES = Number(/--- memory\.current\n(\d+)/.exec(DUMP)?.[1]);

/** How far the clock goes between two turns of the event loop. */
const STEP_MS = 200;
/** Whatever is healed is well again by then, on the agent's clock. */
const HEALED_MS = 200_000;

/** Options of {@linkcode FaultyAgent}. */
export interface FaultyAgentOptions {
  readonly seed: number;
  /** Control files are held open, as on cgroupfs. @default true */
  readonly keepsOpen?: boolean;
}

/**
 * The whole agent but its sockets, on a recorded host in a folder of its own,
 * with a clock that the test moves and calls that the test makes fail.
 */
export class FaultyAgent implements AsyncDisposable {
  readonly random: SeededRandom;
  readonly deno: FaultyDeno;
  readonly clock = new FakeClock();
  readonly said: Diagnostics = new Diagnostics(this.clock);
  readonly manager: Manager;
  readonly log: EventLog;
  readonly root: string;
  readonly #recorded = new RecordedTree("6.1-v2");
  readonly #handle: (request: Request) => Promise<Response>;
  readonly #isCgroupfs = HostFs.prototype.isCgroupfs;
  #made = 0;
  #records = 0;

  constructor({ seed, keepsOpen = true }: FaultyAgentOptions) {
    const { root } = this.#recorded;
    this.root = root.path;
    this.random = new SeededRandom(seed);
    this.deno = new FaultyDeno(this.random);
    for (const name of [FAULTY, ...OTHERS]) {
      unpack(root, DUMP, `${CGROUPS}${name}`);
    }
    // Others of the recording are of no use here.
    Deno.removeSync(this.pathOf("/lab"), { recursive: true });
    for (const { name } of Deno.readDirSync(this.pathOf("/system.slice"))) {
      const id = /^docker-(\w+)\.scope$/.exec(name)?.[1];
      if (id !== undefined) this.#describe(id);
    }
    root.child("stash");
    root.child("gone");
    root.child("log");
    root.file("kmsg", "");
    if (keepsOpen) HostFs.prototype.isCgroupfs = () => true;
    const { clock, said: logger } = this;
    const options = {
      root: root.path,
      clock,
      logger,
      kmsg: `${root.path}/kmsg`,
      housekeepingIntervalMs: 2_000,
      allowDynamicHousekeeping: false,
      globalHousekeepingIntervalMs: 10_000,
    };
    this.manager = openManager({
      ...options,
      sinks: () => [this.log.state],
    });
    const { events } = this.manager;
    this.log = new EventLog(events, {
      path: this.logPath,
      maxSizeBytes: 8_192,
      keep: 99,
      clock,
      logger,
    });
    const streams = new EventStreams({ events, clock });
    this.#handle = createHandler({
      questions: this.manager,
      events,
      streams,
      metrics: new Metrics({
        manager: this.manager,
        clock,
        logger,
        kinds: DEFAULT_CONFIG.metricKinds,
        maxAgeMs: 60_000,
        ownFs: new HostFs({ root: root.path }),
        counters: () => ({ streams, eventLog: this.log.counters }),
      }),
      logger,
      allowPs: "off",
    });
  }

  /** Where its event log is. */
  get logPath(): string {
    return `${this.root}/log/events.ndjson`;
  }

  /** Where a container's cgroup is. */
  pathOf(name: CgroupName): string {
    return `${this.root}/${CGROUPS}${name}`;
  }

  /** Starts it; it becomes ready whatever fails. */
  async start(): Promise<void> {
    this.log.start();
    let isReady = false;
    this.manager.start().then(() => isReady = true);
    assert(await this.until(() => isReady), "It does not become ready");
  }

  /** Starts it while nothing is wrong. */
  async startWell(): Promise<void> {
    await this.start();
    assert(
      await this.until(() => this.troubles.size === 0),
      `It is not well: ${[...this.troubles.values()]}`,
    );
  }

  /** Lets time pass. */
  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.clock.advance(STEP_MS);
      await turn();
    }
  }

  /** Lets time pass at once, in which none but timers have their turn. */
  async skip(ms: number): Promise<void> {
    await this.run(3 * STEP_MS);
    this.clock.advance(ms);
    await this.run(3 * STEP_MS);
  }

  /** Lets time pass until something holds; returns whether it came to. */
  async until(holds: () => boolean, limitMs = HEALED_MS): Promise<boolean> {
    // On a busy machine files and notifications are slower than the clock.
    const endMs = performance.now() + 4_000;
    const limit = this.clock.monotonic() + limitMs;
    while (!holds()) {
      const isLate = this.clock.monotonic() > limit;
      if (isLate && performance.now() > endMs) return false;
      this.clock.advance(isLate ? STEP_MS / 10 : STEP_MS);
      await turn();
    }
    return true;
  }

  /** Sources by name, with what is wrong. */
  get troubles(): ReadonlyMap<string, string> {
    return new Map(
      this.manager.sources().filter(({ state }) => state === "degraded")
        .map(({ name, detail }) => [name, detail]),
    );
  }

  /** A container of Docker comes; its runtime's files are there before. */
  make(): CgroupName {
    const id = (++this.#made).toString(16).padStart(64, "e");
    this.#describe(id);
    // It comes whole, as a cgroup does.
    unpack(this.#recorded.root, DUMP, `stash/${id}`);
    const name = `/system.slice/docker-${id}.scope`;
    Deno.renameSync(`${this.root}/stash/${id}`, this.pathOf(name));
    return name;
  }

  /** Docker knows a container of that id. */
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

  /** It goes. */
  remove(name: CgroupName): void {
    const to = `${this.root}/gone/${name.replaceAll("/", "_")}`;
    Deno.renameSync(this.pathOf(name), to);
  }

  /** How often its creation, its deletion was told. */
  told(name: CgroupName): [creations: number, deletions: number] {
    const types = this.manager.events.getEvents({ containerName: name })
      .map(({ event }) => event.event_type);
    const count = (type: string) => types.filter((told) => told === type);
    return [
      count("containerCreation").length,
      count("containerDeletion").length,
    ];
  }

  /** What its runtime calls it, as far as is known. */
  nameOf(name: CgroupName): string | undefined {
    const { aliases } = this.#infoOf(name)?.reference ?? {};
    return aliases?.find((alias) => alias.startsWith("app-"));
  }

  /** The kernel tells of a kill of this process. */
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

  /** The kernel log, or whoever writes to it, says this. */
  writeKmsg(text: string): void {
    Deno.writeTextFileSync(`${this.root}/kmsg`, text, { append: true });
  }

  /** How often the kill of a process was told. */
  toldKills(pid: number): number {
    return this.manager.events.getEvents({ types: new Set(["oomKill"]) })
      .filter(({ event }) => event.event_data.oom?.pid === pid).length;
  }

  /** Adds an event, of which there is a line in the log. */
  tell(): void {
    this.manager.events.addEvent({
      timestampMs: this.clock.now(),
      type: "nodeEvent",
      containerName: "/",
      data: {
        "node_event": { "reason": "Test", "message": "", "type": "Normal" },
      },
    });
  }

  /** Whether it was measured since a time, and the numbers are right. */
  isWell(name: CgroupName, sinceMs: number): boolean {
    const { timestampMs = -Infinity, memory, cpu } =
      this.#infoOf(name)?.stats[0] ?? {};
    return timestampMs > sinceMs && memory?.usageBytes === USAGE_BYTES &&
      cpu?.usageNs !== undefined;
  }

  /** What the API answers of those that nothing is wrong with, and how it is measured. */
  async assertAnswers(names: readonly CgroupName[]): Promise<void> {
    const get = async (path: string) => {
      const answering = this.#handle(new Request(`http://localhost${path}`));
      let response: Response | undefined;
      answering.then((answer) => response = answer);
      await this.until(() => response !== undefined);
      const text = (await answering).text();
      let isRead = false;
      text.then(() => isRead = true, () => isRead = true);
      await this.until(() => isRead);
      assertEquals(response?.status, 200, `${path}: ${await text}`);
      return await text;
    };
    const infos: { name: string }[] = JSON.parse(
      await get("/api/v1.3/subcontainers"),
    );
    const answered = new Set(infos.map(({ name }) => name));
    const metrics = await get("/metrics");
    for (const name of names) {
      assert(answered.has(name), `The API leaves out ${name}`);
      assert(
        metrics.includes(`container_memory_usage_bytes{id="${name}"`),
        `/metrics leaves out ${name}`,
      );
    }
  }

  #infoOf(name: CgroupName): ContainerInfo | undefined {
    try {
      return this.manager.containerInfo(name, { numStats: 1 });
    } catch (error) {
      if (error instanceof UnknownContainerError) return undefined;
      throw error;
    }
  }

  /** Events are numbered without gaps, and each is in the log once. */
  async assertBooks(): Promise<void> {
    const { lastSeq } = this.manager.events;
    const { lost } = this.log.counters;
    assertEquals(lost, 0);
    assert(
      await this.until(() => this.#loggedSeqs().length >= lastSeq),
      `Of ${lastSeq} events ${this.#loggedSeqs().length} are in the log`,
    );
    assertEquals(
      this.#loggedSeqs(),
      Array.from({ length: lastSeq }, (_, at) => at + 1),
    );
  }

  #loggedSeqs(): number[] {
    const seqs: number[] = [];
    for (const part of this.#readLog()) {
      // A line that a full disk tore is followed by the whole one.
      for (const [, seq] of part.matchAll(/^\{"seq":(\d+),.*\}$/gm)) {
        seqs.push(Number(seq));
      }
    }
    return seqs.toSorted((a, b) => a - b);
  }

  /** The parts of the log; none while it is being rotated. */
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.deno.heal();
    HostFs.prototype.isCgroupfs = this.#isCgroupfs;
    this.manager.stop();
    let isClosed = false;
    this.log.close().then(() => isClosed = true);
    await this.until(() => isClosed);
    await this.run(1_000);
    this.deno[Symbol.dispose]();
    this.#recorded[Symbol.dispose]();
  }
}

/** Lets what is ready have its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
