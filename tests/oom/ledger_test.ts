import { assertEquals, assertNotEquals } from "@std/assert";
import { OomKillFile } from "../../lib/kernfs/cgroup/oom_kill_file.ts";
import { nodeOomKills } from "../../lib/kernfs/proc/vmstat.ts";
import { OomLedger, type UntoldKills } from "../../lib/oom/ledger.ts";
import { parentOf, ROOT } from "../../lib/model/cgroup.ts";
import { RowBuilder } from "../../lib/model/sample.ts";
import type { ContainerHandler } from "../../lib/registry/handler_registry.ts";
import { SeededRandom } from "../_support/random.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

const SOURCE = "memory.events.local";
const BOTH = ["kmsg", SOURCE];

/** A node with containers, whose kernel kills as the test says. */
class Node implements Disposable {
  readonly clock = new FakeClock();
  readonly #root = TestCgroup.create();
  // None is held open, since nobody closes that of the node.
  readonly #fs = this.#root.hostFs({ maxOpenFiles: 0 });
  readonly #counts = new Map<string, number>();
  readonly #files = new Map<string, OomKillFile>();
  readonly #subtrees = new Map<string, number>();
  #total = 0;
  isTold = true;
  /** Whether subtrees are counted too, as of Linux 5.2. */
  hasSubtrees = false;
  ledger!: OomLedger;

  /** @param total what the node counted before the agent started; "uncounted" where it does not count */
  constructor(total: number | "uncounted" = 100) {
    if (total !== "uncounted") {
      this.#total = total;
      this.#writeNode();
    }
    this.start();
  }

  start(): void {
    this.ledger = new OomLedger({
      clock: this.clock,
      readNodeKills: nodeOomKills(this.#fs),
      isTold: () => this.isTold,
    });
  }

  #writeNode(): void {
    this.#root.file("proc/vmstat", `nr_dirty 0\noom_kill ${this.#total}\n`);
  }

  /** Makes a container that has so many kills already. */
  make(name: string, count = 0): void {
    this.#counts.set(name, count);
    this.#root.file(`cg${name}/${SOURCE}`, `oom 0\noom_kill ${count}\n`);
    if (this.hasSubtrees) this.#countSubtree(name, 0);
  }

  #countSubtree(name: string, count: number): void {
    const total = (this.#subtrees.get(name) ?? 0) + count;
    this.#subtrees.set(name, total);
    this.#root.file(`cg${name}/memory.events`, `oom 0\noom_kill ${total}\n`);
  }

  /** The watcher comes to know of it. */
  open(name: string, isNew = true): void {
    const path = `${this.#root.path}/cg`;
    const file = new OomKillFile(this.#fs, {
      mode: "unified",
      all: [{ version: 2, controllers: ["memory"], path }],
    }, () => path + name);
    this.#files.set(name, file);
    this.ledger.open(handlerOf(name, file), isNew);
  }

  /** The kernel takes it away. */
  remove(name: string): void {
    this.#files.get(name)?.close();
    Deno.removeSync(`${this.#root.path}/cg${name}`, { recursive: true });
    this.#counts.delete(name);
    this.#subtrees.delete(name);
  }

  /** It is gone, and the watcher knows. */
  end(name: string): void {
    this.remove(name);
    this.ledger.close(name);
  }

  /** The kernel kills in a container; without one, where nobody looks. */
  kill(name?: string, count = 1): void {
    this.#total += count;
    this.#writeNode();
    if (name !== undefined) {
      this.make(name, (this.#counts.get(name) ?? 0) + count);
      if (!this.hasSubtrees) return;
      for (let at = name; at !== ROOT; at = parentOf(at)) {
        this.#countSubtree(at, count);
      }
    }
  }

  /** Checks again and again for so long. */
  pass(ms: number): UntoldKills[] {
    const untold: UntoldKills[] = [];
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.advance(50);
      untold.push(...this.ledger.check());
    }
    return untold;
  }

  kills(): Record<string, number> {
    return Object.fromEntries(this.ledger.killsByContainer());
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file.close();
    this.#root.remove();
  }
}

function handlerOf(name: string, file: OomKillFile): ContainerHandler {
  return {
    reference: { name },
    collectsDiskIo: false,
    deviceName: () => undefined,
    builder: new RowBuilder(),
    spec: () => ({ hasDiskIo: false }),
    sample: () => ({ gone: false }),
    oomKills: () => {
      try {
        return file.read();
      } catch {
        return undefined;
      }
    },
    oomKillsBelow: () => {
      try {
        return file.readSubtree();
      } catch {
        return undefined;
      }
    },
    memoryLimitHits: () => undefined,
    refresh: () => {},
    close: () => {},
  };
}

