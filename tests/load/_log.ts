/**
 * The agent's event log, which the agent rotates, and which this program also
 * renames at times, like logrotate.
 *
 * @module
 */
import { delay, readEvents, type WireEvent } from "../e2e/_agent.ts";
import { SeededRandom } from "../_support/random.ts";

const MAX_PAUSE_MS = 12_000;

/** A log in a temporary directory. */
export class RotatedLog {
  readonly #dir: string;
  /** Number of parts renamed by this program. */
  moved = 0;
  hangups = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  get path(): string {
    return `${this.#dir}/events.ndjson`;
  }

  /** Sends SIGHUP until `endMs`, in half of the cases after renaming the log. */
  async rotateUntil(endMs: number, seed: number, pid: number): Promise<void> {
    const random = new SeededRandom(seed);
    while (Date.now() < endMs) {
      await delay(random.below(MAX_PAUSE_MS));
      if (random.chance(0.5)) {
        const to = `${this.#dir}/moved-${this.moved}.ndjson`;
        // The file is missing between two renames of the agent.
        if (await renamed(this.path, to)) this.moved++;
      }
      Deno.kill(pid, "SIGHUP");
      this.hangups++;
    }
  }

  /** Returns the events of all parts by `seq`, and the parts that are not in order. */
  async read(): Promise<{
    events: WireEvent[];
    parts: number;
    disordered: string[];
  }> {
    const events: WireEvent[] = [];
    const disordered: string[] = [];
    let parts = 0;
    for await (const { name } of Deno.readDir(this.#dir)) {
      const part = await readEvents(`${this.#dir}/${name}`);
      const isOrdered = part.every(({ seq }, at) =>
        at === 0 || seq > part[at - 1].seq
      );
      if (!isOrdered) disordered.push(name);
      for (const event of part) events.push(event);
      parts++;
    }
    events.sort((a, b) => a.seq - b.seq);
    return { events, parts, disordered };
  }
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await Deno.rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
