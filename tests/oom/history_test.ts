/**
 * Random histories of a model kernel and of runs of the agent: restarts with
 * SIGTERM and SIGKILL, rings that overrun, logs that are rotated, deleted or old,
 * kernel logs that are off or arrive through a FIFO. In every history, the event
 * log has each kill once.
 *
 * `CGWATCH_OOM_HISTORIES` is the number of histories, `CGWATCH_OOM_SEED` the
 * first seed; a failing history prints its seed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { readLogTail } from "../../lib/log/log_tail.ts";
import type { Clock } from "../../lib/model/clock.ts";
import type { Event, NewEvent } from "../../lib/model/event.ts";
import { OomCounters } from "../../lib/oom/counters.ts";
import { OomMonitor } from "../../lib/oom/monitor.ts";
import { SETTLE_MS } from "../../lib/oom/units.ts";
import type { ContainerHandler } from "../../lib/registry/handler_registry.ts";
import { BOOT, ModelLog } from "../_support/model_log.ts";
import { CGROUPS, OomKernel, type Unit } from "../_support/oom_kernel.ts";
import { SeededRandom } from "../_support/random.ts";

const HISTORIES = Number(Deno.env.get("CGWATCH_OOM_HISTORIES") ?? 2_000);
const SEED = Number(Deno.env.get("CGWATCH_OOM_SEED") ?? Date.now() % 1e9);

type Source = "device" | "fifo" | "none";

class History {
  readonly random: SeededRandom;
  readonly kernel: OomKernel;
  readonly log: ModelLog;
  readonly sources: readonly Source[];
  /** The node's count from which on no kill may be missing. */
  firstUnit: number | undefined;
  slack = 0;
  /** Whether a run ended between the events of kills inferred together. */
  wasCut = false;
  #monitor: OomMonitor | undefined;
  #counters: OomCounters | undefined;
  readonly #inodes = new Map<string, number>();
  readonly #base = new Map<string, number>();
  #inode = 0;
  #source: Source = "device";
  /** Whether the agent has a readable log. */
  #isFed = false;
  #position = 0;
  #queue: Event[] = [];
  #seq = 0;
  /** Records read, as far as the event log accounts for them. */
  delivered = new Set<number>();
  #saved:
    | {
      parts: string[];
      removed: string[];
      delivered: Set<number>;
      first: Pick<History, "firstUnit" | "slack">;
    }
    | undefined;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.random = random;
    this.kernel = new OomKernel(random, random.chance(0.9), random.chance(0.6));
    this.log = new ModelLog(random.chance(0.5) ? 1_000 : 3 + random.below(6));
    this.sources = random.pick<readonly Source[]>([
      ["device"],
      ["device"],
      ["device"],
      ["fifo"],
      ["none"],
      ["device", "fifo", "none"],
    ]);
    for (const name of CGROUPS) this.#makeCgroup(name);
  }

  #makeCgroup(name: string): void {
    this.#inodes.set(name, ++this.#inode);
    this.#base.set(name, this.kernel.counts.get(name) ?? 0);
  }

  get clock(): Clock {
    return {
      now: () => this.kernel.nowMs,
      monotonic: () => this.kernel.nowMs,
      schedule: () => () => {},
    };
  }

  #handler(name: string): ContainerHandler {
    const inode = this.#inodes.get(name);
    const base = this.#base.get(name) ?? 0;
    const isThere = () => this.#inodes.get(name) === inode;
    return {
      reference: { name },
      oomKills: () =>
        isThere()
          ? { count: (this.kernel.counts.get(name) ?? 0) - base, source: "own" }
          : undefined,
      memoryInode: () => inode,
    } as unknown as ContainerHandler;
  }

  async start(): Promise<void> {
    const { kernel, random, clock, log } = this;
    const { bootId: _, lastSeq, ooms } = await readLogTail("log", {
      reader: log.reader,
    });
    this.#seq = lastSeq;
    this.#queue = [];
    this.#inferred = 0;
    this.#unitsRead = 0;
    this.#source = random.pick(this.sources);
    this.#isFed = this.#source === "device";
    this.#position = 0;
    const counters = new OomCounters(clock);
    this.#counters = counters;
    for (const name of CGROUPS) counters.open(this.#handler(name), false);
    const isFirst = ooms?.state.node_oom_kills === undefined;
    if (isFirst) this.firstUnit = undefined;
    this.#monitor = new OomMonitor({
      fs: {
        readText: () => `${kernel.nowMs / 1000} 0`,
        pageBytes: 4096,
      },
      clock,
      bootId: BOOT,
      counters,
      earlier: ooms,
      readCount: () => kernel.count,
      readContext: () => undefined,
      addEvent: (event) => this.#add(event),
      onStateChange: () => this.#isCheckpointRequested = true,
    });
    log.open(this.#monitor.state, lastSeq);
    if (this.#source === "none") this.#monitor.withoutLog(true);
    this.#noteFirst();
  }

  #isCheckpointRequested = false;
  /** Kills inferred by this run. */
  #inferred = 0;
  /** Units whose records this run read as new. */
  #unitsRead = 0;

  #add({ type, containerName, data }: NewEvent): void {
    const isInferred = data?.oom?.attribution === "inferred";
    if (type === "oomKill" && isInferred) this.#inferred++;
    this.#queue.push({
      "seq": ++this.#seq,
      "boot_id": BOOT,
      "node": "n",
      "timestamp": "",
      "event_type": type,
      "container_name": containerName,
      "event_data": data ?? {},
    });
  }

  /** Stores the count from which on units are accounted for; a unit possibly not printed at that moment may be missing. */
  #noteFirst(): void {
    const units = this.#monitor?.accounted;
    if (this.firstUnit !== undefined || units === undefined) return;
    // The run may have inferred some at the same moment.
    this.firstUnit = units - this.#inferred;
    this.slack = this.kernel.isPrinting ? 1 : 0;
    if (!this.#isFed && this.#source === "fifo") {
      // Earlier records may arrive later and replace lost ones.
      this.slack = Infinity;
      // Lost units between those read are counted later, and inferred then.
      this.firstUnit = Math.max(0, this.firstUnit - this.#unitsRead);
    }
    if (this.#source === "none" && this.sources.length > 1) {
      this.slack = Infinity;
    }
  }

  /** Writes some of the queued events. */
  flush(most = Infinity): void {
    for (let i = 0; i < most && this.#queue.length > 0; i++) {
      this.log.write(this.#queue.shift() as Event);
    }
    if (this.#queue.length > 0 || !this.#isCheckpointRequested) return;
    this.#isCheckpointRequested = false;
    if (this.#monitor) this.log.checkpoint(this.#monitor.state, false);
  }

  /** Reads some records; returns whether the log is at its end. */
  read(most = Infinity): boolean {
    const monitor = this.#monitor;
    if (monitor === undefined || !this.#isFed) return false;
    for (let i = 0; i < most; i++) {
      const { ring } = this.kernel;
      const oldest = ring[0]?.sequence ?? 0;
      const record = ring[Math.max(0, this.#position - oldest)];
      if (record === undefined) return true;
      this.#position = record.sequence + 1;
      const isUnit = this.kernel.units.some(({ sequence }) =>
        sequence === record.sequence
      );
      if (isUnit && !this.delivered.has(record.sequence)) this.#unitsRead++;
      monitor.take(record, this.#source === "device" ? "device" : "fifo");
      this.delivered.add(record.sequence);
    }
    return false;
  }

  /** Runs the periodic work of the agent. */
  tick(): void {
    const monitor = this.#monitor;
    if (monitor === undefined) return;
    monitor.sample();
    if (this.#isFed) {
      // A kill may occur in between.
      if (this.random.chance(0.2)) this.kernel.step();
      if (this.random.chance(0.7) && this.read()) monitor.end();
    } else monitor.withoutLog(this.#source === "none");
    this.#noteFirst();
  }

  stop(): void {
    this.#monitor?.close();
    this.flush();
    if (this.#monitor) this.log.checkpoint(this.#monitor.state, true);
    this.#monitor = undefined;
  }

  kill(): void {
    this.flush(this.random.below(4));
    const [torn] = this.#queue;
    if (torn?.event_data.oom?.attribution === "inferred") this.wasCut = true;
    if (torn && this.random.chance(0.5)) {
      this.log.tear(torn, this.random.next());
    }
    this.#monitor = undefined;
  }

  /** Removes delivered records that no line of the event log accounts for. */
  async #forgetUnsaved(): Promise<void> {
    const { ooms } = await readLogTail("log", { reader: this.log.reader });
    const last = ooms?.state.kmsg_seq ?? -1;
    for (const sequence of this.delivered) {
      if (sequence > last) this.delivered.delete(sequence);
    }
  }

  async restart(): Promise<void> {
    const { random } = this;
    if (random.chance(0.5)) this.stop();
    else this.kill();
    await this.#forgetUnsaved();
    this.happen(random.below(12));
    if (random.chance(0.15)) await this.#harmLog();
    await this.start();
  }

  async #harmLog(): Promise<void> {
    const { log, random } = this;
    switch (random.below(5)) {
      case 0:
        log.parts.unshift("");
        break;
      case 1:
        log.parts = [];
        log.removed = [];
        this.delivered.clear();
        break;
      case 2:
        if (log.parts.length < 2) break;
        log.removed.push(log.parts.pop() ?? "");
        if (log.parts.some((part) => part.includes("\n"))) break;
        log.removed = [];
        this.delivered.clear();
        break;
      case 3:
        if (this.#saved === undefined) break;
        // An older state of the event log is restored.
        log.parts = [...this.#saved.parts];
        log.removed = [...this.#saved.removed];
        this.delivered = new Set(this.#saved.delivered);
        Object.assign(this, this.#saved.first);
        await this.#forgetUnsaved();
        break;
      default:
        this.#saved = {
          parts: [...log.parts],
          removed: [...log.removed],
          delivered: new Set(this.delivered),
          first: { firstUnit: this.firstUnit, slack: this.slack },
        };
    }
  }

  /** Changes the state of the machine at random. */
  happen(count: number): void {
    const { kernel, random } = this;
    for (let i = 0; i < count; i++) {
      switch (random.below(7)) {
        case 0:
        case 1:
          kernel.oom();
          break;
        case 2:
          kernel.pass(random.below(800));
          break;
        case 3:
          kernel.noise(random.chance(0.1) ? 100 : random.below(4));
          break;
        case 4:
          kernel.finish();
          break;
        default:
          kernel.step();
      }
    }
  }

  async run(): Promise<void> {
    const { random, kernel } = this;
    this.happen(random.below(20));
    await this.start();
    for (let i = 10 + random.below(50); i > 0; i--) {
      this.happen(random.below(4));
      switch (random.below(8)) {
        case 0:
        case 1:
          this.tick();
          break;
        case 2:
          kernel.pass(250);
          this.tick();
          break;
        case 3:
          this.read(1 + random.below(20));
          if (random.chance(0.5)) this.#monitor?.flush();
          break;
        case 4:
          this.flush(random.below(5));
          break;
        case 5:
          if (random.chance(0.4)) await this.restart();
          break;
        case 6:
          this.#feed();
          break;
        case 7:
          if (random.chance(0.3)) this.#remake();
      }
    }
    kernel.finish();
    if (this.#source === "fifo") this.#feed(true);
    for (let i = 0; i < 20; i++) {
      kernel.pass(SETTLE_MS / 4);
      this.#monitor?.sample();
      if (this.#isFed) {
        this.read();
        this.#monitor?.end();
      } else this.#monitor?.withoutLog(this.#source === "none");
      this.#noteFirst();
    }
    this.stop();
    this.check();
  }

  /** The writer of a FIFO connects, disconnects, or starts over. */
  #feed(always = false): void {
    if (this.#source !== "fifo") return;
    this.#isFed = always || this.random.chance(0.6);
    if (this.#isFed && this.random.chance(0.5)) this.#position = 0;
  }

  #remake(): void {
    const name = this.random.pick(CGROUPS);
    this.#counters?.close(name);
    this.#makeCgroup(name);
    this.#counters?.open(this.#handler(name), true);
  }

  check(): void {
    const { kernel, log } = this;
    const kills = log.events().filter((event) => event.event_type === "oomKill")
      .map(({ event_data: { oom } }) => oom ?? {});
    const bySequence = new Map<number, Unit>();
    for (const unit of kernel.units) {
      if (unit.sequence !== undefined) bySequence.set(unit.sequence, unit);
    }
    const exact = kills.filter(({ attribution }) => attribution === "exact");
    const reported = new Set<Unit>();
    for (const oom of exact) {
      const unit = bySequence.get(oom.kmsg_seq ?? -1);
      assert(unit !== undefined, `no such record: ${oom.kmsg_seq}`);
      assertEquals(oom.pid, unit.pid);
      assert(!reported.has(unit), `record ${oom.kmsg_seq} is reported twice`);
      reported.add(unit);
      assertEquals(oom.victim_cgroup ?? unit.cgroup, unit.cgroup);
      assertEquals(oom.limit_cgroup ?? unit.limit, unit.limit);
      if (oom.group !== undefined && kernel.hasGroups) {
        assertEquals(oom.group, unit.group, `group of ${oom.pid}`);
      }
    }
    if (!kernel.isCounted) {
      for (const unit of kernel.units) {
        const wasRead = unit.sequence !== undefined &&
          this.delivered.has(unit.sequence);
        assert(unit.isRepeat || !wasRead || reported.has(unit), `${unit.pid}`);
      }
      assertEquals(exact.length, kills.length);
      return;
    }
    const units = kernel.units.length;
    assertEquals(this.firstUnit === undefined, false);
    const rest = kernel.units.slice(this.firstUnit)
      .filter((unit) => !reported.has(unit));
    const repeats =
      rest.filter(({ isRepeat, sequence = -1 }) =>
        isRepeat && this.delivered.has(sequence)
      ).length;
    const inferred = kills.length - exact.length;
    const summary = `${units} units, the first ${this.firstUnit} before; ` +
      `${exact.length} exact, ${rest.length} not, ${repeats} of them repeats; ` +
      `${inferred} inferred`;
    // A repeat may have been inferred when no log could be read.
    const isExact = this.sources.length === 1 && this.#source !== "fifo";
    const most = isExact ? rest.length - repeats : rest.length;
    const least = rest.length - repeats - this.slack;
    assert(inferred >= least && inferred <= most, summary);
    for (const name of this.wasCut ? [] : CGROUPS) {
      const there = kills.filter((oom) => oom.victim_cgroup === name).length;
      const counted = kernel.counts.get(name) ?? 0;
      assert(there <= counted, `${name}: ${there} of ${counted}`);
    }
  }
}

Deno.test(`OomMonitor reports each kill once in ${HISTORIES} random histories`, async () => {
  for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
    try {
      await new History(seed).run();
    } catch (error) {
      throw new Error(`CGWATCH_OOM_HISTORIES=1 CGWATCH_OOM_SEED=${seed}`, {
        cause: error,
      });
    }
  }
});
