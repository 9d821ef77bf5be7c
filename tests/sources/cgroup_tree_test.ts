import { assert, assertEquals } from "@std/assert";
import { DirectoryTreeFixture } from "../_support/directory_tree_fixture.ts";

Deno.test("CgroupTree.reconcile() adds all that is there, parents before children", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a/b/c");
  host.make("/a/d");
  const changes = host.reconcile();
  assertEquals(changes.at(0), "+/");
  assertEquals(changes.at(-1), "listed");
  assertEquals(changes.toSorted(), [
    "+/",
    "+/a",
    "+/a/b",
    "+/a/b/c",
    "+/a/d",
    "listed",
  ]);
  assert(changes.indexOf("+/a") < changes.indexOf("+/a/b"));
  assert(changes.indexOf("+/a/b") < changes.indexOf("+/a/b/c"));
  assert(changes.indexOf("+/a") < changes.indexOf("+/a/d"));
  assertEquals(host.tree.size, 5);
});

Deno.test("CgroupTree.reconcile() adds a container of several hierarchies once", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 3 });
  host.make("/a/b");
  const changes = host.reconcile();
  assertEquals(
    changes.filter((change) => change.startsWith("+")),
    ["+/", "+/a", "+/a/b"],
  );
  assertEquals(host.tree.size, 3);
  assertEquals(host.tree.directories, 9);
});

Deno.test("CgroupTree.reconcile() reports nothing without a change", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a/b");
  host.reconcile();
  assertEquals(host.settle(), []);
  assertEquals(host.reconcile(), ["listed"]);
});

Deno.test("CgroupTree.reconcile() finds all changes without hints", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/stays");
  host.make("/goes/below");
  host.make("/again");
  host.reconcile();
  for (const at of [0, 1]) {
    host.at(at, "/goes").remove();
    host.at(at, "/again").recreate();
    host.at(at, "/comes/below");
  }
  const changes = host.reconcile();
  assertEquals(
    changes.filter((change) => !change.startsWith("~")).toSorted(),
    [
      "+/again",
      "+/comes",
      "+/comes/below",
      "-/again",
      "-/goes",
      "-/goes/below",
      "listed",
    ],
  );
  assert(changes.indexOf("-/again") < changes.indexOf("+/again"));
});

Deno.test("CgroupTree.reconcile() stops after each directory, so that the caller can yield", () => {
  using host = new DirectoryTreeFixture();
  for (let i = 0; i < 20; i++) host.make(`/d${i}`);
  assertEquals([...host.tree.reconcile()].length, 20);
  assertEquals([...host.tree.reconcile()].length, 20);
});

Deno.test("CgroupTree.reconcile() that was not ended leaves nothing out of the next", () => {
  using host = new DirectoryTreeFixture();
  for (let i = 0; i < 5; i++) host.make(`/d${i}/below`);
  const steps = host.tree.reconcile();
  steps.next();
  steps.return(undefined);
  host.make("/late/below");
  host.hint(0, "/late", "create");
  assert(host.changes().includes("+/late/below"));
  host.reconcile();
  assertEquals(host.tree.size, 13);
});

Deno.test("CgroupTree.hint() adds a created directory with its ancestors and descendants", () => {
  using host = new DirectoryTreeFixture();
  host.reconcile();
  host.make("/a/b/c");
  host.hint(0, "/a/b", "create");
  assertEquals(host.changes(), ["+/a", "+/a/b", "+/a/b/c"]);
});

Deno.test("CgroupTree.hint() reports the creation time of the directory", () => {
  using host = new DirectoryTreeFixture();
  host.reconcile();
  host.changes();
  const made = host.at(0, "/a");
  const madeMs = new Date("2026-01-02T03:04:05.678Z").getTime();
  Deno.utimeSync(made.path, madeMs / 1000, madeMs / 1000);
  host.hint(0, "/a", "create");
  assertEquals(host.tree.take(), [
    { type: "add", name: "/a", createdMs: madeMs },
  ]);
});

