import { assert, assertEquals } from "@std/assert";
import type { CgroupName } from "../../lib/model/cgroup.ts";
import { SeededRandom } from "../_support/random.ts";
import { type Fault, TIMES, type Times } from "./_fault.ts";
import { FaultyAgent, type FaultyAgentOptions } from "./_faulty_agent.ts";
import type { Call } from "./_faulty_deno.ts";
import { FAULTY, OTHERS } from "./_faulty_host.ts";

/** A seam and its possible faults: one row of a table. */
export interface Seam {
  /** Data that is read or written. */
  readonly name: string;
  readonly call: Call;
  /** Pattern of the path without the root. */
  readonly path: RegExp;
  readonly faults: readonly Fault[];
  /**
   * Report of the loss while it lasts; absent if nothing is lost, or only
   * a value is missing.
   */
  readonly shows?: Showing;
  /** Whether it affects all containers rather than one. @default false */
  readonly isOfAll?: boolean;
  /**
   * Triggers the call, in addition to a container that is created and removed.
   */
  readonly provoke?: (agent: FaultyAgent) => void;
}

/** Report of a loss: a degraded source, a log message, or a counter. */
export type Showing =
  | { readonly source: string }
  | { readonly message: string }
  | { readonly counts: (agent: FaultyAgent) => number };

interface Combination {
  readonly seam: Seam;
  readonly fault: Fault;
  readonly times: Times;
}

const CHOSEN_SEED = Deno.env.get("CGWATCH_FAULTS_SEED");
/** The seed determines order and garbage. */
const SEED = Number(CHOSEN_SEED ?? 20_261_126);
/** Whether to run all combinations, which takes twice as long. */
const IS_COMPLETE = CHOSEN_SEED !== undefined;

/** Runs every combination of a table on one agent, in random order. */
export function testFaultScenarios(
  name: string,
  seams: readonly Seam[],
  options: Omit<FaultyAgentOptions, "seed"> = {},
): void {
  Deno.test(`${name} (CGWATCH_FAULTS_SEED=${SEED})`, async (test) => {
    await using agent = new FaultyAgent({ ...options, seed: SEED });
    await agent.startHealthy();
    for (const combination of combinationsOf(seams)) {
      const { seam, fault, times } = combination;
      await test.step(
        `${seam.name}, ${seam.call}: ${fault}, ${times}`,
        () => runScenario(agent, combination),
      );
    }
    await agent.assertLogComplete();
  });
}

/** Runs every combination of a table on an agent that starts with the fault. */
export function testStartupFaults(name: string, seams: readonly Seam[]): void {
  Deno.test(`${name} (CGWATCH_FAULTS_SEED=${SEED})`, async (test) => {
    for (
      const { seam, fault, times } of combinationsOf(seams, ["until healed"])
    ) {
      const { call, path, shows } = seam;
      await test.step(`${seam.name}, ${call}: ${fault}, ${times}`, async () => {
        await using agent = new FaultyAgent({ seed: SEED });
        agent.deno.inject({ call, path, fault, times });
        await agent.start();
        assert(
          await agent.until(() => agent.deno.hits > 0),
          "The fault did not occur",
        );
        if (shows !== undefined) {
          assert(
            await agent.until(() => showing(agent, shows, 0) > 0),
            "The loss is not reported",
          );
        }
        agent.deno.heal();
        await assertRecovered(agent, agent.host.make(), agent.host.kill());
        agent.diagnostics.assertRateLimited();
        await agent.assertLogComplete();
      });
    }
  });
}

/**
 * Returns the combinations of a table. By default, temporary faults are limited
 * to one random fault per seam.
 */
function combinationsOf(
  seams: readonly Seam[],
  lengths: readonly Times[] = TIMES,
): Combination[] {
  const random = new SeededRandom(SEED);
  return random.shuffle(seams.flatMap((seam) => {
    const chosen = random.pick(seam.faults);
    return seam.faults.flatMap((fault) =>
      lengths
        .filter((times) =>
          times === "until healed" || IS_COMPLETE || fault === chosen
        )
        .map((times) => ({ seam, fault, times }))
    );
  }));
}

/**
 * Runs one combination: the agent tolerates the fault, reports it, and
 * recovers.
 */
async function runScenario(
  agent: FaultyAgent,
  { seam, fault, times }: Combination,
): Promise<void> {
  const { shows, isOfAll = false } = seam;
  const isLong = times === "until healed";
  if (isLong && shows !== undefined && "message" in shows) {
    // Wait until earlier messages may be logged again.
    await agent.skip(61_000);
    await agent.until(() => agent.degraded.size === 0);
  }
  const startMs = agent.clock.monotonic();
  const before = showing(agent, shows, startMs);
  agent.deno.inject({ call: seam.call, path: seam.path, fault, times });
  let made: CgroupName | undefined;
  let pid: number | undefined;
  try {
    made = agent.host.make();
    pid = agent.host.kill();
    agent.addEvent();
    seam.provoke?.(agent);
    if (isOfAll) await agent.run(3_000);
    else await assertOthersUnaffected(agent, made);
    assert(
      await agent.until(() => agent.deno.hits > 0),
      "The fault did not occur",
    );
    if (isLong && shows !== undefined) {
      assert(
        await agent.until(() => showing(agent, shows, startMs) > before),
        "The loss is not reported",
      );
    }
    if (isLong && !isOfAll) await agent.assertResponses(OTHERS);
  } finally {
    agent.deno.heal();
  }
  await assertRecovered(agent, made, pid);
  agent.diagnostics.assertRateLimited();
}

async function assertOthersUnaffected(
  agent: FaultyAgent,
  made: CgroupName,
): Promise<void> {
  const nowMs = agent.clock.now();
  for (const name of OTHERS) {
    assert(
      await agent.until(() => agent.isSampled(name, nowMs)),
      `${name} is no longer sampled`,
    );
  }
  assert(
    await agent.until(() => agent.reported(made)[0] > 0),
    `${made} is not reported`,
  );
}

/** Asserts full recovery without a restart, with each event reported once. */
async function assertRecovered(
  agent: FaultyAgent,
  made: CgroupName,
  pid: number,
): Promise<void> {
  const becomes = async (what: string, holds: () => boolean) =>
    assert(
      await agent.until(holds),
      `${what}; degraded: ${[...agent.degraded.values()]}`,
    );
  const healedMs = agent.clock.now();
  for (const name of [FAULTY, ...OTHERS]) {
    await becomes(
      `${name} is not sampled again`,
      () => agent.isSampled(name, healedMs),
    );
  }
  await becomes(`${made} was not reported`, () => agent.reported(made)[0] > 0);
  await becomes(
    `${made} was not named`,
    () => agent.nameOf(made) !== undefined,
  );
  await becomes(
    `The kill was not reported`,
    () => agent.reportedKills(pid) > 0,
  );
  agent.host.remove(made);
  await becomes(`${made} is still there`, () => agent.reported(made)[1] > 0);
  await becomes(
    "The agent has not recovered",
    () => agent.degraded.size === 0,
  );
  assertEquals(agent.reported(made), [1, 1]);
  assertEquals(agent.reportedKills(pid), 1);
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
      ? agent.degraded.has(shows.source)
      : agent.diagnostics.has(shows.message, sinceMs),
  );
}
