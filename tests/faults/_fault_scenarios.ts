import { assert, assertEquals } from "@std/assert";
import type { CgroupName } from "../../lib/model/cgroup.ts";
import { SeededRandom } from "../_support/random.ts";
import { type Fault, TIMES, type Times } from "./_fault.ts";
import { FaultyAgent, type FaultyAgentOptions } from "./_faulty_agent.ts";
import type { Call } from "./_faulty_deno.ts";
import { FAULTY, OTHERS } from "./_faulty_host.ts";

/** A seam and what can go wrong at it: a line of a table. */
export interface Seam {
  /** What is read or written. */
  readonly name: string;
  readonly call: Call;
  /** What the path matches, the root left out. */
  readonly path: RegExp;
  readonly faults: readonly Fault[];
  /** How the loss shows while it lasts; absent where nothing is lost, or a number is merely not there. */
  readonly shows?: Showing;
  /** Whether all containers are of it, and not just one. @default false */
  readonly isOfAll?: boolean;
  /** What makes the call happen, beside what happens anyway: a container that comes and goes. */
  readonly provoke?: (agent: FaultyAgent) => void;
}

/** Where a loss is told of. */
export type Showing =
  | { readonly source: string }
  | { readonly says: string }
  | { readonly counts: (agent: FaultyAgent) => number };

interface Combination {
  readonly seam: Seam;
  readonly fault: Fault;
  readonly times: Times;
}

const WANTED_SEED = Deno.env.get("CGWATCH_FAULTS_SEED");
/** Another seed is another order, and other garbage. */
const SEED = Number(WANTED_SEED ?? 20_261_126);
/** Whether every combination is tried, which takes twice as long. */
const IS_WHOLE = WANTED_SEED !== undefined;

/** Runs every combination of a table on one agent, in an order by chance. */
export function testFaultScenarios(
  name: string,
  seams: readonly Seam[],
  options: Omit<FaultyAgentOptions, "seed"> = {},
): void {
  Deno.test(`${name} (CGWATCH_FAULTS_SEED=${SEED})`, async (test) => {
    await using agent = new FaultyAgent({ ...options, seed: SEED });
    await agent.startWell();
    for (const combination of all(seams)) {
      const { seam, fault, times } = combination;
      await test.step(
        `${seam.name}, ${seam.call}: ${fault}, ${times}`,
        () => weather(agent, combination),
      );
    }
    await agent.assertBooks();
  });
}

/** Runs every combination of a table on an agent that starts in it. */
export function testStartupFaults(name: string, seams: readonly Seam[]): void {
  Deno.test(`${name} (CGWATCH_FAULTS_SEED=${SEED})`, async (test) => {
    for (const { seam, fault, times } of all(seams, ["until healed"])) {
      const { call, path, shows } = seam;
      await test.step(`${seam.name}, ${call}: ${fault}, ${times}`, async () => {
        await using agent = new FaultyAgent({ seed: SEED });
        agent.deno.inject({ call, path, fault, times });
        await agent.start();
        assert(
          await agent.until(() => agent.deno.hits > 0),
          "Nothing has met the fault",
        );
        if (shows !== undefined) {
          assert(
            await agent.until(() => showing(agent, shows, 0) > 0),
            "The loss does not show",
          );
        }
        agent.deno.heal();
        await assertWell(agent, agent.host.make(), agent.host.kill());
        agent.said.assertSeldom();
        await agent.assertBooks();
      });
    }
  });
}

/**
 * All that a table gives; unless all is wanted, faults that pass by themselves
 * are those of one fault by chance at each seam.
 */
function all(
  seams: readonly Seam[],
  lengths: readonly Times[] = TIMES,
): Combination[] {
  const random = new SeededRandom(SEED);
  return random.shuffle(seams.flatMap((seam) => {
    const chosen = random.pick(seam.faults);
    return seam.faults.flatMap((fault) =>
      lengths
        .filter((times) =>
          times === "until healed" || IS_WHOLE || fault === chosen
        )
        .map((times) => ({ seam, fault, times }))
    );
  }));
}

/** One combination: the agent bears it, says it, and is well after it. */
async function weather(
  agent: FaultyAgent,
  { seam, fault, times }: Combination,
): Promise<void> {
  const { shows, isOfAll = false } = seam;
  const isLong = times === "until healed";
  if (isLong && shows !== undefined && "says" in shows) {
    // So that what was said before may be said again.
    await agent.skip(61_000);
    await agent.until(() => agent.troubles.size === 0);
  }
  const startMs = agent.clock.monotonic();
  const before = showing(agent, shows, startMs);
  agent.deno.inject({ call: seam.call, path: seam.path, fault, times });
  let made: CgroupName | undefined;
  let pid: number | undefined;
  try {
    made = agent.host.make();
    pid = agent.host.kill();
    agent.tell();
    seam.provoke?.(agent);
    if (isOfAll) await agent.run(3_000);
    else await assertOthersGoOn(agent, made);
    assert(
      await agent.until(() => agent.deno.hits > 0),
      "Nothing has met the fault",
    );
    if (isLong && shows !== undefined) {
      assert(
        await agent.until(() => showing(agent, shows, startMs) > before),
        "The loss does not show",
      );
    }
    if (isLong && !isOfAll) await agent.assertAnswers(OTHERS);
  } finally {
    agent.deno.heal();
  }
  await assertWell(agent, made, pid);
  agent.said.assertSeldom();
}

async function assertOthersGoOn(
  agent: FaultyAgent,
  made: CgroupName,
): Promise<void> {
  const nowMs = agent.clock.now();
  for (const name of OTHERS) {
    assert(
      await agent.until(() => agent.isWell(name, nowMs)),
      `${name} is not measured any more`,
    );
  }
  assert(
    await agent.until(() => agent.told(made)[0] > 0),
    `${made} is not told of`,
  );
}

/** All is as before, without a restart, and each thing was told once. */
async function assertWell(
  agent: FaultyAgent,
  made: CgroupName,
  pid: number,
): Promise<void> {
  const becomes = async (what: string, holds: () => boolean) =>
    assert(
      await agent.until(holds),
      `${what}; degraded: ${[...agent.troubles.values()]}`,
    );
  const healedMs = agent.clock.now();
  for (const name of [FAULTY, ...OTHERS]) {
    await becomes(
      `${name} is not measured again`,
      () => agent.isWell(name, healedMs),
    );
  }
  await becomes(`${made} was not told of`, () => agent.told(made)[0] > 0);
  await becomes(
    `${made} was not named`,
    () => agent.nameOf(made) !== undefined,
  );
  await becomes(`The kill was not told of`, () => agent.toldKills(pid) > 0);
  agent.host.remove(made);
  await becomes(`${made} is still there`, () => agent.told(made)[1] > 0);
  await becomes(
    "It is not well again",
    () => agent.troubles.size === 0,
  );
  assertEquals(agent.told(made), [1, 1]);
  assertEquals(agent.toldKills(pid), 1);
}

function showing(
  agent: FaultyAgent,
  shows: Showing | undefined,
  sinceMs: number,
): number {
  if (shows === undefined) return 0;
  if ("counts" in shows) return shows.counts(agent);
  return Number(
    "source" in shows
      ? agent.troubles.has(shows.source)
      : agent.said.has(shows.says, sinceMs),
  );
}