Deno.test("OomLedger knows of a kill from its record and its count as one", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  node.kill("/web");
  assertEquals(node.ledger.tell("/web"), BOTH);
  assertEquals(node.pass(5_000), []);
  assertEquals(node.kills(), { "/web": 1 });
  assertEquals(node.ledger.kills, 1);
});

Deno.test("OomLedger waits for the record of a kill that was counted", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  node.kill("/web");
  assertEquals(node.pass(1_400), []);
  assertEquals(node.ledger.tell("/web"), BOTH);
  assertEquals(node.pass(5_000), []);
});

Deno.test("OomLedger finds a kill of which no record comes in its container", () => {
  using node = new Node();
  for (const name of ["/a", "/web", "/z"]) {
    node.make(name);
    node.open(name);
  }
  node.kill("/web", 2);
  assertEquals(node.pass(1_400), []);
  assertEquals(node.pass(300), [{
    victimCgroup: "/web",
    count: 2,
    source: SOURCE,
  }]);
  assertEquals(node.pass(5_000), []);
  assertEquals(node.kills(), { "/web": 2 });
  assertEquals(node.ledger.kills, 2);
});

Deno.test("OomLedger tells late records as often less as it inferred kills", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  node.kill("/web", 2);
  node.pass(2_000);
  assertEquals(node.ledger.wasInferred("/web"), true);
  assertEquals(node.ledger.tell("/web"), undefined);
  assertEquals(node.ledger.tell("/web"), undefined);
  assertEquals(node.ledger.wasInferred("/web"), false);
  node.kill("/web");
  assertEquals(node.ledger.tell("/web"), BOTH);
  assertEquals(node.ledger.kills, 3);
  assertEquals(node.pass(5_000), []);
});

Deno.test("OomLedger knows a late record by its container while another kill is new", () => {
  using node = new Node();
  for (const name of ["/a", "/b"]) {
    node.make(name);
    node.open(name);
  }
  node.kill("/a");
  node.pass(2_000);
  node.kill("/b");
  assertEquals(node.ledger.tell("/a"), undefined);
  assertNotEquals(node.ledger.tell("/b"), undefined);
  assertEquals(node.kills(), { "/a": 1, "/b": 1 });
});

Deno.test("OomLedger tells a new kill though the record of an older never came", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  node.kill("/web");
  node.pass(2_000);
  node.kill("/web");
  assertEquals(node.ledger.wasInferred("/web"), false);
  assertEquals(node.ledger.tell("/web"), BOTH);
});

Deno.test("OomLedger does not wait for records when none can come", () => {
  using node = new Node();
  node.isTold = false;
  node.make("/web");
  node.open("/web");
  node.pass(1_500);
  assertEquals(node.ledger.intervalMs, 50);
  node.kill("/web");
  assertEquals(node.pass(50), [{
    victimCgroup: "/web",
    count: 1,
    source: SOURCE,
  }]);
  assertEquals(node.pass(5_000), []);
});

Deno.test("OomLedger looks more often while a record is awaited", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  node.pass(50);
  assertEquals(node.ledger.intervalMs, 1_000);
  node.kill("/web", 2);
  node.pass(50);
  assertEquals(node.ledger.intervalMs, 250);
  node.ledger.tell("/web");
  assertEquals(node.ledger.intervalMs, 250);
  node.ledger.tell("/web");
  assertEquals(node.ledger.intervalMs, 1_000);
});

Deno.test("OomLedger waits while records come, whatever is said of the log, and while it is yet to be opened", () => {
  using node = new Node();
  node.isTold = false;
  node.make("/web");
  node.open("/web");
  node.kill("/web");
  assertEquals(node.pass(1_000), []);
  assertEquals(node.ledger.tell("/web"), BOTH);
  node.kill("/web");
  assertEquals(node.pass(1_000), []);
  assertEquals(node.ledger.tell("/web"), BOTH);
  assertEquals(node.pass(5_000), []);
});

Deno.test("OomLedger does not take a storm for lost records: some are always on their way", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  node.kill("/web");
  for (let i = 0; i < 100; i++) {
    node.kill("/web");
    assertEquals(node.pass(50), []);
    assertNotEquals(node.ledger.tell("/web"), undefined);
    // At this moment all but one are told.
    if (i % 10 === 0) {
      assertNotEquals(node.ledger.tell("/web"), undefined);
    }
    if (i % 10 === 0) node.kill("/web");
  }
  node.ledger.tell("/web");
  assertEquals(node.pass(5_000), []);
  assertEquals(node.ledger.kills, 111);
});

