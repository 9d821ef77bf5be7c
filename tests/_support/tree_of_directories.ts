import type { Hierarchy } from "../../lib/kernfs/hierarchy.ts";
import { CgroupTree } from "../../lib/sources/cgroup_tree.ts";
import type { ContainerChange } from "../../lib/sources/container_watcher.ts";
import { FakeClock } from "./fake_clock.ts";
import { TestCgroup } from "./test_cgroup.ts";

/** Options of {@linkcode TreeOfDirectories}. */
export interface TreeOfDirectoriesOptions {
  /** @default 1 */
  readonly hierarchies?: number;
  /** As the option of {@linkcode CgroupTree}. @default true */
  readonly removalsCount?: boolean;
}

/** Plain directories as hierarchies, and the tree that follows them. */
export class TreeOfDirectories implements Disposable {
  readonly root: TestCgroup = TestCgroup.create();
  readonly clock: FakeClock = new FakeClock();
  readonly hierarchies: readonly TestCgroup[];
  readonly tree: CgroupTree;
  readonly #gone: TestCgroup = this.root.child("gone");
  #goneCount = 0;

  constructor(options: TreeOfDirectoriesOptions = {}) {
    const { hierarchies = 1, removalsCount = true } = options;
    this.hierarchies = Array.from(
      { length: hierarchies },
      (_, at) => this.root.child(`h${at}`),
    );
    this.tree = new CgroupTree({
      fs: this.root.hostFs(),
      hierarchies: this.hierarchies.map(({ path }): Hierarchy => ({
        version: 1,
        controllers: [],
        path,
      })),
      clock: this.clock,
      removalsCount,
    });
  }

  /** A directory in a hierarchy, made where there is none. */
  at(hierarchy: number, name: string): TestCgroup {
    return (this.hierarchies[hierarchy] as TestCgroup).child(name.slice(1));
  }

  /**
   * Takes a directory out of a hierarchy, with all below it. It is kept out of
   * sight, since no inode comes twice in cgroupfs.
   */
  remove(hierarchy: number, name: string): void {
    const { path } = this.at(hierarchy, name);
    Deno.renameSync(path, `${this.#gone.path}/${this.#goneCount++}`);
  }

  /** Makes a directory in every hierarchy. */
  make(name: string): void {
    for (const at of this.hierarchies.keys()) this.at(at, name);
  }

  /** A notification. */
  hint(hierarchy: number, name: string, kind: "create" | "remove"): void {
    const { path } = this.hierarchies[hierarchy] as TestCgroup;
    this.tree.hint(path + name, kind);
  }

  /** Lets everything come due, and lists it; and what that finds, in further rounds. */
  settle({ rounds = 10 } = {}): string[] {
    for (let round = 0; round < rounds && this.tree.dueMs < Infinity; round++) {
      this.clock.advance(200);
      for (const _ of this.tree.settle()) { /* each step lists a directory */ }
    }
    return this.changes();
  }

  /** Lists everything. */
  reconcile(): string[] {
    for (const _ of this.tree.reconcile()) { /* each step lists a directory */ }
    return this.changes();
  }

  /** The changes since the last call, in short: `+/a`, `~/a`, `-/a`, `listed`. */
  changes(): string[] {
    return this.tree.take().map(inShort);
  }

  [Symbol.dispose](): void {
    this.root.remove();
  }
}

const SIGNS = {
  add: "+",
  update: "~",
  delete: "-",
  memoryEvents: "!",
} as const;

function inShort(change: ContainerChange): string {
  return change.type === "listed" ? "listed" : SIGNS[change.type] + change.name;
}
