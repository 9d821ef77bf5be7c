/**
 * Starts the agent in its own process: the binary of `CGWATCH_BIN` or, if
 * unset, the source through `scripts/run`.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";

/** An event as parsed by a client. */
// deno-lint-ignore no-explicit-any
export type WireEvent = any;

/** The command that starts the agent from source. */
export const SOURCE: string = fromFileUrl(
  new URL("../../scripts/run", import.meta.url),
);

/** The command that starts the agent. */
export const AGENT: string = Deno.env.get("CGWATCH_BIN") || SOURCE;

/** A running agent. */
export class AgentProcess {
  readonly child: Deno.ChildProcess;
  /** `http://127.0.0.1:PORT`. */
  url = "";
  /** Output on stderr so far. */
  stderr = "";
  /** Milliseconds from the start of the process to the ready line. */
  readyMs = 0;
  readonly #closed: Promise<void>;
  #hasEnded = false;

  private constructor(
    command: string[],
    args: string[],
    env: Record<string, string>,
  ) {
    const [program = "", ...before] = command;
    this.child = new Deno.Command(program, {
      args: [...before, ...args],
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#closed = this.#readStderr();
  }

  /**
   * Starts the agent and waits until it is ready. `command` may start it through
   * another program; port 0 is a free one.
   */
  static async start(
    args: string[] = [],
    env: Record<string, string> = {},
    command: string[] = [AGENT],
    port = 0,
  ): Promise<AgentProcess> {
    const startMs = performance.now();
    const agent = new AgentProcess(
      command,
      [`--listen=127.0.0.1:${port}`, ...args],
      env,
    );
    const isReady = () => /^cgwatch ready/m.test(agent.stderr);
    await until(() => isReady() || agent.#hasEnded, {
      timeoutMs: 60_000,
      everyMs: 2,
    });
    agent.readyMs = performance.now() - startMs;
    agent.url = /https?:\/\/\S+:\d+/.exec(agent.stderr)?.[0] ?? "";
    if (!isReady() || agent.url === "") {
      await agent.stop("SIGKILL");
      throw new Error(`The agent is not ready:\n${agent.stderr}`);
    }
    return agent;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Sends a signal and waits for the end of the process. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    try {
      this.child.kill(signal);
    } catch {
      // The process has already ended.
    }
    const status = await this.child.status;
    await this.#closed;
    return status;
  }

  /** Returns the JSON of a path. */
  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    const response = await fetch(this.url + path);
    if (!response.ok) {
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    }
    return await response.json();
  }

  /** Returns the names of a container and its descendants; empty if it is unknown. */
  async names(name: string): Promise<string[]> {
    const path = `/api/v1.3/subcontainers${name}`;
    const response = await fetch(this.url + path, {
      method: "POST",
      body: '{"num_stats":0}',
    });
    if (response.status === 404) {
      await response.body?.cancel();
      return [];
    }
    const infos: { name: string }[] = await response.json();
    return infos.map((info) => info.name).toSorted();
  }

  /** Appends the events of a stream to an array until the signal aborts. */
  async follow(
    query: string,
    events: WireEvent[],
    signal: AbortSignal,
  ): Promise<void> {
    const response = await fetch(
      `${this.url}/api/v1.3/events?stream=true&${query}`,
      { signal },
    );
    const lines = response.body?.pipeThrough(new TextDecoderStream());
    if (lines === undefined) throw new Error("A stream has no body");
    this.#take(lines, events).catch(() => {});
  }

  async #take(
    lines: ReadableStream<string>,
    events: WireEvent[],
  ): Promise<void> {
    let rest = "";
    for await (const text of lines) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        if (part === "") continue;
        events.push({ ...JSON.parse(part), arrivedMs: Date.now() });
      }
    }
  }

  async #readStderr(): Promise<void> {
    const text = this.child.stderr.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) this.stderr += chunk;
    this.#hasEnded = true;
  }
}

/** Maximum milliseconds of a wait, reached only if something hangs. */
export const TIMEOUT_MS = 20_000;

/** Waits for a condition; returns whether it was met in time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  { timeoutMs = TIMEOUT_MS, everyMs = 10 } = {},
): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (!await holds()) {
    if (performance.now() > endMs) return false;
    await delay(everyMs);
  }
  return true;
}

/** Waits for a time in milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Returns the events of the complete lines of an event log, without checkpoints. */
export async function readEvents(path: string): Promise<WireEvent[]> {
  const lines = await readLines(path);
  return lines.filter(({ event_type }) => event_type !== "checkpoint");
}

/** Returns the complete lines of an event log. */
export async function readLines(path: string): Promise<WireEvent[]> {
  const text = await Deno.readTextFile(path);
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/**
 * Returns the number of open sockets of a process. Other descriptors may belong
 * to control files of other tests' cgroups.
 */
export function openSockets(pid: number): number {
  let count = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const target = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      if (target.startsWith("socket:")) count++;
    } catch {
      // Closed in the meantime.
    }
  }
  return count;
}

/** Returns the median. */
export function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}
