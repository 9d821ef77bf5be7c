// Invariants of a CgroupTree: a model creates and removes random directories.

import { assert, assertEquals } from "@std/assert";
import { parentOf, ROOT } from "../../lib/model/cgroup.ts";
import { SeededRandom } from "../_support/random.ts";
import { DirectoryTreeFixture } from "../_support/directory_tree_fixture.ts";

interface Hint {
  readonly hierarchy: number;
  readonly name: string;
  readonly kind: "create" | "remove";
}

const BASES = ["a", "b", "c"] as const;
const MAX_DEPTH = 3;
/** Maximum number of changes of directories between one and its hint. */
const MAX_LATE = 3;

/** The existing directories, the kernel's notifications, and the resulting changes of the tree. */
class Model implements Disposable {
  readonly host: DirectoryTreeFixture;
  readonly random: SeededRandom;
  /** Names by hierarchy. */
  readonly listing: Set<string>[];
  readonly hints: Hint[] = [];
  /** Number of creations of each name, in any hierarchy. */
  readonly creations = new Map<string, number>();
  /** Number of reported adds minus deletes of each name. */
  readonly balance = new Map<string, number>();
  readonly adds = new Map<string, number>();

  constructor(seed: number, hierarchies: number, removalsCount: boolean) {
    this.random = new SeededRandom(seed);
    this.host = new DirectoryTreeFixture({ hierarchies, removalsCount });
    this.listing = this.host.hierarchies.map(() => new Set<string>());
    this.follow(this.host.reconcile());
  }

  /**
   * Directories of a hierarchy below which notifications arrive: with
   * `Deno.watchFs` only after that of their own creation; undefined for all.
   */
  watched: Set<string>[] | undefined;

  make(hierarchy: number, name: string): void {
    const names = this.listing[hierarchy] as Set<string>;
    if (names.has(name)) return;
    if (parentOf(name) !== ROOT) this.make(hierarchy, parentOf(name));
    if (!this.exists(name)) count(this.creations, name);
    this.host.at(hierarchy, name);
    names.add(name);
    this.#report({ hierarchy, name, kind: "create" });
    if (this.random.chance(0.3)) {
      this.host.discover(hierarchy, name);
      this.follow(this.host.changes());
    }
  }

  /** Removes a directory and its descendants, as the kernel requires: children first. */
  remove(hierarchy: number, name: string): void {
    const names = this.listing[hierarchy] as Set<string>;
    if (!names.has(name)) return;
    for (const base of BASES) this.remove(hierarchy, `${name}/${base}`);
    this.host.remove(hierarchy, name);
    names.delete(name);
    this.#report({ hierarchy, name, kind: "remove" });
  }

