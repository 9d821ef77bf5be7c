import { EventManager } from "./events/event_manager.ts";
import { MemoryCache } from "./cache/memory_cache.ts";
import { type Config, DEFAULT_CONFIG } from "./config/config.ts";
import { rawFactory } from "./handlers/raw.ts";
import { runtimeFactory } from "./handlers/runtime.ts";
import { systemdFactory } from "./handlers/systemd.ts";
import {
  findHierarchies,
  type Hierarchies,
} from "./kernfs/cgroup/hierarchy.ts";
import { kernelLogPaths } from "./kernfs/kernel_log.ts";
import { DirectoryUsage } from "./filesystems/directory_usage.ts";
import { Filesystems } from "./filesystems/filesystems.ts";
import { HostFs, MAX_OPEN_FILES } from "./kernfs/host_fs.ts";
import { parseOpenFilesLimit, readBootId } from "./kernfs/machine.ts";
import { MountedFiles } from "./filesystems/mounted_files.ts";
import { isKilledAlone, readOomContext } from "./kernfs/cgroup/oom_context.ts";
import { OomCounters } from "./oom/counters.ts";
import { OomMonitor } from "./oom/monitor.ts";
import { runUpOf } from "./cache/run_up.ts";
import { CgroupNamespace } from "./kernfs/proc/cgroup_namespace.ts";
import { VictimCgroups } from "./kernfs/proc/proc_cgroup.ts";
import { BlockingCallPool } from "./filesystems/blocking_call_pool.ts";
import { nodeOomKills } from "./kernfs/proc/vmstat.ts";
import type { LogTail } from "./log/log_tail.ts";
import { accessState } from "./manager/host_access.ts";
import { MachineCache } from "./manager/machine_cache.ts";
import { PodDiskUsage } from "./manager/pod_disk_usage.ts";
import { PodVolumeScanner } from "./manager/pod_volume_scanner.ts";
import { Manager } from "./manager/manager.ts";
import { type Clock, systemClock } from "./model/clock.ts";
import { type Logger, silentLogger } from "./model/logger.ts";
import type { SourceState } from "./model/source_state.ts";
import { openRuntimes } from "./open_runtimes.ts";
import { HandlerRegistry } from "./registry/handler_registry.ts";
import { CgroupTree } from "./sources/cgroup_tree.ts";
import { openKmsg } from "./oom/kmsg_watcher.ts";
import { OomWatcher, type OomWatcherOptions } from "./oom/watcher.ts";
import { PollWatcher } from "./sources/poll_watcher.ts";
import { RawWatcher } from "./sources/raw_watcher.ts";

/** Flags that a manager uses. */
export type ManagerConfig = Pick<
  Config,
  | "allowDynamicHousekeeping"
  | "bootIdFiles"
  | "cgroupRoot"
  | "containerLabels"
  | "dockerOnly"
  | "engineSockets"
  | "globalHousekeepingIntervalMs"
  | "housekeepingIntervalMs"
  | "kmsg"
  | "machineIdFiles"
  | "maxHousekeepingIntervalMs"
  | "metricKinds"
  | "nodeName"
  | "pressureEvents"
  | "rawCgroupPrefixWhitelist"
  | "root"
  | "runtimeRoots"
  | "storageDurationMs"
  | "storagePolicy"
  | "storeContainerLabels"
>;

/** Options of {@linkcode openManager}; defaults are those of the flags. */
export interface OpenManagerOptions extends Partial<ManagerConfig> {
  /** Reported by `versionInfo()`. @default "" */
  readonly version?: string;
  /** @default silentLogger */
  readonly logger?: Logger;
  /** State from an earlier run's event log. @default none */
  readonly earlierRun?: Omit<LogTail, "tornBytes">;
  /** Called when {@linkcode Manager.checkpoint} changed without an event. */
  readonly onCheckpoint?: () => void;
  /** States of event consumers. @default none */
  readonly sinks?: () => readonly SourceState[];
  /** @default systemClock */
  readonly clock?: Clock;
}

