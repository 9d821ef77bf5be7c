import type { KmsgRecord } from "../../lib/kernfs/kmsg_record.ts";
import type { SeededRandom } from "./random.ts";

/**
 * One unit of the kernel's OOM kill counter, and its record after it is
 * printed.
 */
export interface Unit {
  readonly pid: number;
  readonly cgroup: string;
  readonly limit: string;
  readonly group: boolean;
  /** Whether it is the first victim of a group, killed again. */
  readonly isRepeat: boolean;
  sequence?: number;
}

/**
 * Steps of a kernel that prints and counts, in order; `count` comes before the
 * record of its kill.
 */
type Step =
  | { readonly type: "print"; readonly text: string }
  | { readonly type: "count"; readonly unit: Unit }
  | { readonly type: "kill"; readonly unit: Unit };

/** The kernel's rate limit of headers (`DEFAULT_RATELIMIT_BURST`). */
const BURST = 10;
const INTERVAL_MS = 5_000;

/** Maximum delay of a record after its count. */
const MOST_DELAY_MS = 1_300;

/** Cgroups of the model. `/h` and descendants of `/g` are killed as a group. */
export const CGROUPS = ["/a", "/p/b", "/p/c", "/g/x", "/g/y", "/h"] as const;
const GROUPS: Readonly<Record<string, string>> = {
  "/g/x": "/g",
  "/g/y": "/g",
  "/h": "/h",
};

/**
 * A model of how Linux counts and prints OOM kills: the counter increases
 * before the record is printed, the ring overruns, headers are limited to ten
 * per five seconds, and a group's first victim is killed twice. OOMs are
 * serialized, as by `oom_lock`, but any time may pass between two steps of one.
 */
export class OomKernel {
  readonly #random: SeededRandom;
  readonly #ringSize: number;
  readonly isCounted: boolean;
  readonly hasGroups: boolean;
  nowMs = 10_000_000;
  /** The ring buffer, oldest first. */
  ring: KmsgRecord[] = [];
  nextSequence: number;
  units: Unit[] = [];
  readonly counts = new Map<string, number>();
  #steps: Step[] = [];
  #countedMs: number | undefined;
  #headers = { beginMs: -Infinity, printed: 0 };
  #nextPid = 1000;

  constructor(random: SeededRandom, isCounted: boolean, hasGroups: boolean) {
    this.#random = random;
    this.isCounted = isCounted;
    this.hasGroups = hasGroups;
    this.#ringSize = 8 + random.below(80);
    this.nextSequence = random.chance(0.2) ? 0 : 100 + random.below(1000);
  }

  get count(): number | undefined {
    return this.isCounted ? this.units.length : undefined;
  }

  /** Whether a unit is counted but not printed. */
  get isPrinting(): boolean {
    return this.#countedMs !== undefined;
  }

  /** Advances time; counted kills are printed within the maximum delay. */
  pass(ms: number): void {
    this.nowMs += ms;
    while (
      this.#countedMs !== undefined &&
      this.nowMs - this.#countedMs >= MOST_DELAY_MS - 800
    ) this.step();
  }

  /** Runs the next step of the current OOM; returns whether there was one. */
  step(): boolean {
    const step = this.#steps.shift();
    if (step === undefined) return false;
    switch (step.type) {
      case "print": {
        const { text } = step;
        // No time passes between skipping a header and the kill.
        if (text === "") return this.step();
        this.#print(text);
        break;
      }
      case "count": {
        this.units.push(step.unit);
        const { cgroup } = step.unit;
        this.counts.set(cgroup, (this.counts.get(cgroup) ?? 0) + 1);
        this.#countedMs = this.nowMs;
        break;
      }
      case "kill":
        step.unit.sequence = this.nextSequence;
        this.#print(
          `Memory cgroup out of memory: Killed process ${step.unit.pid} (p${step.unit.pid}) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0`,
        );
        this.#countedMs = undefined;
    }
    return true;
  }

  /** Completes the current OOM. */
  finish(): void {
    while (this.step());
  }

  /** Prints unrelated messages. */
  noise(count: number): void {
    for (let i = 0; i < count; i++) this.#print("eth0: link is up");
  }

  /** Starts an OOM after the current one. */
  oom(): void {
    const random = this.#random;
    const cgroup = random.pick(CGROUPS);
    const limit = cgroup.startsWith("/p/") && random.chance(0.5)
      ? "/p"
      : GROUPS[cgroup] ?? cgroup;
    const group = this.hasGroups ? GROUPS[cgroup] : undefined;
    const pid = this.#nextPid++;
    const chosen = random.chance(0.1) ? this.#nextPid++ : pid;
    const isPrinted = () => this.#mayPrintHeader();
    this.#steps.push({
      type: "print",
      get text() {
        return isPrinted()
          ? `p${chosen} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n` +
            `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${limit},task_memcg=${cgroup},task=p${chosen},pid=${chosen},uid=0`
          : "";
      },
    });
    if (random.chance(0.05)) {
      // The victim has exited; Linux 5.0 to 5.7 print no more of it.
      if (random.chance(0.5)) {
        this.#steps.push({
          type: "print",
          text:
            `Memory cgroup out of memory: OOM victim ${chosen} (p${chosen}) is already exiting. Skip killing the task`,
        });
      }
      return;
    }
    const base = { cgroup, limit, group: group !== undefined };
    const first = { ...base, pid };
    this.#kill({ ...first, isRepeat: false });
    if (group === undefined) return;
    this.#steps.push({
      type: "print",
      text:
        `Tasks in ${group} are going to be killed due to memory.oom.group set`,
    });
    const members = Array.from({ length: random.below(4) }, () => ({
      ...base,
      cgroup: random.pick(
        CGROUPS.filter((other) => GROUPS[other] === group),
      ),
      pid: this.#nextPid++,
      isRepeat: false,
    }));
    if (random.chance(0.7)) members.push({ ...first, isRepeat: true });
    for (const member of random.shuffle(members)) this.#kill(member);
  }

  #kill(unit: Unit): void {
    this.#steps.push({ type: "count", unit }, { type: "kill", unit });
  }

  #mayPrintHeader(): boolean {
    const headers = this.#headers;
    if (this.nowMs - headers.beginMs >= INTERVAL_MS) {
      headers.beginMs = this.nowMs;
      headers.printed = 0;
    }
    return headers.printed++ < BURST;
  }

  #print(lines: string): void {
    for (const text of lines.split("\n")) {
      if (text === "") continue;
      this.ring.push({
        priority: 3,
        facility: 0,
        sequence: this.nextSequence++,
        usecSinceBoot: this.nowMs * 1000,
        flag: "-",
        text,
      });
      if (this.ring.length > this.#ringSize) this.ring.shift();
    }
  }
}