Deno.test("CgroupTree.hint() adds a container once, and updates it if it appears in further hierarchies", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 3 });
  host.reconcile();
  host.make("/a");
  for (const [at, change] of ["+/a", "~/a", "~/a"].entries()) {
    host.hint(at, "/a", "create");
    assertEquals(host.changes(), [change]);
  }
  // One notification is enough.
  host.make("/b");
  for (const at of [0, 1, 2]) host.hint(at, "/b", "create");
  assertEquals(host.changes(), ["+/b"]);
});

Deno.test("CgroupTree.hint() deletes a container when it left the last hierarchy", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a");
  host.reconcile();
  host.at(0, "/a").remove();
  host.hint(0, "/a", "remove");
  assertEquals(host.changes(), ["~/a"]);
  host.at(1, "/a").remove();
  host.hint(1, "/a", "remove");
  assertEquals(host.changes(), ["-/a"]);
  assertEquals(host.settle(), []);
  assertEquals(host.tree.size, 1);
});

Deno.test("CgroupTree.hint() deletes a whole subtree that was reported as one removal, children first", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a/b/c");
  host.reconcile();
  for (const at of [0, 1]) {
    host.at(at, "/a").remove();
    host.hint(at, "/a", "remove");
  }
  assertEquals(
    host.changes().filter((change) => change.startsWith("-")),
    ["-/a/b/c", "-/a/b", "-/a"],
  );
});

Deno.test("CgroupTree.hint() matches late removals of a subtree with the ones reported", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a/b/c");
  host.reconcile();
  for (const at of [0, 1]) host.at(at, "/a").remove();
  host.hint(0, "/a", "remove");
  host.hint(1, "/a", "remove");
  host.changes();
  for (const at of [0, 1]) {
    host.hint(at, "/a/b/c", "remove");
    host.hint(at, "/a/b", "remove");
  }
  assertEquals(host.changes(), []);
  assertEquals(host.settle(), []);
});

Deno.test("CgroupTree.hint() treats another inode as another container", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a/b");
  host.reconcile();
  host.at(0, "/a").recreate().child("b");
  host.hint(0, "/a", "remove");
  host.hint(0, "/a", "create");
  assertEquals(host.changes(), ["-/a/b", "-/a", "+/a", "+/a/b"]);
  host.hint(0, "/a/b", "remove");
  host.hint(0, "/a/b", "create");
  assertEquals(host.settle(), []);
});

Deno.test("CgroupTree.hint() takes another inode in one of its hierarchies for the same container", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a/b");
  host.reconcile();
  host.at(0, "/a").recreate();
  host.hint(0, "/a", "create");
  assertEquals(host.changes(), ["~/a/b", "~/a"]);
});

Deno.test("CgroupTree.hint() treats a name recreated in all hierarchies as another container, in any order of hints", () => {
  for (const [first, second] of [[0, 1], [1, 0]] as const) {
    using host = new DirectoryTreeFixture({ hierarchies: 2 });
    host.make("/a");
    host.reconcile();
    for (const at of [0, 1]) host.at(at, "/a").recreate();
    host.hint(first, "/a", "remove");
    host.hint(second, "/a", "remove");
    assertEquals(host.changes(), ["-/a", "+/a"]);
    host.hint(first, "/a", "create");
    host.hint(second, "/a", "create");
    assertEquals(host.settle(), []);
  }
});

Deno.test("CgroupTree.hint() takes a name that comes back in the hierarchy it left for another container", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a");
  host.reconcile();
  host.at(0, "/a").remove();
  host.hint(0, "/a", "remove");
  assertEquals(host.changes(), ["~/a"]);
  // All of this happens before the next notification is handled, and one is lost.
  host.at(0, "/a").recreate();
  host.at(1, "/a").recreate();
  host.hint(0, "/a", "create");
  host.settle();
  host.reconcile();
  host.hint(0, "/a", "create");
  assertEquals(host.tree.size, 2);
  assertEquals(host.changes(), []);
});

