/**
 * Creates and removes cgroups and records their lifetimes.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { HIERARCHIES } from "../e2e/_cgroups.ts";

/** One lifetime of a cgroup; times in milliseconds since the epoch. */
export interface CgroupLifetime {
  readonly name: string;
  /** Time before the first directory was created. */
  readonly startMs: number;
  /** Time after that: the cgroup is visible from here … */
  readonly createdMs: number;
  /** … to here, before the last directory is removed. */
  removingMs: number;
  /** Time after the last directory was removed. */
  endMs: number;
}

/** Creates and removes cgroups and records their lifetimes. */
export class CgroupLifetimes {
  readonly all: CgroupLifetime[] = [];

  /** Creates a cgroup in the given hierarchies, or in all. */
  create(name: string, controllers?: readonly string[]): CgroupLifetime {
    const [first, ...others] = pathsOf(controllers);
    const startMs = Date.now();
    Deno.mkdirSync(first + name);
    const createdMs = Date.now();
    for (const path of others) Deno.mkdirSync(path + name);
    const lifetime = { name, startMs, createdMs, removingMs: 0, endMs: 0 };
    this.all.push(lifetime);
    return lifetime;
  }

  /** Removes a cgroup from all hierarchies; waits for killed processes to leave it. */
  async remove(lifetime: CgroupLifetime): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (removeEverywhere(lifetime)) return;
      await delay(10);
    }
    throw new Error(`Cannot remove "${lifetime.name}"`);
  }
}

/** Returns the mount points of controllers, by default of all. */
export function pathsOf(
  controllers: readonly string[] = [...HIERARCHIES.keys()],
): string[] {
  const paths = controllers.map((name) => HIERARCHIES.get(name));
  return [...new Set(paths)].filter((path) => path !== undefined);
}

/** Removes a cgroup from all hierarchies; returns whether it is removed. */
function removeEverywhere(lifetime: CgroupLifetime): boolean {
  for (const path of pathsOf()) {
    const beforeMs = Date.now();
    try {
      Deno.removeSync(path + lifetime.name);
      lifetime.removingMs = beforeMs;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return false;
    }
  }
  lifetime.endMs = Date.now();
  return true;
}
