/**
 * 200 kills over 20 containers, half of which are removed at once: whatever
 * the agent can still see, its events are as many as the kernel counted.
 *
 * Other kills on the machine do no harm: ours are known by their cgroups and
 * pids, and where neither is told, all kills of the node are counted.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertMatch,
} from "@std/assert";
import {
  AgentProcess,
  delay,
  readEvents,
  until,
  type WireEvent,
} from "./_agent.ts";
import { CAN_OOM, HIERARCHIES, TestCgroups } from "./_cgroups.ts";

const CONTAINERS = 20;
const KILLS = 10;
const LIMIT_BYTES = 8 * 2 ** 20;

/** Longer than the agent waits for a record before it believes a count. */
const SETTLED_MS = 2_000;

const [CONTROLLER, LIMIT_FILE, COUNT_FILE] = HIERARCHIES.has("memory")
  ? ["memory", "memory.limit_in_bytes", "memory.oom_control"]
  : ["unified", "memory.max", "memory.events.local"];

/** A storm of kills, and what the kernel and the processes themselves say of it. */
class Storm implements AsyncDisposable {
  readonly cgroups: TestCgroups;
  readonly dir = Deno.makeTempDirSync({ prefix: "cgwatch-storm-" });
  readonly log = `${this.dir}/events.ndjson`;
  /** What the kernel counted, by container. */
  readonly counts = new Map<string, number>();
  /** Containers that were not removed. */
  readonly living = new Set<string>();
  /** In which container each victim was. */
  readonly victims = new Map<number, string>();

  constructor(label: string) {
    this.cgroups = new TestCgroups(`storm-${label}`);
  }

  /** What the kernel counted in all containers. */
  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** All containers at once; in each, `pauseMs` between two kills. */
  async run(pauseMs = 0): Promise<void> {
    const { cgroups, dir } = this;
    await Promise.all(
      Array.from({ length: CONTAINERS }, async (_, index) => {
        const below = `/c${index}`;
        // In every hierarchy, as runtimes do.
        const name = cgroups.make(below);
        cgroups.write(below, CONTROLLER, LIMIT_FILE, String(LIMIT_BYTES));
        const pids = `${dir}/pids${index}`;
        await cgroups.spawn(
          below,
          `for k in $(seq ${KILLS}); do
             sh -c 'echo $$ >>${pids}; exec tail /dev/zero'
             sleep ${pauseMs / 1000}
           done`,
        ).status;
        const counted = cgroups.read(below, CONTROLLER, COUNT_FILE);
        if (index % 2 === 0) cgroups.remove(below);
        else this.living.add(name);
        this.counts.set(
          name,
          Number(/^oom_kill (\d+)$/m.exec(counted)?.[1]),
        );
        const killed = (await Deno.readTextFile(pids)).trim().split("\n");
        for (const pid of killed) {
          this.victims.set(Number(pid), name);
        }
      }),
    );
    assertGreaterOrEqual(this.total, CONTAINERS * KILLS);
  }

  /** Kills that were logged as of this run of the agent. */
  async kills(): Promise<WireEvent[]> {
    return (await readEvents(this.log)).filter((event) =>
      event.event_type === "oomKill" && !event.event_data.oom.historical
    );
  }

  /** Kills that were logged, of any run: of the storm's processes, or of ones that only a counter knew of. */
  async allKills(): Promise<WireEvent[]> {
    return (await readEvents(this.log)).filter((event) =>
      event.event_type === "oomKill" &&
      (event.event_data.oom.attribution === "inferred" || this.isOurs(event))
    );
  }

  /** Whether a kill is of this storm; one of which nothing is known is of none. */
  isOurs({ event_data: { oom } }: WireEvent): boolean {
    return oom.pid === undefined
      ? (oom.victim_cgroup ?? "").startsWith(`${this.cgroups.name}/`)
      : this.victims.has(oom.pid);
  }

