import { type Clock, sleep } from "../model/clock.ts";
import { formatLocal } from "../model/text.ts";
import {
  type AgentClient,
  AgentResponseError,
  AgentUnreachableError,
} from "./agent_client.ts";
import type { Json } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** Options. */
export interface FollowOptions {
  readonly client: AgentClient;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Path and query. */
  readonly path: string;
  /** Whether the user selected events by time. */
  readonly hasSince: boolean;
  readonly visit: (event: Json) => void;
}

const HEARTBEAT_MS = 15_000;
/** Without a heartbeat for this time, the connection is lost. */
const SILENCE_LIMIT_MS = 45_000;
/** A heartbeat means no event. */
const PROBE_HEARTBEAT_MS = 200;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/**
 * Passes stored and new events once each, across restarts of the agent.
 *
 * @throws {Error} if the first request fails or the agent rejects one
 */
export async function followEvents(options: FollowOptions): Promise<never> {
  const { client, clock, path, hasSince, visit } = options;
  const outage = new Outage(options);
  let last: Json;
  for (let retryMs = MIN_RETRY_MS;;) {
    try {
      const resumed = last;
      const seq = resumed === undefined || !await continues(options, resumed)
        ? 0
        : resumed.seq;
      const query =
        `${path}&stream=true&heartbeat=${HEARTBEAT_MS}ms&since_seq=${seq}`;
      for await (const line of readLinesUntilIdle(client, query, clock)) {
        outage.end();
        retryMs = MIN_RETRY_MS;
        if (line === "") continue;
        const event: Json = JSON.parse(line);
        if (resumed !== undefined && isBefore(event, resumed)) continue;
        if (last === undefined && isOlder(event)) {
          if (hasSince) noteOlder(event, options);
          continue;
        }
        // A reconnect returns dropped events, which are stored.
        if (event.event_type !== "lost") last = event;
        visit(event);
      }
    } catch (error) {
      if (!outage.isExpected(error)) throw error;
    }
    outage.begin();
    await sleep(clock, retryMs);
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
  }
}

/** Returns whether an event was passed. If numbers restarted at 1, its time is later. */
function isBefore(event: Json, last: Json): boolean {
  return event.seq <= last.seq && event.timestamp <= last.timestamp;
}

/**
 * Returns whether an event reports events from before the first one that is
 * stored, such as those of an earlier run. A new client has not lost them.
 */
function isOlder({ event_type: type, event_data: data }: Json): boolean {
  return type === "lost" && data?.lost?.reason === "no longer kept";
}

function noteOlder({ event_data: data }: Json, options: FollowOptions): void {
  options.terminal.note(
    `The agent no longer stores ${data.lost.count} older events: cgwatch events --file=LOG reads its event log`,
  );
}

/** A period without agent, printed as one line. */
class Outage {
  readonly #options: FollowOptions;
  #isOpen = false;
  #wasConnected = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#wasConnected = true;
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { terminal, client, clock } = this.#options;
    const time = formatLocal(clock.now()).slice(11, 19);
    terminal.note(
      `The connection to the agent at "${client.server}" ended at ${time}, retrying`,
    );
  }

  end(): void {
    this.#wasConnected = true;
    this.#isOpen = false;
  }

  /** Whether an error is expected after a connection. */
  isExpected(error: unknown): boolean {
    return this.#wasConnected &&
      (error instanceof AgentUnreachableError || error instanceof TypeError ||
        // A stopping agent rejects streams.
        error instanceof AgentResponseError && error.status === 503);
  }
}

/**
 * Returns whether numbers continue after an event, as with a log file. If they
 * restarted at 1, the event with that number is another or missing.
 */
async function continues(
  { client, clock }: FollowOptions,
  last: Json,
): Promise<boolean> {
  const path =
    `/api/v1.3/events?stream=true&heartbeat=${PROBE_HEARTBEAT_MS}ms&since_seq=${
      last.seq - 1
    }`;
  for await (const line of readLinesUntilIdle(client, path, clock)) {
    if (line === "") return false;
    const next: Json = JSON.parse(line);
    if (next.event_type === "lost") {
      // The agent does not store the event, but has its number. A smaller one
      // precedes a stored event.
      if (next.seq >= last.seq) return true;
      continue;
    }
    return next.seq > last.seq || next.timestamp === last.timestamp;
  }
  return false;
}

/** Yields lines until the stream ends or is silent. */
async function* readLinesUntilIdle(
  client: AgentClient,
  path: string,
  clock: Clock,
): AsyncGenerator<string> {
  const silence = new AbortController();
  const watch = () => clock.schedule(SILENCE_LIMIT_MS, () => silence.abort());
  let cancel = watch();
  try {
    for await (const line of client.lines(path, silence.signal)) {
      cancel();
      cancel = watch();
      yield line;
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
  } finally {
    cancel();
    silence.abort();
  }
}
