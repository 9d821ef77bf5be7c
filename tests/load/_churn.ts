/**
 * An actor: containers that come and go, some at once and some after seconds,
 * some within others, many under a name that was used before. Tells each life.
 *
 * @module
 */
import { delay } from "../e2e/_agent.ts";
import { HIERARCHIES } from "../e2e/_cgroups.ts";
import { SeededRandom } from "../_support/random.ts";
import { readTask, tell } from "./_actor.ts";
import { type Life, Lives } from "./_lives.ts";

/** Who makes one container after the other; so many do at the same time. */
const LANES = 8;

/** Lives of these lengths, milliseconds, and how often each is chosen. */
const LENGTHS:
  readonly (readonly [weight: number, from: number, to: number])[] = [
    [8, 0, 1],
    [6, 1, 250],
    [6, 250, 600],
    [4, 600, 2_000],
    [1, 2_000, 8_000],
  ];

/** Names that a lane uses again and again. */
const NAMES = 6;

const MAX_PAUSE_MS = 100;

/** Containers of one gust, and the time between two. */
const MAX_GUST = 400;
const MAX_LULL_MS = 25_000;

/** Where a container shows: in one hierarchy, in some, in all as runtimes do. */
const PLACES: readonly (readonly string[])[] = [
  ["memory"],
  ["cpu", "memory"],
  ["cpuacct", "blkio", "memory", "pids"],
  [...HIERARCHIES.keys()],
].map((names) => names.filter((name) => HIERARCHIES.has(name)))
  .filter((names) => names.length > 0);

const GUST_PLACES = PLACES[0] ?? [];

/** Makes one container after the other. */
class Lane {
  readonly #random: SeededRandom;
  readonly #lives: Lives;
  readonly #name: string;
  #count = 0;

  constructor(seed: number, lives: Lives, name: string) {
    this.#random = new SeededRandom(seed);
    this.#lives = lives;
    this.#name = name;
  }

  async run(endMs: number): Promise<void> {
    while (Date.now() < endMs) {
      await this.#live(this.#nextName(), this.#random.chance(0.2) ? 2 : 0);
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

  /** One container, with so many levels of others in it. */
  async #live(name: string, levels: number): Promise<void> {
    const places = this.#random.pick(PLACES);
    const lengthMs = this.#lengthMs();
    const life = this.#lives.make(name, places);
    const within = levels === 0 ? 0 : 1 + this.#random.below(2);
    for (let i = 0; i < within; i++) {
      // A child shows where its parents do.
      await this.#child(`${name}/c${i}`, places, levels - 1);
    }
    await this.#end(life, lengthMs);
  }

  async #child(
    name: string,
    places: readonly string[],
    levels: number,
  ): Promise<void> {
    const life = this.#lives.make(name, places);
    const lengthMs = this.#lengthMs();
    if (levels > 0) await this.#child(`${name}/d`, places, levels - 1);
    await this.#end(life, lengthMs);
  }

  async #end(life: Life, lengthMs: number): Promise<void> {
    const leftMs = life.madeMs + lengthMs - Date.now();
    if (leftMs > 0) await delay(leftMs);
    await this.#lives.remove(life);
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

/** Now and then so many come in one go, and a little later all of them go. */
class Gusts {
  readonly #random: SeededRandom;
  readonly #lives: Lives;
  readonly #name: string;

  constructor(seed: number, lives: Lives, name: string) {
    this.#random = new SeededRandom(seed);
    this.#lives = lives;
    this.#name = name;
  }

  async run(endMs: number): Promise<void> {
    for (;;) {
      await delay(2_000 + this.#random.below(MAX_LULL_MS));
      if (Date.now() > endMs) return;
      const count = 50 + this.#random.below(MAX_GUST);
      const lengthMs = this.#random.below(1_500);
      const lives = Array.from(
        { length: count },
        (_, at) => this.#lives.make(`${this.#name}-${at}`, GUST_PLACES),
      );
      await delay(lengthMs);
      for (const life of lives) await this.#lives.remove(life);
    }
  }
}

const { seed, seconds, root } = readTask();
const lives = new Lives();
const endMs = Date.now() + seconds * 1000;
const lanes = Array.from(
  { length: LANES },
  (_, lane) => new Lane(seed * 1_000 + lane, lives, `${root}/s${seed}l${lane}`),
);
const gusts = new Gusts(seed * 1_000 + LANES, lives, `${root}/s${seed}gust`);
await Promise.all([...lanes, gusts].map((some) => some.run(endMs)));
await tell(lives.all);