Deno.test("OomLedger infers no more kills in a storm than were unexplained all the time", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  // The record of one never comes.
  node.kill("/web");
  const untold: UntoldKills[] = [];
  for (let i = 0; i < 40; i++) {
    node.kill("/web", 2);
    untold.push(...node.pass(50));
    node.ledger.tell("/web");
    node.ledger.tell("/web");
  }
  assertEquals(untold, [{ victimCgroup: "/web", count: 1, source: SOURCE }]);
  assertEquals(node.ledger.kills, 81);
});

Deno.test("OomLedger knows the kills of a container that is gone, if they were counted before", () => {
  using node = new Node();
  for (const name of ["/web", "/other"]) {
    node.make(name);
    node.open(name);
  }
  node.kill("/web");
  // Too early to tell, but not to look.
  assertEquals(node.pass(50), []);
  node.end("/web");
  assertEquals(node.pass(2_000), [{
    victimCgroup: "/web",
    count: 1,
    source: SOURCE,
  }]);
});

Deno.test("OomLedger knows only of the node's count where the container is gone", () => {
  using node = new Node();
  node.isTold = false;
  node.make("/web");
  node.open("/web");
  node.pass(1_500);
  node.kill("/web", 2);
  node.end("/web");
  assertEquals(node.pass(5_000), [{ count: 2, source: "vmstat" }]);
  assertEquals(node.ledger.kills, 2);
  // A late record may name it; it is told all the same.
  assertEquals(node.ledger.tell("/web"), undefined);
  assertEquals(node.ledger.tell("/web"), undefined);
});

Deno.test("OomLedger waits a moment for a container that it does not know yet", () => {
  using node = new Node();
  node.isTold = false;
  node.pass(1_500);
  node.make("/web");
  node.kill("/web");
  assertEquals(node.pass(300), []);
  node.open("/web");
  assertEquals(node.pass(50), [{
    victimCgroup: "/web",
    count: 1,
    source: SOURCE,
  }]);
  assertEquals(node.pass(5_000), []);
});

Deno.test("OomLedger does not tell what the containers found at start had counted before", () => {
  using node = new Node();
  node.make("/web", 7);
  node.open("/web", false);
  assertEquals(node.pass(5_000), []);
  node.kill("/web");
  assertEquals(node.ledger.tell("/web"), BOTH);
  node.kill();
  assertEquals(node.pass(2_000), [{ count: 1, source: "vmstat" }]);
});

Deno.test("OomLedger is not led astray by a kill between its start and that of a container's account", () => {
  using node = new Node();
  node.make("/web");
  node.kill("/web");
  node.open("/web", false);
  assertNotEquals(node.ledger.tell("/web"), undefined);
  node.kill("/web");
  assertEquals(node.pass(2_000), [{
    victimCgroup: "/web",
    count: 1,
    source: SOURCE,
  }]);
});

Deno.test("OomLedger is not led astray by records of kills that were counted before its start", () => {
  using node = new Node();
  node.make("/web", 1);
  node.open("/web", false);
  assertEquals(node.ledger.isCounted, false);
  assertEquals(node.ledger.tell("/web"), ["kmsg"]);
  node.kill("/web");
  assertEquals(node.ledger.isCounted, true);
  assertEquals(node.pass(2_000), [{
    victimCgroup: "/web",
    count: 1,
    source: SOURCE,
  }]);
});

Deno.test("OomLedger keeps what is untold of a container when another of its name comes", () => {
  using node = new Node();
  node.make("/web");
  node.open("/web");
  node.kill("/web", 3);
  node.ledger.tell("/web");
  node.end("/web");
  node.make("/web");
  node.open("/web");
  node.kill("/web");
  // Two of the old one, for which it has waited longer, and one of the new.
  assertEquals(node.pass(4_000).map(({ count }) => count), [2, 1]);
  for (let i = 0; i < 3; i++) assertEquals(node.ledger.tell("/web"), undefined);
  node.kill("/web");
  assertEquals(node.ledger.tell("/web"), BOTH);
  assertEquals(node.kills(), { "/web": 5 });
});

