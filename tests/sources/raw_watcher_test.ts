import { assertEquals } from "@std/assert";
import { systemClock } from "../../lib/model/clock.ts";
import { RawWatcher } from "../../lib/sources/raw_watcher.ts";
import { libc } from "../_support/libc.ts";
import { runWatcherContract } from "../_support/watcher_contract.ts";

runWatcherContract("RawWatcher", (tree) => {
  const watcher = new RawWatcher({ tree, clock: systemClock, calls: libc });
  assertEquals(watcher.state.state, "ok");
  return watcher;
});