  /** Every container that still lives has as many kills as the kernel counted, but for those told without their container. */
  assertLiving(kills: readonly WireEvent[]): void {
    const told = new Map<string, number>();
    let unnamed = 0;
    for (const { event_data: { oom } } of kills) {
      const { victim_cgroup: name, pid } = oom;
      told.set(name, (told.get(name) ?? 0) + 1);
      // Of an inferred one the counts may leave a choice.
      if (name === undefined && (pid === undefined || this.victims.has(pid))) {
        unnamed++;
      }
    }
    for (const name of this.living) {
      const missing = (this.counts.get(name) ?? 0) - (told.get(name) ?? 0);
      assertGreaterOrEqual(missing, 0, name);
      unnamed -= missing;
    }
    assertGreaterOrEqual(unnamed, 0);
  }

  /** No kill is said to be in another container than it was. */
  assertNoneWrong(kills: readonly WireEvent[]): void {
    const wrong = kills.filter(({ event_data: { oom } }) =>
      oom.pid !== undefined && oom.victim_cgroup !== undefined &&
      oom.victim_cgroup !== this.victims.get(oom.pid)
    );
    assertEquals(wrong, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cgroups[Symbol.asyncDispose]();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** An agent, and what the node counts while it runs. */
class CountedAgent implements AsyncDisposable {
  readonly agent: AgentProcess;
  readonly #storm: Storm;
  /** Kills on the node before the agent began to count, and after. */
  readonly #before: number;
  readonly #after: number;

  private constructor(storm: Storm, agent: AgentProcess, before: number) {
    this.agent = agent;
    this.#storm = storm;
    this.#before = before;
    this.#after = nodeKills();
  }

  static async start(storm: Storm, kmsg: string): Promise<CountedAgent> {
    const before = nodeKills();
    const agent = await AgentProcess.start([
      `--event-log=${storm.log}`,
      `--kmsg=${kmsg}`,
    ]);
    return new CountedAgent(storm, agent, before);
  }

  /** Waits until all kills on the node are told, and for what else may come; returns them. */
  async settled(): Promise<WireEvent[]> {
    const total = nodeKills();
    await until(
      async () => (await this.#storm.kills()).length >= total - this.#after,
      { everyMs: 100 },
    );
    await delay(SETTLED_MS);
    return await this.#storm.kills();
  }

  /** As many kills were told as the node counted. */
  async assertEqualsNode(): Promise<void> {
    const total = nodeKills();
    const kills = await this.settled();
    assertGreaterOrEqual(kills.length, total - this.#after);
    assertLessOrEqual(kills.length, nodeKills() - this.#before);
  }

  /** What `/readyz` says of the kernel log. */
  async kmsg(): Promise<{ state: string; detail: string }> {
    const { sources } = await this.agent.json("/readyz");
    return sources.find(({ name }: WireEvent) => name === "kmsg");
  }

  /** Its state alone. */
  async kmsgState(): Promise<string> {
    return (await this.kmsg()).state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.stop();
  }
}

function nodeKills(): number {
  const text = Deno.readTextFileSync("/proc/vmstat");
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1]);
}

/** Writes more into the kernel's log than it holds; it takes ten records of each who opens it. */
async function floodKmsg(): Promise<void> {
  const record = new TextEncoder().encode(`<6>cgwatch-test ${"=".repeat(900)}`);
  for (let opened = 0; opened < 400; opened++) {
    using file = await Deno.open("/dev/kmsg", { write: true });
    for (let i = 0; i < 10; i++) await file.write(record);
  }
}

/** Makes a FIFO into which another process copies the kernel log as it comes. */
async function copyKmsg(fifo: string): Promise<Deno.ChildProcess> {
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  return new Deno.Command("sh", {
    args: ["-c", `exec cat /dev/kmsg >${fifo}`],
    stderr: "null",
  }).spawn();
}

/** A storm with the kernel log; returns of how many kills the agent knows where they were, as a share. */
async function tellOfEach(label: string): Promise<number> {
  await using storm = new Storm(label);
  await using counted = await CountedAgent.start(storm, "/dev/kmsg");
  // By then it has read what was in the log before.
  await delay(1_000);
  await storm.run();
  const kills = (await counted.settled()).filter((kill) => storm.isOurs(kill));
  assertEquals(kills.length, storm.total);
  storm.assertLiving(kills);
  storm.assertNoneWrong(kills);
  for (const { event_data: { oom } } of kills) {
    assertEquals(oom.attribution, "exact");
    assert(oom.sources.includes("kmsg"));
  }
  const pids = new Set(kills.map(({ event_data: { oom } }) => oom.pid));
  assertEquals(pids.size, kills.length);
  const named = kills.filter(({ event_data: { oom } }) =>
    oom.victim_cgroup !== undefined
  );
  return named.length / kills.length;
}

Deno.test({
  name:
    "agent tells of each of 200 kills once, and nearly always in which container",
  ignore: !CAN_OOM,
  async fn() {
    // Not always: the kernel prints ten summaries in five seconds, which name
    // the cgroup (`DEFAULT_RATELIMIT_BURST`). Of the other kills it prints the
    // pid. Where that process is gone before the record is read, and more than
    // one kill is not told of yet, nobody knows in which container it was. On
    // a machine that is busy with something else that is so more often: 95 %
    // and more are named on an idle one.
    let share = 0;
    for (let attempt = 1; attempt <= 3 && share < 0.75; attempt++) {
      share = await tellOfEach(`kmsg${attempt}`);
    }
    assertGreaterOrEqual(share, 0.75);
  },
});

Deno.test({
  name:
    "agent without the kernel log tells of as many kills as the kernel counts",
  ignore: !CAN_OOM,
  async fn() {
    await using storm = new Storm("none");
    await using counted = await CountedAgent.start(storm, "none");
    assertEquals(await counted.kmsgState(), "off");
    await storm.run();
    await counted.assertEqualsNode();
    const kills = await storm.kills();
    storm.assertLiving(kills);
    for (const { event_data: { oom } } of kills) {
      assertEquals(oom.attribution, "inferred");
      assertEquals(oom.pid, undefined);
    }
  },
});

Deno.test({
  name:
    "agent tells of as many kills as the kernel counts when the kernel log ends",
  ignore: !CAN_OOM,
  async fn() {
    await using storm = new Storm("ends");
    const fifo = `${storm.dir}/kmsg`;
    const writer = await copyKmsg(fifo);
    try {
      await using counted = await CountedAgent.start(storm, fifo);
      assert(await until(async () => await counted.kmsgState() === "ok"));
      const running = storm.run(50);
      // In the middle.
      await until(async () => (await storm.kills()).length >= 50);
      writer.kill("SIGKILL");
      await running;
      assertEquals(await counted.kmsgState(), "degraded");
      await counted.assertEqualsNode();
      const kills = await storm.kills();
      storm.assertLiving(kills);
      for (const attribution of ["exact", "inferred"]) {
        assertGreater(
          kills.filter(({ event_data: { oom } }) =>
            oom.attribution === attribution
          ).length,
          20,
          attribution,
        );
      }
    } finally {
      try {
        writer.kill("SIGKILL");
      } catch {
        // It was ended before.
      }
      await writer.status;
    }
  },
});

Deno.test({
  name: "agent that is started anew amid 200 kills tells of each once",
  ignore: !CAN_OOM,
  async fn() {
    await using storm = new Storm("restart");
    const first = await CountedAgent.start(storm, "/dev/kmsg");
    let running: Promise<void> = Promise.resolve();
    try {
      running = storm.run(150);
      await until(async () => (await storm.kills()).length >= 50);
    } finally {
      await first[Symbol.asyncDispose]();
    }
    const before = (await storm.kills()).length;
    await using second = await CountedAgent.start(storm, "/dev/kmsg");
    await running;
    await second.settled();
    const all = (await readEvents(storm.log)).filter((event) =>
      event.event_type === "oomKill"
    );
    const kills = all.filter((kill) => storm.isOurs(kill));
    const pids = kills.map(({ event_data: { oom } }) => oom.pid);
    assertEquals(
      pids.toSorted(),
      [...storm.victims.keys()].toSorted(),
    );
    assertEquals(kills.length, storm.total);
    storm.assertNoneWrong(kills);
    // It was in the middle: some before it, some while it was down, some after.
    const live = kills.filter(({ event_data: { oom } }) => !oom.historical);
    assertGreater(live.length, before);
    assertGreater(kills.length, live.length);
    const sequences = all.map(({ event_data: { oom } }) => oom.kmsg_seq)
      .filter((sequence) => sequence !== undefined);
    assertEquals(new Set(sequences).size, sequences.length);
  },
});

Deno.test({
  name:
    "agent tells of as many kills as the kernel counts when a flood overruns the kernel log",
  ignore: !CAN_OOM,
  async fn() {
    await using storm = new Storm("flood");
    await using counted = await CountedAgent.start(storm, "/dev/kmsg");
    await delay(1_000);
    const { pid } = counted.agent;
    Deno.kill(pid, "SIGSTOP");
    try {
      await storm.run();
      await floodKmsg();
    } finally {
      Deno.kill(pid, "SIGCONT");
    }
    await counted.assertEqualsNode();
    const { state, detail } = await counted.kmsg();
    assertEquals(state, "degraded");
    assertMatch(
      detail,
      /^Records were lost before they could be read, \d+ in all$/,
    );
    const kills = await storm.kills();
    storm.assertLiving(kills);
    const inferred = kills.filter(({ event_data: { oom } }) =>
      oom.attribution === "inferred"
    );
    assertGreaterOrEqual(inferred.length, storm.total);
    // It has gone on to read.
    await storm.run();
    const { size } = storm.victims;
    assert(
      await until(async () =>
        (await storm.kills()).filter(({ event_data: { oom } }) => oom.pid > 0)
          .length >= size / 2
      ),
    );
  },
});

/** Runs a storm amid which the agent is ended; begins anew when the storm is over. */
async function restartAfter(
  storm: Storm,
  kmsg: readonly [before: string, after: string],
  during?: () => void,
): Promise<void> {
  const before = nodeKills();
  const first = await CountedAgent.start(storm, kmsg[0]);
  let running: Promise<void> = Promise.resolve();
  try {
    running = storm.run(150);
    await until(async () => (await storm.allKills()).length >= 50);
    during?.();
    await until(async () => (await storm.allKills()).length >= 100);
  } finally {
    await first[Symbol.asyncDispose]();
  }
  await running;
  await using _second = await CountedAgent.start(storm, kmsg[1]);
  await until(async () => (await storm.allKills()).length >= storm.total);
  await delay(SETTLED_MS);
  const kills = await storm.allKills();
  assertGreaterOrEqual(kills.length, storm.total);
  assertLessOrEqual(kills.length, nodeKills() - before);
  const pids = kills.map(({ event_data: { oom } }) => oom.pid)
    .filter((pid) => pid !== undefined);
  assertEquals(new Set(pids).size, pids.length);
  assert(kills.some(({ event_data: { oom } }) => oom.historical));
}

Deno.test({
  name:
    "agent without the kernel log tells after a restart of kills while it was down",
  ignore: !CAN_OOM,
  async fn() {
    await using storm = new Storm("down");
    await restartAfter(storm, ["none", "none"]);
  },
});

Deno.test({
  name:
    "agent tells no kill twice that it inferred when the kernel log had ended, and reads after a restart",
  ignore: !CAN_OOM,
  async fn() {
    await using storm = new Storm("again");
    const fifo = `${storm.dir}/kmsg`;
    const writer = await copyKmsg(fifo);
    const end = () => writer.kill("SIGKILL");
    try {
      await restartAfter(storm, [fifo, "/dev/kmsg"], end);
    } finally {
      await writer.status;
    }
  },
});
