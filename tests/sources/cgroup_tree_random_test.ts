// What holds of a CgroupTree whatever happens: a model makes and removes directories by chance.

import { assert, assertEquals } from "@std/assert";
import { parentOf, ROOT } from "../../lib/model/cgroup.ts";
import { SeededRandom } from "../_support/random.ts";
import { TreeOfDirectories } from "../_support/tree_of_directories.ts";

interface Hint {
  readonly hierarchy: number;
  readonly name: string;
  readonly kind: "create" | "remove";
}

const BASES = ["a", "b", "c"] as const;
const MAX_DEPTH = 3;
/** So many changes of directories come at most between one and its hint. */
const MAX_LATE = 3;

/** What is there, what the kernel would tell of it, and what the tree made of that. */
class Model implements Disposable {
  readonly host: TreeOfDirectories;
  readonly random: SeededRandom;
  /** Names by hierarchy. */
  readonly listing: Set<string>[];
  readonly told: Hint[] = [];
  /** How often each name came to be, in any hierarchy at all. */
  readonly lives = new Map<string, number>();
  /** How many adds less deletes of each name were told. */
  readonly balance = new Map<string, number>();
  readonly adds = new Map<string, number>();

  constructor(seed: number, hierarchies: number, removalsCount: boolean) {
    this.random = new SeededRandom(seed);
    this.host = new TreeOfDirectories({ hierarchies, removalsCount });
    this.listing = this.host.hierarchies.map(() => new Set<string>());
    this.follow(this.host.reconcile());
  }

  make(hierarchy: number, name: string): void {
    const names = this.listing[hierarchy] as Set<string>;
    if (names.has(name)) return;
    if (parentOf(name) !== ROOT) this.make(hierarchy, parentOf(name));
    if (!this.exists(name)) count(this.lives, name);
    this.host.at(hierarchy, name);
    names.add(name);
    this.told.push({ hierarchy, name, kind: "create" });
    if (this.random.chance(0.3)) {
      this.host.discover(hierarchy, name);
      this.follow(this.host.changes());
    }
  }

  /** Removes a directory and all below it, as the kernel has it: from below. */
  remove(hierarchy: number, name: string): void {
    const names = this.listing[hierarchy] as Set<string>;
    if (!names.has(name)) return;
    for (const base of BASES) this.remove(hierarchy, `${name}/${base}`);
    this.host.remove(hierarchy, name);
    names.delete(name);
    this.told.push({ hierarchy, name, kind: "remove" });
  }

  exists(name: string): boolean {
    return this.listing.some((names) => names.has(name));
  }

  anyName(): string {
    const depth = 1 + this.random.below(MAX_DEPTH);
    const bases = Array.from({ length: depth }, () => this.random.pick(BASES));
    return `/${bases.join("/")}`;
  }

  hint({ hierarchy, name, kind }: Hint): void {
    this.host.hint(hierarchy, name, kind);
    this.follow(this.host.changes());
  }

  /** Makes sure that every change makes sense after those before it. */
  follow(changes: readonly string[]): void {
    for (const change of changes) {
      const name = change.slice(1);
      const before = this.balance.get(name) ?? 0;
      if (change.startsWith("+")) {
        assertEquals(before, 0, `${name} is added twice`);
        this.balance.set(name, 1);
        count(this.adds, name);
      } else if (change.startsWith("-")) {
        assertEquals(before, 1, `${name} is deleted and was not added`);
        this.balance.set(name, 0);
      } else if (change.startsWith("~")) {
        assertEquals(before, 1, `${name} is updated and was not added`);
      }
    }
  }

  /** Makes sure that the tree knows exactly what is there. */
  assertSame(): void {
    const there = [...this.balance].filter(([, balance]) => balance === 1)
      .map(([name]) => name).toSorted();
    const names = new Set([ROOT, ...this.listing.flatMap((each) => [...each])]);
    assertEquals(there, [...names].toSorted());
    assertEquals(this.host.tree.size, names.size);
    const directories = this.listing.reduce(
      (sum, { size }) => sum + size + 1,
      0,
    );
    assertEquals(this.host.tree.directories, directories);
    assertEquals(this.host.watched.size, directories);
    for (const [at, names] of this.listing.entries()) {
      for (const name of names) {
        assert(this.host.watched.has(this.host.hierarchies[at]?.path + name));
      }
    }
  }

  [Symbol.dispose](): void {
    this.host[Symbol.dispose]();
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function forEachSeed(seeds: number, check: (seed: number) => void): void {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      check(seed);
    } catch (error) {
      throw new Error(`Seed ${seed} fails`, { cause: error });
    }
  }
}

for (const removalsCount of [true, false]) {
  Deno.test(`CgroupTree equals the listing after reconcile(), whichever hints came in whichever order, with removalsCount ${removalsCount}`, () => {
    forEachSeed(20, (seed) => {
      using model = new Model(seed, 3, removalsCount);
      const { random, host } = model;
      for (let burst = 0; burst < 15; burst++) {
        for (let i = random.below(20); i > 0; i--) {
          const hierarchy = random.below(3);
          if (random.chance(0.6)) model.make(hierarchy, model.anyName());
          else model.remove(hierarchy, model.anyName());
        }
        const hints = model.told.splice(0)
          .filter(() => random.chance(0.7));
        for (const hint of random.shuffle(hints)) model.hint(hint);
        if (random.chance(0.2)) host.clock.advance(6_000);
        model.follow(host.reconcile());
        model.assertSame();
      }
    });
  });
}

Deno.test("CgroupTree equals the listing where every hint came, in any order", () => {
  forEachSeed(20, (seed) => {
    using model = new Model(seed, 3, true);
    const { random } = model;
    for (let burst = 0; burst < 15; burst++) {
      for (let i = random.below(20); i > 0; i--) {
        const hierarchy = random.below(3);
        if (random.chance(0.6)) model.make(hierarchy, model.anyName());
        else model.remove(hierarchy, model.anyName());
      }
      for (const hint of random.shuffle(model.told.splice(0))) model.hint(hint);
      model.assertSame();
    }
  });
});

for (const hierarchies of [1, 3]) {
  Deno.test(`CgroupTree counts every life once where every hint comes in order, up to three changes late, in ${hierarchies} hierarchies`, () => {
    forEachSeed(40, (seed) => {
      using model = new Model(seed, hierarchies, true);
      const { random, host } = model;
      const all = [...host.hierarchies.keys()];
      for (let step = 0; step < 80; step++) {
        // As runtimes do: a container is made in all hierarchies, and removed from all.
        const name = model.anyName();
        const isThere = model.exists(name);
        for (const hierarchy of all) {
          if (isThere) model.remove(hierarchy, name);
          else model.make(hierarchy, name);
          while (
            model.told.length > MAX_LATE ||
            (model.told.length > 0 && random.chance(0.4))
          ) {
            model.hint(model.told.shift() as Hint);
          }
        }
      }
      for (const hint of model.told.splice(0)) model.hint(hint);
      model.assertSame();
      model.adds.delete(ROOT);
      assertEquals(
        [...model.adds].toSorted(),
        [...model.lives].toSorted(),
      );
      assert(model.lives.size > 0);
    });
  });
}
