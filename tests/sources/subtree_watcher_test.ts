import { assert, assertEquals, assertThrows } from "@std/assert";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { SubtreeWatcher } from "../../lib/sources/subtree_watcher.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

type WatchFs = typeof Deno.watchFs;

/** A watched tree, with the creations and removals reported. */
class Watched implements AsyncDisposable {
  readonly root = TestCgroup.create();
  readonly events: string[] = [];
  readonly errors: string[] = [];
  readonly subtrees: SubtreeWatcher;
  readonly #watchFs: WatchFs = Deno.watchFs;

  /** Number of calls of `Deno.watchFs`. */
  calls = 0;

  /** Watching a tree fails if it has a directory of this name. */
  bad: string | undefined;
  reason: Error = new Deno.errors.PermissionDenied(
    "Permission denied (os error 13)",
  );

  constructor() {
    Deno.watchFs = ((
      paths: string | string[],
      options: { recursive: boolean },
    ) => {
      this.calls++;
      const isBad = [paths].flat()
        .some((path) => this.#isBad(path, options.recursive));
      if (isBad) throw this.reason;
      return this.#watchFs(paths, options);
    }) as WatchFs;
    this.subtrees = new SubtreeWatcher({
      fs: new HostFs(),
      onEvent: ({ kind, paths }) => {
        if (kind !== "create" && kind !== "remove") return;
        for (const path of paths) {
          this.events.push(kind[0] + path.slice(this.root.path.length));
          this.subtrees.follow(path, kind === "create");
        }
      },
      onError: ({ message }) => this.errors.push(message),
    });
  }

  watch(): void {
    this.subtrees.watch([this.root.path]);
  }

  async reports(event: string): Promise<void> {
    for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 5) {
      if (this.events.includes(event)) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`"${event}" is not reported: ${this.events}`);
  }

  #isBad(path: string, recursive: boolean): boolean {
    if (path.endsWith(`/${this.bad}`)) return true;
    return recursive &&
      [...Deno.readDirSync(path)].some(({ name }) =>
        this.#isBad(`${path}/${name}`, true)
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subtrees.close();
    Deno.watchFs = this.#watchFs;
    this.root.remove();
    assertEquals(this.errors, []);
  }
}

for (
  const [how, isTogether, bad] of [
    ["with any other watchers", false, undefined],
    ["with one watcher of several directories", true, undefined],
    ["if part of one of several cannot be watched", true, "bad"],
  ] as const
) {
  Deno.test(`SubtreeWatcher reports each path below a directory once, ${how}`, async () => {
    await using watched = new Watched();
    const { root, subtrees } = watched;
    root.child("a/b");
    root.child("c/bad");
    root.child("ab");
    watched.bad = bad;
    const paths = [`${root.path}/a`, `${root.path}/c`];
    if (isTogether) subtrees.watch(paths);
    else for (const path of paths) subtrees.watch([path]);
    if (bad === undefined) assertEquals(watched.calls, isTogether ? 1 : 2);
    assertEquals(subtrees.unwatched.size, bad === undefined ? 0 : 1);
    root.child("ab/x");
    root.child("a/b/x");
    root.child("c/y");
    await watched.reports("c/a/b/x");
    await watched.reports("c/c/y");
    await Deno.remove(`${root.path}/a/b/x`);
    await watched.reports("r/a/b/x");
    await Deno.remove(`${root.path}/c/y`);
    await watched.reports("r/c/y");
    assertEquals(watched.events, ["c/a/b/x", "c/c/y", "r/a/b/x", "r/c/y"]);
  });
}

Deno.test("SubtreeWatcher.watch() watches around a directory that cannot be watched, and names it", async () => {
  await using watched = new Watched();
  const { root, subtrees } = watched;
  root.child("a/bad/below");
  root.child("a/b/c");
  root.child("d");
  watched.bad = "bad";
  watched.watch();
  assertEquals([...subtrees.unwatched.keys()], [`${root.path}/a/bad`]);
  assertEquals(
    subtrees.failure,
    `cannot watch "${root.path}/a/bad", listing instead: Permission denied (os error 13)`,
  );
  for (const name of ["a/b/c/x", "d/y", "a/new", "new"]) {
    root.child(name);
    await watched.reports(`c/${name}`);
  }
  // A sibling created later is watched, too, even if it was removed before.
  root.child("a/new/z");
  await watched.reports("c/a/new/z");
  await Deno.remove(`${root.path}/new`);
  await watched.reports("r/new");
  watched.events.length = 0;
  root.child("new");
  await watched.reports("c/new");
  root.child("new/again");
  await watched.reports("c/new/again");
  assertEquals(watched.events, ["c/new", "c/new/again"]);
});

Deno.test("SubtreeWatcher.retry() watches what can be watched by then", async () => {
  await using watched = new Watched();
  const { root, subtrees } = watched;
  root.child("a/bad");
  root.child("b/bad");
  watched.bad = "bad";
  watched.watch();
  assertEquals(subtrees.unwatched.size, 2);
  subtrees.retry();
  assertEquals(subtrees.unwatched.size, 2);
  watched.bad = undefined;
  await Deno.remove(`${root.path}/b/bad`);
  subtrees.retry();
  assertEquals(subtrees.failure, undefined);
  root.child("a/bad/x");
  await watched.reports("c/a/bad/x");
});

Deno.test("SubtreeWatcher throws if a limit is reached, or the directory itself cannot be watched", async () => {
  await using watched = new Watched();
  const { root, subtrees } = watched;
  root.file("cgroup.procs", "").child("bad");
  watched.watch();
  watched.bad = "cgroup.procs";
  subtrees.retry();
  watched.reason = new Error(
    'OS file watch limit reached. about ["/secret/path"]',
  );
  assertThrows(
    () => subtrees.retry(),
    Error,
    "inotify's watch limit (fs.inotify.max_user_watches) is reached",
  );
  watched.bad = "bad";
  watched.reason = new Error("Too many open files (os error 24)");
  assertThrows(
    () => subtrees.watch([`${root.path}/bad`]),
    Error,
    "fs.inotify.max_user_instances",
  );
  watched.reason = new Error(
    'Input/output error (os error 5) about ["/secret/path"]',
  );
  const error = assertThrows(() => subtrees.watch([`${root.path}/bad`]), Error);
  assertEquals(error.message, "Input/output error (os error 5)");
});

Deno.test("SubtreeWatcher.close() ends all notifications, with some of them waiting", async () => {
  await using watched = new Watched();
  const { root, subtrees } = watched;
  watched.watch();
  for (let i = 0; i < 50; i++) root.child(`d${i}`);
  await subtrees.close();
  const { length } = watched.events;
  root.child("late");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(watched.events.length, length);
  assert(!watched.events.includes("c/late"));
});
