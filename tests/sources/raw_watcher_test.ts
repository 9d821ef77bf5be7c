import { assert, assertEquals, assertMatch } from "@std/assert";
import { systemClock } from "../../lib/model/clock.ts";
import { RawWatcher } from "../../lib/sources/raw_watcher.ts";
import {
  runWatcherContract,
  WatchedHost,
} from "../_support/watcher_contract.ts";
import type { CgroupTree } from "../../lib/sources/cgroup_tree.ts";

function create(tree: CgroupTree): RawWatcher {
  const watcher = new RawWatcher({ tree, clock: systemClock });
  assertEquals(watcher.state.state, "ok");
  return watcher;
}

runWatcherContract("RawWatcher", create);

Deno.test("RawWatcher reports writes of limits, and memory events that the kernel counts", async () => {
  using host = new WatchedHost(create);
  host.make("/a/b");
  host.make("/a/n");
  host.start();
  assert(await host.waitFor("listed"));
  assertEquals(host.watcher.counters.directories, 8);
  host.write("/a", ["memory.limit_in_bytes", "cpu.cfs_quota_us"]);
  assert(await host.waitFor("=/a"));
  host.write("/a/b", ["memory.events", "memory.events.local"]);
  assert(await host.waitFor("!/a/b"));
  host.write("/a/n", ["cgroup.procs", "tasks", "pids.events"]);
  host.make("/c");
  assert(await host.waitFor("+/c"));
  // 100 writes are reported once, or a few times by a busy machine.
  assertMatch(host.changesOf("/a"), /^\+={1,10}$/);
  assertMatch(host.changesOf("/a/b"), /^\+!{1,10}$/);
  assertEquals(host.changesOf("/a/n"), "+");
  await host.close();
});
