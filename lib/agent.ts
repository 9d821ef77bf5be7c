import { EventManager } from "./events/event_manager.ts";
import { MemoryCache } from "./cache/memory_cache.ts";
import { rawFactory } from "./handlers/raw.ts";
import { systemdFactory } from "./handlers/systemd.ts";
import { findHierarchies, type Hierarchies } from "./kernfs/hierarchy.ts";
import { Filesystems, type ImageStore } from "./kernfs/filesystems.ts";
import { HostFs } from "./kernfs/host_fs.ts";
import { MountedFiles } from "./kernfs/mounted_files.ts";
import { parseOpenFilesLimit, readBootId } from "./kernfs/machine.ts";
import { readOomContext } from "./kernfs/oom_context.ts";
import { OomParser } from "./kernfs/oom_parser.ts";
import { readMemoryCgroup } from "./kernfs/proc_cgroup.ts";
import { SlowCalls } from "./kernfs/slow_calls.ts";
import { nodeOomKills } from "./kernfs/vmstat.ts";
import { EventLog, logReader } from "./log/event_log.ts";
import { type LogTail, readLogTail } from "./log/log_tail.ts";
import { createConsoleLogger } from "./log/console_logger.ts";
import { OomPast } from "./manager/oom_past.ts";
import { MachineCache } from "./manager/machine_cache.ts";
import { OomLedger } from "./manager/oom_ledger.ts";
import { Manager } from "./manager/manager.ts";
import { startNodeEvents } from "./manager/node_events.ts";
import { type Clock, systemClock } from "./model/clock.ts";
import { messageOf } from "./model/errors.ts";
import type { Logger } from "./model/logger.ts";
import type { SourceState } from "./model/source_state.ts";
import { HandlerRegistry } from "./registry/handler_registry.ts";
import { createHandler } from "./api/routes.ts";
import { serve } from "./api/server.ts";
import { EventStreams } from "./api/event_stream.ts";
import { CgroupTree } from "./sources/cgroup_tree.ts";
import { OomWatcher } from "./sources/oom_watcher.ts";
import { PollWatcher } from "./sources/poll_watcher.ts";
import { RawWatcher } from "./sources/raw_watcher.ts";
import type { Config } from "./config.ts";

/** A running agent. */
export interface Agent {
  /** Where it listens: `http://127.0.0.1:8080`, `unix:/path`. */
  readonly addresses: readonly string[];
  /** Opens the event log anew. */
  reopenLog(): void;
  /** Stops taking, flushes and syncs; within 2 s. */
  stop(): Promise<void>;
}

/** What the host tells that is not in its files. */
export interface AgentHost {
  readonly hostname: string;
  readonly version: string;
}

/** Control files take at most this part of the files that the process may open. */
const OPEN_FILES_SHARE = 0.5;
const DEFAULT_OPEN_FILES_LIMIT = 1024;

const KMSG = "/dev/kmsg";

/** Where Docker and CRI-O keep images unless told otherwise, and how cAdvisor calls it. */
const IMAGE_STORES: readonly ImageStore[] = [
  {
    label: "docker-images",
    directories: ["/var/lib/docker/overlay2", "/var/lib/docker"],
  },
  {
    label: "crio-images",
    directories: ["/var/lib/containers/storage/overlay-images"],
  },
  {
    label: "crio-containers",
    directories: ["/var/lib/containers/storage/overlay-containers"],
  },
];

const LOG_OFF: SourceState = {
  name: "event_log",
  state: "off",
  detail: "turned off by --event-log=none",
};

/**
 * Builds the agent and starts it: the one place that names concrete classes.
 * Resolves once it is ready.
 *
 * @throws {Error} where there are no cgroups, or an address cannot be had
 */
export async function startAgent(
  config: Config,
  host: AgentHost,
): Promise<Agent> {
  const clock = systemClock;
  const logger = createConsoleLogger({
    level: config.logLevel,
    format: config.logFormat,
    clock,
  });
  const { root, cgroupRoot } = config;
  const hierarchies = findHierarchies(new HostFs({ root }), cgroupRoot);
  const fs = new HostFs({ root, maxOpenFiles: maxControlFiles(hierarchies) });
  const bootId = readBootId(fs, config.bootIdFiles);
  const tail = await readTail(config.eventLog, logger);
  const events = new EventManager({
    node: config.nodeName ?? host.hostname,
    bootId,
    clock,
    lastSeq: tail.lastSeq,
    storagePolicy: config.storagePolicy,
  });
  const eventLog = createEventLog(config, events, clock, logger);
  const manager = createManager({
    config,
    version: host.version,
    fs,
    hierarchies,
    bootId,
    events,
    clock,
    logger,
    eventLog,
    ...(tail.bootId === bootId && { past: tail }),
  });
  const streams = new EventStreams({
    events,
    clock,
    maxStreams: config.maxStreams,
  });
  const server = await serve(
    createHandler({ questions: manager, events, streams, logger }),
    { listen: config.listen, logger, streams },
  );
  eventLog?.start();
  const nodeEvents = config.nodeEvents ? startNodeEvents(events) : undefined;
  await manager.start();
  return {
    addresses: server.addresses,
    reopenLog: () => eventLog?.reopen(),
    async stop() {
      manager.stop();
      nodeEvents?.close();
      await Promise.all([server.shutdown(), eventLog?.close()]);
    },
  };
}