Deno.test("CgroupTree.hint() takes a container that leaves before it was seen everywhere for one", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  host.at(0, "/a");
  host.hint(0, "/a", "create");
  assertEquals(host.changes(), ["+/a"]);
  host.at(1, "/a");
  host.at(0, "/a").remove();
  host.hint(1, "/a", "create");
  host.hint(0, "/a", "remove");
  host.at(1, "/a").remove();
  host.hint(1, "/a", "remove");
  assertEquals(
    host.changes().filter((change) => !change.startsWith("~")),
    ["-/a"],
  );
  assertEquals(host.settle(), []);
});

Deno.test("CgroupTree.hint() reports the next container of a name, created in another hierarchy first", () => {
  for (const first of [0, 1]) {
    using host = new DirectoryTreeFixture({ hierarchies: 2 });
    host.reconcile();
    host.at(0, "/a");
    host.hint(0, "/a", "create");
    assertEquals(host.changes(), ["+/a"]);
    // Both happen before the notification of either is handled.
    host.remove(0, "/a");
    const laterSeconds = Date.now() / 1000 + 1;
    Deno.utimeSync(host.at(1, "/a").path, laterSeconds, laterSeconds);
    host.hint(first, "/a", first === 0 ? "remove" : "create");
    host.hint(1 - first, "/a", first === 0 ? "create" : "remove");
    assertEquals(host.changes(), ["-/a", "+/a"]);
    host.at(0, "/a");
    host.hint(0, "/a", "create");
    assertEquals(host.changes(), ["~/a"]);
    assertEquals(host.settle(), []);
    for (const at of [0, 1]) host.remove(at, "/a");
    for (const at of [0, 1]) host.hint(at, "/a", "remove");
    assertEquals(host.changes(), ["~/a", "-/a"]);
    assertEquals(host.settle(), []);
  }
});

Deno.test("CgroupTree.hint() counts a container removed before it was read, once for all hierarchies", () => {
  for (const label of ["create", "remove"] as const) {
    using host = new DirectoryTreeFixture({ hierarchies: 3 });
    host.reconcile();
    for (let round = 0; round < 3; round++) {
      // A creation is reported as a removal if the directory is gone by then.
      for (const at of [0, 1, 2]) host.hint(at, "/a", label);
      for (const at of [0, 1, 2]) host.hint(at, "/a", "remove");
      assertEquals(host.changes(), ["+/a", "-/a"]);
    }
    assertEquals(host.settle(), []);
  }
});

Deno.test("CgroupTree.hint() counts a container if only its removal or only its creation was reported", () => {
  for (const label of ["create", "remove"] as const) {
    using host = new DirectoryTreeFixture({ hierarchies: 2 });
    host.reconcile();
    for (const at of [0, 1]) host.hint(at, "/a", label);
    assertEquals(host.settle(), ["+/a", "-/a"]);
  }
});

Deno.test("CgroupTree.hint() does not take a removed control file for a container", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  for (
    const file of [
      "freezer.state",
      "cgroup.events",
      "memory.events.local",
      "tasks",
    ]
  ) {
    host.hint(0, `/gone/${file}`, "remove");
  }
  assertEquals(host.settle(), []);
  host.hint(0, "/gone/cpu-hog.scope", "remove");
  assertEquals(host.settle(), [
    "+/gone/cpu-hog.scope",
    "-/gone/cpu-hog.scope",
  ]);
});

Deno.test("CgroupTree.hint() counts the ones before, where a name is there again when it looks", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  host.make("/a");
  for (const at of [0, 1]) host.hint(at, "/a", "create");
  for (const at of [0, 1]) host.hint(at, "/a", "remove");
  for (const at of [0, 1]) host.hint(at, "/a", "create");
  assertEquals(
    host.changes().filter((change) => !change.startsWith("~")),
    ["+/a", "-/a", "+/a"],
  );
});

Deno.test("CgroupTree.hint() counts the one before, where a listing found the next already", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  host.make("/a");
  host.reconcile();
  for (const at of [0, 1]) host.hint(at, "/a", "create");
  for (const at of [0, 1]) host.hint(at, "/a", "remove");
  assertEquals(host.changes(), ["-/a", "+/a"]);
});