Deno.test("OomLedger counts a kill once whose record comes before its container is known", () => {
  using node = new Node();
  for (const name of ["/new", "/other"]) node.make(name);
  node.open("/other");
  node.kill("/new");
  assertEquals(node.ledger.tell("/new"), ["kmsg"]);
  node.open("/new");
  node.kill("/other");
  assertEquals(node.pass(2_000), [{
    victimCgroup: "/other",
    count: 1,
    source: SOURCE,
  }]);
  assertEquals(node.kills(), { "/new": 1, "/other": 1 });
});

Deno.test("OomLedger does not guess the container of a kill that no record names, and counts it where it was", () => {
  using node = new Node();
  for (const name of ["/a", "/b"]) {
    node.make(name);
    node.open(name);
  }
  node.kill("/b");
  assertEquals(node.ledger.tell(undefined), ["kmsg"]);
  assertEquals(node.pass(2_000), []);
  assertEquals(node.kills(), { "/b": 1 });
});

Deno.test("OomLedger counts kills that no record names where they were, beside those that one does", () => {
  using node = new Node();
  for (const name of ["/a", "/b"]) {
    node.make(name);
    node.open(name);
  }
  node.kill("/a");
  node.kill("/b");
  assertEquals(node.ledger.tell(undefined), ["kmsg"]);
  assertNotEquals(node.ledger.tell("/b"), undefined);
  // One in a container, one where nobody looks.
  node.kill("/b");
  node.kill();
  assertEquals(node.ledger.tell(undefined), ["kmsg"]);
  assertEquals(node.ledger.tell(undefined), ["kmsg"]);
  assertEquals(node.pass(5_000), []);
  assertEquals(node.kills(), { "/a": 1, "/b": 2 });
  assertEquals(node.ledger.kills, 4);
});

Deno.test("OomLedger takes a group's repeated kill for no other", () => {
  using node = new Node();
  for (const name of ["/web", "/other"]) {
    node.make(name);
    node.open(name);
  }
  // Two processes, of which the first is killed twice.
  node.kill("/web", 3);
  node.ledger.tell("/web");
  node.ledger.tell("/web");
  node.ledger.repeat(1);
  assertEquals(node.pass(5_000), []);
  node.kill("/other");
  assertEquals(node.pass(2_000), [{
    victimCgroup: "/other",
    count: 1,
    source: SOURCE,
  }]);
  assertEquals(node.kills(), { "/web": 2, "/other": 1 });
});

Deno.test("OomLedger tells what records tell where the kernel does not count", () => {
  using node = new Node("uncounted");
  assertEquals(node.ledger.isCounted, true);
  for (let i = 0; i < 3; i++) {
    assertEquals(node.ledger.tell("/web"), ["kmsg"]);
    assertEquals(node.ledger.tell(undefined), ["kmsg"]);
  }
  assertEquals(node.pass(5_000), []);
  assertEquals(node.ledger.kills, 6);
});

Deno.test("OomLedger keeps a container's kills for five minutes after its end", () => {
  using node = new Node();
  for (const name of ["/web", "/idle"]) {
    node.make(name);
    node.open(name);
  }
  node.kill("/web");
  node.ledger.tell("/web");
  node.clock.advance(3_600_000);
  node.ledger.check();
  node.end("/web");
  node.end("/idle");
  node.clock.advance(299_000);
  node.ledger.check();
  assertEquals(node.kills(), { "/web": 1 });
  node.clock.advance(1_000);
  node.ledger.check();
  assertEquals(node.kills(), {});
  assertEquals(node.ledger.kills, 1);
});

Deno.test("OomLedger keeps the kills of the 10,000 containers that ended last", () => {
  using node = new Node("uncounted");
  for (let i = 0; i < 10_005; i++) node.ledger.tell(`/c${i}`);
  node.ledger.check();
  const names = Object.keys(node.kills());
  assertEquals(names.length, 10_000);
  assertEquals(names[0], "/c5");
  assertEquals(names.at(-1), "/c10004");
});

/** A node on cgroup v2 with a pod of two containers, whose kernel log tells nothing. */
function podNode(): Node {
  const node = new Node();
  node.hasSubtrees = true;
  node.isTold = false;
  for (const name of ["/kubepods", "/kubepods/pod", "/system"]) {
    node.make(name, 0);
    node.open(name, false);
  }
  for (const name of ["/kubepods/pod/a", "/kubepods/pod/b"]) {
    node.make(name);
    node.open(name);
  }
  node.pass(2_000);
  return node;
}

