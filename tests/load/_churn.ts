/**
 * An actor that creates and removes containers, with lifetimes from 0 to 8 s,
 * some nested, many with a reused name. Reports each lifetime.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { HIERARCHIES } from "../e2e/_cgroups.ts";
import { SeededRandom } from "../_support/random.ts";
import { readTask, writeReport } from "./_actor.ts";
import { type CgroupLifetime, CgroupLifetimes } from "./_lifetimes.ts";

/** Number of concurrent lanes, each of which creates one container after the other. */
const LANES = 8;

/** Ranges of lifetimes in milliseconds, with their weights. */
const LENGTHS:
  readonly (readonly [weight: number, from: number, to: number])[] = [
    [8, 0, 1],
    [6, 1, 250],
    [6, 250, 600],
    [4, 600, 2_000],
    [1, 2_000, 8_000],
  ];

/** Number of names that a lane reuses. */
const NAMES = 6;

const MAX_PAUSE_MS = 100;

/** Maximum number of containers of a burst, and maximum time between two bursts. */
const MAX_BURST = 400;
const MAX_LULL_MS = 25_000;

/** Hierarchies of a container: one, some, or all, as with runtimes. */
const PLACES: readonly (readonly string[])[] = [
  ["memory"],
  ["cpu", "memory"],
  ["cpuacct", "blkio", "memory", "pids"],
  [...HIERARCHIES.keys()],
].map((names) => names.filter((name) => HIERARCHIES.has(name)))
  .filter((names) => names.length > 0);

const BURST_PLACES = PLACES[0] ?? [];

/** Creates one container after the other. */
class Lane {
  readonly #random: SeededRandom;
  readonly #lifetimes: CgroupLifetimes;
  readonly #name: string;
  #count = 0;

  constructor(seed: number, lifetimes: CgroupLifetimes, name: string) {
    this.#random = new SeededRandom(seed);
    this.#lifetimes = lifetimes;
    this.#name = name;
  }

  async run(endMs: number): Promise<void> {
    while (Date.now() < endMs) {
      await this.#runContainer(
        this.#nextName(),
        this.#random.chance(0.2) ? 2 : 0,
      );
      await delay(this.#random.below(MAX_PAUSE_MS));
    }
  }

  #nextName(): string {
    const isOld = this.#random.chance(0.5);
    const name = isOld
      ? `old${this.#random.below(NAMES)}`
      : `new${this.#count++}`;
    return `${this.#name}-${name}`;
  }

  /** Creates a container with this many levels of children. */
  async #runContainer(name: string, levels: number): Promise<void> {
    const places = this.#random.pick(PLACES);
    const lengthMs = this.#lengthMs();
    const lifetime = this.#lifetimes.create(name, places);
    const within = levels === 0 ? 0 : 1 + this.#random.below(2);
    for (let i = 0; i < within; i++) {
      // A child is in the same hierarchies as its parent.
      await this.#child(`${name}/c${i}`, places, levels - 1);
    }
    await this.#end(lifetime, lengthMs);
  }

  async #child(
    name: string,
    places: readonly string[],
    levels: number,
  ): Promise<void> {
    const lifetime = this.#lifetimes.create(name, places);
    const lengthMs = this.#lengthMs();
    if (levels > 0) await this.#child(`${name}/d`, places, levels - 1);
    await this.#end(lifetime, lengthMs);
  }

  async #end(lifetime: CgroupLifetime, lengthMs: number): Promise<void> {
    const leftMs = lifetime.createdMs + lengthMs - Date.now();
    if (leftMs > 0) await delay(leftMs);
    await this.#lifetimes.remove(lifetime);
  }

  #lengthMs(): number {
    const total = LENGTHS.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#random.below(total);
    for (const [weight, from, to] of LENGTHS) {
      at -= weight;
      if (at < 0) return from + this.#random.below(to - from);
    }
    return 0;
  }
}

/** Creates many containers at the same time and later removes them all. */
class Bursts {
  readonly #random: SeededRandom;
  readonly #lifetimes: CgroupLifetimes;
  readonly #name: string;

  constructor(seed: number, lifetimes: CgroupLifetimes, name: string) {
    this.#random = new SeededRandom(seed);
    this.#lifetimes = lifetimes;
    this.#name = name;
  }

  async run(endMs: number): Promise<void> {
    for (;;) {
      await delay(2_000 + this.#random.below(MAX_LULL_MS));
      if (Date.now() > endMs) return;
      const count = 50 + this.#random.below(MAX_BURST);
      const lengthMs = this.#random.below(1_500);
      const lifetimes = Array.from(
        { length: count },
        (_, at) => this.#lifetimes.create(`${this.#name}-${at}`, BURST_PLACES),
      );
      await delay(lengthMs);
      for (const lifetime of lifetimes) await this.#lifetimes.remove(lifetime);
    }
  }
}

const { seed, seconds, root } = readTask();
const lifetimes = new CgroupLifetimes();
const endMs = Date.now() + seconds * 1000;
const lanes = Array.from(
  { length: LANES },
  (_, lane) =>
    new Lane(seed * 1_000 + lane, lifetimes, `${root}/s${seed}l${lane}`),
);
const bursts = new Bursts(
  seed * 1_000 + LANES,
  lifetimes,
  `${root}/s${seed}gust`,
);
await Promise.all([...lanes, bursts].map((some) => some.run(endMs)));
await writeReport(lifetimes.all);