Deno.test("CgroupTree.hint() counts nothing twice where a removal was lost", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  for (let round = 0; round < 3; round++) {
    host.make("/a");
    for (const at of [0, 1]) host.hint(at, "/a", "create");
    assertEquals(host.changes(), ["+/a"]);
    for (const at of [0, 1]) host.at(at, "/a").remove();
    host.reconcile();
  }
  host.make("/a");
  for (const at of [0, 1]) host.hint(at, "/a", "create");
  for (const at of [0, 1]) {
    host.at(at, "/a").remove();
    host.hint(at, "/a", "remove");
  }
  assertEquals(
    host.changes().filter((change) => !change.startsWith("~")),
    ["+/a", "-/a"],
  );
});

Deno.test("CgroupTree.hint() ignores the removals of an earlier container that a listing reported", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a");
  host.reconcile();
  for (const at of [0, 1]) host.at(at, "/a").recreate();
  host.reconcile();
  for (const at of [0, 1]) host.hint(at, "/a", "remove");
  assertEquals(host.changes(), []);
  for (const at of [0, 1]) {
    host.at(at, "/a").remove();
    host.hint(at, "/a", "remove");
  }
  assertEquals(host.changes(), ["~/a", "-/a"]);
});

Deno.test("CgroupTree.hint() counts a brief container soon after one that all hierarchies reported", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  host.make("/a");
  for (const at of [0, 1]) host.hint(at, "/a", "create");
  for (const at of [0, 1]) {
    host.at(at, "/a").remove();
    host.hint(at, "/a", "remove");
  }
  assertEquals(host.changes(), ["+/a", "-/a"]);
  // The next one is in one hierarchy only.
  host.hint(0, "/a", "create");
  host.hint(0, "/a", "remove");
  assertEquals(host.changes(), ["+/a", "-/a"]);
});

Deno.test("CgroupTree.hint() does not count a container again if its removal arrives half a minute late", () => {
  using host = new DirectoryTreeFixture();
  host.reconcile();
  host.make("/a");
  assertEquals(host.reconcile(), ["+/a", "listed"]);
  host.at(0, "/a").remove();
  assertEquals(host.reconcile(), ["-/a", "listed"]);
  host.clock.advance(30_000);
  host.reconcile();
  // The creation is reported as a removal, since the directory is gone.
  for (let hints = 0; hints < 2; hints++) host.hint(0, "/a", "remove");
  assertEquals(host.changes(), []);
});

Deno.test("CgroupTree forgets removed containers after a minute", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.reconcile();
  host.at(0, "/a").remove();
  host.reconcile();
  host.clock.advance(60_001);
  host.reconcile();
  host.hint(0, "/a", "remove");
  assertEquals(host.changes(), ["+/a", "-/a"]);
});

Deno.test("CgroupTree.settle() finds what was created in a new directory before it was watched", () => {
  using host = new DirectoryTreeFixture();
  host.reconcile();
  host.make("/a");
  host.hint(0, "/a", "create");
  assertEquals(host.changes(), ["+/a"]);
  host.make("/a/b/c");
  assertEquals(host.settle(), ["+/a/b", "+/a/b/c"]);
});

Deno.test("CgroupTree.settle() finds created and removed siblings of a hint's path", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.make("/goes");
  host.reconcile();
  host.make("/b");
  host.make("/c");
  host.make("/d");
  host.at(0, "/goes").remove();
  host.hint(0, "/b", "create");
  assertEquals(host.changes(), ["+/b"]);
  assertEquals(host.settle().toSorted(), ["+/c", "+/d", "-/goes"]);
});

Deno.test("CgroupTree.settle() compares names where much happens, since as many may go as come", () => {
  using host = new DirectoryTreeFixture();
  host.make("/goes");
  for (let i = 0; i < 8; i++) host.make(`/a${i}`);
  host.reconcile();
  host.make("/comes");
  host.at(0, "/goes").remove();
  for (let i = 0; i < 8; i++) host.hint(0, `/a${i}`, "create");
  assertEquals(host.settle().toSorted(), ["+/comes", "-/goes"]);
});

