/**
 * An actor that causes bursts of OOM kills in containers with a memory limit.
 * Reports each container's lifetime, victims and kill counter.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { HIERARCHIES } from "../e2e/_cgroups.ts";
import { SeededRandom } from "../_support/random.ts";
import { readTask, writeReport } from "./_actor.ts";
import { type CgroupLifetime, CgroupLifetimes, pathsOf } from "./_lifetimes.ts";

/** A container with OOM kills. */
export interface OomKilledContainer {
  readonly lifetime: CgroupLifetime;
  /** The kernel's kill counter of the cgroup. */
  readonly kills: number;
  /** PIDs of the victims. */
  readonly pids: readonly number[];
}

const LIMIT_BYTES = 8 * 2 ** 20;

const [CONTROLLER, LIMIT_FILE, COUNT_FILE] = HIERARCHIES.has("memory")
  ? ["memory", "memory.limit_in_bytes", "memory.oom_control"] as const
  : ["unified", "memory.max", "memory.events.local"] as const;

const { seed, seconds, root } = readTask();
const random = new SeededRandom(seed);
const lifetimes = new CgroupLifetimes();
const killed: OomKilledContainer[] = [];
const endMs = Date.now() + seconds * 1000;

/** Runs a program in a container until the kernel kills it; returns its PID. */
async function triggerOom(name: string): Promise<number | undefined> {
  const path = `${pathsOf([CONTROLLER])}${name}/cgroup.procs`;
  const child = new Deno.Command("sh", {
    args: ["-c", `echo $$ >"${path}" && exec tail /dev/zero`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const { signal } = await child.status;
  return signal === "SIGKILL" ? child.pid : undefined;
}

function countOf(name: string): number {
  const path = `${pathsOf([CONTROLLER])}${name}/${COUNT_FILE}`;
  return Number(/^oom_kill (\d+)$/m.exec(Deno.readTextFileSync(path))?.[1]);
}

function limit(name: string): void {
  const path = `${pathsOf([CONTROLLER])}${name}/${LIMIT_FILE}`;
  Deno.writeTextFileSync(path, String(LIMIT_BYTES));
}

/** Runs a container in which some processes are killed, concurrently or one by one. */
async function container(
  name: string,
  kills: number,
  lingerMs: number,
  isTogether: boolean,
): Promise<void> {
  // In all hierarchies, as with runtimes.
  const lifetime = lifetimes.create(name);
  limit(name);
  const pids: (number | undefined)[] = [];
  if (isTogether) {
    pids.push(
      ...await Promise.all(
        Array.from({ length: kills }, () => triggerOom(name)),
      ),
    );
  } else for (let k = 0; k < kills; k++) pids.push(await triggerOom(name));
  killed.push({
    lifetime,
    kills: countOf(name),
    pids: pids.filter((pid) => pid !== undefined),
  });
  await delay(lingerMs);
  await lifetimes.remove(lifetime);
}

for (let storm = 0; Date.now() < endMs; storm++) {
  const isGreat = random.chance(0.25);
  const containers = isGreat ? 4 + random.below(5) : 1 + random.below(2);
  await Promise.all(
    Array.from({ length: containers }, (_, index) => {
      const name = random.chance(0.3)
        ? `old${index}`
        : `storm${storm}-${index}`;
      const kills = 1 + random.below(isGreat ? 6 : 3);
      const lingerMs = random.chance(0.5) ? 0 : random.below(3_000);
      return container(`${root}/${name}`, kills, lingerMs, random.chance(0.5));
    }),
  );
  await delay(200 + random.below(isGreat ? 4_000 : 1_000));
}
await writeReport(killed);
