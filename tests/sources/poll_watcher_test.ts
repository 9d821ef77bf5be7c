import { assertEquals } from "@std/assert";
import { systemClock } from "../../lib/model/clock.ts";
import { PollWatcher } from "../../lib/sources/poll_watcher.ts";
import { runWatcherContract } from "../_support/watcher_contract.ts";

runWatcherContract("PollWatcher", (tree) => {
  const watcher = new PollWatcher(tree, systemClock, "no watches left");
  assertEquals(watcher.state.state, "degraded");
  assertEquals(watcher.state.detail.endsWith("no watches left"), true);
  return watcher;
});
