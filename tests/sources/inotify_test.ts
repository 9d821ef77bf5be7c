import { assert, assertEquals, assertThrows } from "@std/assert";
import { HostFs } from "../../lib/kernfs/host_fs.ts";
import { Inotify, type InotifyEvent } from "../../lib/sources/inotify.ts";
import { libc } from "../_support/libc.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

/** A folder whose subfolders are watched, and what was told of them. */
class Watched implements AsyncDisposable {
  readonly root = TestCgroup.create();
  readonly inotify = Inotify.open(libc);
  readonly #told: string[] = [];
  readonly #ended = this.#follow();

  async #follow(): Promise<void> {
    for await (const events of this.inotify.events()) {
      this.#told.push(...events.map((event) => this.#inShort(event)));
    }
  }

  #inShort(event: InotifyEvent): string {
    return event.kind === "overflow"
      ? event.kind
      : `${event.kind} ${event.path.slice(this.root.path.length)}`;
  }

  path(name: string): string {
    return this.root.path + name;
  }

  add(name: string): boolean {
    return this.inotify.add(this.path(name));
  }

  /** What was told by the time that a sign was. */
  async told(): Promise<string[]> {
    this.add("");
    await Deno.mkdir(this.path("/sign"));
    while (!this.#told.includes("create /sign")) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Deno.remove(this.path("/sign"));
    return this.#told.slice(0, this.#told.indexOf("create /sign"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.inotify.close();
    await this.#ended;
    this.root.remove();
  }
}

Deno.test("Inotify tells of directories that are made, removed and renamed in those that it watches", async () => {
  await using watched = new Watched();
  watched.root.child("a");
  assertEquals(watched.add("/a"), true);
  await Deno.mkdir(watched.path("/a/ünï"));
  await Deno.mkdir(watched.path("/a/ünï/unwatched"));
  await Deno.rename(watched.path("/a/ünï"), watched.path("/a/c"));
  await Deno.remove(watched.path("/a/c"), { recursive: true });
  assertEquals(await watched.told(), [
    "create /a/ünï",
    "rename /a/ünï",
    "rename /a/c",
    "remove /a/c",
  ]);
});

Deno.test("Inotify says nothing of files that are opened, read, made or removed, but of those written to", async () => {
  await using watched = new Watched();
  watched.root.child("a").file("memory.events", "oom 0\n");
  watched.add("/a");
  const path = watched.path("/a/memory.events");
  await Deno.readTextFile(path);
  await Deno.writeTextFile(path, "oom 1\n", { append: true });
  await Deno.writeTextFile(`${path}.local`, "");
  await Deno.remove(`${path}.local`);
  assertEquals(await watched.told(), ["modify /a/memory.events"]);
});

Deno.test("Inotify watches a directory once, and not one that is not there, nor a file", async () => {
  await using watched = new Watched();
  watched.root.child("a").file("file", "");
  assertEquals(watched.add("/a"), true);
  assertEquals(watched.add("/a"), false);
  for (const name of ["/none", "/a/file"]) {
    assertEquals(watched.add(name), false);
  }
  assertEquals(watched.inotify.size, 1);
  assertEquals(watched.inotify.failure, undefined);
});

Deno.test("Inotify tells of what happened before a watch was taken back, and of nothing after", async () => {
  await using watched = new Watched();
  watched.root.child("a");
  watched.add("/a");
  await Deno.mkdir(watched.path("/a/before"));
  watched.inotify.remove(watched.path("/a"));
  watched.inotify.remove(watched.path("/a"));
  assertEquals(watched.inotify.size, 0);
  await Deno.mkdir(watched.path("/a/after"));
  assertEquals(watched.add("/a"), true);
  await Deno.mkdir(watched.path("/a/again"));
  assertEquals(await watched.told(), ["create /a/before", "create /a/again"]);
});

Deno.test("Inotify forgets a directory that is gone, and watches the next of its name", async () => {
  await using watched = new Watched();
  watched.root.child("a");
  watched.add("/a");
  await Deno.remove(watched.path("/a"));
  await watched.told();
  assertEquals(watched.inotify.size, 1);
  watched.root.child("a");
  assertEquals(watched.add("/a"), true);
  assertEquals(watched.inotify.size, 2);
});

Deno.test("Inotify goes with a directory that is renamed", async () => {
  await using watched = new Watched();
  watched.root.child("a");
  watched.add("/a");
  await Deno.rename(watched.path("/a"), watched.path("/b"));
  assertEquals(watched.add("/b"), true);
  watched.inotify.remove(watched.path("/a"));
  assertEquals(watched.inotify.size, 1);
  await Deno.mkdir(watched.path("/b/c"));
  assertEquals(await watched.told(), ["create /b/c"]);
});

Deno.test("Inotify tells all of thousands of directories, in their order", async () => {
  await using watched = new Watched();
  watched.add("");
  const names = Array.from({ length: 5_000 }, (_, at) => `/d${at}`);
  for (const name of names) await Deno.mkdir(watched.path(name));
  assertEquals(
    await watched.told(),
    names.map((name) => `create ${name}`),
  );
});

Deno.test("Inotify says that its queue was full, and goes on", async () => {
  const root = TestCgroup.create();
  const inotify = Inotify.open(libc);
  inotify.add(root.path);
  const limit = Number(
    new HostFs().readText("/proc/sys/fs/inotify/max_queued_events") ?? 16_384,
  );
  assert(limit > 0);
  for (let told = 0; told <= limit; told += 2) {
    await Deno.mkdir(`${root.path}/x`);
    await Deno.remove(`${root.path}/x`);
  }
  let last = "";
  for await (const events of inotify.events()) {
    last = events.at(-1)?.kind ?? "";
    if (last === "overflow") await Deno.mkdir(`${root.path}/y`);
    if (last === "create") inotify.close();
  }
  assertEquals(last, "create");
  root.remove();
});

Deno.test("Inotify says why it does not serve", () => {
  assert(libc !== undefined);
  const failing = (errno: number) => {
    assert(libc !== undefined);
    return {
      openInotify: () => -1,
      addWatch: () => -1,
      removeWatch: libc.removeWatch.bind(libc),
      openBell: libc.openBell.bind(libc),
      ring: libc.ring.bind(libc),
      ready: libc.ready.bind(libc),
      read: libc.read.bind(libc),
      close: libc.close.bind(libc),
      meaningOf: libc.meaningOf.bind(libc),
      failedToFind: false,
      errno,
    };
  };
  const reasons: readonly [number, string][] = [
    [24, "instance limit (fs.inotify.max_user_instances)"],
    [28, "watch limit (fs.inotify.max_user_watches)"],
    [38, "Function not implemented"],
  ];
  for (const [errno, reason] of reasons) {
    assertThrows(() => Inotify.open(failing(errno)), Error, reason);
  }
  assertThrows(() => Inotify.open(undefined), Error, "the C library");
});
