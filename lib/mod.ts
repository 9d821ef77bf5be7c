/**
 * The agent as a library: a {@linkcode Manager} of this host's containers,
 * without HTTP server or event log.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openManager } from "./mod.ts";
 *
 * // A fake host. The real one: openManager().
 * const root = await Deno.makeTempDir();
 * const cgroups = `${root}/sys/fs/cgroup`;
 * await Deno.mkdir(`${cgroups}/web`, { recursive: true });
 * await Deno.writeTextFile(`${cgroups}/cgroup.controllers`, "cpu memory");
 * await Deno.writeTextFile(`${cgroups}/web/memory.current`, "4096");
 *
 * const manager = openManager({ root, kmsg: "none" });
 * const watch = manager.watchEvents({ containerName: "/web" });
 * await manager.start();
 *
 * const infos = await manager.containerInfoV2("/web", { maxAgeMs: 0, count: 1 });
 * assertEquals(infos.get("/web")?.stats[0]?.memory?.usageBytes, 4096);
 * const [created] = await watch.next();
 * assertEquals(created?.event.event_type, "containerCreation");
 *
 * watch.close();
 * await manager.stop();
 * ```
 *
 * @module
 */
export {
  type ManagerConfig,
  openManager,
  type OpenManagerOptions,
} from "./open_manager.ts";
export { Manager } from "./manager/manager.ts";
export { BadRequestError, UnknownContainerError } from "./model/errors.ts";
export type { Config } from "./config/config.ts";
export type {
  EventCounters,
  EventManager,
  WatchOptions,
} from "./events/event_manager.ts";
export type { StoragePolicy } from "./events/storage_policy.ts";
export type { MetricKind } from "./config/flags.ts";
export type { ListenAddress } from "./model/listen_address.ts";
export type { EventWatch } from "./events/event_watch.ts";
export type { LogTail } from "./log/log_tail.ts";
export type { CgroupName } from "./model/cgroup.ts";
export type * from "./model/container.ts";
export type * from "./model/event.ts";
export type * from "./model/logger.ts";
export type * from "./model/machine.ts";
export type * from "./model/process.ts";
export type * from "./model/source_state.ts";
export type * from "./model/stats.ts";
export type * from "./model/usage.ts";
