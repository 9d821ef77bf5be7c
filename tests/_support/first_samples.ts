import type { Manager } from "../../lib/manager/manager.ts";
import { sleep, systemClock } from "../../lib/model/clock.ts";

/** Resolves after the first scheduled sample of every container, without requesting one. */
export async function firstSamples(manager: Manager): Promise<void> {
  const taken = () => [...manager.counters.housekeeping.buckets()].at(-1)?.[1];
  while ((taken() ?? 0) < manager.counters.containers) {
    await sleep(systemClock, 1);
  }
}