Deno.test("CgroupTree.settle() is due 50 ms after a hint, and at longer and longer waits", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.reconcile();
  assertEquals(host.tree.dueMs, Infinity);
  const waits: number[] = [];
  let lastMs = host.clock.monotonic();
  host.hint(0, "/a", "create");
  host.clock.advance(20);
  host.hint(0, "/a", "create");
  while (host.tree.dueMs < Infinity) {
    waits.push(host.tree.dueMs - lastMs);
    lastMs = host.tree.dueMs;
    host.clock.advance(host.tree.dueMs - host.clock.monotonic());
    for (const _ of host.tree.settle()) { /* Continues. */ }
  }
  assertEquals(waits, [50, 500, 1600]);
});

Deno.test("CgroupTree.settle() compares names in the end", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a/b");
  host.reconcile();
  host.make("/a/c");
  host.at(0, "/a/b").remove();
  host.hint(0, "/a/x", "create");
  host.changes();
  assertEquals(host.settle().toSorted(), ["+/a/c", "-/a/b"]);
});

Deno.test("CgroupTree.sweep() finds children that no hint named, by their number", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a/b");
  host.make("/c/d");
  host.reconcile();
  host.at(1, "/a/e/f");
  for (const at of [0, 1]) host.at(at, "/c/d").remove();
  for (const _ of host.tree.sweep()) { /* each step lists a directory */ }
  assertEquals(
    host.changes().filter((change) => !change.startsWith("~")).toSorted(),
    ["+/a/e", "+/a/e/f", "-/c/d"],
  );
});

Deno.test("CgroupTree.reconcile() of one hierarchy finds new containers there, and does not emit listed", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  host.at(0, "/a");
  host.at(1, "/b");
  for (const _ of host.tree.reconcile(1)) { /* each step lists a directory */ }
  assertEquals(host.changes(), ["+/b"]);
});

Deno.test("CgroupTree.reconcile() lists directories that are touched during the walk", () => {
  using host = new DirectoryTreeFixture();
  for (let i = 0; i < 5; i++) host.make(`/d${i}`);
  host.reconcile();
  const steps = host.tree.reconcile();
  steps.next();
  host.make("/a");
  host.hint(0, "/a", "create");
  host.make("/a/b");
  host.clock.advance(50);
  for (let step = 0; step < 5; step++) steps.next();
  assertEquals(host.changes(), ["+/a", "+/a/b"]);
});

Deno.test("CgroupTree.listLater() lists a directory of which nothing is reported", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.reconcile();
  host.make("/a/b");
  host.tree.listLater(host.at(0, "/a").path);
  assertEquals(host.settle(), ["+/a/b"]);
});

Deno.test("CgroupTree.hint() ignores paths outside of the hierarchies", () => {
  using host = new DirectoryTreeFixture();
  host.reconcile();
  const { path } = host.root;
  host.tree.hint(`${path}/h0`, "create");
  host.tree.hint(`${path}/h01/a`, "remove");
  host.tree.hint(`${path}/other/a`, "remove");
  host.tree.hint("/a", "remove");
  assertEquals(host.settle(), []);
});

Deno.test("CgroupTree.hint() reports nothing before the first listing", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.hint(0, "/a", "create");
  host.hint(0, "/b", "remove");
  assertEquals(host.changes(), []);
  assertEquals(host.reconcile(), ["+/", "+/a", "listed"]);
});

Deno.test("CgroupTree.discover() adds a created directory and its descendants, and its late hint reports nothing more", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.discover(0, "/early");
  host.reconcile();
  host.make("/a/b/c");
  host.discover(0, "/a");
  assertEquals(host.changes(), ["+/a", "+/a/b", "+/a/b/c"]);
  host.discover(0, "/none");
  for (const at of [0, 1]) host.hint(at, "/a", "create");
  assertEquals(host.changes().filter((change) => change[0] !== "~"), []);
});

Deno.test("CgroupTree.check() deletes a container that is gone", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a/b");
  host.reconcile();
  host.tree.check("/a");
  host.tree.check("/unknown");
  assertEquals(host.changes(), []);
  for (const at of [0, 1]) host.at(at, "/a").remove();
  host.tree.check("/a");
  assertEquals(
    host.changes().filter((change) => change.startsWith("-")),
    ["-/a/b", "-/a"],
  );
});

