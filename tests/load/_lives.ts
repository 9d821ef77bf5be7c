/**
 * Cgroups that are made and removed, and how long each lived.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { HIERARCHIES } from "../e2e/_cgroups.ts";

/** One life of a cgroup, milliseconds since the epoch. */
export interface Life {
  readonly name: string;
  /** Before its first directory was made … */
  readonly beginMs: number;
  /** … and after: from here on it can be seen … */
  readonly madeMs: number;
  /** … until here, before its last directory was removed … */
  removingMs: number;
  /** … and after. */
  endMs: number;
}

/** Makes cgroups, removes them, and keeps book. */
export class Lives {
  readonly all: Life[] = [];

  /** Makes a cgroup in the hierarchies named, or in all. */
  make(name: string, controllers?: readonly string[]): Life {
    const [first, ...others] = pathsOf(controllers);
    const beginMs = Date.now();
    Deno.mkdirSync(first + name);
    const madeMs = Date.now();
    for (const path of others) Deno.mkdirSync(path + name);
    const life = { name, beginMs, madeMs, removingMs: 0, endMs: 0 };
    this.all.push(life);
    return life;
  }

  /** Removes it wherever it is; waits while a process that was killed is still in it. */
  async remove(life: Life): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (removeEverywhere(life)) return;
      await delay(10);
    }
    throw new Error(`Cannot remove "${life.name}"`);
  }
}

/** Where the hierarchies of some controllers are; of all unless named. */
export function pathsOf(
  controllers: readonly string[] = [...HIERARCHIES.keys()],
): string[] {
  const paths = controllers.map((name) => HIERARCHIES.get(name));
  return [...new Set(paths)].filter((path) => path !== undefined);
}

/** Removes a cgroup from all hierarchies; returns whether it is gone. */
function removeEverywhere(life: Life): boolean {
  for (const path of pathsOf()) {
    const beforeMs = Date.now();
    try {
      Deno.removeSync(path + life.name);
      life.removingMs = beforeMs;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return false;
    }
  }
  life.endMs = Date.now();
  return true;
}
