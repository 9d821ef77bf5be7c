import { assert, assertEquals } from "@std/assert";
import type { Hierarchy } from "../../lib/kernfs/cgroup/hierarchy.ts";
import { systemClock } from "../../lib/model/clock.ts";
import { CgroupTree } from "../../lib/sources/cgroup_tree.ts";
import type { ContainerWatcher } from "../../lib/sources/container_watcher.ts";
import { TestCgroup } from "./test_cgroup.ts";

/**
 * Tests the contract of all container watchers, on real directories in two
 * hierarchies.
 */
export function runWatcherContract(
  name: string,
  create: (tree: CgroupTree) => ContainerWatcher,
): void {
  Deno.test(`${name} reports existing, created and removed containers, once over all hierarchies`, async () => {
    using host = new WatchedHost(create);
    host.make("/a/b");
    host.start();
    assert(await host.waitFor("listed"));
    assertEquals(host.changesOf("/a/b"), "+");
    host.make("/c/d");
    assert(await host.waitFor("+/c/d"));
    host.remove("/c/d");
    assert(await host.waitFor("-/c/d"));
    host.remove("/a");
    assert(await host.waitFor("-/a"));
    assertEquals(host.changesOf("/a/b"), "+-");
    assertEquals(host.changesOf("/c/d"), "+-");
    assertEquals(host.changesOf("/c"), "+");
    await host.close();
  });

  Deno.test(`${name} finds missed changes by reconcile() and check()`, async () => {
    using host = new WatchedHost(create);
    host.start();
    assert(await host.waitFor("listed"));
    host.make("/x");
    host.watcher.reconcile();
    assert(await host.waitFor("+/x"));
    host.remove("/x");
    host.watcher.check("/x");
    assert(await host.waitFor("-/x"));
    await host.close();
  });

  Deno.test(`${name} ends its changes when it is closed`, async () => {
    using host = new WatchedHost(create);
    host.start();
    assert(await host.waitFor("listed"));
    await host.close();
  });
}

/** Two hierarchies of regular directories, and the changes of their watcher. */
export class WatchedHost implements Disposable {
  readonly root = TestCgroup.create();
  readonly watcher: ContainerWatcher;
  readonly #paths: string[];
  readonly #changes: string[] = [];
  #ended: Promise<void> = Promise.resolve();

  constructor(create: (tree: CgroupTree) => ContainerWatcher) {
    this.#paths = ["h0", "h1"].map((name) => this.root.child(name).path);
    const tree = new CgroupTree({
      fs: this.root.hostFs(),
      hierarchies: this.#paths.map((path): Hierarchy => ({
        version: 1,
        controllers: [],
        path,
      })),
      clock: systemClock,
      removalsCount: false,
    });
    this.watcher = create(tree);
  }

  make(name: string): void {
    for (const path of this.#paths) {
      Deno.mkdirSync(path + name, { recursive: true });
    }
  }

  /** Writes 25 times to each file in every hierarchy, without a pause. */
  write(name: string, files: readonly string[]): void {
    for (let count = 0; count < 25; count++) {
      for (const path of this.#paths) {
        for (const file of files) {
          Deno.writeTextFileSync(`${path}${name}/${file}`, "1\n");
        }
      }
    }
  }

  remove(name: string): void {
    for (const path of this.#paths) {
      Deno.removeSync(path + name, { recursive: true });
    }
  }

  start(): void {
    this.#ended = (async () => {
      for await (const changes of this.watcher.changes()) {
        for (const change of changes) {
          if (change.type === "add") this.#changes.push(`+${change.name}`);
          if (change.type === "delete") this.#changes.push(`-${change.name}`);
          if (change.type === "limits") this.#changes.push(`=${change.name}`);
          if (change.type === "memoryEvents") {
            this.#changes.push(`!${change.name}`);
          }
          if (change.type === "listed") this.#changes.push("listed");
        }
      }
    })();
  }

  /** Waits for a change; returns whether it was reported. */
  async waitFor(change: string): Promise<boolean> {
    for (let waited = 0; waited < 20_000; waited += 5) {
      if (this.#changes.includes(change)) return true;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return false;
  }

  /** Returns the signs of all changes of a container. */
  changesOf(name: string): string {
    return this.#changes.filter((change) => change.slice(1) === name)
      .map((change) => change.charAt(0)).join("");
  }

  close(): Promise<void> {
    this.watcher.close();
    return this.#ended;
  }

  [Symbol.dispose](): void {
    this.watcher.close();
    this.root.remove();
  }
}