  /** Reports changes in watched directories only, as the kernel does. */
  #report(hint: Hint): void {
    const watched = this.watched?.[hint.hierarchy];
    const parent = parentOf(hint.name);
    if (watched === undefined || parent === ROOT || watched.has(parent)) {
      this.hints.push(hint);
    }
  }

  /**
   * Delivers a hint as `Deno.watchFs` does: not if its parent is gone, and as a
   * removal if the directory is gone.
   */
  deliver(hint: Hint): void {
    const { hierarchy, name } = hint;
    const names = this.listing[hierarchy] as Set<string>;
    const isThere = names.has(name);
    if (isThere) this.watched?.[hierarchy]?.add(name);
    else this.watched?.[hierarchy]?.delete(name);
    const parent = parentOf(name);
    if (!isThere && parent !== ROOT && !names.has(parent)) return;
    this.hint(isThere ? hint : { ...hint, kind: "remove" });
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

  /** Asserts that every change is valid after the changes before it. */
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

  /** Asserts that the tree has exactly the existing containers. */
  assertSameNames(): void {
    const there = [...this.balance].filter(([, balance]) => balance === 1)
      .map(([name]) => name).toSorted();
    const names = new Set([ROOT, ...this.listing.flatMap((each) => [...each])]);
    assertEquals(there, [...names].toSorted());
    assertEquals(this.host.tree.size, names.size);
  }

  /** Asserts that the tree has exactly the existing directories. */
  assertSame(): void {
    this.assertSameNames();
    const directories = this.listing.reduce(
      (sum, { size }) => sum + size + 1,
      0,
    );
    assertEquals(this.host.tree.directories, directories);
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
  Deno.test(`CgroupTree equals the listing after reconcile(), with any hints in any order, with removalsCount ${removalsCount}`, () => {
    forEachSeed(12, (seed) => {
      using model = new Model(seed, 3, removalsCount);
      const { random, host } = model;
      for (let burst = 0; burst < 15; burst++) {
        for (let i = random.below(20); i > 0; i--) {
          const hierarchy = random.below(3);
          if (random.chance(0.6)) model.make(hierarchy, model.anyName());
          else model.remove(hierarchy, model.anyName());
        }
        const hints = model.hints.splice(0)
          .filter(() => random.chance(0.7));
        for (const hint of random.shuffle(hints)) model.hint(hint);
        if (random.chance(0.2)) host.clock.advance(6_000);
        model.follow(host.reconcile());
        model.assertSame();
      }
    });
  });
}

Deno.test("CgroupTree equals the listing if every hint arrived, in any order", () => {
  forEachSeed(12, (seed) => {
    using model = new Model(seed, 3, true);
    const { random } = model;
    for (let burst = 0; burst < 15; burst++) {
      for (let i = random.below(20); i > 0; i--) {
        const hierarchy = random.below(3);
        if (random.chance(0.6)) model.make(hierarchy, model.anyName());
        else model.remove(hierarchy, model.anyName());
      }
      for (const hint of random.shuffle(model.hints.splice(0))) {
        model.hint(hint);
      }
      model.assertSame();
    }
  });
});

for (const late of [3, 12]) {
  Deno.test(`CgroupTree equals the listing once settled, and counts no instance twice, with hints as Deno.watchFs passes them on, up to ${late} changes late`, () => {
    forEachSeed(40, (seed) => {
      using model = new Model(seed, 3, true);
      const { random, host } = model;
      model.watched = host.hierarchies.map(() => new Set<string>());
      for (let burst = 0; burst < 4; burst++) {
        for (let step = 0; step < 20; step++) {
          const name = model.anyName();
          const isThere = model.exists(name);
          for (const hierarchy of host.hierarchies.keys()) {
            if (isThere) model.remove(hierarchy, name);
            else model.make(hierarchy, name);
            while (
              model.hints.length > late ||
              (model.hints.length > 0 && random.chance(0.4))
            ) model.deliver(model.hints.shift() as Hint);
          }
        }
        for (const hint of model.hints.splice(0)) model.deliver(hint);
        model.follow(host.settle());
        model.assertSameNames();
        model.follow(host.reconcile());
        model.assertSame();
      }
      for (const [name, adds] of model.adds) {
        if (name === ROOT) continue;
        const creations = model.creations.get(name) ?? 0;
        assert(
          adds <= creations,
          `${name} was created ${creations} times, not ${adds}`,
        );
      }
    });
  });
}

for (const hierarchies of [1, 3]) {
  Deno.test(`CgroupTree counts every lifetime once if every hint arrives in order, up to three changes late, in ${hierarchies} hierarchies`, () => {
    forEachSeed(40, (seed) => {
      using model = new Model(seed, hierarchies, true);
      const { random, host } = model;
      const all = [...host.hierarchies.keys()];
      for (let step = 0; step < 80; step++) {
        // As in runtimes, a container is created in all hierarchies, and removed from all.
        const name = model.anyName();
        const isThere = model.exists(name);
        for (const hierarchy of all) {
          if (isThere) model.remove(hierarchy, name);
          else model.make(hierarchy, name);
          while (
            model.hints.length > MAX_LATE ||
            (model.hints.length > 0 && random.chance(0.4))
          ) {
            model.hint(model.hints.shift() as Hint);
          }
        }
      }
      for (const hint of model.hints.splice(0)) model.hint(hint);
      model.assertSame();
      model.adds.delete(ROOT);
      assertEquals(
        [...model.adds].toSorted(),
        [...model.creations].toSorted(),
      );
      assert(model.creations.size > 0);
    });
  });
}