/** Descriptors left for connections, logs and other files; at most half of the limit. */
const SPARE_DESCRIPTORS = 2_048;
const DEFAULT_OPEN_FILES_LIMIT = 1024;

/**
 * Creates a manager of this host. Nothing is read periodically before
 * {@linkcode Manager.start}.
 *
 * @throws {Error} if there are no cgroups
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openManager } from "./open_manager.ts";
 *
 * // A fake host. The real one: openManager().
 * const root = await Deno.makeTempDir();
 * const cgroups = `${root}/sys/fs/cgroup`;
 * await Deno.mkdir(`${cgroups}/web`, { recursive: true });
 * await Deno.writeTextFile(`${cgroups}/cgroup.controllers`, "cpu memory");
 * await Deno.writeTextFile(`${cgroups}/web/memory.max`, "33554432");
 *
 * const manager = openManager({ root, kmsg: "none" });
 * await manager.start();
 * assertEquals(manager.containerInfo("/web").spec.memory?.limitBytes, 33554432);
 * await manager.stop();
 * ```
 */
export function openManager(options: OpenManagerOptions = {}): Manager {
  const config: ManagerConfig = { ...DEFAULT_CONFIG, ...options };
  const { logger = silentLogger, earlierRun, version = "" } = options;
  const { clock = systemClock } = options;
  const { root, cgroupRoot } = config;
  const hierarchies = findHierarchies(new HostFs({ root }), cgroupRoot);
  const isHost = isCgroupfs(hierarchies, new HostFs());
  const fs = new HostFs({
    root,
    // None in a tree of plain files, which may be replaced.
    maxOpenFiles: isHost ? maxOpenFiles() : 0,
  });
  const bootId = readBootId(fs, config.bootIdFiles);
  const sameBootRun = earlierRun?.bootId === bootId ? earlierRun : undefined;
  const cgroupView = new CgroupNamespace(fs, hierarchies);
  const { imageStores, ...runtimes } = openRuntimes(config, {
    fs,
    hierarchies,
    clock,
  });
  const handlerOptions = { fs, hierarchies, kinds: config.metricKinds };
  const files = new MountedFiles(fs);
  const calls = new BlockingCallPool(clock);
  const filesystems = new Filesystems({
    fs,
    files,
    clock,
    calls,
    imageStores: () => imageStores.list(),
    isHost,
  });
  const usage = new DirectoryUsage({ files, clock, calls });
  const tree = new CgroupTree({
    fs,
    hierarchies: hierarchies.all,
    clock,
    removalsCount: isHost,
  });
  const pressureEvents = config.pressureEvents &&
    hasUnifiedMemory(hierarchies);
  if (config.pressureEvents && !pressureEvents) {
    logger.warn(
      "Cannot report memory pressure: cgroup v1 does not count it",
    );
  }
  const cache = new MemoryCache({
    maxAgeMs: config.storageDurationMs,
    intervalMs: config.housekeepingIntervalMs,
  });
  const events = new EventManager({
    node: config.nodeName ?? hostname(),
    bootId,
    clock,
    lastSeq: earlierRun?.lastSeq ?? 0,
    storagePolicy: config.storagePolicy,
    describe: (event) => runtimes.identities.describeEvent(event),
  });
  const counters = new OomCounters(clock);
  const victims = new VictimCgroups(fs, cgroupView);
  const { onCheckpoint } = options;
  const monitor = new OomMonitor({
    fs,
    clock,
    bootId,
    counters,
    earlier: sameBootRun?.ooms,
    readCount: nodeOomKills(fs),
    groupKills: hasUnifiedMemory(hierarchies),
    locate(pid, usecSinceBoot) {
      const name = victims.find(pid, usecSinceBoot);
      // The mark of a removed cgroup may be part of an existing one's name.
      return counters.has(`${name} (deleted)`) ? undefined : name;
    },
    readContext(cgroup, killedMs) {
      const context = {
        ...readOomContext(fs, hierarchies, cgroup),
        ...runUpOf(cache.recent(cgroup)?.samples() ?? [], killedMs),
      };
      return Object.keys(context).length > 0 ? context : undefined;
    },
    isKilledAlone: (victim, limit) =>
      isKilledAlone(fs, hierarchies, victim, limit),
    addEvent: (event) => events.addEvent(event),
    ...(onCheckpoint !== undefined && { onStateChange: onCheckpoint }),
  });
  return new Manager({
    fs,
    clock,
    cgroupView,
    logger,
    registry: new HandlerRegistry([
      systemdFactory(),
      runtimeFactory({
        ...handlerOptions,
        identities: runtimes.identities,
        disk: { filesystems, usage },
      }),
      rawFactory({
        ...handlerOptions,
        filesystems,
        prefixes: config.rawCgroupPrefixWhitelist,
        dockerOnly: config.dockerOnly,
      }),
    ]),
    cache,
    events,
    counters,
    ooms: new OomWatcher({
      ...kernelLogOf(fs, config.kmsg, isHost),
      clock,
      logger,
      monitor,
    }),
    ...(isHost && fs.root !== "/" && {
      access: (kmsg: SourceState) =>
        accessState({ kmsg, namespace: cgroupView }),
    }),
    ...runtimes,
    createWatcher: (failure) =>
      failure === undefined
        ? new RawWatcher({ tree, clock })
        : new PollWatcher(tree, clock, failure),
    sinks: options.sinks ?? (() => []),
    usage,
    podDiskUsage: new PodDiskUsage({
      usage,
      volumeScanner: new PodVolumeScanner({ files, clock, calls }),
      filesystems,
    }),
    machine: new MachineCache({
      fs,
      clock,
      logger,
      filesystems,
      machineIdFiles: config.machineIdFiles,
      bootId,
      version,
    }),
    housekeeping: {
      intervalMs: config.housekeepingIntervalMs,
      maxIntervalMs: config.maxHousekeepingIntervalMs,
      dynamic: config.allowDynamicHousekeeping,
    },
    pressureEvents,
    globalHousekeepingIntervalMs: config.globalHousekeepingIntervalMs,
  });
}