Deno.test("CgroupTree keeps a container in a hierarchy whose notification is pending", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.reconcile();
  host.at(0, "/a");
  host.hint(0, "/a", "create");
  host.at(1, "/a/b");
  host.at(0, "/a").remove();
  host.hint(0, "/a", "remove");
  assertEquals(host.changes(), ["+/a", "+/a/b"]);
  assertEquals(host.settle(), []);
});

Deno.test("CgroupTree does not take removals of plain files and directories for containers", () => {
  using host = new DirectoryTreeFixture({ removalsCount: false });
  host.make("/a");
  host.reconcile();
  host.at(0, "/a").file("memory.current", "0\n");
  host.hint(0, "/a/memory.current", "create");
  host.hint(0, "/a/memory.current", "remove");
  host.hint(0, "/unknown", "create");
  host.hint(0, "/unknown", "remove");
  host.hint(0, "/a", "remove");
  assertEquals(host.settle(), []);
  host.at(0, "/a").recreate();
  host.hint(0, "/a", "create");
  assertEquals(host.changes(), ["-/a", "+/a"]);
  host.at(0, "/a").remove();
  host.hint(0, "/a", "remove");
  assertEquals(host.changes(), ["-/a"]);
});

Deno.test("CgroupTree adds everything again when a hierarchy's root was gone and is back", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.reconcile();
  host.hierarchies[0]?.remove();
  host.tree.check("/");
  assertEquals(host.changes(), ["-/a", "-/"]);
  host.make("/a");
  host.hint(0, "/a", "create");
  assertEquals(host.reconcile(), ["+/", "+/a", "listed"]);
});

Deno.test("CgroupTree keeps a container that cannot be read, reports it, and tracks the others", () => {
  using host = new DirectoryTreeFixture({ hierarchies: 2 });
  host.make("/a/b");
  host.reconcile();
  host.refuse(0, "/a");
  host.make("/c");
  assertEquals(host.reconcile(), ["+/c", "listed"]);
  assertEquals(
    host.tree.failure,
    `cannot read "${host.at(0, "/a").path}": EIO (os error 5)`,
  );
  assertEquals(host.settle(), []);
  host.refuse(0, "/a", false);
  assertEquals(host.settle(), []);
  assertEquals(host.tree.failure, undefined);
});

Deno.test("CgroupTree reports once a container that cannot be read when it is created", () => {
  using host = new DirectoryTreeFixture();
  host.reconcile();
  for (const isGoneUnseen of [false, true]) {
    const name = isGoneUnseen ? "/gone" : "/there";
    host.make(name);
    host.refuse(0, name);
    host.hint(0, name, "create");
    assertEquals(host.settle(), []);
    assert(host.tree.failure !== undefined);
    if (isGoneUnseen) {
      host.remove(0, name);
      host.refuse(0, name, false);
      host.hint(0, name, "remove");
      assertEquals(host.changes(), [`+${name}`, `-${name}`]);
    } else host.refuse(0, name, false);
    assertEquals(host.settle(), isGoneUnseen ? [] : [`+${name}`]);
    assertEquals(host.tree.failure, undefined);
  }
});

Deno.test("CgroupTree finds a hierarchy whose root could not be read at first", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.refuse(0, "");
  assertEquals(host.reconcile(), ["+/", "listed"]);
  host.refuse(0, "", false);
  assertEquals(host.settle(), ["~/", "+/a"]);
  assertEquals(host.tree.failure, undefined);
});

Deno.test("CgroupTree forgets an unreadable container that is gone", () => {
  using host = new DirectoryTreeFixture();
  host.make("/a");
  host.reconcile();
  host.make("/a/b");
  host.refuse(0, "/a/b");
  host.reconcile();
  assert(host.tree.failure !== undefined);
  host.remove(0, "/a/b");
  host.reconcile();
  assertEquals(host.tree.failure, undefined);
});
