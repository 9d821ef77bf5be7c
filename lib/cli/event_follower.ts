import { type Clock, sleep } from "../model/clock.ts";
import { formatLocal } from "../model/text.ts";
import {
  AgentAnswerError,
  type AgentClient,
  AgentUnreachableError,
} from "./agent_client.ts";
import type { Json } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** Options of {@linkcode followEvents}. */
export interface FollowOptions {
  readonly client: AgentClient;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Path and query that select events, to which parameters are added. */
  readonly path: string;
  readonly visit: (event: Json) => void;
}

const HEARTBEAT_MS = 15_000;
/** An agent that sends no heartbeat for this time is gone, regardless of the connection. */
const SILENCE_LIMIT_MS = 45_000;
/** Maximum time of the first event of a check; none is sent if there is none. */
const PROBE_HEARTBEAT_MS = 200;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/**
 * Passes the events that the agent keeps and all new ones, each once, also
 * over restarts of the agent; ends with the process.
 *
 * @throws {Error} if the first request fails, or the agent refuses one
 */
export async function followEvents(options: FollowOptions): Promise<never> {
  const { client, clock, path, visit } = options;
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
        // Events that were dropped are kept by the agent, and come again after a restart.
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

/** Whether an event was passed before the connection ended; numbers that began again have later times. */
function isBefore(event: Json, last: Json): boolean {
  return event.seq <= last.seq && event.timestamp <= last.timestamp;
}

/** The time without an agent, of which one line is written. */
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
      `The connection to the agent at "${client.server}" ended at ${time}, trying again`,
    );
  }

  end(): void {
    this.#wasConnected = true;
    this.#isOpen = false;
  }

  /** Whether an error is one of a connection that was there before. */
  isExpected(error: unknown): boolean {
    return this.#wasConnected &&
      (error instanceof AgentUnreachableError || error instanceof TypeError ||
        // An agent that stops opens no stream.
        error instanceof AgentAnswerError && error.status === 503);
  }
}

/**
 * Whether the agent's numbers continue after an event: in a run that kept its
 * numbers, as with a log file, what follows has greater ones. In a run that
 * started again at 1 the event of that number is another, or does not exist.
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
    return next.seq > last.seq || next.timestamp === last.timestamp;
  }
  return false;
}

/** Lines until the stream ends or falls silent. */
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
