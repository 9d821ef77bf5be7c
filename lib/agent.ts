import type { EventManager } from "./events/event_manager.ts";
import { HostFs } from "./kernfs/host_fs.ts";
import { EventLog, logReader } from "./log/event_log.ts";
import { type LogTail, readLogTail } from "./log/log_tail.ts";
import { createConsoleLogger } from "./log/console_logger.ts";
import type { Manager } from "./manager/manager.ts";
import { startNodeEvents } from "./manager/node_events.ts";
import { Metrics } from "./metrics/metrics.ts";
import { type Clock, systemClock } from "./model/clock.ts";
import { messageOf } from "./model/errors.ts";
import { formatListenAddress, isLoopback } from "./model/listen_address.ts";
import type { Logger } from "./model/logger.ts";
import type { SourceState } from "./model/source_state.ts";
import { guard } from "./api/guard.ts";
import { createHandler } from "./api/routes.ts";
import { serve } from "./api/server.ts";
import { ServerHealth } from "./api/server_health.ts";
import { EventStreams } from "./api/event_stream.ts";
import type { Tokens } from "./api/tokens.ts";
import type { Config } from "./config/config.ts";
import { openManager } from "./open_manager.ts";

/** A running agent. */
export interface Agent {
  /** Listen addresses: `http://127.0.0.1:8080`, `unix:/path`. */
  readonly addresses: readonly string[];
  /** Yields the stored events if a `seq` is given, then all new ones. */
  watchEvents: EventManager["watchEvents"];
  /** Reopens the event log, and re-reads the tokens. */
  reload(): void;
  /** Stops collecting, flushes and syncs, within 2 s. */
  stop(): Promise<void>;
}

/** Host properties that are not in files. */
export interface AgentHost {
  readonly hostname: string;
  readonly version: string;
  /** JSON lines are not useful on a terminal. @default false */
  readonly isStdoutShown?: boolean;
}

const LOG_SHOWN: SourceState = {
  name: "event_log",
  state: "off",
  detail: "stdout is a terminal, which shows the events",
};

const LOG_OFF: SourceState = {
  name: "event_log",
  state: "off",
  detail: "turned off by --event-log=none",
};

/**
 * Builds and starts the agent, the one place that names concrete classes.
 * Resolves once it is ready.
 *
 * @throws {Error} if there are no cgroups, or an address is unavailable
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
  const health = new ServerHealth(clock, logger);
  const { authTokenFile } = config;
  const readTokens = authTokenFile === undefined
    ? undefined
    : await tokensReader(authTokenFile);
  let tokens = readTokens?.();
  warnOfConfig(config, logger);
  const isShown = config.eventLog === "-" && host.isStdoutShown === true;
  const earlierRun = await readTail(config.eventLog, logger);
  const manager = openManager({
    ...config,
    nodeName: config.nodeName ?? host.hostname,
    version: host.version,
    logger,
    earlierRun,
    onCheckpoint: () => eventLog?.requestCheckpoint(),
    sinks: () => [
      eventLog?.state ?? (isShown ? LOG_SHOWN : LOG_OFF),
      health.state,
    ],
  });
  const { events } = manager;
  const eventLog = isShown
    ? undefined
    : createEventLog(config, manager, earlierRun, clock, logger);
  const streams = new EventStreams({
    events,
    clock,
    maxStreams: config.maxStreams,
  });
  const metrics = new Metrics({
    manager,
    clock,
    logger,
    kinds: config.metricKinds,
    // The longest interval of an active container; idle ones may have longer
    // ones.
    maxAgeMs: 2 * config.housekeepingIntervalMs,
    ownFs: new HostFs(),
    counters: () => ({
      streams,
      http: health,
      ...(eventLog !== undefined && { eventLog: eventLog.counters }),
    }),
  });
  const server = await serve(
    guard(
      createHandler({
        manager,
        events,
        streams,
        metrics,
        // Loaded on request, to save memory.
        page: async (path) => (await import("./web/page.ts")).pageFile(path),
        logger,
        allowPs: config.allowPs,
      }),
      { tokens: () => tokens, ...config },
    ),
    {
      listen: config.listen,
      logger,
      streams,
      health,
      ...(config.tls !== undefined && {
        tls: (await import("./config/secret_files.ts")).readTls(config.tls),
      }),
    },
  );
  eventLog?.start();
  const nodeEvents = config.nodeEvents ? startNodeEvents(events) : undefined;
  await manager.start();
  return {
    addresses: server.addresses,
    watchEvents: events.watchEvents.bind(events),
    reload() {
      eventLog?.reopen();
      try {
        tokens = readTokens?.();
      } catch (error) {
        logger.error("Cannot re-read the tokens, keeping the old ones", {
          error: messageOf(error),
        });
      }
    },
    async stop() {
      void manager.stop();
      nodeEvents?.close();
      await Promise.all([server.shutdown(), eventLog?.close()]);
    },
  };
}

/** Imported on demand: the token reader takes 4 MB of memory. */
async function tokensReader(path: string): Promise<() => Tokens> {
  const { readTokens } = await import("./config/secret_files.ts");
  return () => readTokens(path);
}

/** Warns about settings that may be mistakes. */
function warnOfConfig(config: Config, logger: Logger): void {
  const { ignoredFlags, listen, tls, authTokenFile } = config;
  if (ignoredFlags.length > 0) {
    logger.warn("Ignoring cAdvisor flags without effect", {
      flags: ignoredFlags.join(" "),
    });
  }
  const open = listen.filter((address) => !isLoopback(address));
  if (open.length > 0 && tls === undefined && authTokenFile === undefined) {
    logger.warn(
      "Serving a non-loopback address without authentication or TLS: set --auth-token-file or --tls-cert",
      { listen: open.map((address) => formatListenAddress(address)).join(" ") },
    );
  }
}

function createEventLog(
  config: Config,
  manager: Manager,
  earlierRun: LogTail,
  clock: Clock,
  logger: Logger,
): EventLog | undefined {
  if (config.eventLog === "none") return undefined;
  const { events } = manager;
  return new EventLog(events, {
    path: config.eventLog,
    maxSizeBytes: config.eventLogMaxSizeBytes,
    keep: config.eventLogKeep,
    sync: config.eventLogSync,
    clock,
    logger,
    checkpoints: {
      state: manager.checkpoint,
      lastSeq: earlierRun.lastSeq,
      now: () => manager.checkpoint,
      format: (state, seq) => events.checkpointLine(state, seq),
    },
  });
}

/** Reads the tail of an earlier run's log; empty if the log is unreadable. */
async function readTail(path: string, logger: Logger): Promise<LogTail> {
  const nothing: LogTail = { lastSeq: 0, tornBytes: 0 };
  if (path === "-" || path === "none") return nothing;
  try {
    return await readLogTail(path, { reader: logReader });
  } catch (error) {
    logger.warn("Cannot read the event log, numbering events from 1", {
      path,
      error: messageOf(error),
    });
    return nothing;
  }
}
