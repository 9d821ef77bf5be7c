import type { Hierarchy } from "../../lib/kernfs/cgroup/hierarchy.ts";
import { CgroupTree } from "../../lib/sources/cgroup_tree.ts";
import type { ContainerChange } from "../../lib/sources/container_watcher.ts";
import { type DirectoryStat, HostFs } from "../../lib/kernfs/host_fs.ts";
import { FakeClock } from "./fake_clock.ts";
import { TestCgroup } from "./test_cgroup.ts";

export interface DirectoryTreeFixtureOptions {
  /** @default 1 */
  readonly hierarchies?: number;
  /** As in {@linkcode CgroupTree}. @default true */
  readonly removalsCount?: boolean;
}

/** A host with some unreadable directories. */
class RefusingFs extends HostFs {
  readonly refused = new Set<string>();

  override statDirectory(path: string): DirectoryStat | undefined {
    if (this.refused.has(path)) throw new Error("EIO (os error 5)");
    return super.statDirectory(path);
  }
}

/** Regular directories as hierarchies, and the tree that follows them. */
export class DirectoryTreeFixture implements Disposable {
  readonly root: TestCgroup = TestCgroup.create();
  readonly clock: FakeClock = new FakeClock();
  readonly hierarchies: readonly TestCgroup[];
  readonly tree: CgroupTree;
  readonly #gone: TestCgroup = this.root.child("gone");
  readonly #fs = new RefusingFs({ root: this.root.path });
  #goneCount = 0;

  constructor(options: DirectoryTreeFixtureOptions = {}) {
    const { hierarchies = 1, removalsCount = true } = options;
    this.hierarchies = Array.from(
      { length: hierarchies },
      (_, at) => this.root.child(`h${at}`),
    );
    this.tree = new CgroupTree({
      fs: this.#fs,
      hierarchies: this.hierarchies.map(({ path }): Hierarchy => ({
        version: 1,
        controllers: [],
        path,
      })),
      clock: this.clock,
      removalsCount,
    });
  }

  /** Returns a directory of a hierarchy, creating it if missing. */
  at(hierarchy: number, name: string): TestCgroup {
    return (this.hierarchies[hierarchy] as TestCgroup).child(name.slice(1));
  }

  /**
   * Removes a directory and its subtree from a hierarchy. It is moved rather
   * than deleted, because cgroupfs never reuses an inode.
   */
  remove(hierarchy: number, name: string): void {
    const { path } = this.at(hierarchy, name);
    Deno.renameSync(path, `${this.#gone.path}/${this.#goneCount++}`);
  }

  /** Creates a directory in every hierarchy. */
  make(name: string): void {
    for (const at of this.hierarchies.keys()) this.at(at, name);
  }

  /** Sets whether a directory is unreadable. */
  refuse(hierarchy: number, name: string, isRefused = true): void {
    const path = (this.hierarchies[hierarchy] as TestCgroup).path + name;
    if (isRefused) this.#fs.refused.add(path);
    else this.#fs.refused.delete(path);
  }

  /** Sends a notification. */
  hint(hierarchy: number, name: string, kind: "create" | "remove"): void {
    const { path } = this.hierarchies[hierarchy] as TestCgroup;
    this.tree.hint(path + name, kind);
  }

  /** Reports a creation whose notification is still to be processed. */
  discover(hierarchy: number, name: string): void {
    const { path } = this.hierarchies[hierarchy] as TestCgroup;
    this.tree.discover(path + name);
  }

  /** Runs everything due, and returns the list. */
  settle(): string[] {
    for (let round = 0; round < 10 && this.tree.dueMs < Infinity; round++) {
      this.clock.advance(this.tree.dueMs - this.clock.monotonic());
      for (const _ of this.tree.settle()) { /* Each step lists a directory. */ }
    }
    return this.changes();
  }

  /** Rescans, and returns the list. */
  reconcile(): string[] {
    for (const _ of this.tree.reconcile()) {
      /* Each step lists a directory. */
    }
    return this.changes();
  }

  /**
   * Returns the changes since the last call as `+/a`, `~/a`, `-/a`, `listed`.
   */
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
  limits: "=",
} as const;

function inShort(change: ContainerChange): string {
  return change.type === "listed" ? "listed" : SIGNS[change.type] + change.name;
}