Deno.test("OomLedger finds the kill of a container that is gone in the count of the one above it", () => {
  using node = podNode();
  node.kill("/kubepods/pod/a", 2);
  node.end("/kubepods/pod/a");
  assertEquals(node.pass(2_000), [{
    victimCgroup: "/kubepods/pod/a",
    count: 2,
    source: "memory.events",
  }]);
  assertEquals(node.kills(), { "/kubepods/pod/a": 2 });
});

Deno.test("OomLedger finds it too where the parent is gone as well", () => {
  using node = podNode();
  node.kill("/kubepods/pod/a");
  for (const name of ["/b", "/a", ""]) node.remove(`/kubepods/pod${name}`);
  node.ledger.close("/kubepods/pod/b");
  node.ledger.close("/kubepods/pod/a");
  node.ledger.close("/kubepods/pod");
  // Either of both may have had it: neither is named.
  assertEquals(node.pass(2_000), [{
    below: "/kubepods",
    count: 1,
    source: "memory.events",
  }]);
});

Deno.test("OomLedger does not take a kill that one above it, or beside it, had for that of a container that goes", () => {
  using node = podNode();
  node.kill("/kubepods/pod/b");
  node.kill("/kubepods/pod");
  node.end("/kubepods/pod/a");
  assertEquals(node.pass(2_000), [
    { victimCgroup: "/kubepods/pod", count: 1, source: SOURCE },
    { victimCgroup: "/kubepods/pod/b", count: 1, source: SOURCE },
  ]);
});

Deno.test("OomLedger says below what a kill was in a container of which nobody heard", () => {
  using node = podNode();
  node.make("/kubepods/pod/short");
  node.kill("/kubepods/pod/short");
  node.remove("/kubepods/pod/short");
  assertEquals(node.pass(2_000), [{
    below: "/kubepods/pod",
    count: 1,
    source: "memory.events",
  }]);
  assertEquals(node.ledger.kills, 1);
});

Deno.test("OomLedger knows a kill in a container that is gone from its record and the count above it as one", () => {
  using node = podNode();
  node.isTold = true;
  node.kill("/kubepods/pod/a");
  node.end("/kubepods/pod/a");
  assertEquals(node.ledger.tell("/kubepods/pod/a"), ["kmsg", "memory.events"]);
  node.kill("/kubepods/pod/b");
  assertEquals(node.ledger.tell("/kubepods/pod/b"), BOTH);
  assertEquals(node.pass(5_000), []);
});

Deno.test("OomLedger balances: whatever is killed, made and removed, every kill is told once", () => {
  for (let seed = 1; seed <= 60; seed++) {
    using node = podNode();
    const random = new SeededRandom(seed);
    const alive = new Set(["/kubepods/pod/a", "/kubepods/pod/b"]);
    let kills = 0;
    let told = 0;
    for (let step = 0; step < 40; step++) {
      const name = alive.size === 0 ? "/kubepods" : random.pick([...alive]);
      const pick = random.next();
      if (pick < 0.4) {
        kills++;
        node.kill(name);
        node.isTold = random.chance(0.5);
        // A record with or without a name, or none.
        const record = random.next();
        if (node.isTold && record < 0.7) {
          const named = record < 0.4 ? name : undefined;
          if (node.ledger.tell(named) !== undefined) told++;
        }
      } else if (pick < 0.6 && alive.delete(name)) node.end(name);
      else if (pick < 0.8) {
        alive.add(`/kubepods/pod/c${step}`);
        node.make(`/kubepods/pod/c${step}`);
        node.open(`/kubepods/pod/c${step}`);
      } else if (pick < 0.9) node.ledger.look(name);
      else {
        for (const { count } of node.pass(random.below(1_000))) told += count;
      }
    }
    node.isTold = false;
    for (const { count } of node.pass(10_000)) told += count;
    assertEquals(told, kills, `seed ${seed}`);
    assertEquals(node.ledger.kills, kills, `seed ${seed}`);
  }
});

Deno.test("OomLedger goes by the containers' counts where the node has none", () => {
  using node = new Node("uncounted");
  node.isTold = false;
  node.make("/web");
  node.open("/web");
  node.pass(2_000);
  node.make("/web", 2);
  assertEquals(node.pass(2_000), []);
  node.ledger.look("/web");
  assertEquals(node.pass(2_000), [{
    victimCgroup: "/web",
    count: 2,
    source: SOURCE,
  }]);
  node.end("/web");
  node.clock.advance(600_000);
  assertEquals(node.pass(2_000), []);
});