/** Whether all hierarchies are cgroupfs, not plain files. */
function isCgroupfs({ all }: Hierarchies, fs: HostFs): boolean {
  return all.every(({ path }) => fs.isCgroupfs(path));
}

function hasUnifiedMemory({ all }: Hierarchies): boolean {
  return all.some(({ version, controllers }) =>
    version === 2 && controllers.includes("memory")
  );
}

/**
 * Returns the path and opener of the host's kernel log, with the agent's own
 * `/dev` as fallback.
 */
function kernelLogOf(
  fs: HostFs,
  kmsg: string,
  isHost: boolean,
): Pick<OomWatcherOptions, "path" | "open"> {
  if (kmsg === "none") return {};
  const [path, inOurs] = kernelLogPaths(fs, kmsg);
  // A fake host has no kernel.
  if (inOurs === undefined || !isHost) return { path };
  return {
    path,
    open: (path) =>
      openKmsg(path).catch((error) =>
        openKmsg(inOurs).catch(() => {
          throw error;
        })
      ),
  };
}

/** Returns the node's name, from the agent's UTS namespace. */
function hostname(): string {
  return new HostFs().readText("/proc/sys/kernel/hostname")?.trim() ?? "";
}

/** Returns the maximum number of open control files. */
export function maxOpenFiles(): number {
  const limits = new HostFs().readText("/proc/self/limits") ?? "";
  const limit = parseOpenFilesLimit(limits) ?? DEFAULT_OPEN_FILES_LIMIT;
  const most = Math.max(limit / 2, limit - SPARE_DESCRIPTORS);
  return Math.min(Math.floor(most), MAX_OPEN_FILES);
}