interface ManagerParts {
  readonly config: Config;
  readonly version: string;
  readonly fs: HostFs;
  readonly hierarchies: Hierarchies;
  readonly bootId: string;
  readonly events: EventManager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly eventLog: EventLog | undefined;
  /** What an earlier run of the same boot left. */
  readonly past?: LogTail;
}

function createManager(parts: ManagerParts): Manager {
  const {
    config,
    version,
    fs,
    hierarchies,
    bootId,
    events,
    clock,
    logger,
    past,
  } = parts;
  const handlerOptions = { fs, hierarchies, kinds: config.metricKinds };
  const files = new MountedFiles(fs);
  const calls = new SlowCalls(clock);
  const filesystems = new Filesystems({
    fs,
    files,
    clock,
    calls,
    imageStores: IMAGE_STORES,
  });
  const tree = new CgroupTree({
    fs,
    hierarchies: hierarchies.all,
    clock,
    removalsCount: isKernels(hierarchies, fs),
  });
  const pressureEvents = config.pressureEvents &&
    hasUnifiedMemory(hierarchies);
  if (config.pressureEvents && !pressureEvents) {
    logger.warn(
      "Cannot tell of memory pressure, which cgroup v1 does not count",
    );
  }
  const oomWatcher = createOomWatcher(parts);
  const ledger = new OomLedger({
    clock,
    readNodeKills: nodeOomKills(fs),
    isTold: () => oomWatcher?.isReading ?? false,
    ...(past?.nodeOomKills !== undefined && { toldKills: past.nodeOomKills }),
  });
  return new Manager({
    fs,
    clock,
    logger,
    registry: new HandlerRegistry([
      systemdFactory(),
      rawFactory({
        ...handlerOptions,
        filesystems,
        prefixes: config.rawCgroupPrefixWhitelist,
        dockerOnly: config.dockerOnly,
      }),
    ]),
    cache: new MemoryCache({
      maxAgeMs: config.storageDurationMs,
      intervalMs: config.housekeepingIntervalMs,
    }),
    events,
    ledger,
    readContext: (cgroup) => readOomContext(fs, hierarchies, cgroup),
    watch: (failure) =>
      failure === undefined
        ? new RawWatcher(tree, clock)
        : new PollWatcher(tree, clock, failure),
    ...(oomWatcher !== undefined && { oomWatcher }),
    past: new OomPast(past?.inferredKills ?? 0),
    sinks: () => [parts.eventLog?.state ?? LOG_OFF],
    bootId,
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

/** Whether the kernel itself is read, and not a tree of plain files. */
function isKernels({ all }: Hierarchies, fs: HostFs): boolean {
  return all.every(({ path }) => fs.isCgroupfs(path));
}

/** Whether memory is of cgroup v2. */
function hasUnifiedMemory({ all }: Hierarchies): boolean {
  return all.some(({ version, controllers }) =>
    version === 2 && controllers.includes("memory")
  );
}

function createOomWatcher(parts: ManagerParts): OomWatcher | undefined {
  const { config, fs, hierarchies, clock, logger, past } = parts;
  if (config.kmsg === "none") return undefined;
  return new OomWatcher({
    // The device is the host's; any other path is as it was named.
    path: config.kmsg === KMSG ? fs.path(KMSG) : config.kmsg,
    clock,
    logger,
    parser: new OomParser({
      groupKills: hasUnifiedMemory(hierarchies),
      locate: (pid) => readMemoryCgroup(fs, pid),
    }),
    ...(past?.kmsgCursor !== undefined && { cursor: past.kmsgCursor }),
  });
}

function createEventLog(
  config: Config,
  events: EventManager,
  clock: Clock,
  logger: Logger,
): EventLog | undefined {
  if (config.eventLog === "none") return undefined;
  return new EventLog(events, {
    path: config.eventLog,
    maxSizeBytes: config.eventLogMaxSizeBytes,
    keep: config.eventLogKeep,
    sync: config.eventLogSync,
    clock,
    logger,
  });
}

/** What an earlier run left; a log that cannot be read has nothing to say. */
async function readTail(path: string, logger: Logger): Promise<LogTail> {
  const nothing: LogTail = { lastSeq: 0, inferredKills: 0, tornBytes: 0 };
  if (path === "-" || path === "none") return nothing;
  try {
    return await readLogTail(path, { reader: logReader });
  } catch (error) {
    logger.warn("Cannot read the event log, numbering events anew", {
      path,
      error: messageOf(error),
    });
    return nothing;
  }
}

/**
 * How many control files may stay open: a share of what the process may open at
 * all; none of plain files, whose place another may take.
 */
function maxControlFiles(hierarchies: Hierarchies): number {
  const fs = new HostFs();
  if (!isKernels(hierarchies, fs)) return 0;
  const limits = fs.readText("/proc/self/limits") ?? "";
  const limit = parseOpenFilesLimit(limits) ?? DEFAULT_OPEN_FILES_LIMIT;
  return Math.floor(limit * OPEN_FILES_SHARE);
}
